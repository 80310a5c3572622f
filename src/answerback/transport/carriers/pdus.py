"""The packets of SMPP 3.4 that `smpp34` has no class for, and the way they come from a stream.

`submit_sm` and `deliver_sm`, where the fields are many, are written and read by the library; the others are a header of
four numbers and a few texts that end in a NUL (SMPP 3.4 §3.2, §4).
"""

import asyncio
import struct
from dataclasses import dataclass
from typing import Final

from answerback.model.errors import PeerError
from answerback.wire.delivery_receipts import read_c_string

PDU_BYTES_MAX = 66_000
"""A `message_payload` has at most 64 KiB (§5.3.2.32), and there is a kilobyte around it."""
HEADER: Final = struct.Struct(">IIII")
TLV: Final = struct.Struct(">HH")
RESPONSE: Final = 0x80000000
GENERIC_NACK, BIND_TRANSCEIVER, UNBIND, ENQUIRE_LINK = 0x80000000, 0x09, 0x06, 0x15
SUBMIT_SM, DELIVER_SM, QUERY_SM = 0x04, 0x05, 0x03
OK: Final = 0
INTERFACE_VERSION: Final = 0x34
TAG_OUR_TOKEN: Final = 0x1A17
"""In the range that §5.3.2 leaves to vendors: the token of a submission, and what `query_sm` may ask for.

Not of SMPP 3.4, which cannot ask for what has no id yet: docs/decisions/0034-texts-are-sent-once.md."""
SYSTEM_ERROR, INVALID_MESSAGE_ID, BIND_FAILED, INVALID_PASSWORD, INVALID_SYSTEM = 0x08, 0x0C, 0x0D, 0x0E, 0x0F
QUEUE_FULL, THROTTLED, TEMPORARY_APPLICATION, QUERY_FAILED = 0x14, 0x58, 0x64, 0x67
INVALID_COMMAND: Final = 0x03
TEMPORARY: Final = frozenset({SYSTEM_ERROR, QUEUE_FULL, THROTTLED, TEMPORARY_APPLICATION})
TOO_FAST: Final = frozenset({QUEUE_FULL, THROTTLED})
_WORDS: Final = {
    0x01: "the text is too long for it",
    0x05: "it is bound already",
    0x08: "it has an error of its own",
    0x0A: "it does not accept the sender's number",
    0x0B: "it does not accept the recipient's number",
    0x0C: "it does not know that message",
    0x0D: "it refuses the bind",
    0x0E: "the password is wrong",
    0x0F: "it does not know the system id",
    0x14: "its queue is full",
    0x45: "it could not take the text",
    0x58: "that is faster than the contract allows",
    0x61: "it does not accept the date",
    0x64: "it has a passing error of its own",
    0x65: "it refuses the text for good",
    0x67: "it cannot say",
}


@dataclass(frozen=True, slots=True)
class Pdu:
    """One packet."""

    command: int
    status: int
    sequence: int
    body: bytes
    raw: bytes

    def __repr__(self) -> str:
        """Show the header only: the rest is content."""
        return f"Pdu({self.command:#x}, status {self.status:#x}, {self.sequence}, {len(self.body)} bytes)"


def told_status(status: int) -> str:
    """Say a status in words."""
    return f"{_WORDS.get(status, 'it refuses the text')} (status 0x{status:X})"


def packed(command: int, *, sequence: int, status: int = OK, body: bytes = b"") -> bytes:
    """Write one packet."""
    return HEADER.pack(HEADER.size + len(body), command, status, sequence) + body


def c_string(text: str) -> bytes:
    """Write a text of the protocol. Raises UnicodeEncodeError if it is not ASCII."""
    return text.encode("ascii").replace(b"\0", b"") + b"\0"


def tlv(tag: int, value: bytes) -> bytes:
    """Write an optional parameter."""
    return TLV.pack(tag, len(value)) + value


async def read_pdu(reader: asyncio.StreamReader) -> Pdu:
    """Read one packet. Raises PeerError for what is none, IncompleteReadError at the end."""
    header = await reader.readexactly(HEADER.size)
    length, command, status, sequence = HEADER.unpack(header)
    if not HEADER.size <= length <= PDU_BYTES_MAX:
        raise PeerError(f"a packet of {length} bytes is none of SMPP's")
    body = await reader.readexactly(length - HEADER.size)
    return Pdu(command, status, sequence, body, header + body)


def read_strings(body: bytes, count: int) -> tuple[list[str], bytes]:
    """Read so many texts from the beginning of a body; what is missing is empty. Return what follows, too."""
    texts = []
    for _ in range(count):
        text, _, body = body.partition(b"\0")
        texts.append(read_c_string(text))
    return texts, body


def read_tlvs(body: bytes) -> dict[int, bytes]:
    """Read optional parameters; what is cut off at the end is left out."""
    found: dict[int, bytes] = {}
    while len(body) >= TLV.size:
        tag, length = TLV.unpack_from(body)
        if len(body) < TLV.size + length:
            break
        found.setdefault(tag, body[TLV.size : TLV.size + length])
        body = body[TLV.size + length :]
    return found
