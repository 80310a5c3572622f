"""A rival's device as a process of the lab: one TCP connection, and its habit of when to open the next.

`python -m answerback.lab.packets.rival_child PLACE HABIT SEED HOST PORT`
"""

import asyncio
import contextlib
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

from answerback.lab.packets.rivals import FILE_PIECE_BYTES, HABITS, Exchange, Habit, Line, as_bytes, from_bytes
from answerback.lab.packets.speaking import Orders, enter_place, say

LINE_BYTES_MAX = 4 * FILE_PIECE_BYTES


class Rival:
    """One device."""

    def __init__(self, habit: Habit, *, seed: int, host: str, port: int) -> None:
        self._habit: Final = habit
        self._random: Final = Random(seed)
        self._address: Final = (host, port)
        self._exchange: Final = Exchange(lambda name: say("arrived", name=name, at_s=time.monotonic()))
        self._writer: asyncio.StreamWriter | None = None
        self._told: Final = asyncio.Event()
        self._ponged: Final = asyncio.Event()
        self._talking: asyncio.Task[None] | None = None

    async def live(self) -> None:
        """Stay connected, as well as the habit can, until cancelled."""
        try:
            await self._stay_connected()
        finally:
            await self._end_talk()

    async def _stay_connected(self) -> None:
        failures = 0
        while True:
            wait_s = self._habit.wait_s(failures, self._random)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), wait_s)
            self._told.clear()
            try:
                async with asyncio.timeout(self._habit.connect_s):
                    reader, writer = await self._connect()
            except (OSError, TimeoutError):
                failures += 1
                continue
            failures = 0
            await self._end_talk()  # only now: until here it might still have come back to life
            self._talking = asyncio.create_task(self._talk(reader, writer))
            await self._until_over(self._talking)

    def send(self, name: str) -> None:
        """Promise a message, and say it if there is a connection."""
        say("sent", name=name, at_s=time.monotonic())
        line = self._exchange.write(name)
        if self._writer is not None:
            self._writer.write(as_bytes(line))

    def send_file(self, name: str, size_bytes: int) -> None:
        """Promise a file; it goes from the next look on."""
        self._exchange.write_file(name, size_bytes)

    def recovered(self) -> None:
        """Hear that the network is well again, as only an oracle does."""
        self._told.set()

    # ---- private

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect; whoever is told of a better moment meanwhile begins anew, for a lost SYN is repeated late."""
        while True:
            connecting = asyncio.create_task(asyncio.open_connection(*self._address, limit=LINE_BYTES_MAX))
            telling = asyncio.create_task(self._told.wait())
            try:
                await asyncio.wait((connecting, telling), return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                connecting.add_done_callback(_drop)
                connecting.cancel()
                raise
            finally:
                telling.cancel()
            if connecting.done():
                return connecting.result()
            self._told.clear()
            connecting.add_done_callback(_drop)
            connecting.cancel()

    async def _until_over(self, talking: "asyncio.Task[None]") -> None:
        telling = asyncio.create_task(self._told.wait())
        await asyncio.wait((talking, telling), return_when=asyncio.FIRST_COMPLETED)
        telling.cancel()

    async def _end_talk(self) -> None:
        if self._talking is not None:
            self._talking.cancel()
            await asyncio.wait((self._talking,))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        say("connected", at_s=time.monotonic())
        for line in ({"hello": True}, *self._exchange.reconnected()):
            writer.write(as_bytes(line))
        beside = [asyncio.create_task(self._upload(writer)), asyncio.create_task(self._ping(writer))]
        try:
            async for content in reader:
                self._answer(writer, from_bytes(content))
        except OSError:
            return  # the system says that it is over
        finally:
            for task in beside:
                task.cancel()
            if self._writer is writer:
                self._writer = None
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _answer(self, writer: asyncio.StreamWriter, line: Line) -> None:
        if "pong" in line:
            self._ponged.set()
        answer = self._exchange.hear(line)
        if answer is not None:
            writer.write(as_bytes(answer))

    async def _upload(self, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while True:
                piece = self._exchange.next_piece()
                if piece is None:
                    await asyncio.sleep(0.1)
                    continue
                writer.write(as_bytes(piece))
                await writer.drain()

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        number = 0
        while self._habit.ping_every_s is not None:
            await asyncio.sleep(self._habit.ping_every_s)
            number += 1
            self._ponged.clear()
            writer.write(as_bytes({"ping": number}))
            try:
                await asyncio.wait_for(self._ponged.wait(), self._habit.answer_s)
            except TimeoutError:
                writer.transport.abort()
                return


def _drop(connecting: "asyncio.Task[tuple[asyncio.StreamReader, asyncio.StreamWriter]]") -> None:
    """Let go of a connection that came when nobody waited for it any more."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result()[1].transport.abort()


async def live(habit: Habit, *, seed: int, host: str, port: int) -> None:
    """Be a rival until there are no more orders."""
    orders, rival = Orders(), Rival(habit, seed=seed, host=host, port=port)
    say("started")
    living = asyncio.create_task(rival.live())
    while (order := await orders.next()) is not None:
        match order["do"]:
            case "send":
                rival.send(order["name"])
            case "file":
                size_bytes = (await asyncio.to_thread(Path(order["path"]).stat)).st_size
                rival.send_file(order["name"], size_bytes)
            case "recovered":
                rival.recovered()
    living.cancel()
    await asyncio.wait((living,))


if __name__ == "__main__":
    enter_place(sys.argv[1])
    asyncio.run(live(HABITS[sys.argv[2]], seed=int(sys.argv[3]), host=sys.argv[4], port=int(sys.argv[5])))
