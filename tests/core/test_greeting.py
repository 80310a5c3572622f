"""A device shows its ticket where that may help, and its life is on the disk before it is said."""

import msgspec

from answerback.core.effects import Effect, Probe, Proceed, Save, Transmit
from answerback.core.facts import KeepCursor, KeepRelay
from answerback.crypto.resumption import check_proof
from answerback.model.causes import Cause
from answerback.model.message import Lane
from answerback.wire.frames import Challenge, Hello, Resume, Ticket
from tests.core.lone_engine import RELAY_MS, Device, at, frames, welcome

TICKET = Ticket(b"T" * 16, b"S" * 32, 600)


def shown(effects: list[Effect]) -> Resume | None:
    (proceed,) = [effect for effect in effects if isinstance(effect, Proceed)]
    return proceed.resume


def lives(effects: list[Effect]) -> list[int]:
    """The lives that are put on the disk."""
    saves = [effect for effect in effects if isinstance(effect, Save)]
    return [save.fact.life for save in saves if isinstance(save.fact, KeepRelay)]


def probed(device: Device, *, now_s: float) -> list[Effect]:
    """Have the device ask for a connection by the clock, and remember which."""
    effects = device.engine.wake(now=at(now_s))
    (probe,) = [effect for effect in effects if isinstance(effect, Probe)]
    device.line = probe.line
    return effects


def lost(device: Device, *, now_s: float) -> list[Effect]:
    """Lose the connection; the next probe is answered at once."""
    device.loses(Cause.NETWORK_CONNECTION_LOST, now_s=now_s)
    probed(device, now_s=now_s)
    return device.engine.answered(device.line, now=at(now_s))


def test_the_first_attempt_has_nothing_to_show() -> None:
    device = Device()
    device.engine.start(now=at(0.0))
    assert shown(device.engine.answered(1, now=at(0.1))) is None


def test_a_connection_that_was_lost_is_resumed_with_the_ticket() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    life = device.machines.life
    resume = shown(lost(device, now_s=31.0))
    assert resume is not None
    assert (resume.ticket, resume.taken, resume.life) == (TICKET.name, device.machines.inbox.taken, life + 1)
    assert abs(resume.clock_ms - (RELAY_MS + 30_000)) < 1_000
    check_proof(resume, secret=TICKET.secret)


def test_the_life_that_is_said_is_on_the_disk_before() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    effects = lost(device, now_s=31.0)
    resume = shown(effects)
    assert resume is not None
    assert lives(effects) == [resume.life]


def test_a_welcome_comes_first_of_all_and_brings_the_next_ticket() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    first = shown(lost(device, now_s=31.0))
    device.engine.opened(device.line, now=at(31.1))
    following = Ticket(b"U" * 16, b"s" * 32, 600)
    device.hears(welcome(life=2, ticket=following), now_s=31.2)
    assert device.machines.path.up
    second = shown(lost(device, now_s=60.0))
    assert first is not None
    assert second is not None
    assert (second.ticket, second.life) == (following.name, first.life + 1)


def test_a_late_welcome_takes_nothing_back_that_was_read_on_another_connection_since() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    inbox = device.machines.inbox
    inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 4)], streams=[])
    resume = shown(lost(device, now_s=31.0))
    assert resume is not None
    inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 9)], streams=[])
    device.engine.opened(device.line, now=at(31.1))
    device.hears(msgspec.structs.replace(welcome(life=2, ticket=TICKET), taken=resume.taken), now_s=31.2)
    assert inbox.position(Lane.NORMAL) == 9, "else the relay, which hears of 9 later, takes this disk for an older copy"


def test_a_ticket_that_is_not_taken_is_forgotten_and_the_challenge_answered() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    resume = shown(lost(device, now_s=31.0))
    device.engine.opened(device.line, now=at(31.1))
    (hello,) = frames(device.hears(Challenge(b"n" * 32, b"relay", 0), now_s=31.2))
    assert resume is not None
    assert isinstance(hello, Hello)
    assert hello.life == resume.life + 1
    device.hears(welcome(), now_s=31.3)
    assert shown(lost(device, now_s=60.0)) is None, "a relay that gives no tickets is not shown any"


def test_a_ticket_that_was_not_taken_on_one_connection_is_not_shown_on_another() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    assert shown(lost(device, now_s=31.0)) is not None
    device.engine.opened(device.line, now=at(31.1))
    device.hears(Challenge(b"n" * 32, b"relay", 0), now_s=31.2)
    device.loses(now_s=31.3)
    probed(device, now_s=35.0)
    assert shown(device.engine.answered(device.line, now=at(35.1))) is None


def test_a_challenge_where_no_ticket_was_shown_leaves_the_ticket_of_another_connection() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    greeting = device.engine._reaching.greeting
    greeting.opened(9)
    greeting.challenged(9, Challenge(b"n" * 32, b"relay", 0))
    assert shown(lost(device, now_s=31.0)) is not None


def test_a_ticket_that_has_run_out_is_not_shown() -> None:
    for waited_s, is_shown in ((TICKET.lasts_s - 0.5, True), (TICKET.lasts_s, False)):
        device = Device()
        device.connects(1.0, ticket=TICKET)
        assert (shown(lost(device, now_s=1.0 + waited_s)) is not None) == is_shown


def test_an_attempt_costs_no_write_until_its_probe_is_answered() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    life = device.machines.life
    device.loses(Cause.NETWORK_CONNECTION_LOST, now_s=31.0)
    for now_s in (31.0, 34.0, 37.0):
        assert [effect for effect in probed(device, now_s=now_s) if isinstance(effect, Save)] == []
    assert device.machines.life == life
    assert lives(device.engine.answered(device.line, now=at(37.1))) == [life + 1]


def test_the_hello_of_each_connection_is_said_on_that_connection() -> None:
    device = Device()
    device.opens(1.0)
    effects = device.hears(Challenge(b"n" * 32, b"relay", 0), now_s=1.0)
    assert [(each.line, type(each.frame)) for each in effects if isinstance(each, Transmit)] == [(device.line, Hello)]


def test_a_device_that_starts_from_its_disk_signs() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    again = Device()
    again.engine.start(now=at(31.0))
    assert shown(again.engine.answered(1, now=at(31.1))) is None, "so an older copy of a disk is always found out"
