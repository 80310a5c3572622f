"""Every datagram a device and a relay may exchange beside their connection, and nothing else.

All are of one size, so that a length tells nobody what was said and no answer is longer than its question. One is

    tag (8 bytes) | number (8) | sealed words (16) and their seal (16)

where the tag names a ticket and one of its ways (`crypto/datagrams.py`), and the number counts what was sent on that
way in that direction, from 1. The words are fixed fields; a meaning that changes gets a new kind, and whatever is not
known is passed over in silence, as if the network had lost it.
"""

import struct
from dataclasses import dataclass
from typing import Final

from answerback.model.errors import PeerError

TAG_BYTES = 8
"""A hundred thousand tags are known at once: a random one is taken for one of them once in 10^14, and opens nothing."""
WORDS_BYTES = 16
SEAL_BYTES = 16
DATAGRAM_BYTES = 48
"""76 on the wire with IPv4, 96 with IPv6: both below the 100 that a probe may have."""
WAYS = 3
"""Wi-Fi, cellular, a cable: more at once no device has, and each costs the relay a tag in memory."""
NUMBER_MAX = 2**64 - 1
CALL_NUMBER_MAX = 2**32 - 1
TOKEN_BYTES = 4
"""A device is heard some times a second at most: to guess one takes it thirty years."""

_HEAD: Final = struct.Struct("!8sQ")
_WORDS: Final = struct.Struct("!BBHIQ")
_HERE, _ASK, _THERE, _CALL = 1, 2, 3, 4
_WAITING, _CONNECTED, _PROVEN = 1, 2, 4
HEAD_BYTES: Final = _HEAD.size


@dataclass(frozen=True, slots=True)
class Here:
    """A device: I listen at this address. Answered."""

    token: int = 0
    """The last one heard from the relay on this way: whoever only pretends to be at an address cannot know it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A device: are you there, and is anything waiting? Answered."""

    token: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A relay: so I am."""

    question: int
    """The number of what this answers: the round trip is known by it."""
    is_waiting: bool
    """Mail waits that the device has not taken."""
    is_connected: bool
    """The relay believes that the device has a connection; where it does not, the device's own is dead."""
    is_proven: bool
    """The device has shown that it hears what is sent to this address; until then it is hardly called there."""
    token: int = 0
    """Say this next, to show it; drawn anew for each address."""


@dataclass(frozen=True, slots=True)
class Call:
    """A relay: connect now, mail waits for you."""

    number: int
    """Its number within this silence, from 1: a device may tell by it how many were lost."""
    is_connected: bool = False


FromDevice = Here | Ask
FromRelay = There | Call


def read_head(datagram: bytes) -> tuple[bytes, int]:
    """Give the tag and the number; raise PeerError if this is no datagram of ours."""
    if len(datagram) != DATAGRAM_BYTES:
        raise PeerError(f"a datagram of {len(datagram)} bytes; {DATAGRAM_BYTES} expected")
    tag, number = _HEAD.unpack_from(datagram)
    return tag, number


def write_head(tag: bytes, number: int) -> bytes:
    """Write what stands before the sealed words."""
    assert len(tag) == TAG_BYTES
    return _HEAD.pack(tag, number)


def write_words(words: FromDevice | FromRelay) -> bytes:
    """Write what is sealed."""
    match words:
        case Here():
            return _WORDS.pack(_HERE, 0, 0, words.token, 0)
        case Ask():
            return _WORDS.pack(_ASK, 0, 0, words.token, 0)
        case There():
            flags = _WAITING * words.is_waiting | _CONNECTED * words.is_connected | _PROVEN * words.is_proven
            return _WORDS.pack(_THERE, flags, 0, words.token, words.question)
        case Call():
            return _WORDS.pack(_CALL, _CONNECTED * words.is_connected, 0, words.number, 0)


def read_from_device(words: bytes) -> FromDevice:
    """Read what a device says; raise PeerError if that is nothing we know."""
    kind, flags, rest, token, question = _unpacked(words)
    if flags or rest or question or kind not in {_HERE, _ASK}:
        raise PeerError(f"words of kind {kind} that no device says")
    return Here(token) if kind == _HERE else Ask(token)


def read_from_relay(words: bytes) -> FromRelay:
    """Read what a relay says; raise PeerError if that is nothing we know."""
    kind, flags, rest, number, question = _unpacked(words)
    if kind == _THERE and not rest and flags <= _WAITING | _CONNECTED | _PROVEN:
        return There(
            question=question,
            is_waiting=bool(flags & _WAITING),
            is_connected=bool(flags & _CONNECTED),
            is_proven=bool(flags & _PROVEN),
            token=number,
        )
    if kind == _CALL and not (rest or question) and flags in {0, _CONNECTED}:
        return Call(number, is_connected=bool(flags))
    raise PeerError(f"words of kind {kind} that no relay says")


def _unpacked(words: bytes) -> tuple[int, int, int, int, int]:
    if len(words) != WORDS_BYTES:
        raise PeerError(f"words of {len(words)} bytes; {WORDS_BYTES} expected")
    kind, flags, rest, number, counter = _WORDS.unpack(words)
    return kind, flags, rest, number, counter
