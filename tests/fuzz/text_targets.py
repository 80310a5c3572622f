"""What people type or paste, and what a shell hands over: every parser of text."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from unittest import mock

from answerback.crypto import linking as link_codes
from answerback.crypto.verifying import Verdict, compare_scanned, scan_text
from answerback.device.linking import parse_link_text
from answerback.faces.commands.hosting import parse_smtp
from answerback.faces.times import parse_duration
from answerback.lab.links import parse_link
from answerback.lab.simulation.runs import parse_seeds
from answerback.model.causes import cause_of
from answerback.model.errors import UsageError
from answerback.model.handle import parse_handle
from answerback.model.ids import message_id_text, parse_message_id
from answerback.model.invitation import parse_invitation
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target


def _handle(text: str) -> None:
    handle = parse_handle(text)
    if parse_handle(handle.text) != handle:
        raise BrokenPromise("a handle that is read again is another handle")
    if "@" not in handle.text and not handle.text.isascii():
        raise BrokenPromise("a phone number with digits that nobody else writes")
    if len(handle.masked) >= len(handle.text) and len(handle.text) > 6:
        raise BrokenPromise("a mask that hides nothing")


def _seeds(text: str) -> None:
    parse_seeds(text)


def _duration(text: str) -> None:
    if parse_duration(text) < 0:
        raise BrokenPromise("a time that runs backwards")


def _invitation(text: str) -> None:
    invitation = parse_invitation(text)
    if parse_invitation(str(invitation)) != invitation:
        raise BrokenPromise("an invitation that is written and read again is another one")
    if len(invitation.token) > 5 and invitation.token in repr(invitation).replace(invitation.host, ""):
        raise BrokenPromise("an invitation shows its token")


def _link_text(text: str) -> None:
    link = parse_link_text(text)
    if parse_link_text(str(link)) != link:
        raise BrokenPromise("a link text that is written and read again is another one")


def _link_code(text: str) -> None:
    code = link_codes.parse_link_code(text)
    if link_codes.parse_link_code(code.text) != code:
        raise BrokenPromise("a code that is shown and typed again is another one")


def _scanned(text: str) -> None:
    mine, theirs = b"m" * 32, b"t" * 32
    is_same = compare_scanned(text, mine=mine, theirs=theirs) is Verdict.SAME
    if is_same and "://" in text and text.strip() != scan_text(mine=theirs, theirs=mine):
        raise BrokenPromise("another text than ours was found the same")


def _message_id(text: str) -> None:
    identity = parse_message_id(text)
    if parse_message_id(message_id_text(identity)) != identity:
        raise BrokenPromise("an id that is copied is another one")


def _cause(text: str) -> None:
    cause_of(text)


def _smtp(text: str) -> None:
    parse_smtp(text)


def _lab_link(text: str) -> None:
    parse_link(text)


PARSERS: Final[tuple[Callable[[str], None], ...]] = (
    _handle,
    _seeds,
    _duration,
    _invitation,
    _link_text,
    _link_code,
    _scanned,
    _message_id,
    _cause,
    _smtp,
    _lab_link,
)
VALID: Final = (
    *("ann@example.org", "+49 (30) 123-4567", "0:300", "17", "30s", "7d", "7K3M-9Q2X-B4TA-W8ZN", "train"),
    "answerback://relay.example:7443/?pin=" + "ab" * 32 + "&invitation=tok_en-1",
    "answerback://[2001:db8::1]:7443/?invitation=x",
    "answerback://link?relay=https%3A%2F%2Frelay.example%3A7443&code=7K3M-9Q2X-B4TA-W8ZN&pin=" + "ab" * 32,
    "0193f2c4-8d1e-7a52-8000-000000000001",
    scan_text(mine=b"t" * 32, theirs=b"m" * 32),
    "relay.busy",
    "smtp://user:pass@mail.example:587/?from=relay@example.org&security=starttls",
    "up.up,down.down",
)
WORDS: Final = tuple(
    word.encode("utf-8", "surrogateescape")
    for word in (
        *("@", "+", ":", "//", "?", "&", "=", "[", "]", "[::1", "%00", "%", "#", "\0", "\n", " ", "-", "_", ".", ","),
        *(
            "٣",
            "९",
            "İ",
            "ß",
            "ﬁ",
            "\u2010",
            "\u202e",
            "\udcff",
            "9" * 30,
            "9" * 4_400,
            "0x",
            "1e9",
            "://",
            "urn:uuid:",
        ),
        *("answerback", "link", "pin", "invitation", "code", "relay", "smtps", "from=", "security=", ":99999", ":-1"),
    )
)


def _run(data: bytes) -> int:
    """Give one text to every parser: none may know for whom it was meant."""
    text = os.fsdecode(data)
    for parse in PARSERS:
        try:
            parse(text)
        except UsageError as error:
            str(error).encode("utf-8", "replace")
    return 1


def cheap_stretch(passphrase: str, salt: bytes) -> bytes:
    """Stand in for Argon2, which costs a tenth of a second and 64 MiB on purpose, and takes any text."""
    import hashlib

    return hashlib.sha256(salt + passphrase.encode()).digest()


@contextmanager
def _texts() -> Iterator[Probe]:
    with mock.patch.object(link_codes, "argon2id", cheap_stretch):
        yield Probe(_run, [text.encode() for text in VALID], (UsageError,), WORDS)


TEXT_TARGETS = (
    Target(name="texts", what="handles, codes, links, durations …", open=_texts, shape=Shape.BYTES, weight=20),
)
