"""Proves what a registered device that asks for too much cannot do to the relay, or through it to others."""

from pathlib import Path

import msgspec
import pytest

from answerback.crypto.identity import DeviceKeys, Purpose, next_device_list
from answerback.model.causes import Cause
from answerback.model.devices import DEVICES_MAX, SIGNED_BYTES_MAX, DeviceList, PreKey, Signed
from answerback.model.errors import PeerError
from answerback.model.message import Lane
from answerback.relay.limits import Rate, RelayLimits
from answerback.relay.urgency import URGENT_RATE
from answerback.wire.codec import decode, decode_client_frame, encode
from answerback.wire.frames import (
    FRAME_BYTES_MAX,
    LISTS_MAX,
    Announce,
    Announced,
    Asked,
    Claim,
    Claimed,
    Deliver,
    Farewell,
    Inquire,
    Listed,
    Located,
    Publish,
    Published,
    Refused,
    Submit,
    Taken,
    Took,
)
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope, residents

ANN, BEN = 0, 1


@pytest.fixture(scope="module")
def people() -> list[Resident]:
    return residents(2)


def prekey(who: Resident, number: int, *, fallback: bool = False) -> Signed:
    key = bytes([9, number]).ljust(32, b"\7")
    return who.keys.sign(Purpose.PREKEY, encode(PreKey(who.device, key, fallback)))


def test_a_list_padded_to_break_its_readers_frames_is_no_list(people: list[Resident]) -> None:
    ann = people[ANN]
    padded = msgspec.msgpack.encode([*msgspec.to_builtins(decode(ann.signed.body, DeviceList)), "x" * 100_000])
    signed = ann.root.sign(Purpose.DEVICE_LIST, padded)
    assert len(padded) > SIGNED_BYTES_MAX
    with pytest.raises(PeerError):
        decode_client_frame(encode(Announce(1, signed)))


def test_as_many_lists_as_one_answer_holds_fit_one_frame(people: list[Resident]) -> None:
    ann = people[ANN]
    devices = [DeviceKeys.generate().device(NOW_MS) for _ in range(DEVICES_MAX)]
    full = next_device_list(ann.root, ann.signed, devices, NOW_MS)
    assert len(full.body) <= SIGNED_BYTES_MAX
    largest = Signed(bytes(SIGNED_BYTES_MAX), bytes(64))
    assert len(encode(Listed(1, ann.account, [largest] * LISTS_MAX, [largest] * LISTS_MAX))) <= FRAME_BYTES_MAX


def test_who_publishes_or_announces_without_end_is_sent_away(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people, limits=RelayLimits(changes=Rate(burst=3, per_s=0.01)))
    ann, ben = drive.enter(people[ANN]), drive.enter(people[BEN])
    for number in range(10):
        drive.say(ann, Publish(number, [prekey(people[ANN], number)], None, None))
    drive.settle()
    assert len(drive.heard(ann, Published)) <= 3
    assert drive.heard_a(ann, Farewell).cause == Cause.ACCOUNT_RATE_LIMITED.value
    drive.say(ben, Announce(1, people[BEN].signed))
    drive.settle()
    assert drive.heard_a(ben, Announced).cause == "", "one device's greed is not another's"


def test_whoever_drains_the_one_time_keys_leaves_the_last_resort(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[ANN]), drive.enter(people[BEN])
    last = prekey(people[BEN], 99, fallback=True)
    drive.say(ben, Publish(1, [prekey(people[BEN], number) for number in range(50)], last, None))
    drive.settle()
    for number in range(300):
        drive.say(ann, Claim(number, people[BEN].device))
    drive.settle()
    given = [each.prekey for each in drive.heard(ann, Claimed)]
    assert given[50:] == [last] * 250
    assert len({each.body for each in given[:50] if each}) == 50


def test_who_calls_everything_urgent_is_put_off_for_that_reader_alone(tmp_path: Path, people: list[Resident]) -> None:
    """Agents bound themselves to a quarter of this; a program that does not is bounded all the same."""
    drive = Drive(tmp_path, people)
    ann, ben = drive.enter(people[ANN]), drive.enter(people[BEN])
    count = round(URGENT_RATE.burst) + 30
    letters = [envelope(people[BEN], f"urgent {number}", lane=Lane.URGENT) for number in range(count)]
    for start in range(0, count, 50):
        drive.say(ann, Submit(letters[start : start + 50]))
    drive.settle()
    refused = [entry for frame in drive.heard(ann, Refused) for entry in frame.entries]
    assert [entry.id for entry in refused] == [each.id for each in letters[round(URGENT_RATE.burst) :]]
    assert {entry.cause for entry in refused} == {Cause.ACCOUNT_RATE_LIMITED.value}
    assert all(0 < entry.retry_after_ms <= 1000 / URGENT_RATE.per_s + 1 for entry in refused)
    drive.say(ann, Submit([envelope(people[BEN], "a word"), envelope(people[ANN], "a note", lane=Lane.URGENT)]))
    drive.say(ben, Submit([envelope(people[ANN], "an answer", lane=Lane.URGENT)]))
    drive.settle()
    assert len(drive.heard(ann, Refused)) == len([frame for frame in drive.heard(ann, Refused) if frame.entries])
    assert sum(len(frame.entries) for frame in drive.heard(ann, Refused)) == 30, "nothing else was held against it"
    assert drive.heard(ben, Refused) == []


def test_nobody_takes_or_finds_mail_that_waits_for_others(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    ann = drive.enter(people[ANN])
    sent = envelope(people[BEN], "for ben")
    drive.say(ann, Submit([sent]))
    drive.settle()
    drive.say(ann, Took([Taken(lane, (1 << 53) - 1) for lane in Lane]))
    drive.say(ann, Inquire([Asked(people[ANN].device, sent.id)]))
    drive.settle()
    assert [(each.held, each.taken) for each in drive.heard_a(ann, Located).entries] == [(False, False)]
    ben = drive.enter(people[BEN])
    drive.settle()
    assert [entry.id for entry in drive.heard_a(ben, Deliver).entries] == [sent.id]


@pytest.mark.parametrize(
    "data",
    [
        b"\x91" * 500_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        encode(["Submit", [[]] * 200_000]),
        b"\xc1",
        b"",
    ],
    ids=["nested", "array bomb", "map bomb", "bytes bomb", "many empty", "never used", "nothing"],
)
def test_a_bomb_is_refused_before_it_costs_anything(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_client_frame(data)
