"""Proves that a device leaves a dead path at once, returns to a better one without flapping, and spends as allowed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.choice import (
    BETTER_S,
    LINGER_S,
    MOVES_MAX,
    MOVES_WINDOW_S,
    NAMES_MAX,
    RETURNS_MAX,
    STANDBY_S_MIN,
    WELL_S,
    WELL_S_MAX,
    Because,
    Choice,
    Chosen,
    Metered,
    Seen,
)
from answerback.core.network.estimate import Estimate
from answerback.core.network.standing import Sign, Standing, Verdict

SIGNS = {
    Standing.UP: Sign.HEARD,
    Standing.DEGRADED: Sign.SLOW,
    Standing.STALLED: Sign.SILENT,
    Standing.DOWN: Sign.ENDED,
    Standing.CAPTIVE: Sign.STRANGER,
}
WORKING = (Standing.UP, Standing.DEGRADED)


def path(
    name: str, standing: Standing = Standing.UP, *, since_s: float = 0.0, rtt_s: float = 0.05, is_metered: bool = False
) -> Seen:
    estimate = Estimate(rtt_s=rtt_s, rtt_deviation_s=0.0, measured=True)
    return Seen(name, Verdict(standing, SIGNS[standing], since_s), estimate, is_metered)


def untried(name: str, *, is_metered: bool = False) -> Seen:
    return Seen(name, Verdict(Standing.DOWN, Sign.NOTHING_YET, 0.0), Estimate(), is_metered)


def decide(
    choice: Choice, *seen: Seen, now_s: float, metered: Metered = Metered.NEVER, is_urgent: bool = False
) -> Chosen:
    return choice.decide(seen, metered=metered, is_urgent=is_urgent, now_s=now_s)


def using(name: str, *others: str) -> Choice:
    """A choice that has used a path since the beginning."""
    choice = Choice()
    decide(choice, path(name), *(path(other, Standing.DOWN) for other in others), now_s=0.0)
    return choice


# ---- leaving


def test_one_path_is_the_one_in_use_and_nothing_stands_by() -> None:
    choice = Choice()
    assert decide(choice, untried(""), now_s=1.0) == Chosen("", None, Because.FIRST, 1.0)
    assert decide(choice, path("", Standing.DOWN), now_s=2.0) == Chosen("", None, Because.FIRST, 1.0)
    assert decide(choice, now_s=3.0) == Chosen(None, None, Because.NONE, 3.0)


def test_a_second_path_stands_by_before_it_was_ever_tried() -> None:
    chosen = decide(Choice(), path("wifi"), untried("cable"), now_s=1.0)
    assert (chosen.in_use, chosen.standby) == ("wifi", "cable")


@pytest.mark.parametrize("standing", [Standing.STALLED, Standing.DOWN, Standing.CAPTIVE])
def test_a_path_that_stops_working_is_left_at_once(standing: Standing) -> None:
    choice = using("wifi", "cable")
    chosen = decide(choice, path("wifi", standing, since_s=5.0), path("cable", since_s=4.9), now_s=5.0)
    assert (chosen.in_use, chosen.because, chosen.since_s) == ("cable", Because.LOST, 5.0)
    assert chosen.standby == (None if standing is Standing.CAPTIVE else "wifi"), "it may come back"


def test_a_doubted_path_is_left_as_if_it_had_stalled() -> None:
    choice = using("wifi", "cable")
    doubted = replace(path("wifi"), is_doubted=True)
    assert decide(choice, doubted, path("cable", Standing.DOWN), now_s=5.0).in_use == "wifi", "where else"
    assert decide(choice, doubted, path("cable"), now_s=5.0).in_use == "cable"


def test_an_interface_that_is_gone_is_left_and_the_next_is_tried() -> None:
    choice = using("wifi", "cable")
    chosen = decide(choice, path("cable", Standing.DOWN), now_s=5.0)
    assert (chosen.in_use, chosen.because) == ("cable", Because.LOST)


def test_where_nothing_works_the_last_good_one_stays_in_use() -> None:
    choice = using("wifi", "cable")
    down = (path("cable", Standing.DOWN), path("wifi", Standing.DOWN))
    assert decide(choice, *down, now_s=5.0).in_use == "wifi"
    assert decide(choice, *down, now_s=500.0).in_use == "wifi"


def test_what_works_is_used_before_what_was_never_tried() -> None:
    choice = Choice()
    assert decide(choice, untried("wifi"), untried("cable"), now_s=0.0).in_use == "wifi"
    chosen = decide(choice, untried("wifi"), path("cable"), now_s=1.0)
    assert (chosen.in_use, chosen.because) == ("cable", Because.FIRST)


# ---- coming back


def test_a_better_path_is_returned_to_when_it_was_well_and_better_for_long_enough() -> None:
    choice = using("slow")
    slow, fast = path("slow", rtt_s=0.2), path("fast", since_s=10.0, rtt_s=0.05)
    assert decide(choice, slow, fast, now_s=10.0).in_use == "slow"
    due_s = 10.0 + max(WELL_S, BETTER_S)
    assert choice.wake_at_s(now_s=10.0) == due_s
    assert decide(choice, slow, fast, now_s=due_s - 0.1).in_use == "slow"
    chosen = decide(choice, slow, fast, now_s=due_s)
    assert (chosen.in_use, chosen.standby, chosen.because) == ("fast", "slow", Because.BETTER)


def test_better_for_a_moment_begins_anew() -> None:
    choice = using("slow")
    slow, fast = path("slow", rtt_s=0.2), path("fast", rtt_s=0.05)
    decide(choice, slow, fast, now_s=100.0)
    decide(choice, slow, path("fast", rtt_s=0.19), now_s=104.0)
    assert decide(choice, slow, fast, now_s=106.0).in_use == "slow"
    assert decide(choice, slow, fast, now_s=106.0 + BETTER_S).in_use == "fast"


@pytest.mark.parametrize(("in_use_s", "other_s"), [(0.05, 0.04), (0.03, 0.015), (0.2, 0.15), (0.05, 0.05)])
def test_a_little_better_is_not_worth_a_move(in_use_s: float, other_s: float) -> None:
    choice = using("one")
    for now_s in range(0, 1000, 10):
        chosen = decide(choice, path("one", rtt_s=in_use_s), path("other", rtt_s=other_s), now_s=float(now_s))
        assert chosen.in_use == "one"


def test_a_path_that_is_up_is_better_than_one_that_is_degraded_whatever_they_cost() -> None:
    choice = using("one")
    seen = (path("one", Standing.DEGRADED, rtt_s=0.05), path("other", rtt_s=0.3))
    decide(choice, *seen, now_s=100.0)
    assert decide(choice, *seen, now_s=100.0 + BETTER_S).in_use == "other"


def test_a_path_that_failed_is_trusted_ever_later_until_it_stands_firm() -> None:
    choice, now_s, waited = using("fast", "slow"), 0.0, list[float]()
    for _ in range(8):
        now_s += 1.0  # it fails again soon
        decide(choice, path("fast", Standing.DOWN, since_s=now_s), path("slow", rtt_s=0.4), now_s=now_s)
        back_s = now_s
        while choice.chosen.in_use == "slow":
            now_s += 1.0
            decide(choice, path("fast", since_s=back_s), path("slow", rtt_s=0.4), now_s=now_s)
        waited.append(now_s - back_s)
    assert waited[0] == pytest.approx(2 * WELL_S, abs=1.5)
    assert waited == sorted(waited)
    assert waited[-1] == pytest.approx(WELL_S_MAX, abs=1.5)
    now_s += 2 * WELL_S_MAX
    decide(choice, path("fast", since_s=0.0), path("slow", rtt_s=0.4), now_s=now_s)
    assert choice._needs_s == {}


def test_paths_that_come_and_go_are_not_remembered_for_ever() -> None:
    choice, now_s = Choice(), 0.0
    for number in range(3 * NAMES_MAX):
        now_s += MOVES_WINDOW_S
        decide(choice, path(f"ppp{number}", since_s=now_s), now_s=now_s)
    assert len(choice._needs_s) <= NAMES_MAX


# ---- what costs money

LTE = "lte"


def test_a_metered_path_is_not_touched_while_it_is_not_allowed() -> None:
    choice = Choice()
    assert decide(choice, path(LTE, is_metered=True), now_s=0.0, is_urgent=True).in_use is None
    seen = (path("wifi", Standing.DOWN), path(LTE, is_metered=True))
    assert decide(choice, *seen, now_s=1.0, is_urgent=True) == Chosen("wifi", None, Because.FIRST, 1.0)


def test_a_metered_path_stands_by_only_while_there_is_a_reason() -> None:
    choice = Choice()
    well = (path("wifi"), path(LTE, is_metered=True))
    decide(choice, *well, now_s=0.0, metered=Metered.ALWAYS)
    assert decide(choice, *well, now_s=1.0, metered=Metered.ALWAYS).standby is None
    slow = (path("wifi", Standing.DEGRADED), path(LTE, is_metered=True))
    assert decide(choice, *slow, now_s=2.0, metered=Metered.ALWAYS).standby == LTE
    assert decide(choice, *well, now_s=3.0, metered=Metered.ALWAYS).standby == LTE
    assert choice.wake_at_s(now_s=12.1) == 2.0 + LINGER_S
    assert decide(choice, *well, now_s=2.0 + LINGER_S, metered=Metered.ALWAYS).standby is None
    assert decide(choice, *well, now_s=40.0, metered=Metered.ALWAYS, is_urgent=True).standby == LTE


def test_for_urgent_mail_only_means_that() -> None:
    choice = Choice()
    gone = (path("wifi", Standing.DOWN), path(LTE, is_metered=True))
    assert decide(choice, *gone, now_s=0.0, metered=Metered.URGENT) == Chosen("wifi", None, Because.FIRST, 0.0)
    assert decide(choice, *gone, now_s=1.0, metered=Metered.URGENT, is_urgent=True).in_use == LTE
    assert decide(choice, *gone, now_s=30.9, metered=Metered.URGENT).in_use == LTE
    chosen = decide(choice, *gone, now_s=1.0 + LINGER_S, metered=Metered.URGENT)
    assert (chosen.in_use, chosen.because) == ("wifi", Because.FORBIDDEN)


def test_where_it_may_be_used_it_is_left_for_one_that_costs_nothing() -> None:
    choice = Choice()
    decide(choice, path(LTE, is_metered=True, rtt_s=0.03), now_s=0.0, metered=Metered.ALWAYS)
    both = (path(LTE, is_metered=True, rtt_s=0.03), path("wifi", since_s=5.0, rtt_s=0.3))
    decide(choice, *both, now_s=5.0, metered=Metered.ALWAYS)
    assert decide(choice, *both, now_s=5.0 + WELL_S, metered=Metered.ALWAYS).in_use == "wifi"


def test_a_standby_that_does_not_come_about_gives_way_to_one_that_may() -> None:
    choice = Choice()
    assert decide(choice, path("wifi"), untried("a"), untried("b"), now_s=0.0).standby == "a"
    seen = (path("wifi"), path("a", Standing.DOWN), untried("b"))
    assert decide(choice, *seen, now_s=1.0).standby == "a"
    assert choice.wake_at_s(now_s=1.0) == STANDBY_S_MIN
    assert decide(choice, *seen, now_s=STANDBY_S_MIN).standby == "b"


# ---- whatever happens

STANDINGS = st.sampled_from(list(Standing))
NAMES = ("wifi", "cable", LTE)
LOOKS = st.lists(
    st.tuples(
        st.floats(0.0, 20.0),
        st.lists(st.tuples(STANDINGS, st.floats(0.01, 2.0), st.booleans()), min_size=3, max_size=3),
        st.sets(st.sampled_from(NAMES), min_size=1),
        st.sampled_from(list(Metered)),
        st.booleans(),
    ),
    max_size=80,
)
Look = tuple[float, list[tuple[Standing, float, bool]], set[str], Metered, bool]


class Watched:
    """Three paths that come, go and change as they like; verdicts say since when, as true ones do."""

    def __init__(self) -> None:
        self.verdicts: dict[str, Verdict] = {}

    def seen(self, look: Look, now_s: float) -> tuple[Seen, ...]:
        found: list[Seen] = []
        for name, (standing, rtt_s, is_doubted) in zip(NAMES, look[1], strict=True):
            before = self.verdicts.get(name)
            if before is None or before.standing is not standing:
                self.verdicts[name] = Verdict(standing, SIGNS[standing], now_s)
            if name in look[2]:
                seen = path(name, standing, since_s=self.verdicts[name].since_s, rtt_s=rtt_s, is_metered=name == LTE)
                found.append(replace(seen, is_doubted=is_doubted))
        return tuple(found)


@given(LOOKS)
def test_no_flapping_no_forbidden_path_and_no_dead_one_while_another_works(looks: list[Look]) -> None:
    choice, watched, now_s = Choice(), Watched(), 0.0
    last, moves_s = None, list[float]()
    reasons_s = {"urgent": -LINGER_S, "shaky": -LINGER_S}
    for look in looks:
        now_s += look[0]
        metered, is_urgent = look[3], look[4]
        seen = watched.seen(look, now_s)
        chosen = choice.decide(seen, metered=metered, is_urgent=is_urgent, now_s=now_s)
        by_name = {path.name: path for path in seen}
        in_use = by_name.get(chosen.in_use or "")
        if is_urgent:
            reasons_s["urgent"] = now_s
        if in_use is None or in_use.verdict.standing is not Standing.UP or in_use.is_doubted:
            reasons_s["shaky"] = now_s
        for_urgent = metered is not Metered.NEVER and now_s < reasons_s["urgent"] + LINGER_S
        if_shaky = metered is Metered.ALWAYS and now_s < reasons_s["shaky"] + LINGER_S

        assert chosen.in_use is None or in_use is not None, "nobody uses an interface that is not there"
        assert chosen.in_use != LTE or for_urgent or metered is Metered.ALWAYS
        assert chosen.standby != LTE or for_urgent or if_shaky
        assert chosen.standby is None or (chosen.standby in by_name and chosen.standby != chosen.in_use)

        if chosen.in_use is not None and last is not None and chosen.in_use != last:
            moves_s.append(now_s)
            if chosen.because is Because.BETTER:
                assert in_use is not None
                assert now_s - in_use.verdict.since_s >= WELL_S
                assert len([at_s for at_s in moves_s if now_s - at_s < MOVES_WINDOW_S]) <= RETURNS_MAX
        last = chosen.in_use or last
        moves_lately = len([at_s for at_s in moves_s if now_s - at_s < MOVES_WINDOW_S])
        assert moves_lately <= MOVES_MAX

        may_use = [each for each in seen if not each.is_metered or for_urgent or metered is Metered.ALWAYS]
        works = [each for each in may_use if each.verdict.standing in WORKING and not each.is_doubted]
        assert not works or in_use in works or moves_lately == MOVES_MAX


@given(LOOKS)
def test_nothing_changes_by_itself_before_it_is_said_to(looks: list[Look]) -> None:
    choice, watched, now_s = Choice(), Watched(), 0.0
    for look in looks:
        now_s += look[0]
        seen = watched.seen(look, now_s)
        chosen = choice.decide(seen, metered=look[3], is_urgent=False, now_s=now_s)
        wake_at_s = choice.wake_at_s(now_s=now_s)
        assert wake_at_s is None or wake_at_s > now_s
        pause_s = 1_000.0 if wake_at_s is None else 0.99 * (wake_at_s - now_s)
        now_s += pause_s
        assert choice.decide(seen, metered=look[3], is_urgent=False, now_s=now_s) == chosen
