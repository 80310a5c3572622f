"""Models one direction of a TCP connection coarsely: a kernel's buffer, CUBIC's window, lost segments sent again.

What is modelled: bytes leave in order; the kernel holds what the program has written and the network has not taken,
bounded by its send buffer (which grows with the window, as Linux tunes it) or by TCP_NOTSENT_LOWAT; slow start, then
CUBIC (RFC 9438); each packet is acknowledged; a segment is lost when a later one was acknowledged (RACK, RFC 8985) or
at the timeout, which doubles (RFC 6298); the receiver's program gets bytes in order only.
What is left out: HyStart, pacing, delayed acknowledgements, a receiver's window, and the window's fall to one segment
after a timeout. All of them make a greedy sender somewhat gentler or slower, and change nothing for a bounded one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import takewhile

from benchmarks.beside_bulk.road import Bottleneck, Clock

SEGMENT_BYTES = 1448
HEADER_BYTES = 52
"""IPv4 and TCP with time stamps."""
WINDOW_SEGMENTS_FIRST = 10  # RFC 6928
BUFFER_BYTES_MIN, BUFFER_BYTES_MAX = 87_040, 4 * 1024 * 1024
"""What Linux's send buffer grows from and to: net.ipv4.tcp_wmem, rounded."""
RTO_S_MIN, RTO_S_MAX = 0.2, 60.0
CUBIC_C, CUBIC_BETA = 0.4, 0.7


@dataclass(slots=True)
class _Segment:
    start: int
    end: int
    order: int
    sent_s: float


