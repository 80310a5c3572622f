"""Carries one connection through a link, from its first packet to its end on both sides."""

import asyncio
import socket
import struct

from answerback.lab.course import QUEUE_BYTES_MAX, Course, Ending
from answerback.lab.pace import Pace

HALF_OPEN_S = 30.0
"""How long the far side is left to believe in a connection that the link has reset: to find out is its own task, and
thirty seconds is more than the silence that servers of mobile devices usually bear."""

DISCARD_BYTES = 16 * 1024
"""What is read and dropped at once from a side that does not know yet."""

_LINGER_NONE = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: close() then sends a reset and forgets what was not sent."""


class Crossing:
    """One connection of a client to the upstream, through both directions of a link."""

    def __init__(self, client: socket.socket, upstream: tuple[str, int], *, pace: Pace) -> None:
        self._client = client
        self._upstream_host, self._upstream_port = upstream
        self._upstream: socket.socket | None = None
        self._pace = pace
        self._cut = asyncio.Event()

    def cut(self) -> None:
        """Reset the client's side at once and leave the upstream to find out."""
        self._cut.set()

    async def run(self, *, up: Course, down: Course) -> None:
        """Carry the connection to its end; both sockets are closed in the end, whatever happens."""
        carrying = asyncio.create_task(self._carry(up, down))
        cutting = asyncio.create_task(self._cut.wait())
        try:
            await asyncio.wait((carrying, cutting), return_when=asyncio.FIRST_COMPLETED)
            if carrying.done():
                carrying.result()
                return
            await _end(carrying)
            reset(self._client)
            await self._leave_half_open()
        finally:
            await _end(carrying, cutting)
            reset(self._client)
            if self._upstream is not None:
                reset(self._upstream)

    async def receive_up(self, size_bytes: int) -> bytes:
        """Read what the client wrote."""
        return await asyncio.get_running_loop().sock_recv(self._client, size_bytes)

    async def deliver_up(self, content: bytes) -> None:
        """Hand over to the upstream; no content is the end of it."""
        assert self._upstream is not None
        await _deliver(self._upstream, content)

    async def receive_down(self, size_bytes: int) -> bytes:
        """Read what the upstream wrote."""
        assert self._upstream is not None
        return await asyncio.get_running_loop().sock_recv(self._upstream, size_bytes)

    async def deliver_down(self, content: bytes) -> None:
        """Hand over to the client; no content is the end of it."""
        await _deliver(self._client, content)

    async def _carry(self, up: Course, down: Course) -> None:
        await up.carry_control()  # SYN: in an outage it waits here, and the client with it.
        try:
            self._upstream = await connect(self._upstream_host, self._upstream_port)
        except OSError:
            await down.carry_control()  # The refusal has to travel back, too.
            reset(self._client)
            return
        await down.carry_control()
        if await self._carry_both(up, down) is Ending.CLOSED:
            self._client.close()
            self._upstream.close()

    async def _carry_both(self, up: Course, down: Course) -> Ending:
        """Run both directions; CLOSED means that both sides had said all."""
        running = {asyncio.create_task(up.run()): down, asyncio.create_task(down.run()): up}
        endings: list[Ending] = []
        try:
            while running and Ending.RESET not in endings:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    opposite = running.pop(task)
                    endings.append(task.result())
                    if endings[-1] is Ending.UNHEARD:
                        opposite.break_off()  # The receiver is gone: the sender hears of it after what is under way.
        finally:
            await _end(*running)
        return next((ending for ending in endings if ending is not Ending.CLOSED), Ending.CLOSED)

    async def _leave_half_open(self) -> None:
        """Read and drop what the upstream still sends, as a network does that has forgotten the device."""
        if self._upstream is None:
            return
        try:
            async with asyncio.timeout(HALF_OPEN_S / self._pace.speed):
                while await self.receive_down(DISCARD_BYTES):
                    pass
        except (OSError, TimeoutError):
            return


def reset(side: socket.socket) -> None:
    """Close a socket so that its peer gets a reset; closing twice is free."""
    if side.fileno() != -1:
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        side.close()


def prepare(side: socket.socket) -> None:
    """Make a socket pass on what it has at once, and hold little of its own."""
    side.settimeout(0)
    side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The system would grow these to megabytes, and the sender would take a dead link for a fast one.
    side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, QUEUE_BYTES_MAX)
    side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, QUEUE_BYTES_MAX)


async def connect(host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that answers; the last one's OSError if none does."""
    loop = asyncio.get_running_loop()
    refusal = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        side = socket.socket(family, kind, protocol)
        try:
            prepare(side)
            await loop.sock_connect(side, address)
        except OSError as error:
            side.close()
            refusal = error
        except asyncio.CancelledError:
            side.close()
            raise
        else:
            return side
    raise refusal


async def _deliver(side: socket.socket, content: bytes) -> None:
    if content:
        await asyncio.get_running_loop().sock_sendall(side, content)
    else:
        side.shutdown(socket.SHUT_WR)


async def _end(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
