"""Proves that a mode means what it says: probes, keep-alives, files, metered paths, and what the relay is told."""

import pytest

from answerback.core.adapting import AGAIN_S, METERED, SILENT_MODE
from answerback.core.network.choice import Metered
from answerback.core.network.modes import SETTLE_S, SMALL_BYTES, Mode, Why, Wish, sync_of
from answerback.core.network.platforms import Profile
from answerback.core.network.probe_budget import Platform
from answerback.core.sensing import FileAsked, Looked, PowerSeen, Wished
from answerback.device.profile import profile_of
from answerback.model.ids import AccountId, MessageId
from answerback.wire.frames import Pace, TakeOver
from tests.core.several_paths import CELLULAR, HOME, STREET, WIFI, Stand, seen, with_two

ANDROID, DESKTOP = profile_of(Platform.ANDROID), profile_of(Platform.DESKTOP)
LOW = PowerSeen(0.05, is_charging=False)
FULL = PowerSeen(0.9, is_charging=False)
OTHER, NUMBER = AccountId(b"a" * 16), MessageId(b"m" * 16)


def connected(profile: Profile | None = ANDROID, *, is_metered: bool = False) -> tuple[Stand, int]:
    stand = Stand(profile)
    stand.sees(seen(WIFI, HOME, is_metered=is_metered))
    stand.starts()
    return stand, stand.connects(WIFI)


def settled(stand: Stand, event: Looked | PowerSeen | Wished) -> None:
    stand.sensed(event)
    stand.wakes(SETTLE_S + 0.1)


def paces(stand: Stand, line: int) -> list[Pace]:
    return stand.frames(line, Pace)


def test_a_choice_made_before_anything_has_begun_counts_at_once_and_then() -> None:
    stand = Stand(ANDROID)
    stand.sensed(Wished(Wish(Mode.ECONOMICAL)))
    before = stand.engine.posture
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    after = stand.engine.posture
    assert [(each.mode, each.why) for each in (before, after)] == [(Mode.ECONOMICAL, Why.CHOSEN)] * 2


def test_without_a_profile_a_device_is_as_eager_as_can_be_and_nothing_changes_that() -> None:
    stand, line = connected(None)
    budget, bounds = stand.machines.path.recovery.budget.allowance, stand.machines.path.keepalive.bounds
    for event in (Looked(is_in_front=False), LOW, Wished(Wish(Mode.OFFLINE))):
        settled(stand, event)
    adapting = stand.engine._adapting
    assert stand.engine.posture.mode is Mode.LIVE
    assert (adapting.sync, adapting.wake_at) == (None, None)
    assert adapting.may_fetch(OTHER, NUMBER, 10**9)
    assert (paces(stand, line), stand.modes) == ([], [])
    assert (stand.machines.path.recovery.budget.allowance, stand.machines.path.keepalive.bounds) == (budget, bounds)


def test_an_eager_device_tells_the_relay_nothing_of_it() -> None:
    stand, line = connected()
    assert stand.engine.posture.mode is Mode.LIVE
    assert paces(stand, line) == []


@pytest.mark.parametrize(
    ("event", "mode", "why"),
    [
        (Looked(is_in_front=False), Mode.BACKGROUND, Why.NOT_LOOKED_AT),
        (LOW, Mode.ECONOMICAL, Why.BATTERY_LOW),
        (Wished(Wish(Mode.ECONOMICAL)), Mode.ECONOMICAL, Why.CHOSEN),
        (Wished(Wish(is_metered=True)), Mode.ECONOMICAL, Why.METERED),
    ],
    ids=["not looked at", "battery", "wish", "metered"],
)
def test_a_change_is_told_to_people_and_to_the_relay_and_every_path_follows(
    event: Looked | PowerSeen | Wished, mode: Mode, why: Why
) -> None:
    stand, line = connected()
    settled(stand, event)
    assert (stand.engine.posture.mode, stand.engine.posture.why) == (mode, why)
    (news,) = stand.modes
    assert news.posture == stand.engine.posture
    sync = stand.engine._adapting.sync
    assert sync == sync_of(mode, ANDROID, is_metered=stand.engine._adapting._modes.is_metered)  # type: ignore[union-attr]
    (pace,) = paces(stand, line)
    assert pace == Pace(mode.number, sync.catch_up_bytes)
    stand.sees(seen(WIFI, HOME), seen(CELLULAR, STREET))
    assert len(stand.machines.paths._by_name) == 2
    for path in stand.machines.paths._by_name.values():
        assert path.recovery.budget.allowance == sync.probes
        assert path.keepalive.bounds == sync.keepalive
    assert stand.machines.paths.metered is METERED[mode]


def test_what_is_measured_counts_after_a_while_and_the_engine_wakes_for_it() -> None:
    stand, line = connected()
    stand.sensed(LOW)
    wake = stand.engine._adapting.wake_at
    assert wake is not None
    assert wake.at_s == stand.now_s + SETTLE_S
    stand.wakes(SETTLE_S - 0.01)
    assert stand.modes == []
    stand.wakes(0.01)
    assert [news.posture.mode for news in stand.modes] == [Mode.ECONOMICAL]
    assert stand.engine._adapting.wake_at is None
    assert len(paces(stand, line)) == 1


