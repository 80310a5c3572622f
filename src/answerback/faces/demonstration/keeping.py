"""Leaves a demonstration standing for a person to play with, until they end it."""

import asyncio
import contextlib
import shlex
from collections.abc import Callable
from contextlib import AsyncExitStack

from answerback.faces.demonstration.child import Child
from answerback.faces.demonstration.scene import Actor, Scene, handle_of
from answerback.faces.demonstration.script import Person


async def keep_standing(scene: Scene, say: Callable[[str], None]) -> None:
    """Give each device to a daemon, say what can be typed, and wait for Ctrl-C or for the daemons' end."""
    await scene.devices.aclose()
    if not scene.relay.alive:
        await scene.relay.start()
    async with AsyncExitStack() as stack:
        daemons = [await _daemon(stack, actor) for actor in scene.actors]
        for line in what_to_type(scene):
            say(line)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*(daemon.ended() for daemon in daemons))
        say("Ending, and cleaning up.")


def what_to_type(scene: Scene) -> list[str]:
    """The commands that work while it stands, to be copied as they are."""
    ada, phone, tablet = (shlex.quote(str(actor.folder)) for actor in scene.actors)
    return [
        "",
        "Everything is still running. In another terminal:",
        f"  answerback --home {phone} watch",
        f"  answerback --home {ada} send {handle_of(Person.BEA).text} 'still on the train'",
        f"  answerback --home {tablet} inbox",
        f"  answerback --home {ada} status",
        f"Ada's link is still {scene.bad.link.name}. Ctrl-C ends it all and removes the folders.",
    ]


async def _daemon(stack: AsyncExitStack, actor: Actor) -> Child:
    child = Child("--home", str(actor.folder), "daemon", "--json")
    stack.push_async_callback(child.stop)
    await child.start()
    return child
