"""Shows the history passing from one device to another, until all of it is there."""

import time

from answerback.faces.output import note, say
from answerback.faces.remote import Remote
from answerback.faces.told import DeviceTold, HistoryTold

LOOK_S = 0.2
OFFER_S = 15.0
"""How long a new device waits for what the other one may offer."""
ENDED = ("done", "declined", "broken")


def show_history(remote: Remote, *, device: str | None = None, patience_s: float = OFFER_S) -> str | None:
    """Show a bar until the history is there; returns its state, or none if nothing is offered within the patience.

    Who ends it, by Ctrl-C, ends nothing: both devices go on whenever they are connected.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    until_s = time.monotonic() + patience_s
    while (found := _history(remote.devices(), device)) is None:
        if time.monotonic() > until_s:
            return None
        time.sleep(LOOK_S)
    words = "Giving your history" if found.giving else "Taking your history"
    columns = (TextColumn(words), BarColumn(), MofNCompleteColumn(), TextColumn("messages"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=found.total, completed=found.done)
        while found.state not in ENDED:
            time.sleep(LOOK_S)
            found = _history(remote.devices(), device) or found
            bar.update(task, completed=found.done, total=found.total)
    _tell(found)
    return found.state


def _tell(found: HistoryTold) -> None:
    if found.state == "done":
        say(f"The history is there: {found.done} messages, and every byte of them is what was sent.")
        say("Files did not travel with it: they stay on the devices that have them.")
    elif found.state == "declined":
        note("The other device does not want the history.")
    else:
        note(f"What came is not what was sent; {found.done} messages are there. Offer the history again.")


def _history(devices: list[DeviceTold], device: str | None) -> HistoryTold | None:
    return next((told.history for told in devices if told.history and device in (None, told.id)), None)
