"""Seals and opens the datagrams of one ticket, so that nobody else can make, read, repeat or link them.

Theory. Both sides know a ticket's secret since the welcome that brought it, under TLS. All keys here are derived from
it for this purpose alone: one for each direction, and a tag for each direction of each *way*. A way is one road of the
device to the relay, Wi-Fi or cellular; each has numbers and tags of its own, so who sees two of them cannot tell that
they are one device's. A number is the nonce, and so must never come twice: whoever has two ends of one side of one
ticket has broken the seal, therefore an end is made once and kept as long as its ticket is used.

A number that was heard before, or is older than `WINDOW` others, is refused (RFC 4303 §3.4.3).
"""

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from answerback.crypto.primitives import (
    AEAD_NONCE_BYTES,
    AEAD_TAG_BYTES,
    KEY_BYTES,
    CannotOpenError,
    aead_open,
    aead_seal,
    hkdf_sha256,
)
from answerback.wire.datagrams import (
    HEAD_BYTES,
    NUMBER_MAX,
    SEAL_BYTES,
    TAG_BYTES,
    WAYS,
    FromDevice,
    FromRelay,
    read_from_device,
    read_from_relay,
    read_head,
    write_head,
    write_words,
)

WINDOW = 64
"""How late a datagram may come behind others: more than are ever under way at once."""
_INFO = b"answerback datagrams v1\0"
_NUMBER_BYTES = AEAD_NONCE_BYTES - 4

assert AEAD_TAG_BYTES == SEAL_BYTES


@unique
class Side(Enum):
    """Whose end it is."""

    DEVICE = "device"
    RELAY = "relay"


class RepeatedError(CannotOpenError):
    """This datagram came before, or long after others: a network that is slow, or somebody who repeats."""


@dataclass(slots=True)
class _Way:
    said: int = 0
    heard: int = 0
    seen: int = 0
    """Bit `i`: the number `heard - i` came."""

    def check(self, number: int) -> None:
        """Raise unless this number is new."""
        age = self.heard - number
        if number == 0 or age >= WINDOW or (age >= 0 and self.seen >> age & 1):
            raise RepeatedError(f"number {number} came before, or too late behind {self.heard}")

    def note(self, number: int) -> bool:
        """Remember a number that was proven; say whether it is the highest."""
        ahead = number - self.heard
        if ahead > 0:
            self.seen = (self.seen << ahead | 1) & (1 << WINDOW) - 1 if ahead < WINDOW else 1
            self.heard = number
            return True
        self.seen |= 1 << -ahead
        return False


@dataclass(frozen=True, slots=True)
class Heard:
    """One datagram that was opened."""

    words: FromDevice | FromRelay
    number: int
    is_newest: bool
    """Nothing with a higher number came before it: only such a one may move anybody."""


class DatagramEnd:
    """One side of everything that is said by datagram with one ticket."""

    __slots__ = ("_open_key", "_seal_key", "_seal_tags", "_side", "_ways", "tags")

    def __init__(self, secret: bytes, *, side: Side) -> None:
        derived = hkdf_sha256(secret, info=_INFO, length=2 * KEY_BYTES + 2 * WAYS * TAG_BYTES)
        up_key, down_key = derived[:KEY_BYTES], derived[KEY_BYTES : 2 * KEY_BYTES]
        tags = tuple(derived[start : start + TAG_BYTES] for start in range(2 * KEY_BYTES, len(derived), TAG_BYTES))
        up_tags, down_tags = tags[:WAYS], tags[WAYS:]
        is_relay = side is Side.RELAY
        self._side: Final = side
        self._seal_key, self._open_key = (down_key, up_key) if is_relay else (up_key, down_key)
        self._seal_tags, self.tags = (down_tags, up_tags) if is_relay else (up_tags, down_tags)
        self._ways: dict[int, _Way] = {}

    def seal(self, words: FromDevice | FromRelay, *, way: int) -> tuple[int, bytes]:
        """Seal the next datagram of a way; give its number too."""
        state = self._way(way)
        assert state.said < NUMBER_MAX
        state.said += 1
        head = write_head(self._seal_tags[way], state.said)
        return state.said, head + aead_seal(self._seal_key, _nonce(way, state.said), write_words(words), aad=head)

    def open(self, datagram: bytes, *, way: int) -> Heard:
        """Open a datagram whose tag is this way's.

        Raises `RepeatedError`, `CannotOpenError` or `PeerError`; then nothing was changed by it.
        """
        _, number = read_head(datagram)
        state = self._way(way)
        state.check(number)
        opened = aead_open(self._open_key, _nonce(way, number), datagram[HEAD_BYTES:], aad=datagram[:HEAD_BYTES])
        words = read_from_device(opened) if self._side is Side.RELAY else read_from_relay(opened)
        return Heard(words, number, state.note(number))

    def _way(self, way: int) -> _Way:
        assert 0 <= way < WAYS
        return self._ways.setdefault(way, _Way())


def _nonce(way: int, number: int) -> bytes:
    return way.to_bytes(AEAD_NONCE_BYTES - _NUMBER_BYTES, "big") + number.to_bytes(_NUMBER_BYTES, "big")
