"""A device is as eager as its surroundings allow, says why, obeys people at once and does not flap."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.network.modes import (
    CHANGES,
    NO_BOUND,
    SETTLE_S,
    SMALL_BYTES,
    Change,
    Files,
    Mode,
    Modes,
    Posture,
    Surroundings,
    Why,
    Wish,
    fetches,
    sync_of,
)
from answerback.core.network.probe_budget import Platform
from answerback.core.network.standing import Sign, Standing, Verdict
from answerback.device.profile import profile_of
from answerback.wire.frames import MODE_MAX

UP = Verdict(Standing.UP, Sign.HEARD, 0.0)
SLOW = Verdict(Standing.DEGRADED, Sign.SLOW, 0.0)
GONE = Verdict(Standing.DOWN, Sign.NO_INTERFACE, 0.0)
PORTAL = Verdict(Standing.CAPTIVE, Sign.STRANGER, 0.0)
PHONE = profile_of(Platform.ANDROID)
GOOD = Surroundings(verdict=UP)


def settled(around: Surroundings, *, wish: Wish | None = None, platform: Platform = Platform.ANDROID) -> Modes:
    """What a device comes to be in surroundings that stay as they are."""
    modes = Modes(profile_of(platform), now_s=0.0, wish=wish)
    modes.notice(GOOD, now_s=0.0)
    modes.notice(around, now_s=1.0)
    while (due := modes.wake_at) is not None:
        assert modes.wake(now_s=due.at_s)
    return modes


@pytest.mark.parametrize(
    ("around", "mode", "why"),
    [
        (GOOD, Mode.LIVE, Why.NOTHING_SHORT),
        (Surroundings(verdict=UP, battery=0.1), Mode.ECONOMICAL, Why.BATTERY_LOW),
        (Surroundings(verdict=UP, battery=0.1, is_charging=True), Mode.LIVE, Why.NOTHING_SHORT),
        (Surroundings(verdict=UP, is_metered=True), Mode.ECONOMICAL, Why.METERED),
        (Surroundings(verdict=SLOW), Mode.ECONOMICAL, Why.LINK_POOR),
        (Surroundings(verdict=UP, is_in_front=False), Mode.BACKGROUND, Why.NOT_LOOKED_AT),
        (Surroundings(verdict=UP, is_in_front=False, battery=0.05), Mode.BACKGROUND, Why.NOT_LOOKED_AT),
        (Surroundings(verdict=GONE), Mode.OFFLINE, Why.NO_NETWORK),
        (Surroundings(verdict=PORTAL, is_in_front=False), Mode.OFFLINE, Why.SIGN_IN_NEEDED),
        (Surroundings(verdict=Verdict(Standing.DOWN, Sign.UNANSWERED, 0.0)), Mode.LIVE, Why.NOTHING_SHORT),
    ],
)
def test_surroundings_choose_the_mode_and_its_reason(around: Surroundings, mode: Mode, why: Why) -> None:
    posture = settled(around).posture
    assert (posture.mode, posture.why, posture.change) == (mode, why, CHANGES[why])


def test_where_a_program_is_not_held_back_nobody_has_to_look() -> None:
    unseen = Surroundings(verdict=UP, is_in_front=False)
    for platform in Platform:
        sleeps = profile_of(platform).background.sleeps
        expected = Mode.BACKGROUND if sleeps else Mode.LIVE
        assert settled(unseen, platform=platform).posture.mode is expected


def test_a_person_is_obeyed_at_once_in_either_direction() -> None:
    modes = settled(Surroundings(verdict=UP, battery=0.05))
    assert modes.choose(Wish(Mode.LIVE), now_s=20.0)
    assert (modes.posture.mode, modes.posture.why, modes.posture.since_s) == (Mode.LIVE, Why.CHOSEN, 20.0)
    assert modes.choose(Wish(Mode.ECONOMICAL), now_s=20.5)
    assert modes.choose(Wish(Mode.OFFLINE), now_s=20.6)
    assert modes.posture.change is Change.CHOOSE_AGAIN
    assert modes.choose(Wish(), now_s=21.0), "left to itself, it comes back at once to what fits"
    assert modes.posture.why is Why.BATTERY_LOW


def test_no_choice_makes_a_network_where_there_is_none() -> None:
    assert settled(Surroundings(verdict=GONE), wish=Wish(Mode.LIVE)).posture.why is Why.NO_NETWORK


def test_a_person_knows_better_whether_bytes_are_paid_for() -> None:
    assert settled(GOOD, wish=Wish(is_metered=True)).posture.why is Why.METERED
    modes = settled(Surroundings(verdict=UP, is_metered=True), wish=Wish(is_metered=False))
    assert modes.posture.mode is Mode.LIVE
    assert modes.sync.files is Files.ALL


def test_who_looks_is_served_at_once_and_who_looks_away_only_after_a_while() -> None:
    modes = settled(Surroundings(verdict=UP, is_in_front=False))
    assert modes.notice(GOOD, now_s=100.0)
    assert modes.posture.mode is Mode.LIVE
    away = Surroundings(verdict=UP, is_in_front=False)
    assert not modes.notice(away, now_s=101.0)
    due = modes.wake_at
    assert due is not None
    assert due.at_s == 101.0 + SETTLE_S
    assert not modes.notice(GOOD, now_s=105.0)
    assert modes.wake_at is None, "back in time: nothing was said to anybody"


def test_a_battery_that_wavers_at_its_limit_changes_nothing() -> None:
    low, well = PHONE.savings.battery_low, PHONE.savings.battery_well
    modes, now_s, changes = settled(Surroundings(verdict=UP, battery=low)), 100.0, 0
    for level in (low + 0.01, low - 0.01, (low + well) / 2) * 5:
        now_s += 60.0
        changes += modes.notice(Surroundings(verdict=UP, battery=level), now_s=now_s)
        changes += modes.wake(now_s=now_s + 30.0)
    assert changes == 0
    modes.notice(Surroundings(verdict=UP, battery=well), now_s=now_s + 60.0)
    assert modes.wake(now_s=now_s + 60.0 + SETTLE_S)
    assert modes.posture.mode is Mode.LIVE


_AROUND = st.builds(
    Surroundings,
    is_in_front=st.booleans(),
    battery=st.none() | st.floats(0, 1),
    is_charging=st.none() | st.booleans(),
    is_metered=st.booleans(),
    verdict=st.sampled_from([UP, SLOW, GONE, PORTAL]),
)


@given(st.lists(st.tuples(st.floats(0.0, 6.0), _AROUND), max_size=80), st.sampled_from(Platform))
def test_whatever_happens_a_device_becomes_less_eager_at_most_once_in_a_while(
    events: list[tuple[float, Surroundings]], platform: Platform
) -> None:
    modes, now_s, lessened_s = Modes(profile_of(platform), now_s=0.0), 0.0, [-SETTLE_S]
    for wait_s, around in events:
        now_s += wait_s
        before = modes.posture
        while (due := modes.wake_at) is not None and due.at_s <= now_s:
            modes.wake(now_s=due.at_s)
            if modes.posture.mode.number > before.mode.number:
                lessened_s.append(modes.posture.since_s)
            before = modes.posture
        modes.notice(around, now_s=now_s)
        if modes.posture.mode.number > before.mode.number:
            lessened_s.append(now_s)
        assert modes.posture.since_s <= now_s
    assert all(later - earlier >= SETTLE_S for earlier, later in pairwise(lessened_s))


@given(_AROUND, st.sampled_from(Platform), st.sampled_from([None, *Mode]))
def test_a_mode_that_has_settled_is_the_one_that_fits_and_stays(
    around: Surroundings, platform: Platform, mode: Mode | None
) -> None:
    modes = settled(around, wish=Wish(mode), platform=platform)
    posture = modes.posture
    assert not modes.notice(around, now_s=1e6)
    assert not modes.wake(now_s=2e6)
    assert modes.posture == posture
    assert modes.wake_at is None


@pytest.mark.parametrize("platform", Platform)
def test_a_less_eager_mode_never_spends_more(platform: Platform) -> None:
    syncs = [sync_of(mode, profile_of(platform)) for mode in Mode]
    for more, less in pairwise(syncs):
        assert less.keepalive.ceiling_s >= more.keepalive.ceiling_s
        assert less.probes.per_hour <= more.probes.per_hour
        assert more.catch_up_bytes == NO_BOUND or less.catch_up_bytes <= more.catch_up_bytes
        assert less.receipts_wait_s >= more.receipts_wait_s
        assert list(Files).index(less.files) >= list(Files).index(more.files)
        assert more.holds_connection or not less.holds_connection


def test_only_a_platform_that_keeps_connections_keeps_one_in_the_background() -> None:
    assert sync_of(Mode.BACKGROUND, PHONE).holds_connection
    ios = sync_of(Mode.BACKGROUND, profile_of(Platform.IOS))
    assert not ios.holds_connection
    assert ios.runs_s > SETTLE_S, "there is time to say so"
    assert not sync_of(Mode.OFFLINE, PHONE).holds_connection


@pytest.mark.parametrize(
    ("mode", "size_bytes", "standing", "asked", "is_fetched"),
    [
        (Mode.LIVE, 10**9, Standing.UP, False, True),
        (Mode.LIVE, 10**9, Standing.DEGRADED, False, False),
        (Mode.LIVE, SMALL_BYTES, Standing.DEGRADED, False, True),
        (Mode.ECONOMICAL, SMALL_BYTES + 1, Standing.UP, False, False),
        (Mode.ECONOMICAL, SMALL_BYTES, Standing.UP, False, True),
        (Mode.ECONOMICAL, 10**9, Standing.DEGRADED, True, True),
        (Mode.BACKGROUND, 1, Standing.UP, False, False),
        (Mode.BACKGROUND, 10**9, Standing.UP, True, True),
        (Mode.LIVE, 1, Standing.STALLED, True, False),
        (Mode.OFFLINE, 1, Standing.UP, True, False),
    ],
)
def test_a_file_comes_by_itself_on_a_good_link_and_else_when_it_is_asked_for(
    mode: Mode, size_bytes: int, standing: Standing, *, asked: bool, is_fetched: bool
) -> None:
    assert fetches(mode, size_bytes, standing, asked=asked) is is_fetched


def test_a_large_file_waits_for_a_network_that_is_not_paid_for() -> None:
    assert not fetches(Mode.LIVE, SMALL_BYTES + 1, Standing.UP, asked=False, is_metered=True)
    assert fetches(Mode.LIVE, SMALL_BYTES + 1, Standing.UP, asked=True, is_metered=True)


def test_each_reason_says_what_would_change_it() -> None:
    assert set(CHANGES) == set(Why)
    assert set(CHANGES.values()) == set(Change)
    assert [why for why in Why if Posture(Mode.LIVE, why).change is Change.NOTHING] == [Why.NOTHING_SHORT]


def test_modes_count_up_from_the_most_eager_as_relays_are_told() -> None:
    assert [mode.number for mode in Mode] == list(range(MODE_MAX + 1))
