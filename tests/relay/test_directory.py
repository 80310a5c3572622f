"""Lists and keys go out as they were signed, one-time keys once, and only what is signed comes in."""

from pathlib import Path

import pytest

from answerback.crypto.identity import RootKey, next_device_list
from answerback.crypto.prekeys import make_seal_key
from answerback.model.causes import Cause
from answerback.model.devices import PreKey, Signed
from answerback.model.ids import AccountId
from answerback.model.message import Lane
from answerback.relay import limits
from answerback.relay.limits import Rate, RelayLimits
from answerback.storage.database import Database
from answerback.storage.relay_store import RelayStore
from answerback.wire.codec import encode
from answerback.wire.frames import (
    Announce,
    Announced,
    Claim,
    Claimed,
    Farewell,
    Listed,
    LookUp,
    Publish,
    Published,
    Resolve,
    Resolved,
    Submit,
    Taken,
    Took,
    Welcome,
)
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope


def prekeys(who: Resident, count: int, *, fallback: bool = False) -> list[Signed]:
    from answerback.crypto.identity import Purpose

    keys = [bytes([9, index]).ljust(32, b"\7") for index in range(count)]
    return [who.keys.sign(Purpose.PREKEY, encode(PreKey(who.device, key, fallback))) for key in keys]


def publish(drive: Drive, number: int, *, prekeys: list[Signed], fallback: Signed | None = None) -> None:
    drive.say(number, Publish(1, prekeys, fallback, None))
    drive.settle()


def claimed(drive: Drive, number: int, who: Resident) -> Claimed:
    drive.say(number, Claim(7, who.device))
    drive.settle()
    return drive.heard(number, Claimed)[-1]


