"""The relay's HTTP side: raw bytes as they come from anybody, at every route, in any state of undress.

Each answer is one a client can read: a status that is no fault of the relay's, a body in JSON that names a cause where
it is a refusal. A request that is not whole keeps nobody busy; nothing is ever logged with a traceback; and now and
then it is looked whether an honest client is still served.
"""

import asyncio
import base64
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.model.ids import DeviceId
from answerback.relay.app import STORE_FILE, RelayNode
from answerback.relay.blobs import BlobLimits
from answerback.relay.http import HttpLimits, http_runner
from answerback.relay.limits import Rate
from answerback.relay.rooms import HttpNeeds, HttpSide
from answerback.relay.serve import frames_route
from answerback.storage.database import open_database
from answerback.wire.connection import FRAMES_PATH
from answerback.wire.requests import RefusalBody, decode_json
from tests.fuzz.doorstep import Alarm, Doorstep, Doorway
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target
from tests.fuzz.wire_targets import JSON_WORDS
from tests.relay.standing import first_list, listed

ROOMY: Final = HttpLimits(
    requests_max=1_000_000,
    requests_per_address_max=1_000_000,
    rate=Rate(burst=1e9, per_s=1e9),
    costly_rate=Rate(burst=1e9, per_s=1e9),
)
"""The limits have tests of their own; here they would only keep the inputs out."""
TOKEN: Final = bytes(range(32))
DEVICE: Final = DeviceId(b"d" * 16)
HONEST_EVERY: Final = 500
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n")
_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)
ODD_EXPECT: Final = re.compile(rb"(?i)expect\s*:[^\r\n]*[\x80-\xff]")
"""aiohttp answers this with a bare 500, before any of our code is asked (docs/proof.md, "Fuzzing")."""
CAUSES: Final = frozenset(cause.value for cause in Cause)


class RelayInside:
    """A whole relay without a port."""

    async def open(self, folder: Path, stack: AsyncExitStack) -> None:
        self.node = RelayNode(folder)
        await self.node.begin()
        stack.push_async_callback(self.node.end)
        reader = open_database(folder / STORE_FILE, schema="relay", read_only=True)
        stack.callback(reader.close)

        async def nobody_reads(_handle: Handle, _code: str) -> None:
            return None

        side = HttpSide(
            HttpNeeds(
                database=self.node.database,
                reader=reader,
                group=self.node.group,
                blob_folder=folder / "blobs",
                secret=b"s" * 32,
                is_open=True,
                courier=nobody_reads,
                device_of_token={TOKEN: DEVICE}.get,
                registry=CollectorRegistry(),
                http_limits=ROOMY,
                blob_limits=BlobLimits(),
            )
        )
        side.door.long_lived.add(FRAMES_PATH)
        side.add(frames_route(self.node.frames))
        runner = http_runner(side.application)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        tending = asyncio.create_task(side.tend())
        stack.callback(tending.cancel)
        stack.callback(side.boxes.close)
        self.alarm = Alarm()
        self.alarm.listen(stack)
        self.step = Doorstep(runner, self.alarm)


def answers_of(said: bytes) -> list[tuple[int, bytes, bytes]]:
    """Read whole answers one after the other: status, head, body."""
    found = []
    while match := _STATUS_LINE.match(said):
        head, _, rest = said.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        status = int(match[1])
        size_bytes = int(length[1]) if length and status not in (204, 304) else 0
        found.append((status, head, rest[:size_bytes]))
        said = rest[size_bytes:]
    return found


class Requests:
    """Says raw bytes at the door and looks at what comes back."""

    def __init__(self, inside: RelayInside) -> None:
        self._inside = inside
        self._count = 0

    async def run(self, data: bytes) -> int:
        step = self._inside.step
        way = step.connect()
        way.protocol.data_received(data)
        if not await step.until(way, lambda: bool(way.said) or self._waits(way)):
            raise BrokenPromise("a whole request was not answered")
        await step.leave(way)
        for status, head, body in answers_of(bytes(way.said)):
            if status != 500 or not ODD_EXPECT.search(data):
                _check_answer(status, head, body)
        self._count += 1
        if self._count % HONEST_EVERY == 0:
            await self._honest()
        return 1

    @staticmethod
    def _waits(way: Doorway) -> bool:
        """Whether the server has all it was given and wants more: it owes no answer yet."""
        request = way.protocol._current_request
        return request is None or not request._payload.is_eof() or b"wait_s" in request.raw_path.encode()

    async def _honest(self) -> None:
        step = self._inside.step
        way = step.connect()
        way.protocol.data_received(request("GET", "/v1/health"))
        await step.until(way, lambda: bool(way.said))
        answers = answers_of(bytes(way.said))
        await step.leave(way)
        if not answers or answers[0][0] != 200:
            raise BrokenPromise("an honest client is no longer served")


