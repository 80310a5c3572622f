"""Repairs: makes a damaged journal, or a relay's damaged store, whole again as far as it can be read."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from answerback.faces.access import asked_passphrase, device_folder
from answerback.faces.output import say, say_beside, tell_json

if TYPE_CHECKING:
    from answerback.storage.repair import Repaired

LABEL = 12
MESSAGES_SHOWN = 20
"""More would push what else there is to say out of sight; --json has them all."""


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="A relay's folder: repair its store instead of this device's journal.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def repair(ctx: click.Context, *, data: Path | None, as_json: bool) -> None:
    """Look for damage, and save what can be read into a new file.

    Stop the agent, or the relay, first. The damaged file is kept beside the new one. Nothing is changed where nothing
    is damaged.
    """
    if data is not None:
        from answerback.storage.repair import repair_relay

        done = repair_relay(data.expanduser())
    else:
        from answerback.device.home import repair_device

        folder = device_folder(ctx.obj)
        done = repair_device(folder, passphrase=asked_passphrase(folder))
    if as_json:
        tell_json(told(done))
    else:
        _show(done, is_relay=data is not None)


def told(done: "Repaired") -> dict[str, object]:
    """Say it all, for programs."""
    return {
        "file": str(done.path),
        "was_damaged": done.was_damaged,
        "kept_aside": str(done.aside) if done.aside else None,
        "rows": done.kept,
        "torn": {table.name: table.lost for table in done.torn},
        "unfinished": [message.hex() for message in done.unfinished],
    }


def _show(done: "Repaired", *, is_relay: bool) -> None:
    if not done.was_damaged:
        say(f"Nothing is damaged in {done.path}.")
        return
    say(f"{done.path} was damaged and is made anew from what could be read.")
    say_beside("kept", f"{done.kept} rows", width=LABEL)
    for table in done.torn:
        lost = "nobody can say how many" if table.lost is None else str(table.lost)
        say_beside("lost", f"{lost} of {table.name.replace('_', ' ')}", width=LABEL)
    if not done.torn:
        say_beside("lost", "nothing: only what can be made again was damaged", width=LABEL)
    for message in done.unfinished[:MESSAGES_SHOWN]:
        say_beside(
            "given up", f"{message.hex()} is no longer tried: see whom it reached, and send it again", width=LABEL
        )
    if len(done.unfinished) > MESSAGES_SHOWN:
        say_beside("given up", f"and {len(done.unfinished) - MESSAGES_SHOWN} more", width=LABEL)
    say_beside("damaged file", f"{done.aside}", width=LABEL + 1)
    say(
        "Start the relay again: devices ask what it still has of theirs, and send the rest again."
        if is_relay
        else "Start the agent again: it makes its keys anew, and is sent again what it cannot open."
    )
