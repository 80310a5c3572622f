"""The frames' WebSocket: broken below the frames, and broken frames, from strangers and from devices that are let in.

One input is one connection's story: WebSocket frames of any kind, masked or not, in pieces, of a length that is not
theirs, compressed though nobody agreed to it (a bomb among them), text, pings; and product frames, whole or broken.
The relay closes what is broken, with a farewell where it can; and an innocent pair's mail arrives all the same.
"""

import asyncio
import base64
import struct
import zlib
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Final

from answerback.wire.codec import decode_relay_frame, encode
from answerback.wire.connection import FRAMES_PATH
from answerback.wire.frames import (
    FRAME_BYTES_MAX,
    Accepted,
    Challenge,
    Deliver,
    Farewell,
    Ping,
    RelayFrame,
    Submit,
    Taken,
    Took,
    Welcome,
)
from tests.fuzz.doorstep import Doorway
from tests.fuzz.draw import Dice, Script
from tests.fuzz.http_targets import RelayInside, loop_and_folder, request
from tests.fuzz.mutation import broken_bytes, broken_tree, pack, tree_of
from tests.fuzz.recordings import conversation, golden
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target
from tests.relay.residents import Resident, envelope, move_in, residents

ANN, BEA, EVE = residents(3)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
INNOCENT_EVERY: Final = 25
SAYINGS_MAX: Final = 40
BOMB: Final = zlib.compress(bytes(64 * 1024 * 1024), 9)[2:-4]
"""64 MiB of zeros in 64 KiB."""
EXTENSIONS: Final = ((), ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",))


def ws_frame(opcode: int, data: bytes, *, first: int = 0x80, mask: bool = True, claimed: int | None = None) -> bytes:
    """Write one WebSocket frame (RFC 6455 §5.2), which may lie about its length."""
    size = len(data) if claimed is None else claimed
    head = bytes([first | opcode])
    bit = 0x80 if mask else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", size & (1 << 64) - 1)
    # A mask of zeros is as good as any to the relay, and leaves the bytes as they are.
    return head + (bytes(4) if mask else b"") + data


class Ear:
    """Reads what the relay says on one connection."""

    def __init__(self, way: Doorway) -> None:
        self._way = way
        self._at = 0
        self.frames: list[RelayFrame] = []
        self.closed = False

    def listen(self) -> None:
        """Take in what is there."""
        said = bytes(self._way.said)
        if self._at == 0:
            end = said.find(b"\r\n\r\n")
            if end < 0:
                return
            self._at = end + 4
        while len(said) >= self._at + 2:
            opcode, size, start = said[self._at] & 15, said[self._at + 1] & 127, self._at + 2
            if size > 125:
                width = 2 if size == 126 else 8
                size, start = int.from_bytes(said[start : start + width], "big"), start + width
            if len(said) < start + size:
                return
            self._at = start + size
            if opcode == BINARY:
                self.frames.append(decode_relay_frame(said[start : start + size]))
            self.closed |= opcode == CLOSE

    def heard(self, kind: type[RelayFrame]) -> bool:
        """Whether it said such a frame, ever."""
        self.listen()
        return any(isinstance(frame, kind) for frame in self.frames)


class Sockets:
    """Many connections to one relay, one after the other, and an innocent pair between them."""

    def __init__(self, inside: RelayInside) -> None:
        self._inside = inside
        self._stories = 0
        self._torn = False
        """Whether what was said last began something that it did not end: the relay waits for the rest."""
        self.valid = [*(data for data in golden("frames_v1.txt")), *conversation()["a device's frame"]]

    async def _connect(self, head: tuple[str, ...] = ()) -> tuple[Doorway, Ear]:
        step = self._inside.step
        way = step.connect()
        key = base64.b64encode(b"k" * 16).decode()
        upgrade = (
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        way.protocol.data_received(request("GET", FRAMES_PATH, head=(*upgrade, *head)))
        ear = Ear(way)
        if not await step.until(way, lambda: ear.heard(Challenge)):
            raise BrokenPromise("somebody who connected was not challenged")
        return way, ear

    async def _enter(self, who: Resident) -> tuple[Doorway, Ear]:
        way, ear = await self._connect()
        (challenge,) = ear.frames
        assert isinstance(challenge, Challenge)
        way.protocol.data_received(ws_frame(BINARY, encode(who.hello(challenge))))
        if not await self._inside.step.until(way, lambda: ear.heard(Welcome)):
            raise BrokenPromise("a device was not let in")
        return way, ear

    async def play(self, data: bytes) -> int:
        """Tell one connection's story."""
        script, step = Script(data), self._inside.step
        if script.below(2):
            way, ear = await self._enter(EVE)
        else:
            way, ear = await self._connect(script.pick(EXTENSIONS))
        count, self._torn = 0, False
        while not script.is_over and count < SAYINGS_MAX and not way.is_over:
            count += 1
            way.protocol.data_received(self._saying(script))
            await asyncio.sleep(0)
        if count and not way.is_over and not self._torn:
            # Whoever is still connected is still answered: what is broken closes, what is whole is heard.
            before = len(ear.frames)
            way.protocol.data_received(ws_frame(BINARY, encode(Ping(count))))
            await step.until(way, lambda: self._has_answered(ear, before))
        ear.listen()
        self._check(ear)
        await step.leave(way)
        self._stories += 1
        if self._stories % INNOCENT_EVERY == 0:
            await self._innocent()
        return max(count, 1)

    @staticmethod
    def _has_answered(ear: Ear, before: int) -> bool:
        ear.listen()
        return len(ear.frames) > before or ear.closed

    @staticmethod
    def _check(ear: Ear) -> None:
        farewells = [number for number, frame in enumerate(ear.frames) if isinstance(frame, Farewell)]
        if farewells and farewells[0] != len(ear.frames) - 1:
            raise BrokenPromise("something was said after the farewell")

    def _saying(self, script: Script) -> bytes:
        """The next bytes on the connection."""
        kind = script.below(16)
        self._torn |= kind in {13, 15}
        if kind < 7:
            return ws_frame(BINARY, self._frame(script))
        match kind:
            case 7:
                return ws_frame(TEXT, script.blob(script.below(60)))
            case 8:
                last = script.pick((0, 0x80))
                self._torn |= not last
                return ws_frame(BINARY, self._frame(script), first=0) + ws_frame(0, b"rest", first=last)
            case 9:
                size = script.pick((FRAME_BYTES_MAX + 1, 2**32, 2**63, 2**64 - 1))
                return ws_frame(BINARY, b"too long", claimed=size)
            case 10:
                return ws_frame(BINARY, BOMB, first=0x80 | 0x40)
            case 11:
                return ws_frame(script.pick((PING, PONG, CLOSE)), script.blob(script.below(140)))
            case 12:
                return ws_frame(BINARY, self._frame(script), mask=False)
            case 13:
                return script.blob(1 + script.below(30))
            case 14:
                return ws_frame(
                    script.below(16), script.blob(script.below(9)), first=script.pick((0x80, 0x90, 0xA0, 0xF0))
                )
            case _:
                whole = ws_frame(BINARY, self._frame(script))
                return whole[: script.below(len(whole))]

    def _frame(self, script: Script) -> bytes:
        data = script.pick(self.valid)
        match script.below(5):
            case 0:
                return data
            case 1:
                return encode(Submit([envelope(script.pick((BEA, EVE)), f"spam {script.below(20)}")]))
            case 2:
                return broken_bytes(data, self.valid, Dice(script.below(1 << 16)))
            case _:
                return pack(
                    broken_tree(tree_of(data), [tree_of(each) for each in self.valid], Dice(script.below(1 << 16)))
                )

    async def _innocent(self) -> None:
        """Ann writes to Bea, whatever else goes on."""
        step = self._inside.step
        text = f"precious {self._stories}".encode()
        ann, ann_hears = await self._enter(ANN)
        ann.protocol.data_received(ws_frame(BINARY, encode(Submit([envelope(BEA, text.decode())]))))
        if not await step.until(ann, lambda: ann_hears.heard(Accepted)):
            raise BrokenPromise("honest mail was not accepted")
        bea, bea_hears = await self._enter(BEA)
        found = await step.until(bea, lambda: text in _mail(bea_hears))
        if not found or text not in _mail(bea_hears):
            raise BrokenPromise("accepted mail did not arrive")
        reached = {
            entry.lane: entry.position
            for frame in bea_hears.frames
            if isinstance(frame, Deliver)
            for entry in frame.entries
        }
        took = encode(Took([Taken(lane, position) for lane, position in reached.items()]))
        bea.protocol.data_received(ws_frame(BINARY, took))
        await step.leave(ann)
        await step.leave(bea)


def _mail(ear: Ear) -> set[bytes]:
    ear.listen()
    return {entry.sealed for frame in ear.frames if isinstance(frame, Deliver) for entry in frame.entries}


@contextmanager
def _open_websocket() -> Iterator[Probe]:
    with loop_and_folder() as (loop, folder):
        stack, inside = AsyncExitStack(), RelayInside()
        loop.run(inside.open(folder, stack))
        move_in(inside.node.database, [ANN, BEA, EVE])
        sockets = Sockets(inside)
        seeds = [bytes(range(0, 256, step)) for step in (1, 3, 7)]
        yield Probe(lambda data: loop.run(sockets.play(data)), seeds, ())
        loop.run(stack.aclose())


WEBSOCKET_TARGETS = (
    Target(
        name="relay-websocket",
        what="the frames' WebSocket, below and above its frames",
        open=_open_websocket,
        shape=Shape.STORY,
        weight=10,
        input_s_max=8.0,
        story_bytes=150,
    ),
)
