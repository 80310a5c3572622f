"""Proves that the bytes of every frame are what they were, for old bytes must open for ever."""

from pathlib import Path
from typing import get_args

import pytest

from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery, Envelope
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId, DeviceId, EnvelopeId, envelope_id
from answerback.model.log import Placed, Proof
from answerback.model.message import Lane
from answerback.wire.codec import decode_client_frame, decode_relay_frame, encode
from answerback.wire.frames import (
    WIRE_VERSION,
    Acceptance,
    Accepted,
    Announce,
    Announced,
    Asked,
    Challenge,
    Claim,
    Claimed,
    ClientFrame,
    Deliver,
    Farewell,
    HandleNotice,
    Hello,
    Inquire,
    Listed,
    Located,
    LookUp,
    Pace,
    Ping,
    Pong,
    Publish,
    Published,
    Refusal,
    Refused,
    RelayFrame,
    Resolve,
    Resolved,
    Resume,
    Submit,
    Subscribe,
    Taken,
    TakeOver,
    Ticket,
    Took,
    Welcome,
    Whereabouts,
)
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded

GOLDEN = Path(__file__).parent / "golden" / "frames_v1.txt"
ANN, PHONE = AccountId(b"A" * 16), DeviceId(b"P" * 16)
SEALED = b"sealed bytes"
IDENTITY = EnvelopeId(b"E" * 16)
SIGNED = Signed(b"body", b"S" * 64)
CLOCK_MS = 1_800_000_000_000
PROOF = Proof(SIGNED, [b"h" * 32], Placed(7, b"entry", [b"p" * 32]))

FROM_DEVICES: tuple[ClientFrame, ...] = (
    Resume(1, PHONE, b"T" * 16, CLOCK_MS, [Taken(Lane.NORMAL, CLOCK_MS * 1000)], 8, b"P" * 32, standby=True),
    Hello(
        1, PHONE, b"S" * 64, [Taken(Lane.CONTROL, 7), Taken(Lane.NORMAL, CLOCK_MS * 1000)], 7, standby=True, anew=True
    ),
    TakeOver([Taken(Lane.URGENT, CLOCK_MS * 1000)], 10),
    Submit([Envelope(envelope_id(SEALED), PHONE, Lane.URGENT, 86_400, SEALED)], 9),
    Took([Taken(Lane.BACKGROUND, 9)]),
    Inquire([Asked(PHONE, IDENTITY)]),
    LookUp(1, ANN, 2, 1_000),
    Resolve(2, "ann@example.org", 1_000),
    Claim(3, PHONE),
    Publish(4, [SIGNED], SIGNED, None, anew=True),
    Announce(5, SIGNED),
    Ping(6),
    Pace(2, 32_768),
    Follow(7, 1_000, 1_000, is_first=True),
    Disclose(8, [1_001, 1_007]),
    Remind(9, SIGNED, 1_000),
    Subscribe("https://push.example/v1/abc", b"\x04" + b"K" * 64, b"A" * 16),
)
FROM_RELAYS: tuple[RelayFrame, ...] = (
    Challenge(b"N" * 32, b"R" * 16, CLOCK_MS),
    Welcome(
        CLOCK_MS,
        b"T" * 16,
        b"B" * 16,
        b"K" * 32,
        3,
        4,
        5,
        6,
        b"seal key",
        [Taken(Lane.URGENT, 8)],
        6,
        Ticket(b"T" * 16, b"S" * 32, 60),
        b"push name",
        7_776_000,
        CLOCK_MS - 1,
    ),
    Farewell(Cause.RELAY_STOPPING.value, 1500, "maintenance"),
    Accepted([Acceptance(IDENTITY, 3, -1)], Lane.URGENT),
    Refused([Refusal(IDENTITY, Cause.RECIPIENT_MAILBOX_FULL.value, -1, 3)]),
    Deliver([Delivery(CLOCK_MS * 1000, Lane.BULK, envelope_id(SEALED), SEALED)]),
    Located([Whereabouts(IDENTITY, held=True, taken=False, away_s=60)]),
    Listed(1, ANN, [SIGNED], [SIGNED, SIGNED], PROOF),
    Resolved(2, "ann@example.org", ANN, PROOF),
    Followed(7, 1_000, b"L" * 68, SIGNED, [b"h" * 32], [b"f" * 32]),
    Disclosed(8, [b"entry", b""]),
    Reminded(9, SIGNED, [b"r" * 32], [b"h" * 32]),
    Claimed(3, PHONE, None, Cause.RECIPIENT_NO_KEYS.value),
    Published(4, 100),
    Announced(5, 2),
    HandleNotice("ann@example.org", HandleState.LEAVING, ANN, CLOCK_MS),
    Pong(6, CLOCK_MS),
)


