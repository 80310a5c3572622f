"""Writes the reference of all commands, as docs/commands.md has it: `python -m tests.faces.reference` renews it."""

import click

from answerback.faces.cli import SECTIONS, cli
from tests.house.sources import ROOT

DOCUMENT = ROOT / "docs" / "commands.md"
BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def reference() -> str:
    """Every command and every option, from the commands themselves."""
    context = click.Context(cli)
    lines: list[str] = []
    for section, places in SECTIONS.items():
        lines += [f"## {section}", ""]
        for name in places:
            command = cli.get_command(context, name)
            assert command is not None
            lines += _command(f"answerback {name}", command, context)
    return "\n".join(lines).strip()


def _command(name: str, command: click.Command, context: click.Context) -> list[str]:
    arguments = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    lines = [f"### `{' '.join([name, *arguments])}`", "", _plain(command.help or ""), ""]
    options = [p for p in command.params if isinstance(p, click.Option) and p.name != "help"]
    if options:
        lines += ["| option | |", "|---|---|", *(_row(option, context) for option in options), ""]
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            lines += _command(f"{name} {each}", inner, context)
    return lines


def _row(option: click.Option, context: click.Context) -> str:
    shown = option.get_help_record(context)
    names, said = shown or (", ".join(option.opts), option.help or "")
    environment = f" In the environment: `{option.envvar}`." if option.envvar else ""
    return f"| `{_cell(names)}` | {_cell(said)}{environment} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(text: str) -> str:
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n")).strip()


def renewed(document: str) -> str:
    """The document with the reference as it is now."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{reference()}\n\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
