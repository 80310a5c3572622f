"""Real sockets: a relay besieged over loopback, and a device's HTTP and WebSocket clients before a hostile relay.

Fewer inputs than in memory, and true in what memory leaves out: the operating system's buffers, resets, halves of
writes, and heads that come byte by byte.
"""

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from answerback.crypto.primitives import sha256
from answerback.model.errors import AnswerbackError
from answerback.model.handle import Handle
from answerback.model.ids import BlobId
from answerback.relay.app import RelayNode
from answerback.transport.relay_http import RelayHttp
from answerback.transport.websocket import WebSocketLine
from answerback.wire.connection import FRAMES_PATH
from answerback.wire.frames import Accepted, Submit
from tests.fuzz.draw import Script
from tests.fuzz.http_targets import RelayInside, loop_and_folder, request
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target
from tests.fuzz.websocket_target import ANN, BEA, BINARY, EVE, Sockets, ws_frame
from tests.fuzz.wire_targets import JSON_WORDS
from tests.relay.client import at_home
from tests.relay.residents import envelope, move_in
from tests.relay.standing import first_list

SAYINGS_MAX: Final = 12
INNOCENT_EVERY: Final = 20
READ_S: Final = 0.02
"""How long a besieger listens; it does not care for answers."""
ANSWER_S_MAX: Final = 8.0


# ---- a relay besieged ----------------------------------------------------------------------------------------------


class Besieged:
    """A relay on a real port, and whoever connects to it."""

    def __init__(self, node: RelayNode) -> None:
        self._node = node
        self._words = Sockets(RelayInside())
        self._stories = 0

    async def play(self, data: bytes) -> int:
        """One connection's story, then sometimes an innocent pair's."""
        script = Script(data)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._node.port)
        count = 0
        with contextlib.suppress(ConnectionError):
            await self._shake_hands(script, writer)
            while not script.is_over and count < SAYINGS_MAX and not reader.at_eof():
                count += 1
                said = self._words._saying(script)
                cut = script.below(len(said) + 1)
                for part in (said[:cut], said[cut:]):
                    writer.write(part)
                    await writer.drain()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READ_S if script.below(4) == 0 else 0):
                        await reader.read(4_096)
        writer.transport.abort()
        self._stories += 1
        if self._stories % INNOCENT_EVERY == 0:
            await self._innocent()
        return max(count, 1)

    @staticmethod
    async def _shake_hands(script: Script, writer: asyncio.StreamWriter) -> None:
        key = base64.b64encode(b"k" * 16).decode()
        deflate = ("Sec-WebSocket-Extensions: permessage-deflate",) if script.below(2) else ()
        upgrade = (
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        head = request("GET", FRAMES_PATH, head=(*upgrade, *deflate))
        step = script.pick((len(head), 1, 7))
        for start in range(0, len(head), step):  # byte by byte, as who wants to hold a place for long
            writer.write(head[start : start + step])
            await asyncio.sleep(0)
        await writer.drain()

    async def _innocent(self) -> None:
        text = f"precious {self._stories}".encode()
        async with asyncio.timeout(ANSWER_S_MAX), at_home(self._node.port, ANN) as ann:
            await ann.say(Submit([envelope(BEA, text.decode())]))
            await ann.hear_a(Accepted)
            async with at_home(self._node.port, BEA) as bea:
                found = {entry.sealed for frame in await bea.take(1) for entry in frame.entries}
                while text not in found:
                    found |= {entry.sealed for frame in await bea.take(1) for entry in frame.entries}


@contextmanager
def _open_besieged() -> Iterator[Probe]:
    with loop_and_folder() as (loop, folder):
        node = RelayNode(folder)
        loop.run(node.start("127.0.0.1", 0))
        move_in(node.database, [ANN, BEA, EVE])
        besieged = Besieged(node)
        yield Probe(lambda data: loop.run(besieged.play(data)), [bytes(range(0, 256, step)) for step in (1, 3, 7)], ())
        loop.run(node.stop())


# ---- a device before a hostile relay -------------------------------------------------------------------------------


class HostileRelay:
    """A server that answers everything with the bytes it was given, and hangs up."""

    def __init__(self) -> None:
        self.answer = b""
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)  # what was aborted is closed in the loop's next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"Upgrade: websocket" in head:
                writer.write(_accepting(head))
            writer.write(self.answer)
            await writer.drain()
        writer.close()

    async def run(self, data: bytes) -> int:
        """Have the client ask one thing, and answer with these bytes."""
        url = f"http://127.0.0.1:{self.port}"
        self.answer = data[1:]
        ask = ASKING[data[0] % len(ASKING)] if data else ASKING[0]
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                if ask is None:
                    await _listen(url)
                else:
                    async with RelayHttp(url) as http:
                        await ask(http)
        except TimeoutError as error:
            raise BrokenPromise("a device waits for a relay that has hung up") from error
        return 1


