"""Proves that bulk under way follows the link: it fills it, makes no long queue, and does not starve."""

from collections import deque
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.wire.flight import (
    CHUNK_BYTES_MAX,
    DRAIN_EVERY_S,
    GAPS_S_MAX,
    IDLE_S,
    PACKET_BYTES,
    QUEUE_S,
    STUCK_ROUNDS,
    WINDOW_BYTES_MAX,
    WINDOW_BYTES_MIN,
    WINDOW_BYTES_START,
    Flight,
    Gaps,
    Kind,
    Shortest,
)

STEP_S = 0.002
Rate = Callable[[float], float]


class Pipe:
    """One direction of a link as a fluid: a queue, a rate that may change, a way there and back."""

    def __init__(self, rate_of: Rate, *, rtt_s: float) -> None:
        self.flight = Flight()
        self.now_s = 0.0
        self.arrived_bytes = 0.0
        self.queues_s: list[float] = []
        self._rate_of, self._rtt_s = rate_of, rtt_s
        self._queue: deque[list[float]] = deque()
        self._returning: deque[tuple[float, int, int]] = deque()
        self._number = 0

    def run(self, until_s: float) -> None:
        while self.now_s < until_s:
            self.now_s += STEP_S
            while self._returning and self._returning[0][0] <= self.now_s:
                self.flight.arrived(self._returning.popleft()[1], now_s=self.now_s)
            while self.flight.has_room(now_s=self.now_s):
                self._number += 1
                size_bytes = self.flight.chunk_bytes
                self.flight.left(self._number, size_bytes, kind=Kind.CHUNK, now_s=self.now_s)
                self._queue.append([self._number, size_bytes, size_bytes])
            self._serve(self._rate_of(self.now_s))

    def _serve(self, rate: float) -> None:
        credit = rate * STEP_S
        while self._queue and credit > 0:
            first = self._queue[0]
            part = min(credit, first[1])
            first[1] -= part
            credit -= part
            self.arrived_bytes += part
            if first[1] <= 0:
                self._queue.popleft()
                self._returning.append((self.now_s + self._rtt_s, int(first[0]), int(first[2])))
        if rate:
            self.queues_s.append(sum(left for _, left, _ in self._queue) / rate)


@settings(max_examples=12, deadline=None)
@given(rate=st.floats(5_000, 1_000_000), rtt_s=st.floats(0.01, 0.15))
def test_a_steady_link_is_filled_and_a_text_waits_for_one_chunk_at_most(rate: float, rtt_s: float) -> None:
    pipe = Pipe(lambda _: rate, rtt_s=rtt_s)
    pipe.run(10.0)
    begun_bytes = pipe.arrived_bytes
    pipe.queues_s.clear()
    pipe.run(20.0)
    assert (pipe.arrived_bytes - begun_bytes) / (10 * rate) > 0.8
    # On the slowest a chunk is one packet, which takes its own time: three of them are always allowed.
    usual_s = sorted(pipe.queues_s)[int(0.95 * len(pipe.queues_s))]
    assert usual_s < max(QUEUE_S + 0.1, 3.5 * PACKET_BYTES / rate)


