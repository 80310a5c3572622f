"""Proves that help is complete and quick, and that errors end in a sentence and a code."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from answerback.faces.cli import SECTIONS, cli, main
from answerback.faces.commands import asking
from answerback.model.causes import Cause
from answerback.model.errors import AnswerbackError, RefusedError, StorageError, TrustError, UsageError
from answerback.transport.failures import Deferred, Unreachable
from tests.faces.reference import DOCUMENT

COMMANDS = [name for places in SECTIONS.values() for name in places]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_help_says_of_each_command_what_the_command_says_of_itself() -> None:
    context = click.Context(cli)
    for places in SECTIONS.values():
        for name, place in places.items():
            command = cli.get_command(context, name)
            assert command is not None
            said = " ".join((command.help or "").split("\n\n")[0].split())
            assert said == place.help, name


def test_help_names_every_command_and_imports_none() -> None:
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom answerback.faces.cli import cli\n"
        "print(CliRunner().invoke(cli, ['--help']).output)\n"
        "print([name for name in sys.modules if name.startswith('answerback.faces.commands.')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in COMMANDS if f"\n  {name} " not in done.stdout] == []
    assert done.stdout.rstrip().endswith("[]")


def test_no_command_means_help() -> None:
    result = run()
    assert result.exit_code == 0
    assert "First steps" in result.output


@pytest.mark.parametrize("width", ["60", "100"])
def test_help_fits_the_terminal(width: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", width)
    for arguments in (["--help"], *([name, "--help"] for name in COMMANDS if name not in ("demo", "bench"))):
        lines = CliRunner().invoke(cli, arguments, terminal_width=int(width)).output.splitlines()
        assert [line for line in lines if len(line) > int(width)] == []


def test_a_mistyped_command_is_answered_with_the_one_meant() -> None:
    result = run("sned")
    assert result.exit_code == 2
    assert "answerback send" in result.stderr
    assert "answerback --help" in run("xyzzy").stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("it is given wrongly"), 2),
        (Unreachable(Cause.NETWORK_NO_PATH), 3),
        (Deferred(Cause.RELAY_BUSY, retry_after_ms=1000), 3),
        (RefusedError(Cause.ACCOUNT_CODE_WRONG), 4),
        (TrustError("keys do not match"), 4),
        (StorageError("the disk is gone"), 4),
        (AnswerbackError("something else"), 4),
    ],
)
def test_each_error_ends_in_one_sentence_and_its_code(
    error: AnswerbackError, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_chosen: Path | None) -> Path:
        raise error

    monkeypatch.setattr(asking, "device_folder", refuse)
    result = run("status")
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("answerback: ")
    assert "Traceback" not in result.output
    assert run("--debug", "status").exception is error


def test_a_defect_is_one_line_and_debug_shows_where() -> None:
    code = (
        "from answerback.faces import cli\nfrom answerback.faces.commands import asking\n"
        "asking.device_folder = lambda chosen: 1 / 0\ncli.main()\n"
    )
    command = [sys.executable, "-c", code]
    plain = subprocess.run([*command, "status"], capture_output=True, text=True, check=False)
    assert plain.returncode == 1
    assert "ZeroDivisionError" in plain.stderr
    assert "Traceback" not in plain.stderr
    debug = subprocess.run([*command, "--debug", "status"], capture_output=True, text=True, check=False)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr


def test_main_ends_the_process_with_the_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # it is put back after the test
    with pytest.raises(SystemExit) as ended:
        main(["version"])
    assert ended.value.code == 0
    assert "answerback" in capsys.readouterr().out


def documented(name: str) -> str:
    """The part of the document that is about one command."""
    text = DOCUMENT.read_text(encoding="utf-8")
    _, found, rest = text.partition(f"### `answerback {name}")
    assert found, f"docs/commands.md says nothing of `{name}`; python -m tests.faces.reference renews it"
    return rest.split("\n### ")[0].split("\n## ")[0]


def undocumented(name: str, command: click.Command) -> list[str]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        inner = [(each, command.get_command(context, each)) for each in command.list_commands(context)]
        return [fault for each, found in inner if found for fault in undocumented(f"{name} {each}", found)]
    part = documented(name)
    options = [text for p in command.params if isinstance(p, click.Option) for text in p.opts]
    return [f"{name} {option}" for option in options if option not in part]


def test_every_command_and_every_option_is_documented() -> None:
    context = click.Context(cli)
    commands = [(name, cli.get_command(context, name)) for name in COMMANDS]
    assert [fault for name, command in commands if command for fault in undocumented(name, command)] == []
    text = DOCUMENT.read_text(encoding="utf-8")
    assert [o for p in cli.params for o in p.opts if o not in text] == []


def test_an_option_nobody_documented_is_found() -> None:
    planted = click.Command("status", params=[click.Option(["--planted"])])
    assert undocumented("status", planted) == ["status --planted"]
