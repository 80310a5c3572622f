"""Proves that urgency names a lane, and that content never shows itself."""

from answerback.model.ids import BlobId
from answerback.model.message import Attachment, Lane, Urgency
from tests.core.specimens import a_message


def test_every_urgency_has_a_lane_of_the_same_name_and_none_is_control() -> None:
    for urgency in Urgency:
        assert urgency.lane.name == urgency.name
        assert urgency.lane is not Lane.CONTROL


def test_the_smaller_lane_goes_first() -> None:
    assert sorted(Lane) == [Lane.CONTROL, Lane.URGENT, Lane.NORMAL, Lane.BULK, Lane.BACKGROUND]


def test_neither_text_nor_a_files_name_or_key_is_shown() -> None:
    file = Attachment(BlobId(b"b" * 16), b"topsecret", 2, 1, b"h", "diary.pdf", "application/pdf")
    assert repr(file) == "Attachment(1 bytes)"
    message = a_message(77)
    assert repr(message) == f"Message({message.id.hex()})"
