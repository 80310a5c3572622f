"""Proves what follows for mail and people when connections come, go, and overtake each other."""

from answerback.core.effects import Close, Effect, LinkChanged, Probe, Proceed, Reason, Tell, Transmit, Use, Warned
from answerback.core.network.signs import KEEPALIVE_S
from answerback.core.network.silence import SILENCE_S_MIN
from answerback.model.causes import Cause
from answerback.model.envelope import Delivery
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.wire.frames import (
    WIRE_VERSION,
    Accepted,
    Challenge,
    Deliver,
    Farewell,
    Hello,
    Ping,
    Pong,
    Resolve,
    Submit,
    Ticket,
)
from tests.core.lone_engine import RELAY_MS, Device, at, frames, told, welcome

TICKET = Ticket(b"T" * 16, b"S" * 32, 600)
CHALLENGE = Challenge(b"n" * 32, b"relay", 0)


def probed(effects: list[Effect]) -> int:
    (line,) = [effect.line for effect in effects if isinstance(effect, Probe)]
    return line


def sealed(effects: list[Effect]) -> list[bytes]:
    submits = [frame for frame in frames(effects) if isinstance(frame, Submit)]
    return [envelope.sealed for submit in submits for envelope in submit.envelopes]


def idle(*, ticket: Ticket | None = None) -> Device:
    """A device on line 1 that owes nothing and is owed nothing, 100 ms from its relay."""
    device = Device()
    device.connects(1.0, ticket=ticket)
    device.settles(now_s=1.0)
    device.hears(Pong(1, RELAY_MS), now_s=1.1)
    return device


def doubting(*, ticket: Ticket | None = None) -> tuple[Device, list[bytes], int]:
    """Its mail has left on line 1 at 2.0, nothing comes, and a probe asks beside it: with what left, and its line."""
    device = idle(ticket=ticket)
    _, effects = device.sends("bea", now_s=2.0)
    asked = device.engine.wake(now=at(2.0 + SILENCE_S_MIN + 0.1))
    return device, sealed(effects), probed(asked)


def test_nobody_is_told_of_a_doubt_and_the_doubted_connection_is_kept() -> None:
    device, _, line = doubting()
    assert device.machines.path.is_doubted
    effects = device.engine.answered(line, now=at(2.6))
    assert told(effects) == []
    assert not any(isinstance(effect, Close) for effect in effects)


def test_what_was_on_its_way_goes_again_on_the_connection_that_overtakes() -> None:
    device, left, line = doubting()
    device.engine.answered(line, now=at(2.6))
    device.engine.opened(line, now=at(2.8))
    device.engine.received(line, CHALLENGE, now=at(2.8))
    effects = device.engine.received(line, welcome(), now=at(2.9))
    assert effects[:2] == [Use(line), Close(1)]
    assert sealed(effects) == left
    assert told(effects)[:1] != [LinkChanged(connected=False, cause=Cause.NETWORK_STALLED)]
    assert [news for news in told(effects) if isinstance(news, LinkChanged)] == [], "nothing has gone or come"
    assert device.engine.received(1, Accepted([]), now=at(3.0)) == [], "the old one is not heard any more"


def test_what_was_on_its_way_goes_again_after_a_loss_that_people_are_told_of() -> None:
    device = idle()
    _, effects = device.sends("bea", now_s=2.0)
    left = sealed(effects)
    effects = device.loses(Cause.NETWORK_CONNECTION_LOST, now_s=8.0)
    assert told(effects) == [LinkChanged(connected=False, cause=Cause.NETWORK_CONNECTION_LOST)]
    assert device.loses(Cause.NETWORK_CONNECTION_LOST, now_s=8.0) == []
    effects = device.connects(9.0)
    assert told(effects)[0] == LinkChanged(connected=True, cause=None)
    assert sealed(effects) == left


def test_a_word_on_the_doubted_connection_ends_the_race_and_the_attempt() -> None:
    device, _, line = doubting()
    effects = device.hears(Accepted([]), now_s=2.6)
    assert Close(line) in effects
    assert sealed(effects) == [], "nothing was lost"
    assert device.engine.answered(line, now=at(2.7)) == []
    assert device.engine.opened(line, now=at(2.7)) == []
    assert device.engine.received(line, CHALLENGE, now=at(2.7)) == []


def test_a_relay_that_answers_pings_and_takes_minutes_over_a_question_is_asked_once_whether_it_lives() -> None:
    device, now_s = idle(), 2.0
    probes, pings = 0, 0
    _, effects = device.sends("cem", now_s=now_s)
    assert [type(frame) for frame in frames(effects)] == [Resolve]
    while (wake := device.engine.wake_at) is not None and wake.at_s < KEEPALIVE_S:
        now_s = max(wake.at_s, now_s)
        effects = device.engine.wake(now=at(now_s))
        probes += sum(isinstance(effect, Probe) for effect in effects)
        for frame in frames(effects):
            if isinstance(frame, Ping):
                pings += 1
                device.hears(Pong(frame.echo, RELAY_MS), now_s=now_s + 0.1)
    assert (pings, probes) == (1, 1)
    assert device.machines.questions.waiting


