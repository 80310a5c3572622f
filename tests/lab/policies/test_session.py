"""Proves that setting a connection up takes the round trips it takes, and that a kernel repeats its SYN."""

import pytest

from answerback.core.network.repetitions import repetitions
from answerback.lab.policies.agenda import Agenda
from answerback.lab.policies.path import Way
from answerback.lab.policies.session import DOUBLING, LINEAR, Ends, Session, Setup

ONE_WAY_S = 0.05


class Road:
    """A road of one length, which counts what the device sends."""

    def __init__(self, setup: Setup = Setup.FULL, *, linear_timeouts: int = DOUBLING) -> None:
        self.agenda = Agenda(0.0)
        self.dead_until_s = 0.0
        self.syns_s: list[float] = []
        self.told: dict[str, float] = {}
        ends = Ends(
            opened=self._opened,
            welcomed=lambda: self._tell("welcomed"),
            relay_knows=lambda: self._tell("relay knows"),
            at_device=lambda item: self._tell(str(item)),
            at_relay=lambda item: self._tell(str(item)),
        )
        self.session = Session(1, self.agenda, self, ends, setup=setup, linear_timeouts=linear_timeouts)
        self.session.open()

    def send(self, way: Way, size_bytes: int, *, is_probe: bool, again: bool) -> float | None:
        if way is Way.UP and is_probe:
            self.syns_s.append(self.agenda.now_s)
        return self.agenda.now_s + ONE_WAY_S if self.agenda.now_s >= self.dead_until_s else None

    def _opened(self) -> None:
        self._tell("opened")
        self.session.proceed()

    def _tell(self, what: str) -> None:
        self.told.setdefault(what, self.agenda.now_s)

    def play(self, until_s: float) -> None:
        self.agenda.play(until_s=until_s, done=lambda: False)


@pytest.mark.parametrize(
    ("setup", "round_trips"), [(Setup.FULL, 4.0), (Setup.TICKET, 3.0), (Setup.EARLY, 2.0)], ids=str
)
def test_a_welcome_takes_its_round_trips(setup: Setup, round_trips: float) -> None:
    road = Road(setup)
    road.play(5.0)
    assert road.told["opened"] == pytest.approx(2 * ONE_WAY_S)
    assert road.told["welcomed"] == pytest.approx(round_trips * 2 * ONE_WAY_S)


@pytest.mark.parametrize("linear_timeouts", [DOUBLING, LINEAR])
def test_either_kernel_repeats_a_syn_when_ours_counts_it_and_until_it_is_given_up(linear_timeouts: int) -> None:
    road = Road(linear_timeouts=linear_timeouts)
    road.dead_until_s = 100.0
    road.play(9.4)
    assert road.syns_s == pytest.approx([0.0, *repetitions(linear_timeouts).counted_s])
    count = len(road.syns_s)
    road.session.close()
    road.play(50.0)
    assert len(road.syns_s) == count
    assert road.told == {}


def test_a_repeated_syn_makes_one_connection() -> None:
    road = Road()
    road.dead_until_s = 2.5
    road.play(20.0)
    assert road.told["opened"] == pytest.approx(3.0 + 2 * ONE_WAY_S)
    assert len(road.syns_s) == 3


def test_mail_flows_both_ways_once_it_stands() -> None:
    road = Road()
    road.session.assume_up(rtt_s=0.1)
    road.session.up.write("to the relay", 100)
    road.session.down.write("to the device", 100)
    road.play(1.0)
    assert road.told["to the relay"] == road.told["to the device"] == pytest.approx(ONE_WAY_S)
