"""Plays a link packet by packet in virtual time: a clock, and a drop-tail queue served by the link's own schedule."""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

from answerback.lab.links import Link
from answerback.lab.schedule import BITS_PER_BYTE, PACKET_BYTES, Gate, Schedule

QUEUE_S = 2.0
"""How much of the mean rate the queue before the bottleneck holds: phones and base stations buffer seconds."""
QUEUE_PACKETS_MIN = 64

Action = Callable[..., None]


class Clock:
    """Virtual time: what is due next happens next."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._due: list[tuple[float, int, Action, tuple[object, ...]]] = []
        self._number = 0

    def at(self, due_s: float, action: Action, *arguments: object) -> None:
        """Have something happen at a moment; what is due at the same moment happens in the order it was asked for."""
        self._number += 1
        heapq.heappush(self._due, (due_s, self._number, action, arguments))

    def run(self, until_s: float) -> None:
        """Let everything happen up to a moment."""
        due = self._due
        while due and due[0][0] <= until_s:
            self.now_s, _, action, arguments = heapq.heappop(due)
            action(*arguments)
        self.now_s = until_s


class Bottleneck:
    """One direction of a link: a queue, the schedule that serves it, and the way behind it."""

    def __init__(self, clock: Clock, link: Link, schedule: Schedule, *, random: Random) -> None:
        self._clock = clock
        self._link = link
        self._gate = Gate(schedule)
        self._random = random
        period_s = schedule.outages.period_s
        mean_bps = schedule.capacity_bytes(period_s) * BITS_PER_BYTE / period_s
        self._bytes_max = max(int(mean_bps / BITS_PER_BYTE * QUEUE_S), QUEUE_PACKETS_MIN * PACKET_BYTES)
        self._waiting: deque[tuple[float, int]] = deque()
        self._waiting_bytes = 0
        self._landed_s = 0.0
        self.dropped = 0

    def send(self, size_bytes: int, arrived: Action, *arguments: object) -> None:
        """Queue one packet; it is dropped if the queue is full, and may be lost behind it."""
        now_s = self._clock.now_s
        waiting = self._waiting
        while waiting and waiting[0][0] <= now_s:
            self._waiting_bytes -= waiting.popleft()[1]
        if self._waiting_bytes + size_bytes > self._bytes_max:
            self.dropped += 1
            return
        left_s = self._gate.cross(size_bytes, now_s=now_s)
        waiting.append((left_s, size_bytes))
        self._waiting_bytes += size_bytes
        if self._link.loss and self._random.random() < self._link.loss:
            self.dropped += 1
            return
        self._landed_s = max(self._landed_s, left_s + self._link.delay_at(left_s))
        self._clock.at(self._landed_s, arrived, *arguments)
