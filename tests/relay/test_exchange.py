"""The relay's machines together: what a failing disk, an ending and the clock mean to everybody."""

from pathlib import Path

from answerback.model.causes import Cause
from answerback.model.message import Lane
from answerback.wire.frames import (
    Accepted,
    Announce,
    Announced,
    Asked,
    Claim,
    Claimed,
    Deliver,
    Farewell,
    Inquire,
    Located,
    LookUp,
    Ping,
    Pong,
    Refused,
    Submit,
    Taken,
    Took,
)
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope


def fill_the_disk(drive: Drive, *, full: bool) -> None:
    assert drive.db is not None
    row = drive.db.row("PRAGMA page_count")
    assert row is not None
    drive.db.row(f"PRAGMA max_page_count = {row[0] if full else 1_000_000}")


def test_a_full_disk_refuses_what_it_cannot_keep_and_the_relay_recovers(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    drive.commit()
    fill_the_disk(drive, full=True)
    letters = [envelope(people[1], f"{i}", size_bytes=20_000) for i in range(5)]
    drive.say(ann, Submit(letters))
    drive.say(ann, Ping(1))
    drive.settle()
    assert drive.accepted(ann) == []
    refused = [entry for frame in drive.heard(ann, Refused) for entry in frame.entries]
    assert {entry.id for entry in refused} == {letter.id for letter in letters}
    assert {entry.cause for entry in refused} == {Cause.RELAY_STORE_FULL.value}
    assert min(entry.retry_after_ms for entry in refused) > 0
    assert drive.heard_a(ann, Pong).echo == 1
    fill_the_disk(drive, full=False)
    drive.say(ann, Submit(letters))
    drive.settle()
    assert sorted(drive.accepted(ann)) == sorted(letter.id for letter in letters)
    assert drive.take_all(drive.enter(people[1])) == [letter.sealed for letter in letters]
    assert drive.exchange.mailboxes.pending_bytes == 0


def test_of_a_failed_batch_nothing_is_acknowledged(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    carl = drive.greet(people[2])
    small, large = envelope(people[1], "small"), envelope(people[1], "large", size_bytes=60_000)
    drive.say(ann, Submit([small]))
    drive.say(ann, Submit([large]))
    drive.say(ann, Claim(1, people[1].device))
    drive.say(ben, Announce(2, people[1].signed))
    drive.say(ben, LookUp(3, people[0].account, 0))
    fill_the_disk(drive, full=True)
    drive.settle()
    full = Cause.RELAY_STORE_FULL.value
    assert drive.heard(ann, Accepted) == []
    assert drive.heard(ben, Deliver) == []
    assert drive.heard_a(ann, Claimed).cause == drive.heard_a(ben, Announced).cause == full
    assert [drive.heard_a(number, Farewell).cause for number in (ben, carl)] == [full, full]
    assert (drive.store.rows, drive.store.size_bytes) == (0, 0)
    fill_the_disk(drive, full=False)
    drive.say(ann, Submit([small]))
    drive.settle()
    assert drive.take_all(drive.enter(people[1])) == [b"small"]


def test_what_was_taken_while_the_disk_was_full_is_taken_the_next_time(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    drive.say(ann, Submit([envelope(people[1], "one"), envelope(people[1], "two")]))
    drive.settle()
    first, second = drive.heard_a(ben, Deliver).entries
    fill_the_disk(drive, full=True)
    drive.say(ben, Took([Taken(Lane.NORMAL, first.position)]))
    drive.say(ann, Submit([envelope(people[1], "too large", size_bytes=60_000)]))
    drive.settle()
    assert drive.store.rows == 2
    fill_the_disk(drive, full=False)
    drive.say(ben, Took([Taken(Lane.NORMAL, second.position)]))
    drive.settle()
    assert drive.store.rows == 0


def test_nothing_is_said_to_a_connection_that_has_ended(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    letter = envelope(people[1], "x")
    drive.say(ann, Submit([letter]))
    drive.say(ann, Inquire([Asked(letter.device, letter.id)]))
    drive.carry_out(drive.exchange.broke(ann, "gibberish", moment=drive.moment))
    drive.settle()
    assert drive.heard(ann, Accepted) == []
    assert drive.heard(ann, Located) == []
    assert drive.heard_a(ann, Farewell).cause == Cause.RELAY_INCOMPATIBLE.value
    assert drive.take_all(drive.enter(people[1])) == [b"x"]


def test_a_connection_lost_while_it_opens_leaves_the_device_away(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.greet(people[1])
    drive.commit()
    drive.lose(ben)
    drive.settle()
    ann = drive.enter(people[0])
    drive.say(ann, Submit([envelope(people[1], "gone?")]))
    drive.settle()
    assert drive.heard_a(ann, Accepted).entries[0].away_s >= 1


def test_the_same_inputs_have_the_same_effects(tmp_path: Path, people: list[Resident]) -> None:
    told = []
    for name in ("first", "second"):
        drive = Drive(tmp_path / name, people)
        ann = drive.connect()
        drive.say(ann, Ping(1))
        drive.pass_time(30)
        drive.settle()
        told.append(drive.said)
    assert told[0] == told[1]
    assert told[0]
