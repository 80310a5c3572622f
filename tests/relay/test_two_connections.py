"""A device may have a second connection that stands by, and takes over without losing or repeating anything."""

from pathlib import Path

import msgspec

from answerback.core.effects import Moment
from answerback.core.inbox import Inbox
from answerback.crypto.identity import next_device_list
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.message import Lane
from answerback.relay.conversation import ABANDONED_S, STANDS_BY, SUPERSEDED, TOOK_OVER
from answerback.relay.effects import Event
from answerback.relay.limits import SILENCE_S_MAX, UNTAKEN_S_MAX
from answerback.relay.resumption import Judgement
from answerback.wire.frames import (
    Accepted,
    Announce,
    Asked,
    Challenge,
    Deliver,
    Farewell,
    Inquire,
    Located,
    LookUp,
    Ping,
    Pong,
    Submit,
    Taken,
    TakeOver,
    Took,
    Welcome,
)
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope, resident


def send(drive: Drive, number: int, *letters: Envelope) -> None:
    drive.say(number, Submit(list(letters)))
    drive.settle()


def superseded(drive: Drive, number: int) -> bool:
    said = drive.heard(number, Farewell)
    return [(each.cause, each.detail) for each in said] == [(Cause.NETWORK_CONNECTION_LOST.value, SUPERSEDED)]


