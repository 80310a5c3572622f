"""A device on a real WebSocket, as small as one can be: it speaks frames and keeps nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from answerback.wire.codec import decode_relay_frame, encode
from answerback.wire.connection import FRAMES_PATH, RESUME_HEADER
from answerback.wire.frames import FRAME_BYTES_MAX, Challenge, ClientFrame, Deliver, RelayFrame, Taken, Took, Welcome
from tests.relay.residents import Resident

PATIENCE_S = 20.0
_F = TypeVar("_F", bound=RelayFrame)


class Client:
    """One connection of one device."""

    def __init__(self, websocket: ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.welcome: Welcome | None = None

    async def say(self, frame: ClientFrame) -> None:
        await self.websocket.send_bytes(encode(frame))

    async def hear(self) -> RelayFrame | None:
        """Give the next frame; None when the relay has closed."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self.websocket.receive()
        return decode_relay_frame(message.data) if message.type is WSMsgType.BINARY else None

    async def hear_a(self, kind: type[_F]) -> _F:
        """Give the next frame of a kind, passing over others."""
        while True:
            frame = await self.hear()
            assert frame is not None, f"the relay closed; a {kind.__name__} was due"
            if isinstance(frame, kind):
                return frame

    async def take(self, count: int) -> list[Deliver]:
        """Take so many envelopes, each as soon as it comes."""
        delivered: list[Deliver] = []
        while sum(len(each.entries) for each in delivered) < count:
            frame = await self.hear_a(Deliver)
            delivered.append(frame)
            reached = {entry.lane: entry.position for entry in frame.entries}
            await self.say(Took([Taken(lane, position) for lane, position in reached.items()]))
        return delivered


@contextlib.asynccontextmanager
async def connected(port: int, *, shown: str = "") -> AsyncIterator[Client]:
    """Connect as nobody yet, or with a ticket."""
    headers = {RESUME_HEADER: shown} if shown else None
    url = f"http://127.0.0.1:{port}{FRAMES_PATH}"
    async with (
        ClientSession() as session,
        session.ws_connect(url, max_msg_size=FRAME_BYTES_MAX, headers=headers) as websocket,
    ):
        yield Client(websocket)


@contextlib.asynccontextmanager
async def at_home(port: int, who: Resident, *taken: Taken) -> AsyncIterator[Client]:
    """Connect as a device and be welcomed."""
    async with connected(port) as client:
        await client.say(who.hello(await client.hear_a(Challenge), *taken))
        client.welcome = await client.hear_a(Welcome)
        yield client