def test_each_attempt_that_goes_on_shows_the_ticket_and_says_a_life_of_its_own() -> None:
    device = idle(ticket=TICKET)
    device.loses(Cause.NETWORK_CONNECTION_LOST, now_s=20.0)
    shown: list[tuple[int, bytes, int]] = []
    while len(shown) < 2:
        wake = device.engine.wake_at
        assert wake is not None
        effects = device.engine.wake(now=at(wake.at_s))
        for effect in list(effects):
            if isinstance(effect, Probe):
                effects += device.engine.answered(effect.line, now=at(wake.at_s))
        shown += [
            (effect.line, effect.resume.ticket, effect.resume.life)
            for effect in effects
            if isinstance(effect, Proceed) and effect.resume is not None
        ]
    (first, second) = shown
    assert first[0] != second[0]
    assert first[1] == second[1] == TICKET.name
    assert second[2] == first[2] + 1


def test_two_attempts_are_greeted_at_once_each_on_its_own_connection() -> None:
    device, _, line = doubting()
    path = device.machines.path
    device.engine.answered(line, now=at(2.6))
    other = probed([path._probe(Reason.CONNECT_EVIDENCE, answer_s=0.95, now_s=2.6)])
    path.attempts.answered(other, now_s=2.6)
    for each in (line, other):
        device.engine.opened(each, now=at(2.8))
    hellos = [device.engine.received(each, CHALLENGE, now=at(2.8)) for each in (line, other)]
    said = [each for effects in hellos for each in effects if isinstance(each, Transmit)]
    assert [(each.line, type(each.frame)) for each in said] == [(line, Hello), (other, Hello)]
    lives = [each.frame.life for each in said if isinstance(each.frame, Hello)]
    assert lives[1] == lives[0] + 1
    effects = device.engine.received(line, welcome(), now=at(2.9))
    assert Use(line) in effects


def test_what_a_relay_may_not_say_on_an_attempt_ends_that_attempt_alone() -> None:
    device, _, line = doubting()
    device.engine.answered(line, now=at(2.6))
    device.engine.opened(line, now=at(2.8))
    effects = device.engine.received(line, Accepted([]), now=at(2.9))
    assert [effect for effect in effects if isinstance(effect, Close)] == [Close(line)]
    assert told(effects) == []
    assert device.machines.path.line == 1
    assert device.engine.received(line, CHALLENGE, now=at(3.0)) == []


def test_a_farewell_on_an_attempt_says_nothing_against_the_connection_that_has_won() -> None:
    device, _, line = doubting()
    device.engine.answered(line, now=at(2.6))
    device.engine.opened(line, now=at(2.9))
    device.engine.received(line, CHALLENGE, now=at(2.9))
    device.hears(Accepted([]), now_s=3.0)
    path = device.machines.path
    assert path.holds(line), "it may have said hello"
    assert not path.is_doubted
    effects = device.engine.received(line, Farewell(Cause.RELAY_BUSY.value, 600_000), now=at(3.1))
    assert told(effects) == []
    assert (path.line, path.is_doubted) == (1, False)
    later = device.engine.wake(now=at(3.2))
    assert Close(1) not in later


def test_a_farewell_of_the_doubted_connection_does_not_give_up_the_one_that_has_superseded_it() -> None:
    device, _, line = doubting()
    device.engine.answered(line, now=at(2.6))
    device.engine.opened(line, now=at(2.61))  # its ticket was in the request: the relay has let it in
    superseded = Farewell(Cause.NETWORK_CONNECTION_LOST.value, 90_000, "superseded")
    effects = device.engine.received(1, superseded, now=at(2.62))
    assert Close(line) not in effects
    assert device.machines.path.holds(line)
    device.engine.received(line, CHALLENGE, now=at(2.65))
    device.engine.received(line, welcome(), now=at(2.7))
    assert device.machines.path.line == line


def test_a_farewell_on_an_attempt_beside_a_doubted_connection_says_when_to_come_back() -> None:
    device, _, line = doubting()
    device.engine.answered(line, now=at(2.6))
    device.engine.opened(line, now=at(2.8))
    device.engine.received(line, CHALLENGE, now=at(2.8))
    device.engine.received(line, Farewell(Cause.RELAY_BUSY.value, 60_000), now=at(3.0))
    wake = device.machines.path.recovery.wake_at
    assert wake is not None
    assert wake.at_s == 63.0
    assert device.machines.path.line == 1


def test_another_protocol_is_told_to_the_person_and_nothing_is_said() -> None:
    device = Device()
    device.opens(1.0)
    effects = device.hears(Challenge(b"n" * 32, b"relay", 0, WIRE_VERSION + 1), now_s=1.0)
    assert effects == [Tell(Warned(Cause.RELAY_INCOMPATIBLE))]


def test_what_the_relay_hands_over_says_how_much_the_path_carries_down() -> None:
    device = Device()
    device.connects(1.0)
    delivery = Delivery(1, Lane.NORMAL, EnvelopeId(b"e" * 32), b"x" * 20_000)
    for number in range(11):
        device.hears(Deliver([delivery]), now_s=2.0 + number / 10)
    assert 100_000 < device.machines.path.estimate.down_bytes_per_s < 300_000