def test_a_standby_leaves_the_connection_in_use_alone_and_gets_no_mail(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    send(drive, ann, envelope(people[1], "one"))
    assert drive.delivered(ben) == [b"one"]
    assert drive.heard(standby, Deliver) == []
    assert drive.heard_a(standby, Welcome).waiting == 0
    assert not {ben, standby} & drive.closed
    assert [note.detail for note in drive.notes if note.event is Event.OPENED] == ["", "", STANDS_BY]


def test_what_is_asked_on_a_standby_is_answered_there(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben, standby = drive.enter(people[1]), drive.enter(people[1], standby=True)
    letter = envelope(people[0], "hurry", lane=Lane.URGENT)
    drive.say(standby, Submit([letter]))
    drive.say(standby, Ping(7))
    drive.say(standby, Inquire([Asked(letter.device, letter.id)]))
    drive.say(standby, LookUp(3, people[0].account, 0))
    drive.settle()
    assert drive.accepted(standby) == [letter.id]
    assert drive.heard_a(standby, Pong).echo == 7
    assert drive.heard_a(standby, Located).entries[0].held
    assert [type(frame) for frame in drive.said[ben]] == [Challenge, Welcome]


def test_an_envelope_said_on_both_is_kept_once_and_accepted_on_both(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    ben, standby = drive.enter(people[1]), drive.enter(people[1], standby=True)
    letter = envelope(people[0], "hurry", lane=Lane.URGENT)
    drive.say(ben, Submit([letter]))
    drive.say(standby, Submit([letter]))
    drive.settle()
    assert drive.accepted(ben) == drive.accepted(standby) == [letter.id]
    assert drive.take_all(ann) == [letter.sealed]
    send(drive, standby, letter)
    assert drive.accepted(standby) == [letter.id, letter.id]
    assert drive.delivered(ann) == [letter.sealed], "also not again after it was taken"


def test_a_newer_standby_replaces_the_older(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben, older = drive.enter(people[1]), drive.enter(people[1], standby=True)
    newer = drive.enter(people[1], standby=True)
    assert superseded(drive, older)
    assert not {ben, newer} & drive.closed
    assert drive.exchange.conversations.of_device(people[1].device) == [
        drive.exchange.conversations.get(newer),
        drive.exchange.conversations.get(ben),
    ]


def test_taking_over_hands_the_untaken_over_again_the_urgent_first(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    first = envelope(people[1], "taken", lane=Lane.BULK)
    send(drive, ann, first)
    position = drive.heard_a(ben, Deliver).entries[0].position
    send(drive, ann, envelope(people[1], "bulk", lane=Lane.BULK), envelope(people[1], "fire", lane=Lane.URGENT))
    drive.say(standby, TakeOver([Taken(Lane.BULK, position)]))
    assert superseded(drive, ben)
    drive.settle()
    assert drive.delivered(standby) == [b"fire", b"bulk"]
    send(drive, ann, envelope(people[1], "new"))
    assert drive.delivered(standby)[2:] == [b"new"]
    drive.lose(ben)
    send(drive, ann, envelope(people[1], "still"))
    assert drive.delivered(standby)[3:] == [b"still"], "the end of the old one means nothing any more"
    assert drive.notes[-1].detail == TOOK_OVER


def test_mail_that_comes_while_a_standby_takes_over_comes_once(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    drive.say(ann, Submit([envelope(people[1], "before")]))
    drive.say(standby, TakeOver([]))
    drive.say(ann, Submit([envelope(people[1], "beside")]))
    drive.commit()
    drive.say(ann, Submit([envelope(people[1], "after")]))
    drive.settle()
    assert drive.delivered(ben) == []
    assert drive.delivered(standby) == [b"before", b"beside", b"after"]
    assert {entry.away_s for frame in drive.heard(ann, Accepted) for entry in frame.entries} == {0}, "it never left"


def test_a_standby_takes_over_by_itself_when_the_relay_notices_first(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    send(drive, ann, envelope(people[1], "taken"))
    drive.take_all(ben)
    send(drive, ann, envelope(people[1], "untaken"))
    drive.lose(ben)
    drive.settle()
    assert drive.delivered(standby) == [b"untaken"]
    drive.say(standby, TakeOver([]))
    drive.settle()
    assert drive.delivered(standby) == [b"untaken"], "it is in use already"
    assert not [note for note in drive.notes if note.event is Event.LEFT]
    drive.lose(standby)
    assert drive.notes[-1].event is Event.LEFT
    send(drive, ann, envelope(people[1], "gone?"))
    assert drive.heard(ann, Accepted)[-1].entries[0].away_s >= 1


def test_a_device_that_takes_nothing_loses_the_dead_connection_and_keeps_the_other(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    drive.pass_time(1)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    send(drive, ann, envelope(people[1], "hello?"))
    drive.pass_time(UNTAKEN_S_MAX + 1)
    assert drive.heard_a(ben, Farewell).cause == Cause.NETWORK_STALLED.value
    drive.settle()
    assert drive.take_all(standby) == [b"hello?"]
    drive.say(ann, Ping(1))
    drive.pass_time(SILENCE_S_MAX - UNTAKEN_S_MAX)
    assert standby not in drive.closed, "it has taken mail since"


def test_a_standby_without_a_connection_in_use_is_the_one_in_use(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.greet(people[1], standby=True)
    drive.lose(ben)
    drive.settle()
    send(drive, ann, envelope(people[1], "one"))
    assert drive.delivered(standby) == [b"one"]


def test_a_standby_may_take_over_in_the_same_breath_as_its_hello(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    send(drive, ann, envelope(people[1], "one"))
    standby = drive.greet(people[1], standby=True)
    drive.say(standby, TakeOver([]))
    drive.settle()
    assert superseded(drive, ben)
    assert drive.delivered(standby) == [b"one"]


def test_whoever_connects_without_standing_by_begins_anew(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    send(drive, ann, envelope(people[1], "one"))
    newest = drive.enter(people[1])
    assert superseded(drive, ben)
    assert superseded(drive, standby)
    assert drive.heard(standby, Deliver) == []
    assert drive.delivered(newest) == [b"one"]
    assert drive.exchange.conversations.count == 2


def test_what_is_taken_may_be_said_on_either(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    send(drive, ann, envelope(people[1], "one"))
    (entry,) = drive.heard_a(ben, Deliver).entries
    drive.say(standby, Took([Taken(entry.lane, entry.position)]))
    drive.settle()
    assert drive.store.rows == 0


def test_a_standby_whose_socket_is_full_gets_its_mail_when_there_is_room(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    ann, standby = drive.enter(people[0]), 0
    drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    drive.carry_out(drive.exchange.writable(standby, on=False, moment=drive.moment))
    send(drive, ann, envelope(people[1], "one"))
    drive.say(standby, TakeOver([]))
    drive.settle()
    assert drive.delivered(standby) == []
    drive.carry_out(drive.exchange.writable(standby, on=True, moment=drive.moment))
    drive.settle()
    assert drive.delivered(standby) == [b"one"]


def test_whoever_says_it_has_taken_what_there_never_was_still_gets_what_comes(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    drive.say(ben, Took([Taken(Lane.NORMAL, 1 << 62)]))
    standby = drive.enter(people[1], standby=True)
    drive.say(standby, TakeOver([Taken(Lane.NORMAL, 1 << 62)]))
    drive.settle()
    send(drive, ann, envelope(people[1], "one"))
    assert drive.delivered(standby) == [b"one"]
    newest = drive.enter(people[1], standby=True)
    drive.say(newest, TakeOver([]))
    drive.settle()
    assert drive.delivered(newest) == [b"one"]


def test_a_revoked_device_loses_both(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    laptop, number = resident(), drive.enter(people[0])
    pair = [people[0].keys.device(NOW_MS), laptop.keys.device(NOW_MS)]
    both = next_device_list(people[0].root, people[0].signed, pair, now_ms=NOW_MS)
    drive.say(number, Announce(1, both))
    drive.settle()
    ends = [drive.enter(laptop), drive.enter(laptop, standby=True)]
    drive.say(number, Announce(2, next_device_list(people[0].root, both, pair[:1], now_ms=NOW_MS)))
    drive.settle()
    revoked = Cause.ACCOUNT_DEVICE_REVOKED.value
    assert [drive.heard_a(each, Farewell).cause for each in ends] == [revoked, revoked]
    assert drive.exchange.conversations.live(laptop.device) is None


def test_a_stopping_relay_says_so_on_both(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ends = [drive.enter(people[1]), drive.enter(people[1], standby=True)]
    send(drive, drive.enter(people[0]), envelope(people[1], "one"))
    drive.carry_out(drive.exchange.stop(moment=drive.moment))
    assert {drive.heard_a(each, Farewell).cause for each in ends} == {Cause.RELAY_STOPPING.value}
    assert drive.heard(ends[1], Deliver) == [], "nothing moves to a connection that ends as well"


def test_what_was_taken_and_is_said_again_to_a_relay_that_started_again_is_known_to_its_reader(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive, letter, inbox = Drive(tmp_path, people), envelope(people[1], "one"), Inbox()

    def arrives() -> bool:
        """The author says it, the reader takes it: whether those bytes were new to the reader."""
        ann, ben = drive.enter(people[0]), drive.enter(people[1], *inbox.taken)
        send(drive, ann, letter)
        assert drive.accepted(ann) == [letter.id]
        (entry,) = drive.heard_a(ben, Deliver).entries
        is_new = inbox.take(entry) is None
        if is_new:
            inbox.done(entry, device=people[0].device, opened=True, now=Moment(drive.now_s, drive.wall_ms))
        drive.say(ben, Took([Taken(moved.lane, moved.position) for moved in inbox.advance()]))
        drive.settle()
        assert drive.store.rows == 0, "taken, the second time too"
        return is_new

    assert arrives()
    drive.begin()
    assert not arrives()
    assert inbox.duplicates == 1


# ---- tickets, and what only grows


def test_an_attempt_that_was_given_up_does_not_end_what_its_device_has_moved_to(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    ticket = drive.heard_a(drive.enter(people[1]), Welcome).ticket
    standby = drive.enter(people[1], standby=True)
    late = people[1].resume(ticket, life=6)
    signed = drive.connect()
    late_hello = people[1].hello(drive.heard_a(signed, Challenge), life=7)
    drive.say(standby, TakeOver([], 7))
    drive.settle()
    resumed = drive.return_with(late)
    drive.say(signed, late_hello)
    drive.settle()
    assert superseded(drive, resumed)
    assert superseded(drive, signed)
    assert standby not in drive.closed
    newer = drive.greet(people[1], life=8)
    drive.settle()
    assert superseded(drive, standby)
    assert newer not in drive.closed


def test_a_device_whose_memory_went_back_is_let_in_a_minute_after_a_move(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    drive.enter(people[1])
    standby = drive.enter(people[1], standby=True)
    drive.say(standby, TakeOver([], 7))
    drive.settle()
    drive.pass_time(ABANDONED_S)
    older = drive.greet(people[1], life=3)
    drive.settle()
    assert drive.heard_a(older, Welcome).life == 0
    assert superseded(drive, standby)


def judgements(drive: Drive) -> list[str]:
    return [note.detail for note in drive.notes if note.event is Event.TICKET]


def test_both_connections_hold_a_ticket_of_their_own(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = people[1]
    first = drive.heard_a(drive.enter(ben), Welcome).ticket
    standby = drive.return_with(ben.resume(first, life=1, standby=True))
    second = drive.heard_a(standby, Welcome).ticket
    assert second not in (None, first)
    other = drive.return_with(ben.resume(first, life=2, standby=True))
    assert superseded(drive, standby)
    newest = drive.return_with(ben.resume(second, life=3))
    assert superseded(drive, other)
    assert judgements(drive) == [Judgement.TAKEN.value] * 3
    assert drive.heard_a(newest, Welcome).life == 2


def test_a_ticket_said_again_neither_opens_nor_ends_anything(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.enter(people[1])
    ticket = drive.heard_a(ben, Welcome).ticket
    said = people[1].resume(ticket, life=1, standby=True)
    standby = drive.return_with(said)
    for shown in (said, msgspec.structs.replace(said, standby=False)):
        assert [type(frame) for frame in drive.said[drive.return_with(shown)]] == [Challenge]
    assert judgements(drive) == ["taken", Judgement.REPEATED.value, Judgement.FORGED.value]
    assert not {ben, standby} & drive.closed


def test_a_life_said_on_one_connection_counts_on_the_other(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.enter(people[1])
    ticket = drive.heard_a(ben, Welcome).ticket
    resume = people[1].resume(ticket, life=4, standby=True)
    drive.say(ben, Submit([envelope(people[0], "sealed since")], life=5))
    drive.settle()
    asked = drive.return_with(resume)
    challenge = drive.heard_a(asked, Challenge)
    drive.say(asked, people[1].hello(challenge, life=6, standby=True))
    drive.settle()
    assert drive.heard_a(asked, Welcome).life == 5, "what was said later on another path was heard first"
    assert ben not in drive.closed
