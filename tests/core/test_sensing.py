"""Proves that whatever a sense may tell is taken by the engine, at any time, and is a value that nobody can change."""

from dataclasses import FrozenInstanceError
from typing import get_args

import pytest

from answerback.core.effects import Probe
from answerback.core.network.evidence import Evidence
from answerback.core.network.modes import Mode, Wish
from answerback.core.network.probe_budget import Platform
from answerback.core.sensing import (
    DatagramAnswered,
    DatagramsBlocked,
    FileAsked,
    Hinted,
    Looked,
    NetworkSeen,
    PowerSeen,
    PushGiven,
    Sensed,
    Wished,
)
from answerback.device.profile import profile_of
from answerback.model.ids import MessageId
from answerback.wire.frames import Subscribe
from tests.core.several_paths import TWO, WIFI, Stand, with_two

EVERY: tuple[Sensed, ...] = (
    NetworkSeen(TWO),
    NetworkSeen(()),
    *(Hinted(evidence) for evidence in Evidence),
    DatagramAnswered(WIFI, is_connected=True),
    DatagramAnswered(WIFI, is_connected=False),
    DatagramAnswered("nowhere", is_connected=False),
    DatagramsBlocked(WIFI),
    Looked(is_in_front=True),
    Looked(is_in_front=False),
    PowerSeen(None, None),
    PowerSeen(0.01, is_charging=False),
    Wished(Wish(Mode.ECONOMICAL)),
    PushGiven(Subscribe("https://push.example/a")),
    FileAsked(MessageId(b"m" * 16)),
)


def test_the_list_above_is_whole() -> None:
    assert {type(event) for event in EVERY} == set(get_args(Sensed))


@pytest.mark.parametrize("event", EVERY, ids=repr)
def test_it_is_taken_before_the_start_and_on_a_connection_and_the_engine_goes_on(event: Sensed) -> None:
    early = Stand(profile_of(Platform.ANDROID))
    early.sensed(event)
    early.starts()
    early.sees(*TWO)
    early.wakes(0.1)
    early.connects(next(early.paths[line] for line in early.paths if early.machines.path.holds(line)))
    assert early.machines.path.up
    stand, _, _ = with_two(profile=profile_of(Platform.ANDROID))
    stand.sensed(event)
    stand.wakes(2.0)
    assert stand.machines.path.up


@pytest.mark.parametrize("event", EVERY, ids=repr)
def test_it_is_a_value(event: Sensed) -> None:
    name = next(iter(type(event).__dataclass_fields__))
    with pytest.raises(FrozenInstanceError):
        setattr(event, name, None)


def test_a_call_of_the_relay_has_both_paths_asked() -> None:
    stand, _, _ = with_two()
    done = stand.sensed(Hinted(Evidence.RELAY_CALLED))
    assert sum(isinstance(effect, Probe) for effect in done) == 2


def test_a_relay_that_knows_no_connection_of_ours_has_it_doubted_and_one_that_does_has_not() -> None:
    stand, _, _ = with_two()
    doubts = []
    for is_connected in (True, False):
        stand.sensed(DatagramAnswered(WIFI, is_connected=is_connected))
        doubts.append(stand.machines.path.is_doubted)
    assert doubts == [False, True]


def test_old_outages_are_asked_about_by_datagram_only_where_datagrams_pass() -> None:
    stand, _, _ = with_two()
    asked = []
    for event in (DatagramAnswered(WIFI, is_connected=True), DatagramsBlocked(WIFI)):
        stand.sensed(event)
        asked.append(stand.machines.path.recovery.by_datagram)
    assert asked == [True, False]
    standby = stand.machines.paths.standby
    assert standby is not None
    assert not standby.recovery.by_datagram
