"""A ticket brings its device in at once, and nobody else, and not twice."""

from pathlib import Path

import msgspec
import pytest

from answerback.crypto.identity import next_device_list
from answerback.model.causes import Cause
from answerback.model.message import Lane
from answerback.relay.effects import Event, Moment
from answerback.relay.resumption import EARLIER_S, FRESH_S, TICKET_S, Judgement, Resumption, TicketKeys
from answerback.wire.frames import Announce, Challenge, Deliver, Farewell, Resume, Submit, Taken, Ticket, Welcome
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope, resident

BEGAN = Moment(1_000.0, NOW_MS)
KEYS = TicketKeys(b"k" * 32)


def later(seconds: float) -> Moment:
    return Moment(BEGAN.now_s + seconds, NOW_MS + int(seconds * 1000))


def first_visit(drive: Drive, who: Resident) -> Ticket:
    """Come in by a signature, and leave with a ticket."""
    ticket = drive.heard_a(drive.enter(who), Welcome).ticket
    assert ticket is not None
    return ticket


def judgements(drive: Drive) -> list[str]:
    return [note.detail for note in drive.notes if note.event is Event.TICKET]


# ---- the judge alone


def test_a_ticket_is_taken_until_it_runs_out(people: list[Resident]) -> None:
    resumption = Resumption(KEYS)
    ticket = resumption.issue(people[0].device, moment=BEGAN)
    for age_s, judgement in ((0.0, Judgement.TAKEN), (TICKET_S - 1.0, Judgement.TAKEN), (TICKET_S, Judgement.EXPIRED)):
        moment = later(age_s)
        assert resumption.judge(people[0].resume(ticket, life=1, clock_ms=moment.wall_ms), moment=moment) is judgement


@pytest.mark.parametrize("off_s", [-FRESH_S - 1, FRESH_S + 1])
def test_what_was_written_down_is_worth_nothing_a_minute_later(people: list[Resident], off_s: float) -> None:
    resumption = Resumption(KEYS)
    resume = people[0].resume(resumption.issue(people[0].device, moment=BEGAN), life=1, clock_ms=NOW_MS)
    assert resumption.judge(resume, moment=later(200.0 + off_s)) is Judgement.STALE
    early = people[0].resume(resumption.issue(people[0].device, moment=BEGAN), life=1, clock_ms=NOW_MS + 61_000)
    assert resumption.judge(early, moment=BEGAN) is Judgement.STALE


def test_a_ticket_is_its_devices_alone(people: list[Resident]) -> None:
    resumption = Resumption(KEYS)
    ticket = resumption.issue(people[0].device, moment=BEGAN)
    assert resumption.judge(people[1].resume(ticket, life=1), moment=BEGAN) is Judgement.FORGED


def test_a_ticket_cannot_be_made_to_last_longer(people: list[Resident]) -> None:
    resumption = Resumption(KEYS)
    ticket = resumption.issue(people[0].device, moment=BEGAN)
    ends_ms = int.from_bytes(ticket.name[:8], "big") + 10_000
    longer = Ticket(ends_ms.to_bytes(8, "big") + ticket.name[8:], ticket.secret, ticket.lasts_s)
    assert resumption.judge(people[0].resume(longer, life=1), moment=BEGAN) is Judgement.FORGED


def test_a_name_without_its_secret_opens_nothing(people: list[Resident]) -> None:
    resumption = Resumption(KEYS)
    seen = resumption.issue(people[0].device, moment=BEGAN)
    guessed = Ticket(seen.name, b"g" * 32, seen.lasts_s)
    assert resumption.judge(people[0].resume(guessed, life=1), moment=BEGAN) is Judgement.FORGED


def test_each_ticket_is_one_of_its_own(people: list[Resident]) -> None:
    resumption = Resumption(KEYS)
    tickets = [resumption.issue(people[0].device, moment=BEGAN) for _ in range(3)]
    assert len({ticket.name for ticket in tickets}) == len({ticket.secret for ticket in tickets}) == 3


def test_the_run_before_vouches_for_its_tickets_for_an_hour(people: list[Resident]) -> None:
    ticket = Resumption(KEYS).issue(people[0].device, moment=BEGAN)
    restarted = Resumption(TicketKeys(b"n" * 32, KEYS.current))
    assert restarted.judge(people[0].resume(ticket, life=1), moment=BEGAN) is Judgement.TAKEN
    moment = later(EARLIER_S)
    late = people[0].resume(ticket, life=2, clock_ms=moment.wall_ms)
    assert restarted.judge(late, moment=moment) is Judgement.FORGED


def test_another_version_is_asked_to_sign(people: list[Resident]) -> None:
    resumption = Resumption(KEYS)
    resume = people[0].resume(resumption.issue(people[0].device, moment=BEGAN), life=1)
    assert resumption.judge(msgspec.structs.replace(resume, wire=2), moment=BEGAN) is Judgement.FORGED


# ---- at a relay


