"""Says how eager this device is and why, and takes a person's choice."""

import click

from answerback.faces.access import agent_at, device_folder, reading
from answerback.faces.output import say_beside, tell_json, wall_ms
from answerback.faces.sentences import MODES, mode_words
from answerback.faces.times import span
from answerback.faces.told import StatusTold, WishAsked

LABEL = 12
AUTO = "auto"
CHOICES = (AUTO, *(mode.value for mode in MODES))
METERED = {"yes": True, "no": False, AUTO: None}


@click.command()
@click.argument("choice", required=False, type=click.Choice(CHOICES))
@click.option(
    "--metered",
    type=click.Choice(tuple(METERED)),
    help="Whether bytes are paid for on this network; auto: as the system says.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def mode(ctx: click.Context, *, choice: str | None, metered: str | None, as_json: bool) -> None:
    """Say how eager this device is and why, or choose it.

    With auto the device chooses by itself. A choice stays until another is made; urgent messages come at once in any.
    """
    folder = device_folder(ctx.obj)
    if choice is None and metered is None:
        with reading(folder) as asked:
            told = asked.status()
    else:
        with agent_at(folder) as remote:
            told = remote.choose(_wish(remote.status(), choice, metered))
    if as_json:
        keys = ("mode", "mode_why", "mode_since_ms", "mode_change", "mode_chosen", "metered_chosen")
        tell_json({key: getattr(told, key) for key in keys})
        return
    for label, value in mode_lines(told):
        say_beside(label, value, width=LABEL)


def _wish(before: StatusTold, choice: str | None, metered: str | None) -> WishAsked:
    chosen = before.mode_chosen if choice is None else None if choice == AUTO else choice
    return WishAsked(chosen, before.metered_chosen if metered is None else METERED[metered])


def mode_lines(told: StatusTold) -> list[tuple[str, str]]:
    """Write the mode, why it is so and what would change it."""
    lines = []
    if told.mode is not None:
        words = mode_words(told.mode, told.mode_why, told.mode_change)
        since = f" Since {span((wall_ms() - told.mode_since_ms) / 1000)}." if told.mode_since_ms is not None else ""
        lines = [("mode", words.mode), ("because", words.why + since)]
        if words.change:
            lines.append(("changes", words.change))
    else:
        lines.append(("mode", "none: no agent is at work on this device"))
    if told.mode_chosen is not None:
        lines.append(("your choice", f"{told.mode_chosen}; `answerback mode auto` leaves it to the device"))
    if told.metered_chosen is not None:
        lines.append(("metered", f"{'yes' if told.metered_chosen else 'no'}, you said"))
    return lines
