"""Runs a demonstration from an empty folder to its summary, and leaves nothing behind."""

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from answerback.faces.demonstration.counting import count, file_is_whole, read_book
from answerback.faces.demonstration.ending import Ending
from answerback.faces.demonstration.picture import paint
from answerback.faces.demonstration.plan import Plan, Playing, choose_playing
from answerback.faces.demonstration.play import Play
from answerback.faces.demonstration.relay_process import kill_every
from answerback.faces.demonstration.scene import Scene, set_scene
from answerback.faces.demonstration.script import write_script
from answerback.faces.demonstration.view import View

Follow = Callable[[View], Awaitable[None]]
Afterwards = Callable[[Scene], Awaitable[None]]
PREFIX = "answerback-demo-"


async def demonstrate(
    plan: Plan,
    *,
    follow: Follow | None,
    on_end: Callable[[Ending], None],
    afterwards: Afterwards | None = None,
) -> Ending:
    """Play it, tell it while it goes on, and count; `afterwards` may then hold the scene open."""
    playing = await asyncio.to_thread(choose_playing, plan)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, _ended_by_signals():
        folder = Path(name)
        picture = await asyncio.to_thread(paint, folder, seed=plan.seed)
        async with set_scene(folder, playing, seed=plan.seed) as scene:
            ending = await _perform(plan, playing, scene, picture, follow)
            on_end(ending)
            if afterwards is not None:
                await afterwards(scene)
    return ending


async def _perform(plan: Plan, playing: Playing, scene: Scene, picture: Path, follow: Follow | None) -> Ending:
    size_bytes = (await asyncio.to_thread(picture.stat)).st_size
    script = write_script(messages=plan.messages, spacing_s=plan.spacing_s, seed=plan.seed)
    play = Play(scene, script, picture)
    view = View(plan, playing, play)
    began_s = time.monotonic()
    async with AsyncExitStack() as stack:
        stack.callback(view.close)
        if follow is not None:
            await stack.enter_async_context(_beside(follow(view)))
        if plan.kill_relay_every_s is not None:
            await stack.enter_async_context(_beside(kill_every(scene.relay, interval_s=plan.kill_relay_every_s)))
        complete = await play.perform(patience_s=plan.patience_s)
        duration_s = time.monotonic() - began_s
    books = [read_book(actor.person, actor.folder, picture=play.picture_id) for actor in scene.actors]
    return Ending(
        plan=plan,
        playing=playing,
        count=count(books, promised=play.promised),
        complete=complete,
        file_bytes=size_bytes,
        file_ok=file_is_whole(books, picture),
        link=scene.bad.stats(),
        relay_kills=scene.relay.kills,
        reconnects=view.reconnects,
        wasted_attempts=sum(actor.client.status().wasted_attempts for actor in scene.actors),
        duration_s=duration_s,
    )


@asynccontextmanager
async def _beside(work: Awaitable[None]) -> AsyncIterator[None]:
    """Run something endless beside the block; what goes wrong in it comes out when the block ends."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the demonstration as Ctrl-C does: cleanly."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    heard = []
    for number in numbers:
        # Windows' loop has none, and only a main thread may: there Ctrl-C is what ends it.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, task.cancel)
            heard.append(number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)
