"""A ticket's proof holds for exactly what was said, by whoever holds the secret."""

import msgspec
import pytest

from answerback.crypto.resumption import check_proof, proven
from answerback.model.errors import TrustError
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.wire.frames import Resume, Taken

SECRET = b"S" * 32
FRAME = proven(Resume(1, DeviceId(b"P" * 16), b"T" * 16, 1_000, [Taken(Lane.NORMAL, 5)], 7, b""), secret=SECRET)


def test_whoever_holds_the_secret_proves_it() -> None:
    check_proof(FRAME, secret=SECRET)
    assert FRAME.proof.hex() == "086df48449272ae98d86ce50830e4825ffa25b7d7f1e3713d1cab622eabc2223", (
        "devices and relays of other versions compute the same"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"wire": 2},
        {"device": DeviceId(b"Q" * 16)},
        {"ticket": b"U" * 16},
        {"clock_ms": 1_001},
        {"taken": [Taken(Lane.NORMAL, 6)]},
        {"life": 8},
        {"standby": True},
        {"proof": b"\0" * 32},
    ],
    ids=lambda change: str(*change),
)
def test_not_a_word_can_be_changed(change: dict[str, object]) -> None:
    with pytest.raises(TrustError):
        check_proof(msgspec.structs.replace(FRAME, **change), secret=SECRET)


def test_a_standby_cannot_be_made_of_the_connection_in_use_nor_the_other_way_round() -> None:
    standby = proven(msgspec.structs.replace(FRAME, standby=True), secret=SECRET)
    check_proof(standby, secret=SECRET)
    with pytest.raises(TrustError):
        check_proof(msgspec.structs.replace(standby, standby=False), secret=SECRET)


def test_another_secret_proves_nothing() -> None:
    with pytest.raises(TrustError):
        check_proof(FRAME, secret=b"s" * 32)
