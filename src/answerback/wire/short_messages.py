"""Writes a text as short messages of a telephone network, and reads them back.

Theory. A short message holds 140 octets: 160 characters of the GSM alphabet at seven bits each, or 70 units of UTF-16
where a character is not in it. A longer text is cut into parts, each with a header of six octets that says which part
of which text it is (3GPP TS 23.040 §9.2.3.24.1), so 153 or 67 fit. SMPP carries a septet in an octet of its own. A
character that needs two units, an escape of the GSM alphabet or a surrogate pair, is never cut in two: half of it shows
as rubbish on some phones.

`data_coding` 8 is called UCS-2; phones have long read UTF-16, and so is it written here.
"""

from dataclasses import dataclass
from typing import Final

from answerback.model.errors import UsageError

PARTS_MAX = 20
"""About 3,000 letters or 1,300 units of UTF-16: a longer text is not a text message any more, and each part costs."""
GSM, LATIN1, UCS2 = 0, 3, 8
"""`data_coding` (SMPP 3.4 §5.2.19): the centre's default alphabet, taken to be GSM; ISO 8859-1; UTF-16."""
IS_UDH: Final = 0x40
"""`esm_class` (§5.2.12): the short message begins with a user data header."""
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_CONCATENATED_8, _CONCATENATED_16 = 0x00, 0x08
_ESCAPE: Final = 0x1B
_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""3GPP TS 23.038 §6.2.1."""
_EXTENSION: Final = {
    *((0x0A, "\f"), (0x14, "^"), (0x28, "{"), (0x29, "}"), (0x2F, "\\")),
    *((0x3C, "["), (0x3D, "~"), (0x3E, "]"), (0x40, "|"), (0x65, "€")),
}
"""§6.2.1.1: after an escape."""
_CODES: Final = {
    **{character: bytes((code,)) for code, character in enumerate(_BASIC) if code != _ESCAPE},
    **{character: bytes((_ESCAPE, code)) for code, character in _EXTENSION},
}
_EXTENDED: Final = dict(_EXTENSION)


@dataclass(frozen=True, slots=True)
class ShortMessage:
    """One short message as SMPP carries it."""

    body: bytes
    """With its header, if it has one."""
    data_coding: int
    has_header: bool

    def __repr__(self) -> str:
        """Say how long it is: the rest is content."""
        return f"ShortMessage({len(self.body)} bytes, data_coding={self.data_coding})"


@dataclass(frozen=True, slots=True)
class Fragment:
    """A short message that arrived: a text, or a part of one."""

    text: str
    reference: int = 0
    """Chosen by the sender; with sender and total it names the text that this is a part of."""
    total: int = 1
    index: int = 0
    """From nought."""

    def __repr__(self) -> str:
        """Say which part it is: the rest is content."""
        return f"Fragment({self.index + 1} of {self.total})"


def in_gsm(text: str) -> bytes | None:
    """Write a text in the GSM alphabet, an octet a septet; None if a character is not in it."""
    codes = [_CODES.get(character) for character in text]
    return None if None in codes else b"".join(code for code in codes if code is not None)


def from_gsm(septets: bytes) -> str:
    """Read the GSM alphabet; an escape that means nothing reads as a space (TS 23.038 §6.2.1.1)."""
    read, escaped = [], False
    for octet in septets:
        if escaped:
            read.append(_EXTENDED.get(octet, " "))
            escaped = False
        elif octet == _ESCAPE:
            escaped = True
        else:
            read.append(_BASIC[octet & 0x7F])
    return "".join(read)


def count_parts(text: str) -> int:
    """Say as how many short messages a text would go. Raises UsageError if it is empty or too long."""
    return len(_cut(text)[1])


def short_messages(text: str, *, reference: int) -> list[ShortMessage]:
    """Write a text as short messages; `reference` (its last eight bits) ties the parts of one text together.

    Raises UsageError if the text is empty or too long.
    """
    coding, parts = _cut(text)
    if len(parts) == 1:
        return [ShortMessage(parts[0], coding, has_header=False)]
    header = bytes((5, _CONCATENATED_8, 3, reference & 0xFF, len(parts)))
    return [
        ShortMessage(header + bytes((number,)) + part, coding, has_header=True)
        for number, part in enumerate(parts, start=1)
    ]


def read_short_message(body: bytes, *, data_coding: int, has_header: bool) -> Fragment:
    """Read what a network handed over. Never raises: what is not text reads as replacement characters."""
    reference, total, index = 0, 1, 0
    if has_header and body:
        length = body[0]
        reference, total, index = _concatenation(body[1 : 1 + length])
        body = body[1 + length :]
    return Fragment(_decoded(body, data_coding), reference, total, index)


def _cut(text: str) -> tuple[int, list[bytes]]:
    if not text:
        raise UsageError("an empty text cannot be sent as a text message")
    alphabet = all(character in _CODES for character in text)
    try:
        units = [_CODES[character] if alphabet else character.encode("utf-16-be") for character in text]
    except UnicodeEncodeError as error:
        raise UsageError("the text contains half a character, which no phone could show") from error
    coding, alone, part = (GSM, _GSM_ALONE, _GSM_PART) if alphabet else (UCS2, 2 * _UCS2_ALONE, 2 * _UCS2_PART)
    if sum(map(len, units)) <= alone:
        return coding, [b"".join(units)]
    parts = [b""]
    for unit in units:
        if len(parts[-1]) + len(unit) > part:
            parts.append(b"")
        parts[-1] += unit
    if len(parts) > PARTS_MAX:
        raise UsageError(f"the text would take {len(parts)} text messages; at most {PARTS_MAX} are sent")
    return coding, parts


def _concatenation(header: bytes) -> tuple[int, int, int]:
    """Reference, total and index from nought; a header that says nothing sensible means a text by itself."""
    at = 0
    while at + 2 <= len(header):
        kind, length = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + length]
        if (kind, len(value)) in ((_CONCATENATED_8, 3), (_CONCATENATED_16, 4)):
            reference, total, number = int.from_bytes(value[:-2], "big"), value[-2], value[-1]
            if 1 <= number <= total:
                return reference, total, number - 1
        at += 2 + length
    return 0, 1, 0


def _decoded(body: bytes, data_coding: int) -> str:
    if data_coding == UCS2:
        return body.decode("utf-16-be", errors="replace")
    if data_coding in (1, LATIN1):  # 1: IA5
        return body.decode("latin-1")
    return from_gsm(body)
