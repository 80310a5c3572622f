"""Tells a performance while it goes on: as a moving picture in a terminal, as plain lines elsewhere."""

import asyncio
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from answerback.faces.demonstration.drawing import Drawing
from answerback.faces.demonstration.view import View
from answerback.lab.links import Signal

FRAME_S = 0.2
"""Five pictures a second look alive, and cost a few percent of one core."""
LINE_S = 0.5
"""How often plain lines look for something to tell."""
COUNT_S = 5.0
"""How often plain lines tell the count when nothing else happens."""


async def follow_live(view: View, console: Console) -> None:
    """Draw until cancelled; the last picture stays."""
    with Live(Drawing(view), console=console, auto_refresh=False, transient=False) as live:
        try:
            while True:
                view.sample()
                live.refresh()
                await asyncio.sleep(FRAME_S)
        finally:
            live.refresh()


async def follow_lines(view: View, say: Callable[[str], None]) -> None:
    """Say what changes, a line each, until cancelled."""
    told: dict[str, str] = {}
    counted_s = 0.0
    while True:
        for subject, state in _states(view).items():
            if told.get(subject, state) != state or (subject not in told and subject == "Ada's link"):
                say(f"{view.elapsed_s:6.1f} s  {subject}: {state}")
            told[subject] = state
        if view.elapsed_s - counted_s >= COUNT_S:
            counted_s = view.elapsed_s
            say(f"{counted_s:6.1f} s  {len(view.rows)} written, {view.delivered} answered by every device")
        await asyncio.sleep(LINE_S)


def _states(view: View) -> dict[str, str]:
    stats = view.link
    states = {"Ada's link": "signal" if stats.signal is Signal.PRESENT else stats.signal.value}
    for actor in view.scene.actors:
        status = actor.client.status()
        cause = f"not connected ({status.cause.value})" if status.cause else "connecting"
        states[actor.label] = "connected" if status.connected else cause
    states["relay"] = f"killed {view.scene.relay.kills} times" if view.scene.relay.kills else "at work"
    return states