SHORTER: tuple[ClientFrame | RelayFrame, ...] = (
    Resume(1, PHONE, b"T" * 16, CLOCK_MS, [Taken(Lane.NORMAL, CLOCK_MS * 1000)], 8, b"P" * 32),
    Hello(1, PHONE, b"S" * 64, [Taken(Lane.CONTROL, 7), Taken(Lane.NORMAL, CLOCK_MS * 1000)]),
    Submit([Envelope(envelope_id(SEALED), PHONE, Lane.URGENT, 86_400, SEALED)]),
    Publish(4, [SIGNED], SIGNED, None),
    LookUp(1, ANN, 2),
    Resolve(2, "ann@example.org"),
    Listed(1, ANN, [SIGNED], [SIGNED, SIGNED]),
    Resolved(2, "ann@example.org", ANN),
    Welcome(CLOCK_MS, b"T" * 16, b"B" * 16, b"K" * 32, 3, 4, 5, 6, b"seal key"),
)
"""As they were before their last fields came."""


def golden(file: Path = GOLDEN) -> dict[str, bytes]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {name: bytes.fromhex(data) for name, data in (line.split() for line in lines)}


def test_there_is_a_golden_frame_of_every_kind() -> None:
    assert {type(frame) for frame in FROM_DEVICES} == set(get_args(ClientFrame))
    assert {type(frame) for frame in FROM_RELAYS} == set(get_args(RelayFrame))
    assert set(golden()) == {type(frame).__name__ for frame in (*FROM_DEVICES, *FROM_RELAYS)}
    assert WIRE_VERSION == 1, "a new version gets golden bytes of its own, beside the old ones"


@pytest.mark.parametrize("frame", FROM_DEVICES, ids=lambda frame: type(frame).__name__)
def test_a_devices_frame_has_the_golden_bytes_and_they_open(frame: ClientFrame) -> None:
    stored = golden()[type(frame).__name__]
    assert encode(frame) == stored
    assert decode_client_frame(stored) == frame


@pytest.mark.parametrize("frame", FROM_RELAYS, ids=lambda frame: type(frame).__name__)
def test_a_relays_frame_has_the_golden_bytes_and_they_open(frame: RelayFrame) -> None:
    stored = golden()[type(frame).__name__]
    assert encode(frame) == stored
    assert decode_relay_frame(stored) == frame


def test_frames_from_before_they_grew_still_open() -> None:
    stored = golden(GOLDEN.with_name("frames_v1_shorter.txt"))
    assert set(stored) == {type(frame).__name__ for frame in SHORTER}
    for frame in SHORTER:
        is_from_device = type(frame) in {type(each) for each in FROM_DEVICES}
        read = decode_client_frame if is_from_device else decode_relay_frame
        assert read(stored[type(frame).__name__]) == frame


def test_a_frame_that_grew_a_field_is_still_read() -> None:
    """Newer devices and relays put new fields at the end."""
    for name, stored in golden().items():
        head, rest = stored[:1], stored[1:]
        grown = bytes([head[0] + 1])  # an array of so many; from sixteen on the number has two bytes of its own
        if head == b"\xdc":
            grown, rest = head + (int.from_bytes(rest[:2], "big") + 1).to_bytes(2, "big"), rest[2:]
        elif head == b"\x9f":
            grown = b"\xdc\x00\x10"
        longer = grown + rest + b"\xc0"
        read = decode_client_frame if name in {type(frame).__name__ for frame in FROM_DEVICES} else decode_relay_frame
        assert read(longer) == read(stored)
