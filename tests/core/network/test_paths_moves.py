"""Proves when mail moves to a better path, what may cost money, and what is told to all paths at once."""

from answerback.core.effects import Close, Listen, Probe, Transmit, Use
from answerback.core.network.choice import BETTER_S, WELL_S, Metered
from answerback.core.network.evidence import Evidence
from answerback.core.network.keepalive import Bounds
from answerback.core.network.path import RACE_S
from answerback.core.network.paths import Paths
from answerback.core.network.probe_budget import IN_FRONT, Platform
from answerback.core.network.standing import Standing
from answerback.core.sensing import Hinted
from answerback.model.causes import Cause
from answerback.model.message import Urgency
from answerback.wire.frames import (
    Farewell,
)
from tests.core.several_paths import (
    CABLE,
    CELLULAR,
    DEAR,
    HOME,
    OFFICE,
    STREET,
    TICKET,
    TWO,
    WIFI,
    Stand,
    moved_to,
    seen,
    with_two,
)

# ---- a better one comes


def test_a_path_that_costs_nothing_is_returned_to_when_it_was_well_for_long_enough_make_before_break() -> None:
    stand, first, second = with_two()
    stand.machines.paths.metered = Metered.ALWAYS
    stand.sees(*DEAR)
    stand.loses(first)
    moved_to(stand, second)
    stand.wakes(0.5)
    third = stand.connects(WIFI)
    assert third not in stand.closed
    assert stand.in_use == second
    back_s = stand.now_s
    stand.wakes(4 * WELL_S)
    moved_to(stand, third)
    assert second in stand.closed
    uses = [number for number, effect in enumerate(stand.done) if effect == Use(third)]
    assert uses[0] < stand.done.index(Close(second)), "made before the other is broken"
    assert stand.now_s - back_s > min(WELL_S, BETTER_S)


def test_a_metered_path_gets_no_connection_while_the_free_one_is_well_unless_urgent_mail_is_under_way() -> None:
    stand = Stand()
    stand.sees(*DEAR)
    stand.starts()
    stand.connects(WIFI)
    stand.wakes(20.0)
    assert CELLULAR not in stand.paths.values()
    stand.writes(Urgency.URGENT)
    assert stand.machines.hedging.is_busy
    stand.wakes(0.1)
    assert CELLULAR in stand.paths.values()


def test_a_metered_path_is_never_used_where_that_is_the_policy() -> None:
    stand = Stand()
    stand.machines.paths.metered = Metered.NEVER
    stand.sees(*DEAR)
    stand.starts()
    first = stand.connects(WIFI)
    stand.writes(Urgency.URGENT)
    stand.loses(first)
    stand.wakes(120.0)
    assert CELLULAR not in stand.paths.values()


# ---- what is said of all of them


def test_all_paths_are_as_eager_as_the_mode_says_those_that_come_later_too() -> None:
    paths, allowance = Paths(), IN_FRONT[Platform.IOS]
    paths.network_seen([seen(WIFI, HOME)], now_s=0.0, draw=0.5)
    paths.adapt(allowance, Bounds(30.0, 300.0))
    paths.network_seen(TWO, now_s=1.0, draw=0.5)
    for path in paths._by_name.values():
        assert path.recovery.budget.allowance == allowance
        assert path.keepalive.bounds == Bounds(30.0, 300.0)
    assert CELLULAR in paths._by_name


def test_evidence_is_told_to_the_path_in_use_and_to_the_standby() -> None:
    stand, first, second = with_two()
    done = stand.sensed(Hinted(Evidence.WOKE))
    assert {effect.path for effect in done if isinstance(effect, Probe)} == {WIFI, CELLULAR}
    assert {effect.line for effect in done if isinstance(effect, Transmit)} >= {first, second}


def test_a_farewell_on_the_standby_ends_the_standby_only() -> None:
    stand, first, second = with_two()
    stand.hears(second, Farewell(Cause.RELAY_BUSY.value, 60_000))
    assert (stand.in_use, stand.machines.path.line) == (first, first)
    assert stand.machines.paths.standby is not None
    assert not stand.machines.paths.standby.up
    tried = len(stand.paths)
    stand.wakes(30.0)
    assert len(stand.paths) == tried, "it was told when"


def test_a_connection_that_was_superseded_by_one_of_our_own_is_no_reason_to_keep_away() -> None:
    superseded = Farewell(Cause.NETWORK_CONNECTION_LOST.value, 60_000, "superseded")
    for quiet_s, is_ours in ((0.0, True), (RACE_S + 1.0, False)):
        stand, first, second = with_two()
        stand.wakes(quiet_s)
        stand.hears(second, superseded)
        assert stand.in_use == first
        stand.wakes(15.0)
        # If it was not ours, another program is at work with this device's keys.
        assert (list(stand.paths.values()).count(CELLULAR) > 1) == is_ours


def test_a_third_path_stands_by_when_the_second_takes_over() -> None:
    three = (*TWO, seen(CABLE, OFFICE))
    stand = Stand()
    stand.sees(*three)
    stand.starts()
    first = stand.connects(WIFI)
    standby = stand.machines.paths.standby
    assert standby is not None
    second = stand.connects(standby.name)
    stand.sees(*(path for path in three if path.name != WIFI))
    assert stand.in_use == second
    assert first in stand.closed
    left = stand.machines.paths.standby
    assert left is not None
    assert {standby.name, left.name} == {CELLULAR, CABLE}
    assert stand.machines.paths.current.verdict.standing is Standing.UP


def test_probes_into_an_outage_say_nothing_of_what_the_path_loses_when_it_works() -> None:
    stand = Stand()
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    first = stand.connects(WIFI)
    stand.loses(first)
    stand.wakes(30.0)
    assert stand.machines.path.estimate.loss > 0.5
    stand.sensed(Hinted(Evidence.NETWORK_CHANGED))
    stand.connects(WIFI)
    assert stand.machines.path.estimate.loss == 0.0
    assert stand.machines.path.verdict.standing is Standing.UP


def test_a_connection_that_was_begun_before_the_first_look_is_heard_by_datagram_under_its_new_name() -> None:
    stand = Stand()
    stand.starts()
    line = stand.connects("", ticket=TICKET)
    assert Listen("", line, TICKET) in stand.done
    stand.sees(seen(WIFI, HOME))
    assert stand.done[-1] == Listen(WIFI, line, TICKET)
    before = len(stand.done)
    stand.sees(seen(WIFI, HOME), seen(CELLULAR, STREET))
    assert not [effect for effect in stand.done[before:] if isinstance(effect, Listen)]
