"""Proves that the model of TCP sends again when TCP does, and delivers everything in order."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.lab.policies.agenda import Agenda
from answerback.lab.policies.stream import RTO_S_FIRST, RTO_S_MAX, RTO_S_SLACK, Stream


class Line:
    """A line with 30 ms each way that loses what it is told to lose."""

    def __init__(self) -> None:
        self.agenda = Agenda(0.0)
        self.sent_s: list[float] = []
        self.got: list[object] = []
        self.is_dead = False
        self.loss = 0.0
        self._random = Random(3)
        self.stream = Stream(self.agenda, self._send, self._send_back, self.got.append)

    def _send(self, size_bytes: int, again: bool) -> float | None:  # noqa: FBT001 - as a stream calls it
        self.sent_s.append(self.agenda.now_s)
        return self._send_back(size_bytes, again)

    def _send_back(self, size_bytes: int, again: bool) -> float | None:  # noqa: FBT001
        is_lost = self.is_dead or self._random.random() < self.loss
        return None if is_lost else self.agenda.now_s + 0.03

    def play(self, until_s: float) -> None:
        self.agenda.play(until_s=until_s, done=lambda: False)


def test_items_arrive_whole_and_a_long_one_when_its_last_byte_is_there() -> None:
    line = Line()
    line.stream.write("short", 10)
    line.stream.write("long", 5_000)
    line.play(5.0)
    assert line.got == ["short", "long"]
    assert len(line.sent_s) == 1 + 4


def test_without_answers_tcp_sends_again_after_a_timeout_that_doubles_up_to_two_minutes() -> None:
    line = Line()
    line.stream.measured(0.06)
    line.is_dead = True
    line.stream.write("text", 100)
    line.play(1_000.0)
    gaps_s = [after - before for before, after in zip(line.sent_s, line.sent_s[1:], strict=False)]
    first_s = 0.06 + RTO_S_SLACK
    expected_s = [min(first_s * 2**number, RTO_S_MAX) for number in range(len(gaps_s))]
    assert gaps_s == pytest.approx(expected_s)
    assert gaps_s[-1] == RTO_S_MAX


def test_before_any_measurement_the_timeout_is_a_second() -> None:
    assert Line().stream.timeout_s == RTO_S_FIRST


def test_after_a_dead_time_everything_arrives_with_the_next_repetition_and_not_before() -> None:
    line = Line()
    line.stream.measured(0.06)
    line.is_dead = True
    for number in range(8):
        line.stream.write(number, 100)
    line.play(4.0)
    line.is_dead = False
    line.play(4.1)
    assert line.got == []
    line.play(20.0)
    assert line.got == list(range(8))


def test_a_single_loss_is_repaired_by_repeated_acknowledgements_long_before_the_timeout() -> None:
    line = Line()
    line.stream.measured(0.06)
    line.is_dead = True
    line.stream.write("lost", 100)
    line.is_dead = False
    for number in range(5):
        line.stream.write(number, 100)
    line.play(0.2)
    assert line.got == ["lost", 0, 1, 2, 3, 4]


def test_a_closed_stream_is_silent() -> None:
    line = Line()
    line.is_dead = True
    line.stream.write("text", 100)
    line.stream.is_closed = True
    line.play(100.0)
    assert len(line.sent_s) == 1


@given(st.integers(1, 60), st.floats(0, 0.4))
def test_whatever_is_lost_everything_arrives_once_and_in_order(count: int, loss: float) -> None:
    line = Line()
    line.loss = loss
    for number in range(count):
        line.stream.write(number, 700)
    line.play(50_000.0)
    assert line.got == list(range(count))
