"""Phone numbers and e-mail addresses that stand for an account: parsed, normalised, masked."""

import re
from dataclasses import dataclass

from answerback.model.errors import UsageError

HANDLE_CHARACTERS_MAX = 254
"""The longest e-mail address that can be delivered to (RFC 5321 §4.5.3.1.3, as corrected by erratum 1690)."""
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164: at most fifteen digits, and no others than these ten


@dataclass(frozen=True, slots=True, repr=False)
class Handle:
    """One normalised handle; its `repr` never shows the whole of it."""

    text: str

    def __str__(self) -> str:
        """Show it whole: only for the person whose handle or contact it is."""
        return self.text

    def __repr__(self) -> str:
        """Show enough to recognise it and too little to misuse it."""
        return f"Handle({self.masked!r})"

    @property
    def masked(self) -> str:
        """The form that may stand in logs and bundles."""
        name, at, domain = self.text.partition("@")
        if at:
            return f"{name[:1]}…@{domain[:1]}…"
        return f"{name[:3]}…{name[-2:]}"


def parse_handle(text: str) -> Handle:
    """Read a phone number in international form or an e-mail address, and normalise it."""
    squeezed = text.strip()
    if len(squeezed) > HANDLE_CHARACTERS_MAX:
        raise UsageError(f"a handle has at most {HANDLE_CHARACTERS_MAX} characters; this one has {len(squeezed)}")
    if "@" in squeezed:
        lowered = squeezed.lower()  # before it is checked: a few letters grow by it
        if not _EMAIL.fullmatch(lowered) or len(lowered) > HANDLE_CHARACTERS_MAX:
            raise UsageError(f"{squeezed!r} is not an e-mail address")
        return Handle(lowered)
    digits = re.sub(r"[\s().\-/]", "", squeezed)
    if not _PHONE.fullmatch(digits):
        raise UsageError(f"{squeezed!r} is neither an e-mail address nor a phone number like +49 30 1234567")
    return Handle(digits)
