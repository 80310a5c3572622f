"""One device as a process of its own that says aloud what it has promised, shown and been answered.

python -m tests.durability.device_child FOLDER
in   send HANDLE TEXT          out  saved TEXT          it is in the journal
in   file HANDLE TEXT PATH     out  shown TEXT          it came from somebody else
in   stop                      out  answered TEXT       the recipient's device has it
                               out  opened TEXT         the file that came with it is whole
                               out  link up|down CAUSE
                               out  cause TEXT CAUSE    why it is no further
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from answerback.core.effects import Arrived, FileReady, LinkChanged, News, Progressed
from answerback.device.client import Client
from answerback.model.causes import Cause
from answerback.model.errors import StorageError
from answerback.model.timeline import Stage
from tests.durability.habits import take_habits

AGAIN_S = 0.2


def _say(word: str, text: str) -> None:
    print(f"{word} {text}", flush=True)


def _tell(me: Client, news: News) -> None:
    match news:
        case Arrived(message) if message.author != me.identity.account:
            _say("shown", message.text)
        case Progressed(message=identity, step=step) if step.stage is Stage.DELIVERED:
            kept = me.journal.message(identity)
            _say("answered", kept.message.text if kept is not None else identity.hex())
        case Progressed(message=identity, step=step) if step.cause is not Cause.UNKNOWN:
            kept = me.journal.message(identity)
            _say("cause", f"{kept.message.text if kept is not None else identity.hex()} {step.cause.value}")
        case FileReady(message=identity, cause=None):
            kept = me.journal.message(identity)
            if kept is not None and kept.message.author != me.identity.account:
                _say("opened", kept.message.text)
        case LinkChanged(connected, cause):
            _say("link", f"{'up' if connected else 'down'} {cause.value if cause else ''}")
        case _:
            pass


async def _send(me: Client, line: str) -> None:
    """Promise one message; what the disk refuses is said, and tried until it takes it."""
    verb, handle, text, *path = line.split(" ")
    while True:
        try:
            await me.send(handle, text=text, file=Path(path[0]) if verb == "file" else None)
        except StorageError as error:
            _say("refused", f"{text} {type(error).__name__}: {error}")
            await asyncio.sleep(AGAIN_S)
        else:
            _say("saved", text)
            return


async def live(folder: Path) -> None:
    """Run one device until it is told to stop."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
            loop.call_soon_threadsafe(lines.put_nowait, "stop")

    loop.run_in_executor(None, read)
    async with Client.open(folder) as me:
        me.agent.listen(lambda news: _tell(me, news))
        _say("ready", str(folder.name))
        while (line := await lines.get()) != "stop":
            await _send(me, line)


if __name__ == "__main__":
    take_habits()
    asyncio.run(live(Path(sys.argv[1])))
