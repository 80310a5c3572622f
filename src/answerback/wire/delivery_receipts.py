"""Reads delivery receipts of an SMPP centre, in both of their forms.

Theory. SMPP 3.4 leaves the text of a receipt to the vendor; the form of its Appendix B, `id:… sub:… stat:DELIVRD …`, is
what nearly all of them write. Better are the optional parameters `receipted_message_id` and `message_state`
(§5.3.2.12, §5.3.2.35), and a centre that echoes `user_message_reference` (§5.3.2.17) names *our* submission. Where the
two forms disagree the parameters count: they are not a text for people.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final


@unique
class MessageState(IntEnum):
    """What a centre says has become of a message (SMPP 3.4 §5.2.28)."""

    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8

    @property
    def is_failure(self) -> bool:
        """Whether the centre has given the message up."""
        return self in (MessageState.EXPIRED, MessageState.DELETED, MessageState.UNDELIVERABLE, MessageState.REJECTED)


@dataclass(frozen=True, slots=True)
class DeliveryReceipt:
    """What a centre says of a message it took."""

    id: str
    """The centre's name for the message; empty if it was not said."""
    state: MessageState
    reference: int | None = None
    """Ours, echoed."""
    error: str = ""
    """The network's error code, if it says one."""


TAG_RECEIPTED_MESSAGE_ID: Final = 0x001E
TAG_USER_MESSAGE_REFERENCE: Final = 0x0204
TAG_MESSAGE_PAYLOAD: Final = 0x0424
TAG_MESSAGE_STATE: Final = 0x0427
TAG_NETWORK_ERROR_CODE: Final = 0x0423
_ID_CHARACTERS_MAX = 65
"""§5.2.23."""
_FIELD: Final = re.compile(r"\b(id|stat|err):([^\s]{1,65})", re.IGNORECASE)
_WORDS: Final = {
    "ENROUTE": MessageState.ENROUTE,
    "DELIVRD": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "DELETED": MessageState.DELETED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "ACCEPTD": MessageState.ACCEPTED,
    "UNKNOWN": MessageState.UNKNOWN,
    "REJECTD": MessageState.REJECTED,
}


def read_receipt(text: bytes, tlvs: dict[int, bytes]) -> DeliveryReceipt | None:
    """Read a receipt; None if neither form says anything that can be used. Never raises."""
    fields = {
        match[1].lower(): match[2] for match in reversed(list(_FIELD.finditer(text[:512].decode("latin-1"))))
    }  # reversed: the first of each counts, for the message's own words may follow in `text:`
    state = _state(tlvs.get(TAG_MESSAGE_STATE, b"")) or _WORDS.get(fields.get("stat", "").upper())
    id_ = read_c_string(tlvs.get(TAG_RECEIPTED_MESSAGE_ID, b"")) or fields.get("id", "")
    echoed = tlvs.get(TAG_USER_MESSAGE_REFERENCE, b"")
    reference = int.from_bytes(echoed, "big") if len(echoed) == 2 else None  # noqa: PLR2004 - §5.3.2.17: two octets
    if state is None or (not id_ and reference is None):
        return None
    code = tlvs.get(TAG_NETWORK_ERROR_CODE, b"")
    error = str(int.from_bytes(code[1:3], "big")) if len(code) == 3 else fields.get("err", "")  # noqa: PLR2004 - §5.3.2.31
    return DeliveryReceipt(id_, state, reference, error if error.strip("0") else "")


def read_c_string(value: bytes) -> str:
    """Read octets up to a NUL as a centre's id."""
    return value.split(b"\0", maxsplit=1)[0][:_ID_CHARACTERS_MAX].decode("latin-1")


def _state(value: bytes) -> MessageState | None:
    return MessageState(value[0]) if len(value) == 1 and value[0] in MessageState._value2member_map_ else None
