"""Kills a relay while mail comes in at a steady rate, starts it again, and counts acknowledged envelopes that are gone.

    python -m tests.journey.acknowledged --seconds 6 --rate 1000

Three readers, as people's devices really are: `offline`; `online` and taking; `half-open`, whose connection stands and
whose device is gone. One JSON line each. Raw frames, no agents: nobody sends anything a second time.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.relay.app import STORE_FILE
from answerback.storage.database import open_database
from answerback.wire.frames import Accepted, Deliver, Submit, Taken, Took
from tests.relay.client import Client, at_home
from tests.relay.residents import Resident, envelope, move_in, residents

READERS = ("offline", "online", "half-open")
ROOT = Path(__file__).parents[2]
SEALED_BYTES = 1_753
"""What a text of 200 bytes is once it is sealed."""
BATCH_S = 0.02
SETTLED_S = 0.5


@dataclass(frozen=True)
class Tally:
    """What became of what the relay had acknowledged."""

    reader: str
    sent: int
    acknowledged: int
    delivered_before_kill: int
    delivered_after: int
    lost_acknowledged: int
    duplicated: int


class Reader:
    """Counts what arrives, and takes it."""

    def __init__(self) -> None:
        self.found: list[EnvelopeId] = []
        self.position = 0

    async def take(self, client: Client) -> None:
        """Take until the connection ends."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while (frame := await client.hear()) is not None:
                if isinstance(frame, Deliver):
                    self.found += [entry.id for entry in frame.entries]
                    self.position = frame.entries[-1].position
                    await client.say(Took([Taken(Lane.NORMAL, self.position)]))


async def tally(folder: Path, *, reader: str, seconds: float, rate: float) -> Tally:
    """Send, kill, start again, drain, count."""
    ann, ben = residents(2)
    database = open_database(folder / STORE_FILE, schema="relay")
    move_in(database, [ann, ben])
    database.close()
    found = Reader()
    process, port = await _spawn(folder)
    async with contextlib.AsyncExitStack() as stack:
        if reader != "offline":
            standing = await stack.enter_async_context(at_home(port, ben))
            if reader == "online":
                asyncio.get_running_loop().create_task(found.take(standing))
        sent, acknowledged = await _send(port, ann, ben, seconds=seconds, rate=rate, process=process)
        await process.wait()
        before = len(found.found)
    process, port = await _spawn(folder)
    taken = [Taken(Lane.NORMAL, found.position)] if found.position else []
    async with at_home(port, ben, *taken) as back:
        taking = asyncio.create_task(found.take(back))
        seen = -1
        while seen != len(found.found):
            seen = len(found.found)
            await asyncio.sleep(SETTLED_S)
        taking.cancel()
    process.kill()
    await process.wait()
    return Tally(
        reader=reader,
        sent=sent,
        acknowledged=len(acknowledged),
        delivered_before_kill=before,
        delivered_after=len(found.found) - before,
        lost_acknowledged=len(acknowledged - set(found.found)),
        duplicated=len(found.found) - len(set(found.found)),
    )


async def _send(
    port: int, ann: Resident, ben: Resident, *, seconds: float, rate: float, process: asyncio.subprocess.Process
) -> tuple[int, set[EnvelopeId]]:
    """Send at a steady rate, kill in the middle of it, and give what was acknowledged."""
    acknowledged: set[EnvelopeId] = set()
    sent = 0
    async with at_home(port, ann) as client:

        async def hear() -> None:
            with contextlib.suppress(ConnectionError):
                while (frame := await client.hear()) is not None:
                    if isinstance(frame, Accepted):
                        acknowledged.update(entry.id for entry in frame.entries)

        hearing = asyncio.create_task(hear())
        loop = asyncio.get_running_loop()
        end_s = loop.time() + seconds
        with contextlib.suppress(ConnectionError):
            while True:
                batch = [envelope(ben, f"{sent + i}", size_bytes=SEALED_BYTES) for i in range(int(rate * BATCH_S))]
                sent += len(batch)
                await client.say(Submit(batch))
                if loop.time() > end_s and process.returncode is None:
                    process.kill()
                    break
                await asyncio.sleep(BATCH_S)
        await hearing
    return sent, acknowledged


async def _spawn(folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.relay.running", str(folder)),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return process, int(await process.stdout.readline())


def main() -> None:
    """Run all three from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="envelopes a second")
    chosen = parser.parse_args()
    for reader in READERS:
        with tempfile.TemporaryDirectory() as folder:
            run = tally(Path(folder), reader=reader, seconds=chosen.seconds, rate=chosen.rate)
            print(json.dumps(asdict(asyncio.run(run))), flush=True)


if __name__ == "__main__":
    main()