def test_each_one_time_key_is_handed_out_once_then_the_fallback(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    assert claimed(drive, ann, people[1]) == Claimed(7, people[1].device, None, Cause.RECIPIENT_NO_KEYS.value)
    once, (fallback,) = prekeys(people[1], 2), prekeys(people[1], 1, fallback=True)
    publish(drive, ben, prekeys=once, fallback=fallback)
    assert drive.heard_a(ben, Published).prekeys_left == 2
    drive.begin()
    ann = drive.enter(people[0])
    assert [claimed(drive, ann, people[1]).prekey for _ in range(4)] == [*once, fallback, fallback]


def test_a_publication_repeated_after_a_lost_answer_offers_no_key_twice(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    once = prekeys(people[1], 2)
    publish(drive, ben, prekeys=once)
    assert claimed(drive, ann, people[1]).prekey == once[0]
    publish(drive, ben, prekeys=once)
    assert drive.heard(ben, Published)[-1].prekeys_left == 1
    assert claimed(drive, ann, people[1]).prekey == once[1]
    assert claimed(drive, ann, people[1]).prekey is None


def test_keys_that_are_not_the_devices_own_end_its_connection(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    wrong = [
        Publish(1, prekeys(people[2], 1), None, None),
        Publish(1, prekeys(people[1], 1, fallback=True), None, None),
        Publish(1, [], prekeys(people[1], 1)[0], None),
        Publish(1, prekeys(people[1], 1) * (limits.PREKEYS_MAX + 1), None, None),
    ]
    for frame in wrong:
        ben = drive.enter(people[1])
        drive.say(ben, frame)
        assert drive.heard_a(ben, Farewell).cause == Cause.TRUST_SIGNATURE_WRONG.value
    drive.settle()
    assert drive.heard_a(drive.enter(people[1]), Welcome).prekeys_left == 0


def test_a_device_of_nobody_has_no_keys(tmp_path: Path, people: list[Resident]) -> None:
    from tests.relay.residents import resident

    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    assert claimed(drive, ann, resident()).cause == Cause.RECIPIENT_DEVICE_GONE.value


def test_lists_come_after_the_known_version_with_the_seal_keys(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    second = next_device_list(people[1].root, people[1].signed, [people[1].keys.device(NOW_MS)], now_ms=NOW_MS)
    _, seal_key = make_seal_key(people[1].keys, now_ms=NOW_MS)
    drive.say(ben, Announce(1, second))
    drive.say(ben, Publish(2, [], None, seal_key))
    drive.settle()
    for known in (0, 1, 2):
        drive.say(ann, LookUp(known, people[1].account, known))
    drive.settle()
    listed = drive.heard(ann, Listed)
    assert [(each.request, each.lists) for each in listed] == [(0, [people[1].signed, second]), (1, [second]), (2, [])]
    assert listed[0].seal_keys == [seal_key]
    assert drive.heard_a(drive.enter(people[1]), Welcome).list_version == 2


def test_a_list_announced_twice_is_announced_and_a_stale_one_is_not(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.enter(people[1])
    own = [people[1].keys.device(NOW_MS)]
    second = next_device_list(people[1].root, people[1].signed, own, now_ms=NOW_MS)
    third = next_device_list(people[1].root, second, own, now_ms=NOW_MS)
    for request, signed in enumerate([third, second, second, third, second]):
        drive.say(ben, Announce(request, signed))
        drive.settle()
    wrong, stale = Cause.TRUST_SIGNATURE_WRONG.value, Cause.TRUST_KEYS_CHANGED.value
    found = [(each.version, each.cause) for each in drive.heard(ben, Announced)]
    assert found == [(1, wrong), (2, ""), (2, ""), (3, ""), (3, stale)]


def test_two_lists_announced_at_once_have_one_winner(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.enter(people[1])
    own = people[1].keys.device(NOW_MS)
    for request in (1, 2):
        rival = next_device_list(people[1].root, people[1].signed, [own], now_ms=NOW_MS + request)
        drive.say(ben, Announce(request, rival))
    drive.settle()
    assert [(each.version, each.cause) for each in drive.heard(ben, Announced)] == [
        (2, ""),
        (2, Cause.TRUST_KEYS_CHANGED.value),
    ]


def test_a_rival_of_the_newest_list_is_told_that_another_came_first(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ben = drive.enter(people[1])
    own, heir = people[1].keys.device(NOW_MS), RootKey.generate()
    # The second is what a device says that was killed before it heard that the first was taken.
    for request, seconds in ((1, 0), (2, 1)):
        at_ms = NOW_MS + seconds * 1000
        drive.say(ben, Announce(request, next_device_list(people[1].root, people[1].signed, [own], at_ms, heir=heir)))
        drive.settle()
    assert [(each.version, each.cause) for each in drive.heard(ben, Announced)] == [
        (2, ""),
        (2, Cause.TRUST_KEYS_CHANGED.value),
    ]


def test_nobody_takes_over_a_device_by_listing_it(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    theft = [people[0].keys.device(NOW_MS), people[1].keys.device(NOW_MS)]
    drive.say(ann, Announce(1, next_device_list(people[0].root, people[0].signed, theft, now_ms=NOW_MS)))
    drive.settle()
    answer = drive.heard_a(ann, Announced)
    assert (answer.version, answer.cause) == (1, Cause.TRUST_SIGNATURE_WRONG.value)


def test_a_handle_is_resolved_and_asking_too_often_is_answered_later(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people, limits=RelayLimits(handles=Rate(burst=1, per_s=0.5)))

    def account_of_handle(_db: Database, handle: str) -> AccountId | None:
        return people[1].account if handle == "ben@example.org" else None

    assert drive.db is not None
    drive.store = RelayStore(drive.db, new_name=b"", account_of_handle=account_of_handle)
    ann = drive.enter(people[0])
    drive.say(ann, Resolve(1, "ben@example.org"))
    drive.say(ann, Resolve(2, "eve@example.org"))
    drive.settle()
    assert drive.heard(ann, Resolved) == [Resolved(1, "ben@example.org", people[1].account)]
    drive.pass_time(3)
    drive.settle()
    assert drive.heard(ann, Resolved)[1:] == [Resolved(2, "eve@example.org", AccountId(b""))]


@pytest.mark.parametrize("kind", [Resolve, LookUp])
def test_who_connects_anew_while_questions_wait_stands_no_further_behind(
    tmp_path: Path, people: list[Resident], kind: type[Resolve | LookUp]
) -> None:
    slow = Rate(burst=1, per_s=0.1)
    drive = Drive(tmp_path, people, limits=RelayLimits(handles=slow, lookups=slow))
    answers = 0
    for _ in range(35):
        ann = drive.enter(people[0])
        for request in range(5):
            about = people[1].account
            drive.say(ann, Resolve(request, "ben@example.org") if kind is Resolve else LookUp(request, about, 0))
        drive.settle()
        drive.pass_time(1)
        drive.settle()
        answers += len(drive.heard(ann, Resolved if kind is Resolve else Listed))
    assert answers == 1 + 3, "one at once, and one in ten seconds"


def test_asking_without_end_is_not_answered(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people, limits=RelayLimits(lookups=Rate(burst=1, per_s=0.001)))
    ann = drive.enter(people[0])
    for request in range(limits.REQUESTS_LATE_MAX + 2):
        drive.say(ann, LookUp(request, people[1].account, 0))
    assert drive.heard_a(ann, Farewell).cause == Cause.ACCOUNT_RATE_LIMITED.value
    drive.settle()
    drive.pass_time(1_000_000)
    drive.settle()
    assert drive.heard(ann, Listed) == []


def test_numbers_no_database_can_hold_harm_nobody(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    largest = (1 << 64) - 1
    ann = drive.enter(people[0], *(Taken(lane, largest) for lane in Lane))
    drive.say(ann, LookUp(1, people[1].account, largest))
    drive.say(ann, LookUp(2, people[1].account, -(1 << 63)))
    drive.say(ann, Took([Taken(Lane.BULK, largest), Taken(Lane.URGENT, -5)]))
    drive.say(ann, Submit([envelope(people[0], "still here", lifetime_s=largest)]))
    drive.settle()
    assert [len(each.lists) for each in drive.heard(ann, Listed)] == [0, 1]
    assert drive.delivered(ann) == [b"still here"]


@pytest.mark.parametrize("request_number", [0, -1, 1 << 62])
def test_a_request_number_comes_back_as_it_was(tmp_path: Path, people: list[Resident], request_number: int) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[0])
    drive.say(ann, LookUp(request_number, people[1].account, 0))
    drive.settle()
    assert drive.heard_a(ann, Listed).request == request_number
