"""Against a translator with any limit the search ends just below it, and costs few connections and few packets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Reason
from answerback.core.facts import KeepNetwork
from answerback.core.network.keepalive import (
    DEATHS_FREE,
    NEAR,
    NETWORKS_MAX,
    REST_S,
    RUNGS_S,
    Bounds,
    Keepalive,
)

HOME, TRAIN = b"home....", b"train..."
WIDE = Bounds(25.0, 1800.0)


class Nat:
    """A device at rest behind a translator that forgets: it pings when it is due, and connects anew on silence."""

    def __init__(self, limit_s: float, keepalive: Keepalive | None = None) -> None:
        self.limit_s = limit_s
        self.keepalive = keepalive or Keepalive(WIDE)
        self.now_s = 0.0
        self.pings = self.deaths = 0

    def ping(self, *, owed: bool = False) -> float:
        due = self.keepalive.due(owed=owed, now_s=self.now_s)
        assert due.reason is Reason.KEEPALIVE
        self.now_s = due.at_s
        quiet_s = self.keepalive.ask(now_s=self.now_s)
        self.pings += 1
        if quiet_s < self.limit_s:
            self.keepalive.survived(quiet_s, now_s=self.now_s)
        else:
            self.deaths += 1
            self.keepalive.died(quiet_s, came_back_at_once=True, now_s=self.now_s)
        return quiet_s

    def settle(self) -> float:
        """Ping until nothing is left to try; give the interval that is kept then."""
        while self.keepalive.searching:
            self.ping()
            assert self.pings < 500
        return self.keepalive.interval_s(owed=False, now_s=self.now_s)


@given(st.floats(25.1, 4_000.0), st.floats(60.0, 3_540.0))
def test_the_search_ends_just_below_any_limit_and_loses_few_connections(limit_s: float, ceiling_s: float) -> None:
    nat = Nat(limit_s, Keepalive(Bounds(25.0, ceiling_s)))
    kept_s = nat.settle()
    assert kept_s < limit_s or kept_s <= 25.0
    assert kept_s * NEAR**2 >= min(limit_s, ceiling_s)
    assert nat.deaths <= DEATHS_FREE
    assert nat.pings <= len(RUNGS_S) + DEATHS_FREE
    assert [nat.ping() for _ in range(5)] == [pytest.approx(kept_s)] * 5, "and there it stays"


@pytest.mark.parametrize("limit_s", [30.0, 60.0, 120.0, 300.0, 900.0, 1800.0])
def test_at_the_round_numbers_of_the_world_nearly_all_of_the_limit_is_used(limit_s: float) -> None:
    assert Nat(limit_s).settle() > 0.8 * limit_s


@given(st.lists(st.tuples(st.floats(1.0, 5_000.0), st.booleans()), max_size=60), st.floats(30.0, 3_000.0))
def test_an_interval_stays_within_what_the_platform_allows(quiets: list[tuple[float, bool]], ceiling_s: float) -> None:
    keepalive, now_s = Keepalive(Bounds(25.0, max(ceiling_s, 25.0))), 0.0
    for quiet_s, is_answered in quiets:
        now_s += quiet_s
        if is_answered:
            keepalive.survived(quiet_s, now_s=now_s)
        else:
            keepalive.died(quiet_s, came_back_at_once=True, now_s=now_s)
        for owed in (True, False):
            assert 25.0 <= keepalive.interval_s(owed=owed, now_s=now_s) <= max(ceiling_s, 25.0)


def test_nothing_is_tried_while_an_answer_is_owed() -> None:
    nat = Nat(40.0)
    assert nat.ping(owed=True) == 25.0
    assert nat.ping(owed=True) == 25.0
    assert nat.ping() == 55.0, "and at rest it is"
    assert nat.deaths == 1


def test_a_network_that_is_gone_teaches_nothing_about_quiet() -> None:
    keepalive = Keepalive(WIDE)
    keepalive.died(55.0, came_back_at_once=False, now_s=55.0)
    assert keepalive.interval_s(owed=False, now_s=60.0) == 55.0
    keepalive.died(20.0, came_back_at_once=True, now_s=80.0)
    assert keepalive.interval_s(owed=False, now_s=80.0) == 55.0, "nor does a death sooner than any translator's"
    assert keepalive.snapshot()[0].deaths == 0


def test_mail_that_comes_by_itself_shows_what_is_borne() -> None:
    keepalive = Keepalive(WIDE)
    keepalive.spoke(now_s=0.0)
    keepalive.heard(now_s=200.0)
    assert keepalive.interval_s(owed=True, now_s=200.0) == pytest.approx(190.0)
    assert keepalive.interval_s(owed=False, now_s=200.0) == 290.0


def test_a_limit_that_moved_up_is_found_when_mail_comes_later_than_it() -> None:
    nat = Nat(60.0)
    nat.settle()
    nat.limit_s = 1e9
    nat.keepalive.heard(now_s=nat.now_s + 600.0)
    assert nat.keepalive.searching


def test_a_network_of_moods_is_left_alone_longer_and_longer() -> None:
    nat, deaths_s = Nat(50.0), []
    while nat.now_s < 12 * 3600.0:
        before = nat.deaths
        nat.limit_s = 26.0 if nat.pings % 7 == 0 else 500.0
        nat.ping()
        if nat.deaths > before:
            deaths_s.append(nat.now_s)
    assert len(deaths_s) < 30
    late = [later_s - earlier_s for earlier_s, later_s in pairwise(deaths_s[DEATHS_FREE:])]
    assert not late or max(late) >= REST_S / 2


def test_what_broke_although_it_had_been_borne_is_not_kept() -> None:
    nat = Nat(300.0)
    kept_s = nat.settle()
    nat.limit_s = 100.0
    deaths = nat.deaths
    nat.ping()
    assert nat.keepalive.interval_s(owed=True, now_s=nat.now_s) <= 0.5 * kept_s
    assert nat.settle() < 100.0
    assert nat.deaths - deaths <= DEATHS_FREE + 1


def test_networks_are_told_apart_and_remembered_over_restarts() -> None:
    keepalive = Keepalive(WIDE)
    keepalive.use(HOME, WIDE, now_s=0.0)
    keepalive.survived(600.0, now_s=600.0)
    keepalive.use(TRAIN, WIDE, now_s=700.0)
    assert keepalive.interval_s(owed=True, now_s=700.0) == 25.0
    keepalive.died(55.0, came_back_at_once=True, now_s=800.0)

    later = Keepalive(WIDE)
    later.restore(keepalive.snapshot())
    assert later.snapshot() == keepalive.snapshot()
    later.use(HOME, WIDE, now_s=0.0)
    assert later.interval_s(owed=True, now_s=0.0) == 600.0
    later.use(TRAIN, WIDE, now_s=0.0)
    assert later.interval_s(owed=False, now_s=0.0) < 55.0


def test_the_book_of_networks_is_bounded_and_forgets_the_one_unused_longest() -> None:
    keepalive = Keepalive(WIDE)
    for number in range(3 * NETWORKS_MAX):
        keepalive.use(number.to_bytes(8, "big"), WIDE, now_s=float(number))
    assert len(keepalive.snapshot()) == NETWORKS_MAX
    keepalive.restore(KeepNetwork(bytes([number]), 60.0, 0.0, 0) for number in range(100))
    assert len(keepalive.snapshot()) == NETWORKS_MAX
    assert keepalive.snapshot()[-1].network == bytes([99])


def test_in_front_signs_of_life_are_close_whatever_the_network_bears() -> None:
    keepalive = Keepalive(WIDE)
    keepalive.survived(900.0, now_s=900.0)
    keepalive.use(b"", Bounds(25.0, 55.0), now_s=900.0)
    assert keepalive.interval_s(owed=False, now_s=900.0) == 55.0
    keepalive.use(b"", WIDE, now_s=1000.0)
    assert keepalive.interval_s(owed=True, now_s=1000.0) == 900.0, "and what was learned is not lost by it"
