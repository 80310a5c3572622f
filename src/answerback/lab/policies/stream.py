"""Carries one direction of a TCP connection, with its timeout that doubles.

Theory. What matters after an outage is when TCP sends again: RFC 6298's timeout with the floor that Linux has (the
round trip and at least 0.2 s), doubled each time, up to two minutes; and slow start from one segment after it. A
timeout sends the first segment that was not acknowledged, and what follows as acknowledgements come. Three that repeat
themselves repair a single loss at once (RFC 5681).

Left out: delayed acknowledgements, selective ones, the tail loss probe (one more packet, within the first second of an
outage) and the receiver's window. A segment is what the program wrote at once, up to 1,448 bytes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.lab.policies.agenda import Agenda

HEADER_BYTES = 52
"""IPv4 and TCP with the timestamps option."""
SEGMENT_BYTES = 1448
RTO_S_FIRST = 1.0
RTO_S_SLACK = 0.2
RTO_S_MAX = 120.0
WINDOW_FIRST = 10.0
REPEATS = 3

Send = Callable[[int, bool], float | None]
"""Put so many bytes on the wire; is it a repetition? When it arrives, if it does."""


@dataclass(slots=True)
class _Segment:
    item: object
    size_bytes: int
    sent_s: float = 0.0
    is_repeated: bool = False


@dataclass(slots=True)
class Stream:
    """Items in order, from one end to the other."""

    agenda: Agenda
    send: Send
    send_back: Send
    deliver: Callable[[object], None]
    rtt_s: float | None = None
    deviation_s: float = 0.0
    is_closed: bool = False
    _segments: list[_Segment] = field(default_factory=list)
    _acknowledged: int = 0
    _next: int = 0
    _expected: int = 0
    _early: set[int] = field(default_factory=set)
    _window: float = WINDOW_FIRST
    _threshold: float = math.inf
    _doublings: int = 0
    _timer: int = 0
    _repeats: int = 0

    def write(self, item: object, size_bytes: int) -> None:
        """Have an item delivered when all its bytes are there, and all before it."""
        while size_bytes > SEGMENT_BYTES:
            self._segments.append(_Segment(None, SEGMENT_BYTES))
            size_bytes -= SEGMENT_BYTES
        self._segments.append(_Segment(item, size_bytes))
        self._pump()

    def measured(self, rtt_s: float) -> None:
        """Take in a round trip (RFC 6298 §2)."""
        if self.rtt_s is None:
            self.rtt_s, self.deviation_s = rtt_s, rtt_s / 2
            return
        self.deviation_s += (abs(self.rtt_s - rtt_s) - self.deviation_s) / 4
        self.rtt_s += (rtt_s - self.rtt_s) / 8

    @property
    def timeout_s(self) -> float:
        """How long until the first unacknowledged segment is sent again."""
        first_s = RTO_S_FIRST if self.rtt_s is None else self.rtt_s + max(4 * self.deviation_s, RTO_S_SLACK)
        return min(first_s * 2.0**self._doublings, RTO_S_MAX)

    def _pump(self) -> None:
        while (
            not self.is_closed
            and self._next < len(self._segments)
            and self._next < self._acknowledged + int(self._window)
        ):
            self._emit(self._next)
            self._next += 1

    def _emit(self, number: int) -> None:
        segment = self._segments[number]
        segment.is_repeated = segment.sent_s > 0
        segment.sent_s = self.agenda.now_s
        if self._acknowledged in (self._next, number):
            self._arm()
        at_s = self.send(segment.size_bytes + HEADER_BYTES, segment.is_repeated)
        if at_s is not None:
            self.agenda.note(at_s, lambda: self._arrived(number))

    def _arm(self) -> None:
        self._timer += 1
        timer = self._timer
        self.agenda.note(self.agenda.now_s + self.timeout_s, lambda: self._timed_out(timer))

    def _timed_out(self, timer: int) -> None:
        if self.is_closed or timer != self._timer or self._acknowledged >= self._next:
            return
        self._threshold = max((self._next - self._acknowledged) / 2, 2.0)
        self._window, self._doublings, self._repeats = 1.0, self._doublings + 1, 0
        self._next = self._acknowledged
        self._pump()

    def _arrived(self, number: int) -> None:
        if self.is_closed:
            return
        self._early.add(number)
        ready: list[object] = []
        while self._expected in self._early:
            self._early.discard(self._expected)
            ready.append(self._segments[self._expected].item)
            self._expected += 1
        expected = self._expected
        at_s = self.send_back(HEADER_BYTES, False)  # noqa: FBT003 - an acknowledgement is never a repetition
        if at_s is not None:
            self.agenda.note(at_s, lambda: self._acknowledge(expected))
        for item in ready:
            if item is not None:
                self.deliver(item)

    def _acknowledge(self, expected: int) -> None:
        if self.is_closed or expected < self._acknowledged:
            return
        if expected == self._acknowledged:
            self._repeated()
            return
        newest = self._segments[expected - 1]
        if not newest.is_repeated:
            self.measured(self.agenda.now_s - newest.sent_s)
        gained = expected - self._acknowledged
        self._window += gained if self._window < self._threshold else gained / self._window
        self._acknowledged, self._next = expected, max(self._next, expected)
        self._doublings, self._repeats = 0, 0
        if self._acknowledged < self._next:
            self._arm()
        self._pump()

    def _repeated(self) -> None:
        if self._acknowledged >= self._next:
            return
        self._repeats += 1
        if self._repeats == REPEATS:
            self._threshold = max((self._next - self._acknowledged) / 2, 2.0)
            self._window = self._threshold
            self._emit(self._acknowledged)