@settings(max_examples=10, deadline=None)
@given(fast=st.floats(50_000, 1_000_000), factor=st.floats(2, 10))
def test_a_link_that_slows_down_has_a_short_queue_again_soon(fast: float, factor: float) -> None:
    slow = fast / factor
    pipe = Pipe(lambda now_s: fast if now_s < 5 else slow, rtt_s=0.05)
    pipe.run(7.0)
    pipe.queues_s.clear()
    pipe.run(11.0)
    assert sorted(pipe.queues_s)[len(pipe.queues_s) // 2] < max(QUEUE_S + GAPS_S_MAX, 4 * PACKET_BYTES / slow)


@settings(max_examples=10, deadline=None)
@given(slow=st.floats(20_000, 100_000), factor=st.floats(2, 20))
def test_a_link_that_speeds_up_is_filled_again_within_two_seconds(slow: float, factor: float) -> None:
    fast = slow * factor
    pipe = Pipe(lambda now_s: slow if now_s < 5 else fast, rtt_s=0.05)
    pipe.run(7.0)
    begun_bytes = pipe.arrived_bytes
    pipe.run(10.0)
    assert (pipe.arrived_bytes - begun_bytes) / (3 * fast) > 0.7


@settings(max_examples=10, deadline=None)
@given(gap_ms=st.integers(20, 70), rate=st.floats(100_000, 500_000))
def test_bulk_does_not_starve_where_the_link_serves_in_bursts(gap_ms: int, rate: float) -> None:
    burst_ms = gap_ms // 4
    pipe = Pipe(
        lambda now_s: (
            rate * (gap_ms + burst_ms) / burst_ms if int(now_s * 1000) % (gap_ms + burst_ms) < burst_ms else 0.0
        ),
        rtt_s=0.04,
    )
    pipe.run(15.0)
    assert pipe.arrived_bytes / (15 * rate) > 0.6


def test_nothing_leaves_while_the_oldest_is_out_for_too_long_and_then_it_goes_on() -> None:
    pipe = Pipe(lambda now_s: 0.0 if 10 <= now_s < 20 else 100_000.0, rtt_s=0.05)
    pipe.run(9.99)
    flying_bytes, window_bytes = pipe.flight.flying_bytes, pipe.flight.window_bytes
    pipe.run(19.9)
    assert not pipe.flight.has_room(now_s=pipe.now_s)
    assert pipe.flight.flying_bytes <= max(flying_bytes, window_bytes) + pipe.flight.chunk_bytes
    begun_bytes = pipe.arrived_bytes
    pipe.run(22.0)
    assert pipe.arrived_bytes - begun_bytes > 0.7 * 2 * 100_000


def test_the_gate_opens_with_the_answer_and_not_with_time() -> None:
    flight = Flight()
    flight.left("first", 500, kind=Kind.CHUNK, now_s=0.0)
    flight.arrived("first", now_s=0.1)
    flight.left("second", 500, kind=Kind.CHUNK, now_s=1.0)
    late_s = 1.0 + flight.allowed_s + STUCK_ROUNDS * flight.base_s
    assert flight.has_room(now_s=late_s - 0.001)
    assert not flight.has_room(now_s=late_s + 0.001)
    assert not flight.has_room(now_s=late_s + 1000)
    flight.arrived("second", now_s=late_s + 1000)
    assert flight.has_room(now_s=late_s + 1000)


def test_a_queue_that_always_stands_is_let_run_empty_now_and_then() -> None:
    pipe = Pipe(lambda _: 100_000.0, rtt_s=0.05)
    pipe.run(5.0)
    pipe.queues_s.clear()
    pipe.run(5.0 + 2 * DRAIN_EVERY_S + 1)
    assert min(pipe.queues_s) < QUEUE_S / 4
    pipe.run(60.0)
    assert pipe.flight.base_s < 0.05 + 3 * pipe.flight.chunk_bytes / 100_000, "the queue was taken for the path"


verbs = st.lists(
    st.tuples(
        st.sampled_from(["left", "arrived", "forget", "end"]),
        st.integers(0, 8),
        st.integers(1, 70_000),
        st.floats(0, 3),
    ),
    max_size=60,
)


@given(verbs)
def test_whatever_happens_the_count_is_right_and_the_window_stays_in_its_bounds(
    happened: list[tuple[str, int, int, float]],
) -> None:
    flight, under_way, now_s = Flight(), dict[int, int](), 0.0
    for verb, key, size_bytes, later_s in happened:
        now_s += later_s
        if verb == "left":
            flight.left(key, size_bytes, kind=Kind.MAIL, now_s=now_s)
            under_way[key] = size_bytes
        elif verb == "arrived":
            flight.arrived(key, now_s=now_s)
            under_way.pop(key, None)
        elif verb == "forget":
            flight.forget(key)
            under_way.pop(key, None)
        else:
            flight.end(Kind.MAIL)
            under_way.clear()
        assert flight.flying_bytes == sum(under_way.values())
        assert len(flight) == len(under_way)
        assert WINDOW_BYTES_MIN <= flight.window_bytes <= WINDOW_BYTES_MAX
        assert PACKET_BYTES <= flight.chunk_bytes <= CHUNK_BYTES_MAX
        assert under_way or flight.has_room(now_s=now_s), "one may always be under way"


def test_what_has_ended_says_nothing_and_what_ended_with_its_connection_makes_room() -> None:
    flight = Flight()
    flight.arrived("never left", now_s=1.0)
    assert flight.base_s == 0
    flight.left("mail", 100_000, kind=Kind.MAIL, now_s=1.0)
    flight.left("chunk", 1_000, kind=Kind.CHUNK, now_s=1.0)
    assert not flight.has_room(now_s=1.0)
    flight.end(Kind.MAIL)
    assert (flight.flying_bytes, len(flight)) == (1_000, 1)
    assert flight.has_room(now_s=1.0)


def test_each_kind_is_compared_with_its_own_shortest_time() -> None:
    flight = Flight()
    for number in range(20):
        flight.left(("chunk", number), 1_000, kind=Kind.CHUNK, now_s=float(number))
        flight.left(("mail", number), 1_000, kind=Kind.MAIL, now_s=float(number))
        flight.arrived(("chunk", number), now_s=number + 0.05)
        flight.arrived(("mail", number), now_s=number + 0.4)
        assert flight.queue_s < 0.001, "a disk is no queue"


def test_a_long_pause_halves_the_window_but_not_below_its_start() -> None:
    flight = Flight(window_bytes=100_000.0)
    flight.left(1, 10, kind=Kind.MAIL, now_s=IDLE_S + 1)
    assert flight.window_bytes == 50_000
    small = Flight(window_bytes=5_000.0)
    small.left(1, 10, kind=Kind.MAIL, now_s=IDLE_S + 1)
    assert small.window_bytes == 5_000 < WINDOW_BYTES_START


def test_the_shortest_is_forgotten_in_time_and_gaps_beyond_a_chunks_own_time_are_the_links() -> None:
    shortest = Shortest()
    for second in range(100):
        shortest.learn(0.1 if second < 20 else 0.5, now_s=float(second))
        assert shortest.seconds == 0.1 or second >= 50
    assert shortest.seconds == 0.5
    gaps = Gaps()
    gaps.learn(0.0, own_s=0.1)
    for _ in range(100):
        gaps.learn(0.1, own_s=0.1)
    assert gaps.seconds < 0.001
    for _ in range(200):
        gaps.learn(0.2, own_s=0.05)
    assert 0.1 < gaps.seconds <= 0.15


def test_what_is_under_way_is_known_kind_by_kind() -> None:
    flight = Flight()
    flight.left(1, 100, kind=Kind.MAIL, now_s=0.0)
    flight.left(2, 900, kind=Kind.CHUNK, now_s=0.0)
    flight.left(1, 150, kind=Kind.MAIL, now_s=0.1)
    assert [flight.bytes_of(kind) for kind in (Kind.MAIL, Kind.CHUNK)] == [150, 900]
    flight.end(Kind.CHUNK)
    assert (flight.bytes_of(Kind.CHUNK), flight.flying_bytes) == (0, 150)
    flight.arrived(1, now_s=0.2)
    assert (flight.bytes_of(Kind.MAIL), flight.flying_bytes) == (0, 0)
