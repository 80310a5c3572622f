"""The ratchet with each device: start, step, renew, repair.

Theory. One Olm session for each device *and lane*: with one shared session, 400 queued messages overtaken by a few
urgent ones lost 321 for ever, because the library keeps 40 skipped keys; a session for each lane lost none. Sealing
happens when a copy's turn to leave has come. Both sides may begin a session at once; then there are two, and the one
that last opened something is the one to send with. Every step of a ratchet is returned as a fact: it must be on disk
before the bytes it made leave, and before the envelope it opened is acknowledged.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.core.effects import Moment
from answerback.core.facts import DropRatchet, Fact, KeepDeviceKeys, KeepRatchet
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import SealSecret
from answerback.crypto.primitives import CannotOpenError
from answerback.crypto.ratchet import Ratchet
from answerback.crypto.seal import LockedLetter, open_envelope, seal_envelope, unlock_letter
from answerback.model.devices import Device, PreKey, SealKey
from answerback.model.envelope import Delivery, Envelope
from answerback.model.errors import PeerError
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.wire.codec import decode_slip, encode
from answerback.wire.letters import AnyLetter, Inner, Slip

SESSIONS_MAX = 6
"""Sessions kept for one device and lane: two from a simultaneous start, the rest from repairs still under way."""
RENEW_S_MIN = 20.0
"""A session is not replaced again before the last replacement had time to travel: reset loops drain pre-keys."""
OLM_PREKEY_MESSAGE = 0


@dataclass(slots=True)
class _Held:
    session: str
    good_ms: int
    pickle: str
    ratchet: Ratchet | None = None
    retired: bool = False


class NonsenseError(CannotOpenError):
    """A known device sent something that opens and makes no sense."""

    def __init__(self, message: str, facts: tuple[Fact, ...]) -> None:
        super().__init__(message)
        self.facts = facts


class KeyGoneError(CannotOpenError):
    """A known device began a session with a pre-key whose secret is not here, or used it wrongly."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A letter, whom it provably comes from, and the facts that must be saved with it."""

    slip: Slip
    letter: AnyLetter
    facts: tuple[Fact, ...]


