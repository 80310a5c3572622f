"""The words of fallback: what a person chose, what they agreed to, and how far a text has come beside the road.

A text is a message's other way: by a carrier, outside the encryption. It has a life of its own beside the copies of the
message, because neither proves anything of the other: a phone that has the text has not opened the message.
"""

import hashlib
import re
import unicodedata
from base64 import b32encode
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum, IntEnum, unique

from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.texts import TextStage
from answerback.model.timeline import Evidence

WORDING = 1
"""The version of what a person is shown before they agree: a yes to other words is no yes to these."""
PARTS_MAX = 4
"""About 600 characters. Longer texts cost more than people expect of one message, and carriers lose parts of them."""
ASK_S = 600.0
ASK_URGENT_S = 120.0
"""When an offer is made, where a person wants to be asked: two minutes are long for what is urgent."""
AFTER_S_MIN, AFTER_S_MAX = 60.0, 7 * 86_400.0
TAG_CHARACTERS = 6
"""30 bits: among a hundred messages the odds of two tags that are alike are one in two hundred thousand."""
BY_CHARACTERS_MAX = 100
REASON_CHARACTERS_MAX = 200
NO_DEVICE = DeviceId(bytes(16))
"""The author's device of what came by a carrier: none, for nobody proved to have sent it."""
FILE_NOTE = "A file waits for you in Answerback."
_TAGGED = re.compile(rf"(.*?)\s*#([a-z2-7]{{{TAG_CHARACTERS}}})\s*", re.DOTALL)


@unique
class Choice(Enum):
    """What a person wants to become of a message to somebody that does not get through."""

    NEVER = "never"
    ASK = "ask"
    AFTER = "after"
    """Without asking again, once it has waited so long."""


@unique
class Trigger(Enum):
    """What kept a message so long that another way was thought of."""

    RELAY = "relay"
    """This device could not reach its relay."""
    AWAY = "away"
    """No device of the recipient has answered, although the relay has kept the message for them that long."""
    PERSON = "person"
    """Somebody asked for it now."""


@unique
class Obstacle(Enum):
    """Why a message does not go by another way."""

    NEVER = "never"
    """Nobody wants it to: this is so until somebody says otherwise."""
    PRIVATE = "private"
    BACKGROUND = "background"
    GROUP = "group"
    FILE = "file"
    EMPTY = "empty"
    TOO_LONG = "too_long"
    NO_CARRIER = "no_carrier"
    NUMBER_GONE = "number_gone"
    """The number that was agreed to is no longer known to be this contact's."""
    ANSWERED = "answered"
    """A device of theirs has it."""
    ENDED = "ended"
    """It is not tried any more, or was written on another device."""
    THERE = "there"
    """It was ordered already."""
    DECLINED = "declined"


@unique
class AsideStage(IntEnum):
    """How far a message has come beside the road. The later ones are only ever a carrier's word."""

    OFFERED = 1
    DECLINED = 2
    LAPSED = 3
    """The offer came to nothing: the message was answered, or ended, before anybody said yes."""
    ORDERED = 4
    """Agreed to and on this disk; the carrier has not answered for it yet."""
    HANDED = 5
    SENT = 6
    DELIVERED = 7
    IN_DOUBT = 8
    FAILED = 9

    @property
    def ordered(self) -> bool:
        """The carrier may have heard of it."""
        return self >= AsideStage.ORDERED


_STAGE_OF = {
    TextStage.HANDED: AsideStage.HANDED,
    TextStage.SENT: AsideStage.SENT,
    TextStage.DELIVERED: AsideStage.DELIVERED,
    TextStage.IN_DOUBT: AsideStage.IN_DOUBT,
    TextStage.FAILED: AsideStage.FAILED,
}


@dataclass(frozen=True, slots=True)
class AsideStep:
    """One line of a text's life."""

    stage: AsideStage
    evidence: Evidence
    wall_ms: int
    reason: str = ""
    """In the carrier's words, cut short; never the text."""


@dataclass(frozen=True, slots=True)
class Aside:
    """The life of one text: one message's way by one carrier, to one number."""

    number: int
    message: MessageId
    account: AccountId
    handle: str
    carrier: str
    confirms: bool
    """Whether this carrier can ever say that a phone has it."""
    stage: AsideStage
    trigger: Trigger
    parts: int
    price: str
    """For one part, as shown when it was offered or ordered."""
    needs_consent: bool
    """Nobody has agreed yet to what this carrier can read, for this contact."""
    steps: tuple[AsideStep, ...]

    def __repr__(self) -> str:
        """Show the number and the stage only."""
        return f"Aside({self.number}, {self.stage.name})"


def stage_of(stage: TextStage, *, confirms: bool) -> AsideStage:
    """Say a carrier's word in ours; one that cannot confirm is not believed about delivery."""
    said = _STAGE_OF[stage]
    return AsideStage.SENT if said is AsideStage.DELIVERED and not confirms else said


def evidence_of(stage: AsideStage) -> Evidence:
    """What proves a stage."""
    if stage is AsideStage.DELIVERED:
        return Evidence.CARRIER_RECEIPT
    if stage is AsideStage.DECLINED:
        return Evidence.PERSON
    return Evidence.CARRIER if stage > AsideStage.ORDERED else Evidence.JOURNAL


def text_number(message: MessageId, *, carrier: str, handle: str, attempt: int) -> int:
    """Number an order by what it is: the moment in its message's id (48 bits), then 15 bits of a hash.

    The same order has the same number on any copy of the disk, so that none that was restored can make it twice. A
    counter would give a number a second time there; a carrier would then believe that it has sent what it never saw.
    """
    spoken = "\0".join((carrier, handle, str(attempt))).encode()
    digest = hashlib.sha256(b"answerback text\0" + message + spoken).digest()
    return int.from_bytes(message[:6], "big") << 15 | int.from_bytes(digest[:2], "big") >> 1


def tag_of(message: MessageId) -> str:
    """Name a message by the few characters that its text ends with; who does not know the id cannot guess them."""
    digest = hashlib.sha256(b"answerback tag\0" + message).digest()
    return b32encode(digest).decode().lower()[:TAG_CHARACTERS]


def tagged(text: str, message: MessageId) -> str:
    """Write what a carrier is given: `#` is in the smallest alphabet of short messages."""
    return f"{text} #{tag_of(message)}"


def untagged(text: str) -> tuple[str, str]:
    """Read a text and its tag; without one, the tag is empty."""
    found = _TAGGED.fullmatch(text)
    return (found[1], found[2]) if found else (text, "")


def body_of(text: str, *, has_file: bool) -> str:
    """Write the words of a message that may go by a carrier: a file does not, only that one waits."""
    if not has_file:
        return text
    return f"{text} ({FILE_NOTE})" if text else FILE_NOTE


def likeness(text: str) -> bytes:
    """What two texts have in common that differ only in what carriers change: spaces, and how letters are composed."""
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    return hashlib.sha256(plain.encode(errors="replace")).digest()[:16]


def cost_of(parts: int, price: str) -> str:
    """Say what so many parts cost; where the price is no number, say how it is reckoned; empty if it is unknown."""
    amount, _, unit = price.strip().partition(" ")
    try:
        total = Decimal(amount) * parts
    except InvalidOperation:
        return f"{parts} × {price}" if price else ""
    return f"{total} {unit}".strip() if total.is_finite() else f"{parts} × {price}"
