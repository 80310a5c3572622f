"""Packs numbered messages and receipts into envelopes: really sealed, or random bytes of just that size.

Theory. A *road* leads from one device to another in one lane. Sealed, it is what agents do without their journals: a
letter locked once, a slip in an Olm message, all of it sealed to the reader's key. Bare, it carries the numbers in
random bytes as long as a really sealed letter is: the relay cannot tell the two apart, which is the point of a seal.
"""

import struct
import time
from dataclasses import dataclass
from functools import cache
from secrets import token_bytes
from typing import Protocol, cast

from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import SealSecret, check_prekey, check_seal_key, make_seal_key, prekeys_to_publish
from answerback.crypto.ratchet import Ratchet
from answerback.crypto.seal import lock_letter, open_envelope, seal_envelope, unlock_letter
from answerback.faces.benchmarking.town import Resident
from answerback.model.devices import SealKey
from answerback.model.envelope import Envelope
from answerback.model.errors import PeerError
from answerback.model.ids import ID_BYTES, AccountId, DeviceId, MessageId, conversation_id, envelope_id
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.codec import decode_slip, encode
from answerback.wire.letters import AnyLetter, Inner, Post, Receipt, Slip

TEXT_CHARACTERS = 200
"""As long as the messages the other systems are measured with."""
LIFETIME_S = 86_400
POST_LANE, RECEIPT_LANE = Lane.NORMAL, Lane.CONTROL
_HEAD = struct.Struct("!H")
_NUMBER = struct.Struct("!Q")


class Road(Protocol):
    """From one device to another, in one lane."""

    def pack(self, numbers: list[int]) -> Envelope:
        """Pack one message, or one receipt for many."""
        ...

    def unpack(self, sealed: bytes) -> list[int]:
        """Read which messages these are."""
        ...


class BareRoad:
    """Random bytes of the size a sealed letter has."""

    def __init__(self, reader: DeviceId, lane: Lane) -> None:
        self._reader, self._lane = reader, lane

    def pack(self, numbers: list[int]) -> Envelope:
        """Write the numbers, and fill up."""
        head = _HEAD.pack(len(numbers)) + b"".join([_NUMBER.pack(number) for number in numbers])
        sealed = head + token_bytes(sealed_bytes(self._lane, len(numbers)) - len(head))
        return Envelope(envelope_id(sealed), self._reader, self._lane, LIFETIME_S, sealed)

    def unpack(self, sealed: bytes) -> list[int]:
        """Read the numbers."""
        (count,) = _HEAD.unpack_from(sealed)
        return [_NUMBER.unpack_from(sealed, _HEAD.size + index * _NUMBER.size)[0] for index in range(count)]


@dataclass(slots=True, eq=False)
class Sealer:
    """What both ends of a road need: accounts, keys, and a seal key each."""

    account: AccountId
    keys: DeviceKeys
    secret: SealSecret
    seal_key: SealKey

    @classmethod
    def of(cls, resident: Resident) -> "Sealer":
        """Make a device's seal key."""
        secret, signed = make_seal_key(resident.keys, now_ms=_wall_ms())
        return cls(resident.account, resident.keys, secret, check_seal_key(signed, resident.devices.devices[0]))


class SealedRoad:
    """A session that both have confirmed, in the lane of this road."""

    def __init__(self, author: Sealer, reader: Sealer, lane: Lane) -> None:
        self._author, self._reader, self._lane = author, reader, lane
        self._sequence = 0
        self._there, self._here = _session(author.keys, reader.keys)

    def pack(self, numbers: list[int]) -> Envelope:
        """Seal as an agent does."""
        self._sequence += 1
        author, reader = self._author, self._reader
        locked = lock_letter(_letter(self._lane, numbers, (author.account, reader.account)))
        slip = Slip(
            _message(numbers[0]),
            locked.key,
            locked.sha256,
            self._sequence,
            author.account,
            author.keys.device_id,
            reader.account,
            reader.keys.device_id,
            1,
            "bench",
        )
        olm_type, olm = self._here.encrypt(encode(slip))
        inner = Inner(author.account, author.keys.device_id, self._lane, olm_type, olm, locked.ciphertext)
        device = reader.keys.device_id
        return seal_envelope(inner, device=device, seal_key=reader.seal_key, lane=self._lane, lifetime_s=LIFETIME_S)

    def unpack(self, sealed: bytes) -> list[int]:
        """Open as an agent does."""
        reader = self._reader
        inner = open_envelope(sealed, device=reader.keys.device_id, secrets={reader.secret.id: reader.secret})
        letter = unlock_letter(inner.letter, decode_slip(self._there.decrypt(inner.olm_type, inner.olm)))
        match letter:
            case Post():
                return [_number(letter.message)]
            case Receipt():
                return [_number(message) for message in letter.delivered]
            case _:
                raise PeerError(f"nobody sent a {type(letter).__name__}")


def roads(author: Resident, reader: Resident, *, sealed: bool) -> tuple[Road, Road]:
    """Lay the road messages take, and the one their receipts come back on."""
    if not sealed:
        return BareRoad(reader.device, POST_LANE), BareRoad(author.device, RECEIPT_LANE)
    here, there = Sealer.of(author), Sealer.of(reader)
    return SealedRoad(here, there, POST_LANE), SealedRoad(there, here, RECEIPT_LANE)


@cache
def sealed_bytes(lane: Lane, count: int) -> int:
    """Measure how long a letter of this lane is once it is sealed, by sealing one."""
    return len(_sample_road(lane).pack(list(range(count))).sealed)


@cache
def _sample_road(lane: Lane) -> SealedRoad:
    return SealedRoad(_stranger(), _stranger(), lane)


def _stranger() -> Sealer:
    keys = DeviceKeys.generate()
    secret, signed = make_seal_key(keys, now_ms=_wall_ms())
    return Sealer(AccountId(token_bytes(ID_BYTES)), keys, secret, check_seal_key(signed, keys.device(_wall_ms())))


def _session(author: DeviceKeys, reader: DeviceKeys) -> tuple[Ratchet, Ratchet]:
    """Begin a session and confirm it; give the reader's end, and the author's."""
    listed = reader.device(_wall_ms())
    here = Ratchet.start(author, listed, check_prekey(prekeys_to_publish(reader, 1)[0], listed))
    reader.olm.mark_keys_as_published()
    _, first = here.encrypt(b"first")
    there, _ = Ratchet.accept(reader, identity_key=author.identity_key, olm=first)
    here.decrypt(*there.encrypt(b"confirmed"))
    return there, here


def _letter(lane: Lane, numbers: list[int], accounts: tuple[AccountId, AccountId]) -> AnyLetter:
    if lane is RECEIPT_LANE:
        return Receipt([_message(number) for number in numbers], [])
    text = f"{numbers[0]} ".ljust(TEXT_CHARACTERS, "x")
    wall_ms = _wall_ms()
    after = [_message(max(numbers[0] - 1, 0))]
    stamp, expires_ms = Stamp(wall_ms, 0), wall_ms + LIFETIME_S * 1000
    between = conversation_id(frozenset(accounts))
    return Post(_message(numbers[0]), between, [accounts[1]], text, None, Urgency.NORMAL, stamp, after, expires_ms)


def _message(number: int) -> MessageId:
    return MessageId(number.to_bytes(ID_BYTES, "big"))


def _number(message: MessageId) -> int:
    return int.from_bytes(cast("bytes", message), "big")


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
