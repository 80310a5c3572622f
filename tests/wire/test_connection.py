"""The table of states says for every frame when it may be said."""

from typing import get_args

import pytest

from answerback.model.errors import PeerError
from answerback.wire.connection import FROM_DEVICE, FROM_RELAY, Phase, after_device, after_relay
from answerback.wire.frames import (
    Challenge,
    ClientFrame,
    Farewell,
    Hello,
    Ping,
    Pong,
    RelayFrame,
    Resume,
    TakeOver,
    Took,
    Welcome,
)

CHALLENGE = Challenge(b"n", b"r", 0)
HELLO = Hello(1, b"d", b"s", [])  # type: ignore[arg-type]
RESUME = Resume(1, b"d", b"t", 0, [], 1, b"p")  # type: ignore[arg-type]
WELCOME = Welcome(0, b"", b"", b"", 0, 0, 1, 0, b"")
FAREWELL = Farewell("relay.busy", 1)


def test_a_conversation_opens_with_challenge_hello_and_welcome() -> None:
    phase = after_relay(Phase.STRANGERS, CHALLENGE)
    phase = after_device(phase, HELLO)
    phase = after_device(phase, Took([]))
    assert phase is Phase.CLAIMED
    phase = after_relay(phase, WELCOME)
    assert after_relay(after_device(phase, Ping(1)), Pong(1, 0)) is Phase.OPEN


def test_the_relay_may_say_farewell_at_any_time_and_nothing_after_it() -> None:
    for phase in set(Phase) - {Phase.ENDED}:
        assert after_relay(phase, FAREWELL) is Phase.ENDED
    for frame in (FAREWELL, WELCOME, Pong(1, 0)):
        with pytest.raises(PeerError, match="while ended"):
            after_relay(Phase.ENDED, frame)
    assert after_device(Phase.ENDED, Ping(1)) is Phase.ENDED, "it may have been on its way"


@pytest.mark.parametrize("phase", [Phase.STRANGERS, Phase.CHALLENGED])
def test_a_device_says_nothing_before_its_hello(phase: Phase) -> None:
    with pytest.raises(PeerError, match="a device says Ping"):
        after_device(phase, Ping(1))


def test_nobody_says_hello_or_welcome_twice() -> None:
    for phase in (Phase.CLAIMED, Phase.OPEN):
        with pytest.raises(PeerError):
            after_device(phase, HELLO)
    with pytest.raises(PeerError):
        after_relay(Phase.OPEN, WELCOME)


def test_every_frame_has_its_place_in_the_table() -> None:
    assert {frame for row in FROM_RELAY.values() for frame in row} == set(get_args(RelayFrame))
    assert {frame for row in FROM_DEVICE.values() for frame in row} == set(get_args(ClientFrame))
    assert set(FROM_RELAY) == set(FROM_DEVICE) == set(Phase)


def test_whoever_shows_a_ticket_is_welcomed_first_of_all_or_asked_to_sign() -> None:
    phase = after_device(Phase.STRANGERS, RESUME)
    assert after_relay(phase, WELCOME) is Phase.OPEN
    assert after_relay(phase, CHALLENGE) is Phase.CHALLENGED
    with pytest.raises(PeerError):
        after_device(phase, Ping(1))


def test_a_ticket_is_shown_before_the_challenge_or_not_at_all() -> None:
    for phase in set(Phase) - {Phase.STRANGERS}:
        with pytest.raises(PeerError):
            after_device(phase, RESUME)


def test_a_standby_may_take_over_before_it_is_welcomed() -> None:
    assert after_device(Phase.CLAIMED, TakeOver([])) is Phase.CLAIMED
    assert after_device(Phase.OPEN, TakeOver([])) is Phase.OPEN
    with pytest.raises(PeerError):
        after_device(Phase.CHALLENGED, TakeOver([]))
