"""A device shows its ticket where that may help, and its life is on the disk before it is said."""

from answerback.core.effects import Connect, Effect, Reason, Save
from answerback.core.facts import KeepRelay
from answerback.crypto.resumption import check_proof
from answerback.model.causes import Cause
from answerback.wire.frames import Challenge, Hello, Resume, Ticket
from tests.core.lone_engine import RELAY_MS, Device, at, frames, welcome

TICKET = Ticket(b"T" * 16, b"S" * 32, 600)


def shown(effects: list[Effect]) -> Resume | None:
    (connect,) = [effect for effect in effects if isinstance(effect, Connect)]
    return connect.resume


def lost(device: Device, *, now_s: float) -> list[Effect]:
    device.engine.lost(Cause.NETWORK_CONNECTION_LOST, now=at(now_s))
    return device.engine.wake(now=at(now_s))


def test_the_first_attempt_has_nothing_to_show() -> None:
    assert shown(Device().engine.start(now=at(0.0))) is None


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
    saves = [effect for effect in effects if isinstance(effect, Save)]
    assert [save.fact.life for save in saves if isinstance(save.fact, KeepRelay)] == [resume.life]


def test_a_welcome_comes_first_of_all_and_brings_the_next_ticket() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    first = shown(lost(device, now_s=31.0))
    device.engine.opened(now=at(31.1))
    following = Ticket(b"U" * 16, b"s" * 32, 600)
    device.engine.received(welcome(life=2, ticket=following), now=at(31.2))
    assert device.machines.link.up
    second = shown(lost(device, now_s=60.0))
    assert first is not None
    assert second is not None
    assert (second.ticket, second.life) == (following.name, first.life + 1)


def test_a_ticket_that_is_not_taken_is_forgotten_and_the_challenge_answered() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    resume = shown(lost(device, now_s=31.0))
    device.engine.opened(now=at(31.1))
    (hello,) = frames(device.engine.received(Challenge(b"n" * 32, b"relay", 0), now=at(31.2)))
    assert resume is not None
    assert isinstance(hello, Hello)
    assert hello.life == resume.life + 1
    device.engine.received(welcome(), now=at(31.3))
    assert shown(lost(device, now_s=60.0)) is None, "a relay that gives no tickets is not shown any"


def test_a_ticket_that_has_run_out_is_not_shown() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    assert shown(lost(device, now_s=1.0 + TICKET.lasts_s)) is None


def test_an_attempt_of_the_timetable_costs_no_write() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    lost(device, now_s=31.0)
    device.engine.lost(Cause.NETWORK_RELAY_UNREACHABLE, now=at(32.0))
    life = device.machines.life
    effects = device.engine.wake(now=at(35.0))
    assert Connect(Reason.CONNECT_CADENCE) in effects
    assert device.machines.life == life


def test_a_device_that_starts_from_its_disk_signs() -> None:
    device = Device()
    device.connects(1.0, ticket=TICKET)
    assert shown(Device().engine.start(now=at(31.0))) is None, "so an older copy of a disk is always found out"
