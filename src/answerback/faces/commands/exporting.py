"""Exports: writes the history into a folder, in a format anybody can read."""

import contextlib
from pathlib import Path

import click

from answerback.faces.access import asked_passphrase, device_folder
from answerback.faces.commands.backing_up import shown
from answerback.faces.output import note, say, tell_json


@click.command()
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), required=True, help="A folder that does not exist yet."
)
@click.option(
    "--format", "kind", type=click.Choice(["json", "html", "text"]), default="json", show_default=True,
    help="Lines of JSON, pages to read, or plain text.",
)  # fmt: skip
@click.option("--no-files", is_flag=True, help="Leave received files out.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def export(ctx: click.Context, *, folder: Path, kind: str, no_files: bool, as_json: bool) -> None:
    """Write everything on this device in an open format, not encrypted.

    It works while the daemon runs. docs/export.md describes the formats.
    """
    from answerback.device.exporting import Format
    from answerback.device.exporting import export as write
    from answerback.device.home import open_history

    home = device_folder(ctx.obj)
    with (
        contextlib.closing(open_history(home, passphrase=asked_passphrase(home))) as history,
        shown("Exporting", as_json=as_json) as progress,
    ):
        told = write(history, folder, kind=Format(kind), with_files=not no_files, progress=progress)
    if as_json:
        counts = {"messages": told.messages, "conversations": told.conversations, "files": told.files}
        tell_json({"folder": str(told.folder), **counts})
        return
    say(f"Exported {told.messages} messages of {told.conversations} conversations and {told.files} files to {folder}.")
    note("It is not encrypted: whoever has the folder can read it.")
