"""How other messengers recover, in numbers, and what all of them say to their server: the least that can be measured.

Each message has a name, is answered by that name, and is said again on every new connection until it is. So nothing is
lost or doubled by any of them, and what differs is when they notice, and when they try again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import msgspec

FILE_PIECE_BYTES = 32 * 1024
MESSAGE_PAD = "." * 400
"""A short message of the product takes about as much, sealed and framed."""


@dataclass(frozen=True, slots=True)
class Habit:
    """When a rival notices that its connection is dead, and when it tries again."""

    ping_every_s: float | None
    """None: it never asks."""
    answer_s: float
    """How long an answer may take."""
    connect_s: float
    """How long an attempt may take."""
    wait_s: Callable[[int, Random], float | None]
    """How long after so many failures in a row the next attempt begins; None: when it is told to."""


def _every_30_s(failures: int, _random: Random) -> float:
    return 30.0 if failures else 0.0


def _full_jitter(failures: int, random: Random) -> float:
    return random.uniform(0.0, min(60.0, 2.0 ** min(failures, 6)))


def _at_once(failures: int, _random: Random) -> float:
    return 1.0 if failures else 0.0


def _when_told(failures: int, _random: Random) -> float | None:
    return None if failures else 0.0


SYSTEM_S = 127.0
"""How long Linux asks for a connection before it gives up: six repetitions, doubling from one second."""

HABITS: Final[dict[str, Habit]] = {
    "fixed-30s": Habit(ping_every_s=30.0, answer_s=10.0, connect_s=10.0, wait_s=_every_30_s),
    "backoff-jitter": Habit(ping_every_s=30.0, answer_s=10.0, connect_s=10.0, wait_s=_full_jitter),
    "passive-tcp": Habit(ping_every_s=None, answer_s=0.0, connect_s=SYSTEM_S, wait_s=_at_once),
    "oracle": Habit(ping_every_s=None, answer_s=0.0, connect_s=SYSTEM_S, wait_s=_when_told),
}

Line = dict[str, Any]


class Exchange:
    """What one end has still to say, and what it has heard; knows no connection."""

    def __init__(self, arrived: Callable[[str], None]) -> None:
        """`arrived` hears of each message once."""
        self._arrived: Final = arrived
        self._unanswered: Final[dict[str, Line]] = {}
        self._seen: Final[set[str]] = set()
        self._file = ""
        self._pieces = 0
        self._piece_next = 0
        self._piece_answered = 0
        self._pieces_seen: Final[dict[str, int]] = {}

    def write(self, name: str) -> Line:
        """Promise a message, and give the line that says it."""
        line = self._unanswered[name] = {"message": name, "pad": MESSAGE_PAD}
        return line

    def write_file(self, name: str, size_bytes: int) -> None:
        """Promise a file; its pieces are asked for one by one."""
        self._file, self._pieces = name, -(-size_bytes // FILE_PIECE_BYTES)

    def reconnected(self) -> list[Line]:
        """Give what has to be said on a new connection; the file goes on behind the last answered piece."""
        self._piece_next = self._piece_answered
        return list(self._unanswered.values())

    def next_piece(self) -> Line | None:
        """Give the next piece of the file, if one is left."""
        if self._piece_next >= self._pieces:
            return None
        self._piece_next += 1
        return {"file": self._file, "number": self._piece_next, "of": self._pieces, "pad": "." * FILE_PIECE_BYTES}

    def hear(self, line: Line) -> Line | None:
        """Take a line and give the answer to it, if it wants one."""
        match line:
            case {"message": str(name)}:
                self._take(name)
                return {"answered": name}
            case {"file": str(name), "number": int(number), "of": int(count)}:
                if number == self._pieces_seen.get(name, 0) + 1:
                    self._pieces_seen[name] = number
                if self._pieces_seen.get(name, 0) == count:
                    self._take(name)
                return {"pieces": self._pieces_seen.get(name, 0)}
            case {"answered": str(name)}:
                self._unanswered.pop(name, None)
            case {"pieces": int(number)}:
                self._piece_answered = max(self._piece_answered, number)
            case {"ping": number}:
                return {"pong": number}
        return None

    def _take(self, name: str) -> None:
        if name not in self._seen:
            self._seen.add(name)
            self._arrived(name)


def as_bytes(line: Line) -> bytes:
    """A line as it travels."""
    return msgspec.json.encode(line) + b"\n"


def from_bytes(content: bytes) -> Line:
    """The line that these bytes are."""
    return msgspec.json.decode(content, type=Line)
