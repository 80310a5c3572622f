"""One device under load: proves who it is, sends, takes what it is handed, and keeps no journal."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from answerback.crypto.identity import answer_challenge
from answerback.faces.benchmarking.line import Line
from answerback.faces.benchmarking.town import Resident
from answerback.model.envelope import Delivery, Envelope
from answerback.model.errors import PeerError
from answerback.model.message import Lane
from answerback.wire.codec import decode_relay_frame, encode
from answerback.wire.frames import (
    WIRE_VERSION,
    Accepted,
    Challenge,
    ClientFrame,
    Deliver,
    Farewell,
    Hello,
    Refused,
    Submit,
    Taken,
    Took,
    Welcome,
)

Delivered = Callable[[list[Delivery]], list[Envelope]]
"""Takes what was handed over; gives what is to be sent because of it, in one frame with the word that it was taken."""
AcceptedCount = Callable[[int], None]


def _silent(_entries: list[Delivery]) -> list[Envelope]:
    return []


def _unmoved(_count: int) -> None:
    return


@dataclass(frozen=True, slots=True)
class Address:
    """Where a relay is, and how it is spoken to."""

    port: int
    tls: ssl.SSLContext | None


class Correspondent:
    """One device and its connection of the moment."""

    def __init__(
        self, resident: Resident, *, delivered: Delivered = _silent, accepted: AcceptedCount = _unmoved
    ) -> None:
        self.resident: Final = resident
        self.delivered = delivered
        self.accepted = accepted
        self.refused: dict[str, int] = {}
        """Refusals and farewells, by their cause."""
        self.frames_taken = 0
        self._taken: dict[Lane, int] = {}
        self._line: Line | None = None
        self._welcomed: asyncio.Future[Welcome] | None = None

    async def connect(self, address: Address) -> Welcome:
        """Connect, prove who this is, and return once let in."""
        welcomed: asyncio.Future[Welcome] = asyncio.get_running_loop().create_future()
        self._welcomed = welcomed
        self._line = Line(self._heard)  # kept before it opens: the challenge comes with the upgrade
        self._line.ended.add_done_callback(lambda _: _turned_away(welcomed))
        await self._line.open(address.port, tls=address.tls)
        return await welcomed

    def submit(self, envelopes: list[Envelope]) -> None:
        """Send envelopes in one frame."""
        self._say([Submit(envelopes)])

    def reset(self) -> None:
        """Vanish without a word."""
        if self._line is not None:
            self._line.reset()

    def close(self) -> None:
        """Leave."""
        if self._line is not None:
            self._line.close()

    # ---- private ---------------------------------------------------------------------------------------------------

    def _say(self, frames: list[ClientFrame]) -> None:
        assert self._line is not None, "connect first"
        self._line.send([encode(frame) for frame in frames])

    def _heard(self, data: bytes) -> None:
        frame = decode_relay_frame(data)
        match frame:
            case Deliver():
                self._take(frame.entries)
            case Accepted():
                self.accepted(len(frame.entries))
            case Challenge():
                self._say([self._hello(frame)])
            case Welcome():
                assert self._welcomed is not None
                self._welcomed.set_result(frame)
            case Refused():
                for entry in frame.entries:
                    self._count(entry.cause)
            case Farewell():
                self._count(frame.cause)
            case _:
                raise PeerError(f"nobody asked for a {type(frame).__name__}")

    def _take(self, entries: list[Delivery]) -> None:
        self.frames_taken += 1
        answers = self.delivered(entries)
        reached = {entry.lane: entry.position for entry in entries}
        self._taken.update(reached)
        took = Took([Taken(lane, position) for lane, position in reached.items()])
        self._say([took, Submit(answers)] if answers else [took])

    def _hello(self, challenge: Challenge) -> Hello:
        signature = answer_challenge(self.resident.keys, nonce=challenge.nonce, relay=challenge.relay)
        taken = [Taken(lane, position) for lane, position in self._taken.items()]
        return Hello(WIRE_VERSION, self.resident.device, signature, taken)

    def _count(self, cause: str) -> None:
        self.refused[cause] = self.refused.get(cause, 0) + 1


def _turned_away(welcomed: "asyncio.Future[Welcome]") -> None:
    if not welcomed.done():
        welcomed.set_exception(ConnectionResetError("the relay closed before it let us in"))