def test_a_new_connection_begins_with_the_mode_unless_it_is_what_the_relay_believes_anyway() -> None:
    stand, first = connected()
    settled(stand, LOW)
    stand.loses(first)
    stand.wakes(1.0)
    second = stand.connects(WIFI)
    assert paces(stand, second) == paces(stand, first) != []
    settled(stand, FULL)
    assert paces(stand, second)[-1] == Pace(Mode.LIVE.number, -1)
    stand.loses(second)
    stand.wakes(1.0)
    assert paces(stand, stand.connects(WIFI)) == []


def test_the_connection_that_stands_by_is_not_told_and_after_a_move_the_relay_knows_it_still() -> None:
    stand, first, second = with_two(profile=ANDROID)
    settled(stand, LOW)
    assert len(paces(stand, first)) == 1
    assert paces(stand, second) == []


def test_somebody_who_looks_is_obeyed_at_once_and_has_a_quiet_connection_asked() -> None:
    stand, _ = connected()
    settled(stand, Looked(is_in_front=False))
    stand.wakes(20.0)
    said = len(stand.said)
    stand.sensed(Looked(is_in_front=True))
    assert stand.engine.posture.mode is Mode.LIVE
    assert len(stand.said) > said
    assert [type(frame).__name__ for _, frame in stand.said[said:]] == ["Pace", "Ping"]


def test_a_device_without_a_network_is_offline_and_says_so_to_people_only() -> None:
    stand, line = connected()
    stand.sees()
    stand.loses(line)
    assert stand.engine.posture.mode is Mode.OFFLINE or stand.wakes(SETTLE_S)
    assert (stand.engine.posture.mode, stand.engine.posture.why) == (Mode.OFFLINE, Why.NO_NETWORK)
    assert paces(stand, line) == []
    assert stand.machines.paths.metered is Metered.NEVER


def test_the_person_may_be_offline_and_the_relay_is_told_of_the_background() -> None:
    stand, line = connected()
    settled(stand, Wished(Wish(Mode.OFFLINE)))
    assert [pace.mode for pace in paces(stand, line)] == [Mode.BACKGROUND.number, SILENT_MODE]
    assert stand.engine._adapting.wish == Wish(Mode.OFFLINE)


def test_an_economical_device_takes_its_next_helping_every_few_minutes() -> None:
    stand, line = connected()
    settled(stand, LOW)
    before = len(paces(stand, line))
    for _ in range(round(2 * AGAIN_S / 20) + 2):
        stand.settles()
        stand.wakes(20.0)
    assert before + 1 <= len(paces(stand, line)) <= before + 3


def test_where_bytes_are_dear_small_files_come_by_themselves_and_others_when_asked_for() -> None:
    stand, _ = connected(is_metered=True)
    stand.wakes(SETTLE_S + 1.0)
    adapting = stand.engine._adapting
    assert stand.engine.posture.why is Why.METERED
    assert adapting.may_fetch(OTHER, NUMBER, SMALL_BYTES)
    assert not adapting.may_fetch(OTHER, NUMBER, SMALL_BYTES + 1)
    assert adapting.may_fetch(stand.machines.own.account, NUMBER, 10**9), "our own file is on its way to others"
    stand.sensed(FileAsked(NUMBER))
    assert adapting.may_fetch(OTHER, NUMBER, SMALL_BYTES + 1)
    assert not adapting.may_fetch(OTHER, MessageId(b"n" * 16), SMALL_BYTES + 1)


def test_in_the_background_no_file_comes_by_itself() -> None:
    stand, _ = connected()
    settled(stand, Looked(is_in_front=False))
    assert not stand.engine._adapting.may_fetch(OTHER, NUMBER, 1)
    settled(stand, Looked(is_in_front=True))
    assert stand.engine._adapting.may_fetch(OTHER, NUMBER, 1)


def test_a_metered_path_is_used_as_the_mode_allows() -> None:
    assert METERED == {
        Mode.LIVE: Metered.ALWAYS,
        Mode.ECONOMICAL: Metered.URGENT,
        Mode.BACKGROUND: Metered.URGENT,
        Mode.OFFLINE: Metered.NEVER,
    }


def test_what_goes_with_the_path_in_use_does_not_decide_which_path_that_is() -> None:
    stand, _, second = with_two(profile=ANDROID)
    assert stand.machines.paths.metered is Metered.ALWAYS
    stand.sees(seen(WIFI, HOME, is_metered=True), seen(CELLULAR, STREET))
    stand.wakes(SETTLE_S + 1.0)
    moves = [line for line, frame in stand.said if isinstance(frame, TakeOver)]
    assert moves == [second], "the one that costs nothing is better"
    stand.sees(seen(WIFI, HOME, is_metered=True))
    stand.wakes(0.5)
    stand.connects(WIFI)
    stand.wakes(SETTLE_S + 1.0)
    assert (stand.engine.posture.mode, stand.engine.posture.why) == (Mode.ECONOMICAL, Why.METERED)
    assert stand.machines.paths.metered is Metered.ALWAYS, "or it would be left for the reason that it is in use"
    stand.sensed(Wished(Wish(is_metered=True)))
    stand.sensed(LOW)
    stand.wakes(SETTLE_S + 1.0)
    now: Metered = stand.machines.paths.metered
    assert now is Metered.URGENT


def test_a_desktop_is_never_in_the_background() -> None:
    stand, line = connected(DESKTOP)
    settled(stand, Looked(is_in_front=False))
    assert stand.engine.posture.mode is Mode.LIVE
    assert paces(stand, line) == []
