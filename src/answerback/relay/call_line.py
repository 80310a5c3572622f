"""Carries datagrams between devices and the relay, on the port number that mail has, at a bounded cost.

Theory. Datagrams come from anybody, so what they may cost is fixed: beyond `DATAGRAMS` nothing is read for a moment,
and the system drops what its buffer does not hold. Nothing depends on a single one: devices ask again, and calls are
repeated.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Final

from answerback.relay import datagram_socket
from answerback.relay.calls import Post
from answerback.relay.datagram_socket import DatagramSocket
from answerback.relay.limits import Bucket, Rate
from answerback.relay.switchboard import Address
from answerback.wire.datagrams import DATAGRAM_BYTES

DATAGRAMS: Final = Rate(burst=2_000, per_s=5_000)
"""Read at most: a fifth of a core if all are answered, a fortieth if they are strangers'. In the worst minute of an
outage 7,500 devices ask as much; when more do, some ask in vain, and again a second later."""
BATCH = 64
"""Datagrams read before mail has its turn again: one or two milliseconds."""
PAUSE_S = 0.05
"""Without reading, at least: many short pauses would cost more than they save."""

_log = logging.getLogger(__name__)

Take = Callable[[bytes, Address], bytes | None]
"""Takes one datagram from an address; gives what to answer there, or None."""


class CallLine:
    """The relay's sockets for datagrams."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._sockets: list[DatagramSocket] = []
        self._reading: list[asyncio.Task[None]] = []
        self._bucket = Bucket(DATAGRAMS, now_s=0.0)
        self._resuming: asyncio.TimerHandle | None = None
        self.pauses = 0
        """How often more came than may be read."""

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._sockets[0].socket.getsockname()[1])

    async def open(self, host: str, port: int) -> None:
        """Listen on every address a host stands for; raise OSError where that is not possible."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        try:
            for family, _, _, _, address in dict.fromkeys(found):
                self._sockets.append(DatagramSocket(family, address))
        except OSError:
            self.close()
            raise
        for index in range(len(self._sockets)):
            self._listen(index)

    def send(self, posts: Iterable[Post]) -> None:
        """Send what nobody asked for: calls."""
        for address, data in posts:
            assert isinstance(address, tuple)
            index, target = address
            self._send(index, target, data)

    def close(self) -> None:
        """Listen no more."""
        if self._resuming is not None:
            self._resuming.cancel()
        for task in self._reading:
            task.cancel()
        if not self._reading:
            self._stop_reading()
        for each in self._sockets:
            each.close()
        self._sockets.clear()

    # ---- reading ---------------------------------------------------------------------------------------------------

    def _listen(self, index: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._sockets[index].socket, self._read, index)
        except NotImplementedError:  # Windows' own loop waits for datagrams, not for the moment there are some
            self._reading.append(loop.create_task(self._read_for_ever(index)))

    def _read(self, index: int) -> None:
        listening = self._sockets[index]
        for _ in range(BATCH):
            try:
                data, address = listening.read(DATAGRAM_BYTES + 1)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue  # something sent earlier did not arrive, and the system says so here
            wait_s = self._came(index, data, address)
            if wait_s > 0:
                self._stop_reading()
                self._resuming = asyncio.get_running_loop().call_later(wait_s, self._resume)
                return

    async def _read_for_ever(self, index: int) -> None:
        loop, listening = asyncio.get_running_loop(), self._sockets[index].socket
        while True:
            wait_s = 0.0
            for _ in range(BATCH):
                try:
                    data, peer = await loop.sock_recvfrom(listening, DATAGRAM_BYTES + 1)
                except OSError:
                    break
                wait_s = max(wait_s, self._came(index, data, (peer, b"")))
            await asyncio.sleep(wait_s)

    def _came(self, index: int, data: bytes, address: datagram_socket.Address) -> float:
        """Take one datagram; say how long to read no other."""
        answer = self._take(data, (index, address))
        if answer is not None:
            self._send(index, address, answer)
        wait_s = self._bucket.reserve(now_s=asyncio.get_running_loop().time())
        if wait_s <= 0:
            return 0.0
        self.pauses += 1
        return max(wait_s, PAUSE_S)

    def _send(self, index: int, address: datagram_socket.Address, data: bytes) -> None:
        try:
            self._sockets[index].write(data, address)
        except (OSError, IndexError) as error:  # full, no way there, or closed meanwhile: as if it were lost
            _log.debug("a datagram did not leave: %s", error)

    # ---- the bound -------------------------------------------------------------------------------------------------

    def _resume(self) -> None:
        for index, each in enumerate(self._sockets):
            asyncio.get_running_loop().add_reader(each.socket, self._read, index)

    def _stop_reading(self) -> None:
        for each in self._sockets:
            asyncio.get_running_loop().remove_reader(each.socket)
