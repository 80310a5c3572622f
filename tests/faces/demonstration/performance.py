"""One short performance for all tests here: a tunnel played fast, and a relay that is killed on the way."""

import asyncio
import io
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from answerback.faces.demonstration.demonstrating import demonstrate
from answerback.faces.demonstration.drawing import draw
from answerback.faces.demonstration.ending import Ending
from answerback.faces.demonstration.following import follow_lines, follow_live
from answerback.faces.demonstration.keeping import what_to_type
from answerback.faces.demonstration.plan import Plan
from answerback.faces.demonstration.scene import Scene
from answerback.faces.demonstration.signs import ASCII, UNICODE, Signs
from answerback.faces.demonstration.view import View
from answerback.model.timeline import Stage

PLAN = Plan(messages=12, link="tunnel", seed=1, speed=4.0, kill_relay_every_s=3.0, patience_s=40.0)
SHAPES = ((80, 24, UNICODE), (60, 24, UNICODE), (44, 30, ASCII), (200, 60, UNICODE))


@dataclass
class Performance:
    """What was seen of it, and what was left."""

    ending: Ending | None = None
    pictures: list[tuple[int, int, Signs, list[str]]] = field(default_factory=list)
    stages: dict[str, list[Stage]] = field(default_factory=dict)
    """For each message's words, the stages it was seen in."""
    read: set[str] = field(default_factory=set)
    """Messages that somebody's device said were read."""
    reasons: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    live: str = ""
    folder: Path = Path()
    to_type: list[str] = field(default_factory=list)
    relay_alive: bool = False
    devices: dict[str, bool] = field(default_factory=dict)
    scene: Scene | None = None


def perform() -> Performance:
    """Play it once."""
    seen = Performance()
    asyncio.run(_play(seen))
    return seen


async def _play(seen: Performance) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, height=24, color_system=None, legacy_windows=False)

    async def follow(view: View) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(follow_live(view, console))
            group.create_task(follow_lines(view, seen.lines.append))
            group.create_task(_look(view, seen))

    async def afterwards(scene: Scene) -> None:
        seen.scene = scene
        seen.folder = scene.ada.folder.parent
        seen.relay_alive = scene.relay.alive
        seen.to_type = what_to_type(scene)
        seen.devices = {actor.label: (actor.folder / "journal.db").exists() for actor in scene.actors}

    def on_end(ending: Ending) -> None:
        seen.ending = ending

    await demonstrate(PLAN, follow=follow, on_end=on_end, afterwards=afterwards)
    seen.live = screen.getvalue()


async def _look(view: View, seen: Performance) -> None:
    try:
        while True:
            _remember(view, seen)
            await asyncio.sleep(0.05)
    finally:
        _remember(view, seen)


def _remember(view: View, seen: Performance) -> None:
    for row in view.newest(100):
        stages = seen.stages.setdefault(view.words(row), [])
        if not stages or stages[-1] is not row.stage:
            stages.append(row.stage)
        if Stage.READ in row.copies.values():
            seen.read.add(view.words(row))
    waiting = view.waiting()
    if waiting is not None:
        seen.reasons.add(waiting[1].cause.value)
    width, height, signs = SHAPES[len(seen.pictures) % len(SHAPES)]
    drawn = [line.plain for line in draw(view, width=width, height=height, signs=signs)]
    seen.pictures.append((width, height, signs, drawn))
