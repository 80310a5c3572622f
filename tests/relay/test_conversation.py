"""Only a device that proves who it is comes in, once; everybody else learns why not."""

from pathlib import Path

import pytest

from answerback.crypto.identity import next_device_list
from answerback.model.causes import Cause
from answerback.model.message import Lane
from answerback.relay import conversation, limits
from answerback.relay.conversation import SUPERSEDED
from answerback.wire.frames import (
    Announce,
    Announced,
    Challenge,
    Farewell,
    Hello,
    Ping,
    Pong,
    Submit,
    Taken,
    Welcome,
)
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope, resident


def farewell(drive: Drive, number: int) -> str:
    assert number in drive.closed
    return drive.heard_a(number, Farewell).cause


def test_a_device_that_proves_itself_is_welcomed(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0])
    welcome = drive.heard_a(number, Welcome)
    assert (welcome.waiting, welcome.list_version, welcome.store) == (0, 1, drive.store.name)
    assert drive.exchange.device_of_token(welcome.token) == people[0].device
    assert drive.exchange.device_of_token(b"guess") is None


def test_somebody_elses_signature_does_not_open(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.connect()
    forged = people[1].hello(drive.heard_a(number, Challenge))
    drive.say(number, Hello(forged.wire, people[0].device, forged.signature, []))
    drive.settle()
    assert farewell(drive, number) == Cause.ACCOUNT_NOT_REGISTERED.value


def test_an_answer_to_another_challenge_does_not_open(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    first, second = drive.connect(), drive.connect()
    drive.say(second, people[0].hello(drive.heard_a(first, Challenge)))
    drive.settle()
    assert farewell(drive, second) == Cause.ACCOUNT_NOT_REGISTERED.value


def test_an_unknown_device_is_told_so(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    assert farewell(drive, drive.enter(resident())) == Cause.ACCOUNT_NOT_REGISTERED.value


def test_a_revoked_device_is_sent_away_at_once_and_stays_out(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    stranger, laptop = resident(), resident()
    number = drive.enter(people[0])
    pair = [people[0].keys.device(NOW_MS), laptop.keys.device(NOW_MS)]
    both = next_device_list(people[0].root, people[0].signed, pair, now_ms=NOW_MS)
    drive.say(number, Announce(1, both))
    drive.settle()
    second = drive.enter(laptop)
    token = drive.heard_a(second, Welcome).token
    drive.say(number, Submit([envelope(laptop, "for the laptop")]))
    drive.settle()
    drive.say(number, Announce(2, next_device_list(people[0].root, both, pair[:1], now_ms=NOW_MS)))
    drive.settle()
    assert [(a.version, a.cause) for a in drive.heard(number, Announced)] == [(2, ""), (3, "")]
    assert farewell(drive, second) == Cause.ACCOUNT_DEVICE_REVOKED.value
    assert drive.exchange.device_of_token(token) is None
    assert drive.store.rows == 0
    assert farewell(drive, drive.enter(laptop)) == Cause.ACCOUNT_DEVICE_REVOKED.value
    assert farewell(drive, drive.enter(stranger)) == Cause.ACCOUNT_NOT_REGISTERED.value


def test_another_wire_version_is_incompatible(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.connect()
    drive.say(number, people[0].hello(drive.heard_a(number, Challenge), wire=99))
    drive.settle()
    assert farewell(drive, number) == Cause.RELAY_INCOMPATIBLE.value


def test_nothing_counts_before_the_hello(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.connect()
    drive.say(number, Ping(1))
    assert farewell(drive, number) == Cause.RELAY_INCOMPATIBLE.value
    assert drive.heard(number, Pong) == []


def test_a_second_hello_breaks_the_protocol(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.connect()
    hello = people[0].hello(drive.heard_a(number, Challenge))
    drive.say(number, hello)
    drive.say(number, hello)
    drive.settle()
    assert farewell(drive, number) == Cause.RELAY_INCOMPATIBLE.value


def test_what_is_said_right_behind_the_hello_counts_after_the_welcome(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.greet(people[0])
    letter = envelope(people[1], "hurry")
    drive.say(number, Submit([letter]))
    drive.say(number, Ping(5))
    assert drive.heard(number, Pong) == []
    drive.settle()
    assert drive.accepted(number) == [letter.id]
    assert [type(frame) for frame in drive.said[number]][:2] == [Challenge, Welcome]
    assert drive.heard_a(number, Pong).echo == 5


def test_what_a_stranger_says_ahead_is_bounded(
    tmp_path: Path, people: list[Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = Drive(tmp_path, people)
    number = drive.greet(people[0])
    drive.say(number, Ping(1), size_bytes=limits.AHEAD_BYTES_MAX + 1)
    assert number in drive.deaf
    drive.settle()
    assert number not in drive.deaf
    monkeypatch.setattr(conversation, "AHEAD_ALL_BYTES_MAX", 1_000)
    other = drive.greet(people[1])
    drive.say(other, Ping(1), size_bytes=1_001)
    assert farewell(drive, other) == Cause.RELAY_BUSY.value


def test_a_newer_connection_supersedes_the_older(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    older, newer = drive.enter(people[0]), drive.enter(people[0])
    said = drive.heard_a(older, Farewell)
    assert (said.cause, said.detail) == (Cause.NETWORK_CONNECTION_LOST.value, SUPERSEDED)
    ben = drive.enter(people[1])
    drive.say(ben, Submit([envelope(people[0], "to the newer")]))
    drive.settle()
    assert drive.delivered(newer) == [b"to the newer"]
    drive.lose(older)
    drive.say(ben, Submit([envelope(people[0], "still here")]))
    drive.settle()
    assert drive.delivered(newer)[1:] == [b"still here"]


def test_a_stranger_cannot_end_a_devices_connection(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number, other = drive.enter(people[0]), drive.connect()
    drive.say(other, Hello(1, people[0].device, bytes(64), []))
    drive.settle()
    assert number not in drive.closed
    assert other in drive.closed


def test_strangers_are_bounded_in_time_and_number(
    tmp_path: Path, people: list[Resident], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "STRANGERS_MAX", 1)
    drive = Drive(tmp_path, people)
    drive.pass_time(1)
    first, second = drive.connect(), drive.connect()
    assert farewell(drive, second) == Cause.RELAY_BUSY.value
    drive.pass_time(limits.HELLO_S_MAX + 1)
    assert farewell(drive, first) == Cause.NETWORK_STALLED.value
    assert drive.connect() not in drive.closed


def test_a_device_that_is_handed_mail_and_says_nothing_is_not_there(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    drive.pass_time(1)
    ann, ben = drive.enter(people[0]), drive.enter(people[1])
    drive.say(ann, Submit([envelope(people[1], "hello?")]))
    drive.settle()
    drive.pass_time(limits.UNTAKEN_S_MAX + 1)
    assert farewell(drive, ben) == Cause.NETWORK_STALLED.value
    assert ann not in drive.closed
    drive.pass_time(limits.SILENCE_S_MAX)
    assert farewell(drive, ann) == Cause.NETWORK_STALLED.value


def test_a_device_far_ahead_of_a_restored_relay_is_let_in(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0], Taken(Lane.NORMAL, 1 << 62))
    assert number not in drive.closed
    ben = drive.enter(people[1])
    drive.say(ben, Submit([envelope(people[0], "after the restore")]))
    drive.settle()
    assert drive.delivered(number) == [b"after the restore"]


def test_a_stopping_relay_sends_everybody_away_and_lets_nobody_in(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    numbers = [drive.enter(people[0]), drive.enter(people[1])]
    drive.carry_out(drive.exchange.stop(moment=drive.moment))
    assert {farewell(drive, number) for number in [*numbers, drive.connect()]} == {Cause.RELAY_STOPPING.value}
    waits = [drive.heard_a(number, Farewell).retry_after_ms for number in numbers]
    assert min(waits) > 0
    assert len(set(waits)) == 2, "a crowd does not come back at once"


def test_a_list_signed_by_another_root_is_not_announced(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0])
    forged = next_device_list(people[1].root, people[1].signed, [people[1].keys.device(NOW_MS)], now_ms=NOW_MS)
    drive.say(number, Announce(1, forged))
    drive.settle()
    answer = drive.heard_a(number, Announced)
    assert (answer.version, answer.cause) == (1, Cause.TRUST_SIGNATURE_WRONG.value)