@dataclass(slots=True)
class Sessions:
    """All sessions of this device."""

    keys: DeviceKeys
    pickle_key: bytes
    secrets: dict[bytes, SealSecret] = field(default_factory=dict)
    _held: dict[tuple[DeviceId, Lane], list[_Held]] = field(default_factory=dict)
    _renewed_s: dict[tuple[DeviceId, Lane], float] = field(default_factory=dict)
    _spent: set[tuple[DeviceId, Lane]] = field(default_factory=set)
    _unproven: set[tuple[DeviceId, Lane]] = field(default_factory=set)
    """Lanes whose session was begun here in this run, and nothing yet shows that it stands at the other end."""
    renewals: int = 0

    def __repr__(self) -> str:
        """Say how many there are, never their secrets."""
        return f"Sessions({sum(map(len, self._held.values()))})"

    def restore(self, ratchets: Iterable[KeepRatchet]) -> None:
        """Take back from disk; each is unpickled when it is first used."""
        for kept in ratchets:
            held = self._held.setdefault((kept.device, kept.lane), [])
            held.append(_Held(kept.session, kept.good_ms, kept.pickle, retired=kept.retired))

    def forget_all(self) -> list[DropRatchet]:
        """Never seal or open again with what is here: another state of this device has stepped on."""
        facts = [DropRatchet(*key, held.session) for key, every in self._held.items() for held in every]
        self._held.clear()
        self._spent.clear()
        self._unproven.clear()
        return facts

    def forget(self, device: DeviceId) -> list[DropRatchet]:
        """Drop every session with a device that is off its account's list."""
        facts = [
            DropRatchet(*key, held.session) for key, every in self._held.items() if key[0] == device for held in every
        ]
        for lane in Lane:
            self._held.pop((device, lane), None)
            self._spent.discard((device, lane))
            self._unproven.discard((device, lane))
        return facts

    def retire_all(self) -> list[KeepRatchet]:
        """Seal with none of these any more, also after a restart; they go on opening what is under way."""
        facts: list[KeepRatchet] = []
        for (device, lane), every in self._held.items():
            for held in [held for held in every if not held.retired]:
                held.retired = True
                self.renewals += 1
                facts.append(KeepRatchet(device, lane, held.session, held.pickle, held.good_ms, retired=True))
        return facts

    # ---- sending

    def ready(self, device: DeviceId, lane: Lane) -> bool:
        """Whether something can be sealed for this device in this lane."""
        in_use = any(not held.retired for held in self._held.get((device, lane), ()))
        return in_use and (device, lane) not in self._spent

    def begin(self, device: Device, lane: Lane, prekey: PreKey, *, now: Moment) -> list[Fact]:
        """Start a session from a checked pre-key."""
        ratchet = Ratchet.start(self.keys, device, prekey)
        self._spent.discard((device.id, lane))
        self._unproven.add((device.id, lane))
        return self._add(device.id, lane, ratchet, now=now)

    def proven(self, device: DeviceId, lane: Lane) -> None:
        """What was sealed in this lane was opened there."""
        self._unproven.discard((device, lane))

    def is_unproven(self, device: DeviceId, lane: Lane) -> bool:
        """Whether this lane's session was begun in this run, and nothing shows that the other end could open it."""
        return (device, lane) in self._unproven

    def renew(self, device: DeviceId, lane: Lane, *, now: Moment) -> bool:
        """Stop sealing with the sessions of this lane, so that a fresh one is begun; false if that was just done."""
        if now.now_s < self._renewable_s(device, lane):
            return False
        self.replace(device, lane, now=now)
        return True

    def replace(self, device: DeviceId, lane: Lane, *, now: Moment) -> float:
        """As `renew`, but without fail: returns the moment before which the fresh session must not be begun."""
        begin_s = max(now.now_s, self._renewable_s(device, lane))
        if (device, lane) not in self._spent:
            self._renewed_s[device, lane] = begin_s
            self._spent.add((device, lane))
            self.renewals += 1
        return begin_s

    def _renewable_s(self, device: DeviceId, lane: Lane) -> float:
        return self._renewed_s.get((device, lane), -RENEW_S_MIN) + RENEW_S_MIN

    def seal(
        self, locked: LockedLetter, slip: Slip, *, lane: Lane, seal_key: SealKey, lifetime_s: int
    ) -> tuple[Envelope, list[Fact]]:
        """Seal one copy; `ready` must hold."""
        in_use = (held for held in self._held[slip.reader_device, lane] if not held.retired)
        held = max(in_use, key=lambda candidate: candidate.good_ms)
        olm_type, olm = self._ratchet(held).encrypt(encode(slip))
        inner = Inner(slip.author, slip.author_device, lane, olm_type, olm, locked.ciphertext)
        envelope = seal_envelope(inner, device=slip.reader_device, seal_key=seal_key, lane=lane, lifetime_s=lifetime_s)
        return envelope, [self._fact(slip.reader_device, lane, held)]

    # ---- receiving

    def unseal(self, delivery: Delivery) -> Inner:
        """Take the outer seal off: who claims to have sent this? Raises `CannotOpenError`."""
        inner = open_envelope(delivery.sealed, device=self.keys.device_id, secrets=self.secrets)
        if inner.lane is not delivery.lane:
            raise CannotOpenError("the envelope was moved to another lane")
        return inner

    def open(self, inner: Inner, sender: Device, *, now: Moment) -> Opened:
        """Open what a known device sent.

        Raises `CannotOpenError` if no ratchet opens it, and then has changed nothing; its kind `NonsenseError` if one
        does and what is inside makes no sense, and then the ratchet's step must be saved all the same.
        """
        plaintext, facts = self._step(inner, sender, now=now)
        try:
            slip = decode_slip(plaintext)
            letter = unlock_letter(inner.letter, slip)
        except (PeerError, CannotOpenError) as error:
            raise NonsenseError(str(error), tuple(facts)) from error
        if (slip.author, slip.author_device) != (inner.account, inner.device):
            raise NonsenseError("the slip names another author than the envelope", tuple(facts))
        if slip.reader_device != self.keys.device_id:
            raise NonsenseError("the slip names another reader than this device", tuple(facts))
        return Opened(slip, letter, tuple(facts))

    def _step(self, inner: Inner, sender: Device, *, now: Moment) -> tuple[bytes, list[Fact]]:
        known = self._held.get((sender.id, inner.lane), [])
        fresh = inner.olm_type == OLM_PREKEY_MESSAGE
        is_begun = False
        for held in sorted(known, key=lambda candidate: -candidate.good_ms):
            ratchet = self._ratchet(held)
            if fresh and not ratchet.matches(inner.olm):
                continue
            is_begun = is_begun or fresh
            try:
                plaintext = ratchet.decrypt(inner.olm_type, inner.olm)
            except CannotOpenError:
                continue
            held.good_ms = max(now.wall_ms, held.good_ms + 1)
            self._unproven.discard((sender.id, inner.lane))
            return plaintext, [self._fact(sender.id, inner.lane, held)]
        if not fresh or is_begun:
            # A fallback key would begin the same session a second time, and what it brought would open again.
            raise CannotOpenError("no session with that device opens this")
        try:
            ratchet, plaintext = Ratchet.accept(self.keys, identity_key=sender.identity_key, olm=inner.olm)
        except CannotOpenError as error:
            raise KeyGoneError(str(error)) from error
        facts = self._add(sender.id, inner.lane, ratchet, now=now)
        # The one-time key is spent now: saved in the same transaction, or the session could be begun twice.
        return plaintext, [KeepDeviceKeys(self.keys.pickle(self.pickle_key)), *facts]

    # ---- private

    def _add(self, device: DeviceId, lane: Lane, ratchet: Ratchet, *, now: Moment) -> list[Fact]:
        known = self._held.setdefault((device, lane), [])
        newest_ms = max((held.good_ms for held in known), default=0)
        held = _Held(ratchet.session_id, max(now.wall_ms, newest_ms + 1), "", ratchet)
        known.append(held)
        facts: list[Fact] = [self._fact(device, lane, held)]
        known.sort(key=lambda candidate: candidate.good_ms)
        while len(known) > SESSIONS_MAX:
            facts.append(DropRatchet(device, lane, known.pop(0).session))
        return facts

    def _ratchet(self, held: _Held) -> Ratchet:
        if held.ratchet is None:
            held.ratchet = Ratchet.from_pickle(held.pickle, self.pickle_key)
        return held.ratchet

    def _fact(self, device: DeviceId, lane: Lane, held: _Held) -> KeepRatchet:
        held.pickle = self._ratchet(held).pickle(self.pickle_key)
        return KeepRatchet(device, lane, held.session, held.pickle, held.good_ms, retired=held.retired)
