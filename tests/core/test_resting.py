"""Proves when a device has no connection on purpose, that the relay is told before, and what begins one again."""

from answerback.core.effects import LinkChanged
from answerback.core.network.evidence import Evidence
from answerback.core.network.modes import SETTLE_S, Mode, Wish
from answerback.core.network.platforms import Profile
from answerback.core.network.probe_budget import Platform
from answerback.core.resting import BYE_S
from answerback.core.sensing import Hinted, Looked, PushGiven, Wished
from answerback.device.profile import profile_of
from answerback.model.causes import Cause
from answerback.wire.frames import Pace, Subscribe
from answerback.wire.subscriptions import subscription_name
from tests.core.several_paths import HOME, WIFI, Stand, seen

IOS, DESKTOP = profile_of(Platform.IOS), profile_of(Platform.DESKTOP)
QUIET_S = 60.0


def connected(profile: Profile | None = IOS) -> tuple[Stand, int]:
    stand = Stand(profile)
    stand.sees(seen(WIFI, HOME))
    stand.starts()
    return stand, stand.connects(WIFI)


def resting(profile: Profile = IOS) -> tuple[Stand, int]:
    stand, line = connected(profile)
    stand.sensed(Looked(is_in_front=False))
    stand.wakes(SETTLE_S + QUIET_S)
    assert line in stand.closed
    return stand, line


def test_where_the_system_holds_back_who_is_not_looked_at_the_relay_is_told_and_then_the_connection_ends() -> None:
    stand, line = resting()
    assert [frame.mode for frame in stand.frames(line, Pace)] == [Mode.BACKGROUND.number, 3]
    assert stand.told[-1] == LinkChanged(connected=False, cause=Cause.DEVICE_RESTS)
    probes = len(stand.paths)
    stand.wakes(3600.0)
    assert len(stand.paths) == probes, "nobody asks for a path that nobody needs"


def test_the_last_word_has_a_moment_to_leave() -> None:
    stand, line = connected(DESKTOP)
    stand.sensed(Wished(Wish(Mode.OFFLINE)))
    stand.wakes(0.0)
    assert stand.frames(line, Pace)[-1].mode == 3
    assert line not in stand.closed
    stand.wakes(BYE_S)
    assert line in stand.closed


def test_a_platform_that_lets_programs_be_keeps_its_connection() -> None:
    stand, line = connected(DESKTOP)
    stand.sensed(Looked(is_in_front=False))
    stand.wakes(SETTLE_S + QUIET_S)
    assert line not in stand.closed


def test_somebody_who_looks_or_a_relay_that_calls_has_it_connect_again() -> None:
    for event in (Looked(is_in_front=True), Hinted(Evidence.RELAY_CALLED)):
        stand, _ = resting()
        probes = len(stand.paths)
        stand.sensed(event)
        stand.wakes(0.0)
        assert len(stand.paths) == probes + 1
        stand.connects(WIFI)
        assert stand.told[-1] == LinkChanged(connected=True, cause=None)


def test_what_is_written_has_it_connect_again() -> None:
    stand, _ = resting()
    probes = len(stand.paths)
    stand.writes()
    stand.wakes(0.0)
    assert len(stand.paths) == probes + 1


def test_a_person_who_chose_to_be_offline_is_not_connected_whatever_waits() -> None:
    stand, line = connected(DESKTOP)
    stand.sensed(Wished(Wish(Mode.OFFLINE)))
    stand.wakes(BYE_S)
    probes = len(stand.paths)
    stand.writes()
    stand.sensed(Hinted(Evidence.RELAY_CALLED))
    stand.sensed(Looked(is_in_front=True))
    stand.wakes(600.0)
    assert (line in stand.closed, len(stand.paths)) == (True, probes)
    stand.sensed(Wished(Wish()))
    stand.wakes(0.0)
    assert len(stand.paths) == probes + 1


def test_a_relay_that_knows_another_place_to_wake_this_device_is_told_the_right_one() -> None:
    place = Subscribe("https://push.example/a", b"k" * 65, b"a" * 16)
    stand, line = connected()
    stand.sensed(PushGiven(place))
    assert stand.frames(line, Subscribe) == [place]
    stand.wakes(6.0)  # long enough for a loss to be no refusal
    stand.loses(line)
    stand.wakes(0.0)
    again = stand.connects(WIFI, push=subscription_name(place))
    assert stand.frames(again, Subscribe) == []
    stand.wakes(6.0)
    stand.loses(again)
    stand.wakes(0.0)
    assert stand.frames(stand.connects(WIFI), Subscribe) == [place], "it has forgotten"