def _accepting(head: bytes) -> bytes:
    import hashlib
    import re

    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
    digest = hashlib.sha1(
        (key[1] if key else b"") + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False
    ).digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + base64.b64encode(digest)
        + b"\r\n\r\n"
    )


async def _listen(url: str) -> None:
    line = await WebSocketLine.open(url, pin=None)
    try:
        async for _ in line.frames():
            pass
    finally:
        await line.close()


async def _download(http: RelayHttp) -> None:
    async for _ in http.download_range(BlobId(b"b" * 16), start=5, end=9, token=b"t" * 32):
        pass


ASKING: Final[tuple[Callable[[RelayHttp], Awaitable[object]] | None, ...]] = (
    lambda http: http.request_code(Handle("ann@example.org")),
    lambda http: http.create_account(Handle("ann@example.org"), code="123456", first_list=first_list()),
    lambda http: http.get_box(b"b" * 16, slot=0, wait_s=0),
    lambda http: http.upload_piece(BlobId(b"b" * 16), b"piece", offset=0, total_bytes=5, token=b"t" * 32),
    lambda http: http.blob_offset(BlobId(b"b" * 16), token=b"t" * 32),
    _download,
    lambda http: http.health(),
    None,
)


def _answers() -> list[bytes]:
    json = (
        b'{"cause":"relay.busy","message":"m","retry_after_ms":5,"expires_in_s":5,"account":"QUFBQUFBQUFBQUFBQUFBQQ=="}'
    )
    head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    head += b"Upload-Offset: 5\r\nUpload-Length: 9\r\n\r\n"
    answers = [bytes([kind]) + head % (status, len(json)) + json for kind in range(7) for status in (200, 409, 503)]
    frames = [b"\x95\xa9Challenge\xc4\x01n\xc4\x01r\x05\x01", sha256(b"noise"), b""]
    return answers + [b"\x07" + ws_frame(BINARY, frame, mask=False) for frame in frames]


@contextmanager
def _open_answers() -> Iterator[Probe]:
    with loop_and_folder() as (loop, _):
        relay = HostileRelay()
        loop.run(relay.open())
        words = (
            *JSON_WORDS,
            b"\r\n",
            b"HTTP/1.1 302 X\r\nLocation: /\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"\xff" * 9,
        )
        yield Probe(lambda data: loop.run(relay.run(data)), _answers(), (AnswerbackError,), words)
        loop.run(relay.close())


LOOPBACK_TARGETS = (
    Target(
        name="loopback",
        what="a relay's WebSocket over real sockets",
        open=_open_besieged,
        shape=Shape.STORY,
        weight=0.3,
        input_s_max=15.0,
        story_bytes=60,
    ),
    Target(
        name="relay-answers",
        what="what a hostile relay answers a device over HTTP and WebSocket",
        open=_open_answers,
        shape=Shape.BYTES,
        weight=1,
        input_s_max=12.0,
    ),
)
