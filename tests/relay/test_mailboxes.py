"""Mail is answered for when it is on the disk, and handed over in order until it is taken."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.model.bounds import NATURAL_MAX
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.relay import limits, mailboxes
from answerback.relay.limits import Rate, RelayLimits
from answerback.storage import relay_index
from answerback.wire.frames import (
    Accepted,
    Asked,
    Deliver,
    Inquire,
    Located,
    Refused,
    Submit,
    Taken,
    Took,
    Welcome,
)
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope


def refusals(drive: Drive, number: int) -> list[tuple[EnvelopeId, str, int]]:
    return [(e.id, e.cause, e.retry_after_ms) for frame in drive.heard(number, Refused) for e in frame.entries]


def test_nothing_is_accepted_before_the_commit(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    letter = envelope(people[1], "one")
    drive.say(ann, Submit([letter]))
    assert drive.accepted(ann) == []
    drive.commit()
    assert drive.accepted(ann) == [letter.id]


def test_a_device_away_finds_its_mail_when_it_comes(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    letters = [envelope(people[1], f"letter {index}") for index in range(700)]
    for start in range(0, 700, 100):
        drive.say(ann, Submit(letters[start : start + 100]))
    drive.settle()
    assert {entry.away_s for frame in drive.heard(ann, Accepted) for entry in frame.entries} == {-1}
    ben = drive.enter(people[1])
    assert drive.heard_a(ben, Welcome).waiting == 700
    assert drive.take_all(ben) == [letter.sealed for letter in letters]
    again = drive.enter(people[1])
    assert drive.heard_a(again, Welcome).waiting == 0


def test_acceptances_of_one_commit_come_in_one_frame_a_lane(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    for index in range(5):
        drive.say(ann, Submit([envelope(people[1], f"n{index}"), envelope(people[1], f"u{index}", lane=Lane.URGENT)]))
    drive.commit()
    assert sorted((frame.lane, len(frame.entries)) for frame in drive.heard(ann, Accepted)) == [(1, 5), (2, 5)]


def test_more_urgent_lanes_are_handed_over_first(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    lanes = [Lane.BACKGROUND, Lane.BULK, Lane.NORMAL, Lane.CONTROL, Lane.URGENT]
    drive.say(ann, Submit([envelope(people[1], f"{lane.name} {i}", lane=lane) for i in range(3) for lane in lanes]))
    drive.settle()
    ben = drive.enter(people[1])
    found = [entry.lane for frame in drive.heard(ben, Deliver) for entry in frame.entries]
    assert found == sorted(lanes * 3)


def test_urgent_mail_does_not_wait_for_bulk_to_be_taken(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    bulk = [envelope(people[1], f"bulk {i}", lane=Lane.BULK, size_bytes=60_000) for i in range(40)]
    for letter in bulk:
        drive.say(ann, Submit([letter]))
    drive.settle()
    assert len(drive.delivered(ben)) < 5, "a device that takes nothing is not handed everything"
    urgent = envelope(people[1], "come home", lane=Lane.URGENT)
    drive.say(ann, Submit([urgent]))
    drive.settle()
    assert drive.delivered(ben)[-1] == urgent.sealed
    assert set(drive.take_all(ben)) == {letter.sealed for letter in [*bulk, urgent]}


def flooded(drive: Drive, people: list[Resident]) -> tuple[int, list[Envelope]]:
    """The second of two devices that are here, and more mail for it than it is handed at once."""
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    letters = [envelope(people[1], f"{i}", size_bytes=20_000) for i in range(200)]
    for letter in letters:
        drive.say(ann, Submit([letter]))
    drive.settle()
    return ben, letters


def test_a_slow_device_does_not_pile_up_memory(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben, letters = flooded(drive, people)
    hand_over = drive.exchange.mailboxes._hand_overs[people[1].device]
    assert hand_over._queued_bytes <= limits.QUEUED_BYTES_MAX
    assert drive.take_all(ben) == [letter.sealed for letter in letters]


def test_nobody_takes_what_was_not_handed_over(tmp_path: Path, people: list[Resident]) -> None:
    """As a device says that was further before the store was put back to an older copy."""
    drive = Drive(tmp_path, people)
    ben, letters = flooded(drive, people)
    drive.say(ben, Took([Taken(letters[0].lane, NATURAL_MAX)]))
    drive.settle()
    again = drive.enter(people[1])
    assert drive.heard_a(again, Welcome).waiting > 0
    taken = drive.take_all(again)
    assert taken == [letter.sealed for letter in letters][-len(taken) :]


def test_a_full_socket_is_handed_nothing_until_it_has_room(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    drive.carry_out(drive.exchange.writable(ben, on=False, moment=drive.moment))
    drive.say(ann, Submit([envelope(people[1], "later")]))
    drive.settle()
    assert drive.delivered(ben) == []
    drive.carry_out(drive.exchange.writable(ben, on=True, moment=drive.moment))
    assert drive.delivered(ben) == [b"later"]


def test_the_same_bytes_are_kept_once_while_held_and_after_they_were_taken(
    tmp_path: Path, people: list[Resident]
) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    letter = envelope(people[1], "twice")
    for _ in range(2):
        drive.say(ann, Submit([letter, letter]))
        drive.settle()
    drive.begin()
    ann = drive.enter(people[0])
    drive.say(ann, Submit([letter]))
    drive.settle()
    assert drive.accepted(ann) == [letter.id]
    ben = drive.enter(people[1])
    assert drive.take_all(ben) == [b"twice"]
    drive.say(ann, Submit([letter]))
    drive.settle()
    assert drive.accepted(ann) == [letter.id] * 2
    assert drive.delivered(ben) == [b"twice"]


def test_positions_grow_for_ever_even_when_the_clock_goes_back(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    positions: list[int] = []
    for round_number, wall_ms in enumerate([drive.wall_ms, drive.wall_ms - 10_000_000, drive.wall_ms + 5]):
        drive.wall_ms = wall_ms
        ann, ben = drive.enter(people[0]), drive.enter(people[1])
        drive.say(ann, Submit([envelope(people[1], f"{round_number} {i}") for i in range(3)]))
        drive.settle()
        positions += [entry.position for frame in drive.heard(ben, Deliver) for entry in frame.entries]
        drive.take_all(ben)
        drive.begin()
    assert positions == sorted(set(positions))
    assert len(positions) == 9
    assert positions[-1] >= drive.wall_ms * 1000


def test_an_unknown_device_is_refused_before_anything_is_promised(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    letter = envelope(DeviceId(bytes(16)), "to nobody")
    drive.say(ann, Submit([letter]))
    drive.settle()
    assert refusals(drive, ann) == [(letter.id, Cause.RECIPIENT_DEVICE_GONE.value, -1)]
    assert drive.accepted(ann) == []


def test_a_full_mailbox_refuses_and_recovers(
    tmp_path: Path, people: list[Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_index, "MAILBOX_ROWS_MAX", 2)
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    letters = [envelope(people[1], f"{i}") for i in range(3)]
    drive.say(ann, Submit(letters))
    drive.settle()
    assert drive.accepted(ann) == [letters[0].id, letters[1].id]
    ((identity, cause, retry_ms),) = refusals(drive, ann)
    assert (identity, cause) == (letters[2].id, Cause.RECIPIENT_MAILBOX_FULL.value)
    assert retry_ms >= mailboxes.MAILBOX_FULL_S * 1000
    ben = drive.enter(people[1])
    drive.take_all(ben)
    drive.say(ann, Submit([letters[2]]))
    drive.settle()
    assert drive.accepted(ann)[-1] == letters[2].id


def test_a_mailbox_is_full_by_bytes_too(
    tmp_path: Path, people: list[Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_index, "MAILBOX_BYTES_MAX", 3_000)
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    drive.say(ann, Submit([envelope(people[1], f"{i}", size_bytes=2_000) for i in range(3)]))
    drive.settle()
    assert len(drive.accepted(ann)) == 2
    assert [cause for _, cause, _ in refusals(drive, ann)] == [Cause.RECIPIENT_MAILBOX_FULL.value]


def test_a_device_that_sends_too_much_is_told_when_to_go_on(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people, limits=RelayLimits(envelopes=Rate(burst=3, per_s=1)))
    ann = drive.enter(people[0])
    drive.say(ann, Submit([envelope(people[1], f"{i}") for i in range(3)]))
    drive.say(ann, Submit([envelope(people[1], "x"), envelope(people[1], "y")]))
    ((_, cause, retry_ms), _) = refusals(drive, ann)
    assert cause == Cause.ACCOUNT_RATE_LIMITED.value
    drive.pass_time(retry_ms / 1000)
    drive.say(ann, Submit([envelope(people[1], "x"), envelope(people[1], "y")]))
    drive.settle()
    assert len(drive.accepted(ann)) == 5


def test_a_relay_with_too_much_on_its_hands_is_busy(
    tmp_path: Path, people: list[Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "PENDING_BYTES_MAX", 1_000)
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    first, second = envelope(people[1], "1"), envelope(people[1], "2")
    drive.say(ann, Submit([first]), size_bytes=900)
    drive.say(ann, Submit([second]), size_bytes=900)
    ((identity, cause, retry_ms),) = refusals(drive, ann)
    assert (identity, cause, retry_ms > 0) == (second.id, Cause.RELAY_BUSY.value, True)
    drive.settle()
    drive.say(ann, Submit([second]), size_bytes=900)
    drive.settle()
    assert drive.accepted(ann) == [first.id, second.id]


def test_the_relay_stops_reading_from_whoever_is_far_ahead_of_the_disk(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    for index in range(3):
        drive.say(ann, Submit([envelope(people[1], f"{index}")]), size_bytes=limits.PENDING_CONNECTION_BYTES_MAX // 2)
    assert ann in drive.deaf
    drive.settle()
    assert ann not in drive.deaf


def test_expired_mail_is_not_handed_over_and_leaves_the_disk(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    drive.say(ann, Submit([envelope(people[1], "short", lifetime_s=5), envelope(people[1], "long")]))
    drive.settle()
    drive.pass_time(11)
    ben = drive.enter(people[1])
    assert drive.take_all(ben) == [b"long"]
    drive.pass_time(11)
    drive.settle()
    drive.pass_time(11)
    drive.settle()
    assert drive.db is not None
    assert drive.db.rows("SELECT * FROM envelope") == []
    assert (drive.store.rows, drive.store.size_bytes) == (0, 0)


def test_the_relay_says_where_an_envelope_is(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    taken, held = envelope(people[1], "taken"), envelope(people[2], "held")
    drive.say(ann, Submit([taken, held]))
    drive.settle()
    drive.take_all(ben)
    unknown = envelope(people[3], "never sent")
    drive.say(ann, Inquire([Asked(each.device, each.id) for each in (taken, held, unknown)]))
    drive.settle()
    found = [(e.id, e.held, e.taken, e.away_s) for e in drive.heard_a(ann, Located).entries]
    assert found == [(taken.id, False, True, 0), (held.id, True, False, -1), (unknown.id, False, False, -1)]


def test_how_long_a_device_is_away_survives_a_restart(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.enter(people[1])
    drive.lose(ben)
    drive.settle()
    drive.begin()
    drive.pass_time(90)
    ann = drive.enter(people[0])
    drive.say(ann, Submit([envelope(people[1], "where are you")]))
    drive.settle()
    assert [entry.away_s for entry in drive.heard_a(ann, Accepted).entries] == [90]


Step = tuple[str, int, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(0, 11), st.integers(0, 2)),
        st.tuples(st.just("commit"), st.just(0), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, 4), st.integers(1, 5)),
        st.tuples(st.just("lose"), st.just(0), st.just(0)),
        st.tuples(st.just("enter"), st.just(0), st.just(0)),
        st.tuples(st.just("crash"), st.just(0), st.just(0)),
        st.tuples(st.just("sweep"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


class Reader:
    """A device that takes when it likes, and remembers what is on its disk."""

    def __init__(self, drive: Drive, who: Resident) -> None:
        self.drive, self.who = drive, who
        self.number = 0
        self.kept: dict[int, list[tuple[int, bytes]]] = {lane: [] for lane in Lane}
        self.enter()

    @property
    def sealed(self) -> list[bytes]:
        return [sealed for rows in self.kept.values() for _, sealed in rows]

    def enter(self) -> None:
        taken = [Taken(Lane(lane), rows[-1][0]) for lane, rows in self.kept.items() if rows]
        self.number = self.drive.greet(self.who, *taken)

    def take(self, lane: int, count: int) -> None:
        reached = self.kept[lane][-1][0] if self.kept[lane] else 0
        entries = [entry for frame in self.drive.heard(self.number, Deliver) for entry in frame.entries]
        fresh = [(e.position, e.sealed) for e in entries if e.lane == lane and e.position > reached][:count]
        if fresh:
            self.kept[lane] += fresh
            self.drive.say(self.number, Took([Taken(Lane(lane), fresh[-1][0])]))


@settings(max_examples=150)
@given(steps=STEPS)
def test_what_was_accepted_arrives_once_and_in_order_whatever_happens(
    steps: list[Step], people: list[Resident], tmp_path_factory: pytest.TempPathFactory
) -> None:
    drive = Drive(tmp_path_factory.mktemp("relay"), people)
    lanes = [Lane.URGENT, Lane.NORMAL, Lane.BULK]
    letters = [[envelope(people[1], f"{lane} {i}", lane=lane, size_bytes=30_000) for i in range(12)] for lane in lanes]
    ann, reader = drive.enter(people[0]), Reader(drive, people[1])
    accepted: set[EnvelopeId] = set()
    for kind, first, second in steps:
        match kind:
            case "submit" if letters[second][first].sealed not in reader.sealed:
                # what was taken before a restart is a device's to recognise: the relay has forgotten it
                drive.say(ann, Submit([letters[second][first]]))
            case "submit":
                pass
            case "commit":
                drive.commit()
            case "take":
                reader.take(first, second)
            case "lose":
                drive.lose(reader.number)
            case "enter":
                reader.enter()
            case "sweep":
                drive.pass_time(11)
            case _:
                accepted |= set(drive.accepted(ann))
                drive.begin()
                ann = drive.enter(people[0])
                reader.enter()
    drive.settle()
    accepted |= set(drive.accepted(ann))
    reader.enter()
    drive.settle()
    for _ in range(40):
        for lane in Lane:
            reader.take(lane, 100)
        drive.settle()
    kept = reader.sealed
    assert accepted <= {envelope_.id for row in letters for envelope_ in row if envelope_.sealed in kept}
    assert len(kept) == len(set(kept)), "nothing is stored twice"
    for rows in reader.kept.values():
        assert rows == sorted(rows), "each lane keeps its order"
