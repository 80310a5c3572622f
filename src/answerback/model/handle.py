"""Phone numbers and e-mail addresses that stand for an account: parsed, normalised, masked.

Theory. A handle has one form on the wire: E.164, or an address in small letters. `parse_handle` takes no other numbers
than those in international form and needs no tables, so relays use it. `read_handle` is for what a person types: it
knows the numbering plan of every country (libphonenumber's), which is loaded when the first number is typed.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from answerback.model.errors import UsageError

HANDLE_CHARACTERS_MAX = 254
"""The longest e-mail address that can be delivered to (RFC 5321 §4.5.3.1.3, as corrected by erratum 1690)."""
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)
_DIGIT = re.compile(r"\d")  # of any script: people type the digits they have
_LETTER = re.compile(r"[^\W\d_]|[;,*#]")
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


HANDLE_PATTERN = r"^(\+[1-9][0-9]{6,14}|[^@\s\x00-\x1f\x7f]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)$"
"""What a handle looks like on the wire: E.164 without a space in it, or an address."""


def wire_handle(text: str) -> Handle:
    """Read a handle that another program sent: nothing is squeezed or guessed, only capitals of addresses are lost."""
    handle = parse_handle(text)
    if handle.text != text.lower():
        raise UsageError("a handle on the wire has no spaces and no signs that people put between digits")
    return handle


def read_handle(text: str, *, region: str = "") -> Handle:
    """Read what a person typed: an e-mail address, or a phone number as it is dialled from `region` or from anywhere.

    `region` is two letters of ISO 3166. Raises `UsageError` that says what is wrong with a number that cannot be one.
    """
    squeezed = text.strip()
    if "@" in squeezed or len(squeezed) > HANDLE_CHARACTERS_MAX or not _DIGIT.search(squeezed):
        return parse_handle(squeezed)
    if squeezed.lower().startswith("tel:"):  # RFC 3966, as links and contacts write it
        squeezed = squeezed[len("tel:") :]
    return Handle(_dialled(squeezed, region.upper()))


def read_handle_here(text: str, region: Callable[[], str]) -> Handle:
    """As `read_handle`; where the person is, is asked only for a number without its country."""
    try:
        return read_handle(text)
    except UsageError:
        here = "" if text.strip().startswith("+") else region()
        if not here:
            raise
    return read_handle(text, region=here)


def check_region(region: str) -> str:
    """Return a region as it is kept. Raises `UsageError` if no telephone network is known by these letters."""
    import phonenumbers  # noqa: PLC0415 - only people who type numbers pay for it

    squeezed = region.strip().upper()
    if squeezed not in phonenumbers.SUPPORTED_REGIONS:
        raise UsageError(f"{region!r} is not a region; one looks like DE, US or BR (two letters of ISO 3166)")
    return squeezed


def region_of(handle: Handle) -> str:
    """Tell from which region a phone number is; empty for an address, and where several share a code."""
    if "@" in handle.text:
        return ""
    import phonenumbers  # noqa: PLC0415 - as above

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(handle.text)) or ""
    except phonenumbers.NumberParseException:
        return ""


def _dialled(text: str, region: str) -> str:
    import phonenumbers  # noqa: PLC0415 - as above

    is_international = text.startswith("+")
    if not is_international and not region:
        raise UsageError(
            f"{text!r} does not say which country it is in: begin it with + and the country's code, "
            "or say once where you dial from: `answerback handles region DE`"
        )
    if letters := _LETTER.search(text):  # libphonenumber would read 1-800-FLOWERS as a number, and extensions as well
        raise UsageError(f"{text!r} is not a phone number: it has {letters[0]!r} in it")
    try:
        number = phonenumbers.parse(text, None if is_international else region)
    except phonenumbers.NumberParseException as error:
        raise UsageError(f"{text!r} is not a phone number: {_PARSE_FAULTS.get(error.error_type, error)}") from error
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != phonenumbers.ValidationResult.IS_POSSIBLE:
        raise UsageError(f"{text!r} is not a phone number: {_LENGTH_FAULTS.get(reason, 'its length fits no number')}")
    if not is_international and not phonenumbers.is_valid_number(number):
        # A national number is a reading of ours; one in international form is what its person says it is, and the
        # tables of numbers are always a little behind the networks.
        raise UsageError(f"{text!r} is no number of {region}: no network there has such numbers")
    return parse_handle(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)).text


_PARSE_FAULTS = {
    0: "no country has this code",
    1: "there are no digits to dial",
    2: "it ends after the code for calls abroad",
    3: "it is too short",
    4: "it is too long",
}
"""By `phonenumbers.NumberParseException`'s error types, whose numbers are part of its interface."""
_LENGTH_FAULTS = {
    1: "no country has this code",
    2: "it is too short",
    3: "it is too long",
    4: "it can only be dialled within its town; begin it with the area code",
    5: "its length fits no number",
}
"""By `phonenumbers.ValidationResult`."""