def _check_answer(status: int, head: bytes, body: bytes) -> None:
    if status >= 500 and status not in (501, 503, 507):
        raise BrokenPromise(f"status {status}: {body[:80]!r}")
    if b"Traceback" in body or b'File "' in body:
        raise BrokenPromise("a traceback was shown to a stranger")
    if status >= 400 and b"application/json" in head and body:
        refusal = decode_json(body, RefusalBody)
        if refusal.cause not in CAUSES:
            raise BrokenPromise(f"refused for a cause nobody knows: {refusal.cause}")


def request(method: str, target: str, *, body: bytes = b"", head: tuple[str, ...] = ()) -> bytes:
    """Write a request as a client would."""
    lines = [f"{method} {target} HTTP/1.1", "Host: relay.example", *head]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _seeds() -> list[bytes]:
    bearer = f"Authorization: Bearer {TOKEN.hex()}"
    signed = first_list()
    body, mark = listed(signed)
    account = f'{{"handle":"ann@example.org","code":"123456","list":["{body}","{mark}"],"invitation":""}}'.encode()
    box, blob = "ab" * 16, "cd" * 16
    key = base64.b64encode(b"k" * 16).decode()
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
    chunked = request("POST", "/v1/codes", head=("Transfer-Encoding: chunked",)) + b'5\r\n{"han\r\n0\r\n\r\n'
    return [
        request("GET", "/v1/health"),
        request("GET", "/v1/metrics"),
        request("GET", "/metrics", head=("Authorization: Bearer x",)),
        request("GET", "/"),
        request("POST", "/v1/codes", body=b'{"handle":"ann@example.org"}', head=("Content-Type: application/json",)),
        request("POST", "/v1/accounts", body=account),
        request("PUT", f"/v1/boxes/{box}/0", body=b"sealed word"),
        request("GET", f"/v1/boxes/{box}/0?wait_s=0"),
        request("PUT", f"/v1/blobs/{blob}?offset=0&total=5", body=b"bytes", head=(bearer,)),
        request("HEAD", f"/v1/blobs/{blob}", head=(bearer,)),
        request("GET", f"/v1/blobs/{blob}", head=(bearer, "Range: bytes=1-3")),
        request("OPTIONS", "/v1/codes"),
        request("GET", FRAMES_PATH, head=upgrade),
        request("GET", "/v1/health", head=("X-Forwarded-For: 10.0.0.1, [::1]",)),
        request("POST", "/v1/codes", body=b"\x1f\x8b\x08\0", head=("Content-Encoding: gzip",)),
        request("POST", "/v1/codes", body=b"{}", head=("Expect: 100-continue",)),
        chunked,
    ]


WORDS: Final = (
    *JSON_WORDS,
    *(
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\0",
        b"HTTP/1.0",
        b"HTTP/2.0",
        b"HTTP/9.9",
        b"GET ",
        b"PUT ",
        b"BREW ",
        b"CONNECT ",
    ),
    *(b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Content-Encoding: deflate\r\n", b"Content-Encoding: br\r\n", b"Range: bytes=-0\r\n", b"Range: bytes=5-1\r\n"),
    *(b"Range: bytes=0-" + b"9" * 5_000 + b"\r\n", b"?offset=" + b"9" * 5_000, b"?wait_s=" + b"9" * 5_000),
    *(b"Authorization: Bearer " + b"f" * 63 + b"\r\n", b"Authorization: Bearer \xff\xfe\r\n", b"Host:\r\n"),
    *(b"/../../etc/passwd", b"/%2e%2e/%2f", b"%00", b"%ff", b"%", b"\xff\xfe", b"?" * 50, b"&" * 200, b";", b"#"),
    *(b"X: " + b"a" * 9_000 + b"\r\n", b"A: b\r\n" * 80, b"Sec-WebSocket-Extensions: permessage-deflate\r\n"),
    *(b"ffffffffffffffff\r\n", b"-1\r\n", b"0\r\n\r\n", b"5;x=y\r\nhello\r\n", b"Connection: close\r\n", b"/v1/boxes/"),
    *(b"X-Forwarded-For: " + "٣.1.1.1".encode() + b"\r\n", b"X-Forwarded-For: " + b"1," * 2_000 + b"\r\n"),
)


@contextmanager
def loop_and_folder() -> Iterator[tuple[asyncio.Runner, Path]]:
    """A loop of our own, and a folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="answerback-fuzz-"))
    with asyncio.Runner() as runner:
        yield runner, folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _open_requests() -> Iterator[Probe]:
    with loop_and_folder() as (loop, folder):
        stack, inside = AsyncExitStack(), RelayInside()
        loop.run(inside.open(folder, stack))
        requests = Requests(inside)
        yield Probe(lambda data: loop.run(requests.run(data)), _seeds(), (), WORDS)
        loop.run(stack.aclose())


HTTP_TARGETS = (
    Target(
        name="relay-http",
        what="raw bytes at the relay's HTTP door",
        open=_open_requests,
        shape=Shape.BYTES,
        weight=30,
        input_s_max=6.0,
    ),
)