def test_a_device_with_a_ticket_is_welcomed_without_a_question(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ticket = first_visit(drive, people[0])
    number = drive.connect(people[0].resume(ticket, life=1))
    drive.commit()
    assert [type(frame) for frame in drive.said[number]] == [Welcome], "after one turn of the store"
    assert drive.heard_a(number, Welcome).ticket not in (None, ticket)
    assert judgements(drive) == ["taken"]


def test_a_device_that_resumes_is_handed_what_came_since_and_nothing_twice(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    ticket = drive.heard_a(ben, Welcome).ticket
    drive.say(ann, Submit([envelope(people[1], "one")]))
    drive.settle()
    assert drive.take_all(ben) == [envelope(people[1], "one").sealed]
    position = drive.heard_a(ben, Deliver).entries[0].position
    drive.lose(ben)
    drive.say(ann, Submit([envelope(people[1], "two")]))
    drive.settle()
    number = drive.return_with(people[1].resume(ticket, Taken(Lane.NORMAL, position), life=1))
    assert drive.take_all(number) == [envelope(people[1], "two").sealed]


def test_the_earlier_connection_ends_when_its_device_resumes(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    earlier = drive.enter(people[0])
    drive.return_with(people[0].resume(drive.heard_a(earlier, Welcome).ticket, life=1))
    assert drive.heard_a(earlier, Farewell).detail == "superseded"


def test_what_was_said_once_is_answered_with_a_challenge(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    resume = people[0].resume(first_visit(drive, people[0]), life=1)
    own = drive.return_with(resume)
    stranger = drive.return_with(resume)
    assert [type(frame) for frame in drive.said[stranger]] == [Challenge]
    assert own not in drive.closed, "a repetition does not push its device out"
    assert judgements(drive) == ["taken", "repeated"]


def test_of_two_that_say_the_same_at_once_one_comes_in(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    resume = people[0].resume(first_visit(drive, people[0]), life=1)
    numbers = [drive.connect(resume), drive.connect(resume)]
    drive.settle()
    assert [len(drive.heard(number, Welcome)) for number in numbers] == [1, 0]


def test_a_memory_that_went_back_in_time_is_found_out(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ticket = first_visit(drive, people[0])
    drive.lose(drive.return_with(people[0].resume(ticket, life=9)))
    number = drive.return_with(people[0].resume(ticket, life=7))
    drive.say(number, people[0].hello(drive.heard_a(number, Challenge), life=8))
    drive.settle()
    assert drive.heard_a(number, Welcome).life == 9, "the device learns that it has an older copy of its disk"


def test_a_refused_ticket_leaves_its_device_away(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    ben = drive.enter(people[1])
    resume = people[1].resume(drive.heard_a(ben, Welcome).ticket, life=1)
    drive.lose(drive.return_with(resume))
    drive.settle()
    drive.return_with(resume)
    drive.say(ann, Submit([envelope(people[1], "are you there?")]))
    drive.settle()
    assert drive.delivered(ben) == []
    assert people[1].device not in {each.device for each in drive.exchange.conversations.open_connections()}


def test_a_revoked_device_has_no_use_of_its_ticket(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0])
    ticket = drive.heard_a(number, Welcome).ticket
    signed = next_device_list(people[0].root, people[0].signed, [resident().keys.device(NOW_MS)], NOW_MS)
    drive.say(number, Announce(1, signed))
    drive.settle()
    back = drive.return_with(people[0].resume(ticket, life=1))
    assert drive.heard_a(back, Farewell).cause == Cause.ACCOUNT_DEVICE_REVOKED.value


def test_a_ticket_outlives_a_restart(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ticket = first_visit(drive, people[0])
    drive.begin()
    assert drive.heard(drive.return_with(people[0].resume(ticket, life=1)), Welcome)
    drive.begin()
    again = drive.return_with(people[0].resume(ticket, life=2))
    assert drive.heard(again, Challenge), "one restart, not two"


def test_a_resume_behind_the_challenge_breaks_the_protocol(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ticket = first_visit(drive, people[0])
    number = drive.connect()
    drive.say(number, people[0].resume(ticket, life=1))
    assert drive.heard_a(number, Farewell).cause == Cause.RELAY_INCOMPATIBLE.value


def test_a_disk_that_fails_while_a_device_resumes_is_told_as_ever(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.connect(people[0].resume(first_visit(drive, people[0]), life=1))
    batch, drive.asked = drive.asked, []
    drive.carry_out(drive.exchange.failed(batch, Cause.RELAY_FAULTY, moment=drive.moment))
    assert drive.heard_a(number, Farewell).cause == Cause.RELAY_FAULTY.value


def test_a_ticket_never_shows_its_secret(people: list[Resident]) -> None:
    ticket = Resumption(KEYS).issue(people[0].device, moment=BEGAN)
    assert repr(ticket.secret) not in repr(ticket)
    assert repr(KEYS.current) not in repr(KEYS)
    assert isinstance(people[0].resume(ticket, life=1), Resume)


def test_whoever_signs_in_anew_makes_earlier_tickets_worthless(people: list[Resident]) -> None:
    resumption, moment = Resumption(TicketKeys(KEYS.current, b"e" * 32)), BEGAN
    before = resumption.issue(people[0].device, moment=moment)
    others = resumption.issue(people[1].device, moment=moment)
    of_the_run_before = Resumption(TicketKeys(b"e" * 32)).issue(people[0].device, moment=moment)
    resumption.void(people[0].device)
    after = resumption.issue(people[0].device, moment=moment)
    for ticket, who, judgement in (
        (before, people[0], Judgement.EXPIRED),
        (of_the_run_before, people[0], Judgement.EXPIRED),
        (after, people[0], Judgement.TAKEN),
        (others, people[1], Judgement.TAKEN),
    ):
        assert resumption.judge(who.resume(ticket, life=1), moment=moment) is judgement


def test_signing_in_anew_gives_another_token_and_voids_the_ticket(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    first = drive.heard_a(drive.enter(people[0]), Welcome)
    number = drive.connect()
    hello = people[0].hello(drive.heard_a(number, Challenge), life=2)
    drive.say(number, msgspec.structs.replace(hello, anew=True))
    drive.settle()
    second = drive.heard_a(number, Welcome)
    assert second.token != first.token
    assert drive.exchange.device_of_token(first.token) is None
    back = drive.return_with(people[0].resume(first.ticket, life=3))
    assert drive.heard(back, Challenge), "it has to sign"
