"""Says when each packet of a device's only path arrives, or that it does not.

Theory. A link of the lab says when bytes may cross and how long they fly. What becomes of a packet for which there is
no opportunity, in a gap of a recording, the recording does not tell: a modem may hold it until the gap is over, or its
network may have dropped it by then. Both are played: `DROPPED` loses what would have to wait through a gap, `HELD`
keeps it, up to what a modem's queue has room for. In a black hole everything is lost, and nothing at the device shows
it.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, unique
from random import Random

from answerback.lab.course import QUEUE_BYTES_MAX
from answerback.lab.links import EDGE_S, Link
from answerback.lab.schedule import Gate, Outage


@unique
class Gap(Enum):
    """What a gap of a recording does to the packets that come in it."""

    DROPPED = "dropped"
    HELD = "held"


@unique
class Way(Enum):
    """A direction, as the device sees it."""

    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class _Queue:
    gate: Gate
    leaving: deque[tuple[float, int]] = field(default_factory=deque)
    size_bytes: int = 0

    def has_room(self, size_bytes: int, *, now_s: float) -> bool:
        while self.leaving and self.leaving[0][0] <= now_s:
            self.size_bytes -= self.leaving.popleft()[1]
        return self.size_bytes + size_bytes <= QUEUE_BYTES_MAX

    def cross(self, size_bytes: int, *, now_s: float) -> float:
        left_s = self.gate.cross(size_bytes, now_s=now_s)
        self.leaving.append((left_s, size_bytes))
        self.size_bytes += size_bytes
        return left_s


class Path:
    """One device's path to its relay, packet by packet."""

    def __init__(self, link: Link, *, gap: Gap, hole: Outage | None, random: Random) -> None:
        self._link = link
        self._gap = gap
        self._hole = hole
        self._random = random
        self._queues = {Way.UP: _Queue(Gate(link.up)), Way.DOWN: _Queue(Gate(link.down))}

    def arrives_s(self, way: Way, size_bytes: int, *, now_s: float) -> float | None:
        """When a packet sent now arrives at the other side; none if it never does."""
        if self._hole is not None and self._hole.start_s <= now_s < self._hole.end_s:
            return None
        if self._random.random() < self._link.loss:
            return None
        outages = (self._link.up if way is Way.UP else self._link.down).outages
        if self._gap is Gap.DROPPED and outages.at(now_s) is not None:
            return None
        queue = self._queues[way]
        if not queue.has_room(size_bytes, now_s=now_s):
            return None
        left_s = queue.cross(size_bytes, now_s=now_s)
        if self._gap is Gap.DROPPED:
            edge_s = outages.next_edge_s(now_s)
            if edge_s is not None and edge_s < left_s:
                return None
        if self._hole is not None and self._hole.start_s <= left_s < self._hole.end_s:
            return None
        return left_s + self._link.delay_at(left_s)


def outages_of(link: Link, *, until_s: float, apart_s: float = 1.0) -> list[Outage]:
    """The stretches of a link's time in which one direction or both carry nothing.

    Two with less than `apart_s` of signal between them count as one: nothing whole can be said in it.
    """
    found: list[Outage] = []
    for schedule in (link.up, link.down):
        at_s: float | None = 0.0
        while at_s is not None and at_s < until_s:
            now = schedule.outages.at(at_s + EDGE_S)
            if now is not None and now.end_s > at_s:
                found.append(now)
            at_s = schedule.outages.next_edge_s(at_s + EDGE_S)
    return _joined(found, apart_s=apart_s)


def outage_with(hole: Outage, outages: list[Outage], *, apart_s: float = 1.0) -> Outage:
    """The outage that a black hole makes together with the gaps it touches: the path is back after the last of them."""
    before_s = None
    while before_s != hole.end_s:
        before_s = hole.end_s
        for gap in outages:
            if gap.start_s - apart_s < hole.end_s < gap.end_s:
                hole = Outage(hole.start_s, gap.end_s)
            if gap.start_s < hole.start_s < gap.end_s + apart_s:
                hole = Outage(gap.start_s, hole.end_s)
    return hole


def _joined(found: list[Outage], *, apart_s: float) -> list[Outage]:
    merged: list[Outage] = []
    for each in sorted(found, key=lambda outage: outage.start_s):
        if merged and each.start_s - merged[-1].end_s < apart_s:
            before = merged.pop()
            merged.append(Outage(before.start_s, max(before.end_s, each.end_s)))
        else:
            merged.append(each)
    return merged
