"""Proves that letters keep their bytes, open again, and never show what is in them."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from answerback.model.devices import Signed
from answerback.model.ids import AccountId, BlobId, ConversationId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Attachment, Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Evidence, Stage
from answerback.model.trust import How, Vouched
from answerback.wire.codec import decode_inner, decode_letter, decode_slip, encode
from answerback.wire.letters import (
    AnyLetter,
    Comparison,
    Gap,
    Heirloom,
    Inner,
    Nack,
    Page,
    PageTaken,
    PastCopy,
    PastMessage,
    PastStep,
    Post,
    Receipt,
    Slip,
    Turn,
    Void,
    Vouch,
)

GOLDEN = Path(__file__).parent / "golden" / "letters_v1.txt"
ANN, BEA = AccountId(b"A" * 16), AccountId(b"B" * 16)
PHONE, LAPTOP = DeviceId(b"P" * 16), DeviceId(b"L" * 16)
MESSAGE, EARLIER = MessageId(b"M" * 16), MessageId(b"m" * 16)
FILE = Attachment(BlobId(b"F" * 16), b"k" * 32, 2_000, 1_900, b"h" * 32, "holiday.jpg", "image/jpeg")
POST = Post(
    MESSAGE,
    ConversationId(b"C" * 16),
    [BEA],
    "the canary sings",
    FILE,
    Urgency.NORMAL,
    Stamp(1_800_000_000_000, 3),
    [EARLIER],
    1_802_592_000_000,
    "ann@example.org",
)
LETTERS: tuple[AnyLetter, ...] = (
    POST,
    Receipt([MESSAGE], [EARLIER]),
    Nack([EnvelopeId(b"E" * 16)], [Gap(Lane.NORMAL, 3, 5)], [BlobId(b"F" * 16)]),
    Void([Gap(Lane.URGENT, 1, 1)], [BlobId(b"f" * 16)]),
    Vouch([Vouched(BEA, How.CODE, 1_800_000_000_000, b"R" * 32)]),
    Comparison(b"S" * 16, Turn.ASK, b"v" * 32, 1_800_000_000_000),
    Heirloom(b"r" * 32),
    Page(
        1,
        2,
        -3,
        [
            PastMessage(
                POST,
                ANN,
                PHONE,
                1_800_000_000_001,
                [PastCopy(BEA, LAPTOP, Lane.NORMAL, Stage.READ)],
                [PastStep(None, Stage.QUEUED, Evidence.JOURNAL, 5, "unknown", 0)],
            )
        ],
        [("bea@example.org", BEA)],
        [(LAPTOP, "Ann's laptop")],
        b"d" * 32,
        is_last=True,
        offer=b"o" * 16,
    ),
    PageTaken(1, -3, 1, b"d" * 32, offer=b"o" * 16),
)
SLIP = Slip(
    MESSAGE, b"k" * 32, b"h" * 32, 7, ANN, PHONE, BEA, LAPTOP, 2, "Ann's phone", b"seal key", Signed(b"head", b"S" * 64)
)
SHORTER_SLIP = bytes.fromhex(
    "9ac4104d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4dc4206b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b"
    "6b6b6bc420686868686868686868686868686868686868686868686868686868686868686807c41041414141414141414141"
    "414141414141c41050505050505050505050505050505050c41042424242424242424242424242424242c4104c4c4c4c4c4c"
    "4c4c4c4c4c4c4c4c4c4c02ab416e6e27732070686f6e65"
)
"""As it was before it named a seal key."""
SHORTER_PAGES = tuple(
    bytes.fromhex(digits)
    for digits in (
        (
            "99a4506167650102fd91969ba4506f7374c4104d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4dc41043434343434343434343434343"
            "43434391c41042424242424242424242424242424242b07468652063616e6172792073696e677397c4104646464646464646"
            "4646464646464646c4206b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6bcd07d0cd076cc420"
            "6868686868686868686868686868686868686868686868686868686868686868ab686f6c696461792e6a7067aa696d616765"
            "2f6a7065670292cf000001a3185c50000391c4106d6d6d6d6d6d6d6d6d6d6d6d6d6d6d6dcf000001a3b2db1800af616e6e40"
            "6578616d706c652e6f7267c41041414141414141414141414141414141c41050505050505050505050505050505050cf0000"
            "01a3185c50019194c41042424242424242424242424242424242c4104c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c02069196c001"
            "0105a7756e6b6e6f776e009192af626561406578616d706c652e6f7267c410424242424242424242424242424242429192c4"
            "104c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4cac416e6e2773206c6170746f70c420646464646464646464646464646464646464"
            "6464646464646464646464646464c3"
        ),
        "96a95061676554616b656e01fd01c4206464646464646464646464646464646464646464646464646464646464646464c3",
    )
)
"""As they were before they named their offer."""
SHORTER_VOID = bytes.fromhex("92a4566f69649193010101")
"""As it was before it named files."""
INNER = Inner(ANN, PHONE, Lane.NORMAL, 1, b"olm", b"letter")


def golden() -> dict[str, bytes]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return {name: bytes.fromhex(data) for name, data in (line.split() for line in lines)}


def test_there_is_a_golden_letter_of_every_kind() -> None:
    assert {type(letter) for letter in LETTERS} == set(get_args(AnyLetter))
    assert set(golden()) == {type(value).__name__ for value in (*LETTERS, SLIP, INNER)}


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: type(letter).__name__)
def test_a_letter_has_the_golden_bytes_and_they_open(letter: AnyLetter) -> None:
    stored = golden()[type(letter).__name__]
    assert encode(letter) == stored
    assert decode_letter(stored) == letter


def test_pages_that_name_no_offer_open() -> None:
    pages = [letter for letter in LETTERS if isinstance(letter, Page | PageTaken)]
    shorter = [msgspec.structs.replace(page, offer=b"") for page in pages]
    assert [decode_letter(stored) for stored in SHORTER_PAGES] == shorter


def test_an_end_of_waiting_that_names_no_files_opens() -> None:
    assert decode_letter(SHORTER_VOID) == Void([Gap(Lane.URGENT, 1, 1)])


def test_slip_and_inside_have_the_golden_bytes_and_they_open() -> None:
    assert encode(SLIP) == golden()["Slip"]
    assert decode_slip(golden()["Slip"]) == SLIP
    assert decode_slip(SHORTER_SLIP) == msgspec.structs.replace(SLIP, seal_key=b"", head=None)
    assert encode(INNER) == golden()["Inner"]
    assert decode_inner(golden()["Inner"]) == INNER


def test_no_letter_shows_what_is_in_it() -> None:
    for value in (*LETTERS, SLIP, INNER):
        shown = repr(value)
        for secret in ("canary", "holiday", "example.org", "kkkk", "Ann's", "letter'"):
            assert secret not in shown