class Tcp:
    """One direction: what is written here comes out at the other end, in order."""

    def __init__(self, clock: Clock, out: Bottleneck, back: Bottleneck, *, unsent_bytes_max: int | None) -> None:
        self._clock, self._out, self._back = clock, out, back
        self._unsent_bytes_max = unsent_bytes_max
        self._written = self._next = self._acknowledged = 0
        self._order = 0
        self._flying: dict[int, _Segment] = {}
        self._flying_bytes = 0
        self._window = float(WINDOW_SEGMENTS_FIRST * SEGMENT_BYTES)
        self._threshold = float("inf")
        self._window_top = 0.0
        self._reduced_s = 0.0
        self._reduced_order = 0
        self._rtt_s, self._rtt_deviation_s, self._backoff = 0.5, 0.25, 1
        self._progress_s = 0.0
        self._timer_due_s: float | None = None
        self._received = 0
        self._early: list[tuple[int, int]] = []
        self._messages: deque[tuple[int, Callable[[], None]]] = deque()
        self.writable: Callable[[], None] = lambda: None
        """Called when the kernel takes more bytes again."""

    @property
    def room_bytes(self) -> int:
        """How many more bytes the kernel takes now."""
        if self._unsent_bytes_max is not None:
            return self._unsent_bytes_max - (self._written - self._next)
        buffer_bytes = min(max(int(2 * self._window), BUFFER_BYTES_MIN), BUFFER_BYTES_MAX)
        return buffer_bytes - (self._written - self._acknowledged)

    def write(self, size_bytes: int, arrived: Callable[[], None]) -> None:
        """Write a message; say when the program at the other end has all of it."""
        self._written += size_bytes
        self._messages.append((self._written, arrived))
        self._push()

    # ---- the sender

    def _push(self) -> None:
        while self._next < self._written and self._flying_bytes + SEGMENT_BYTES <= self._window:
            end = min(self._next + SEGMENT_BYTES, self._written)
            self._send(self._next, end)
            self._next = end

    def _send(self, start: int, end: int) -> None:
        self._order += 1
        now_s = self._clock.now_s
        if not self._flying:
            self._progress_s = now_s
        self._flying[start] = _Segment(start, end, self._order, now_s)
        self._flying_bytes += end - start
        self._out.send(end - start + HEADER_BYTES, self._arrived, start, end, self._order, now_s)
        self._arm()

    def _arm(self) -> None:
        if self._timer_due_s is None and self._flying:
            self._timer_due_s = self._progress_s + self._rto_s
            self._clock.at(max(self._timer_due_s, self._clock.now_s), self._look)

    @property
    def _rto_s(self) -> float:
        return min((self._rtt_s + max(4 * self._rtt_deviation_s, RTO_S_MIN)) * self._backoff, RTO_S_MAX)

    def _look(self) -> None:
        self._timer_due_s = None
        if not self._flying:
            return
        if self._clock.now_s >= self._progress_s + self._rto_s - 1e-9:
            self._backoff = min(self._backoff * 2, 64)
            self._progress_s = self._clock.now_s
            first = self._flying.pop(min(self._flying))
            self._flying_bytes -= first.end - first.start
            self._send(first.start, first.end)
        self._arm()

    def _acked(self, upto: int, start: int, order: int, sent_s: float) -> None:
        now_s = self._clock.now_s
        self._learn_rtt(now_s - sent_s)
        was_limited = self._flying_bytes + SEGMENT_BYTES > self._window
        fresh_bytes = 0
        flying = self._flying
        own = flying.pop(start, None)
        if own is not None:
            fresh_bytes += own.end - own.start
        # The dictionary is in the order of leaving, so only its beginning can be acknowledged or lost.
        while flying and (first := next(iter(flying.values()))).end <= upto:
            del flying[first.start]
            fresh_bytes += first.end - first.start
        self._flying_bytes -= fresh_bytes
        if fresh_bytes:
            self._progress_s, self._backoff = now_s, 1
        self._acknowledged = max(self._acknowledged, upto)
        lost = list(takewhile(lambda segment: segment.order < order, flying.values()))
        if lost:
            self._reduce(max(segment.order for segment in lost))
            for segment in lost:
                del self._flying[segment.start]
                self._flying_bytes -= segment.end - segment.start
            for segment in lost:
                self._send(segment.start, segment.end)
        elif was_limited and fresh_bytes:
            self._grow(fresh_bytes)
        self._push()
        self._arm()
        if self.room_bytes > 0:
            self.writable()

    def _learn_rtt(self, sample_s: float) -> None:
        self._rtt_deviation_s += (abs(self._rtt_s - sample_s) - self._rtt_deviation_s) / 4
        self._rtt_s += (sample_s - self._rtt_s) / 8

    def _reduce(self, order: int) -> None:
        if order <= self._reduced_order:
            return  # it left before the window was last reduced: the same event
        self._reduced_order, self._reduced_s = self._order, self._clock.now_s
        self._window_top = self._window
        self._window = max(self._window * CUBIC_BETA, 2.0 * SEGMENT_BYTES)
        self._threshold = self._window

    def _grow(self, fresh_bytes: int) -> None:
        if self._window < self._threshold:
            self._window += fresh_bytes
            return
        top = self._window_top / SEGMENT_BYTES
        turn_s = (top * (1 - CUBIC_BETA) / CUBIC_C) ** (1 / 3)
        at_s = self._clock.now_s - self._reduced_s + self._rtt_s - turn_s
        target = (CUBIC_C * at_s**3 + top) * SEGMENT_BYTES
        target = min(max(target, self._window), 1.5 * self._window)
        self._window += max((target - self._window) / self._window, 0.01) * fresh_bytes

    # ---- the receiver

    def _arrived(self, start: int, end: int, order: int, sent_s: float) -> None:
        if start <= self._received:
            self._received = max(self._received, end)
            while self._early and self._early[0][0] <= self._received:
                self._received = max(self._received, heappop(self._early)[1])
        else:
            heappush(self._early, (start, end))
        self._back.send(HEADER_BYTES, self._acked, self._received, start, order, sent_s)
        while self._messages and self._messages[0][0] <= self._received:
            self._messages.popleft()[1]()
