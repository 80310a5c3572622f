"""Keeps the account's root key where it belongs: with every device of the account, and with no other.

Theory. Whoever holds the root key may change the list of devices, so a device that is removed takes it along, unless
the list that removes it is signed by a new one (decision 0024). The new key's seed is on this disk before the relay
hears of the list; it counts from the moment that list is the account's newest. Then every other device of the account
is sent it inside the seal. A letter may be lost with a relay's disk: a device that finds itself without the root key
of today asks the others, once after each start and whenever the list changes. The surprising rule: nobody is believed
to give the root key; what was given either is the key that signed the newest list, or it is nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Save
from answerback.core.facts import KeepNote
from answerback.core.machines import Machines
from answerback.crypto.identity import RootKey
from answerback.crypto.primitives import KEY_BYTES
from answerback.model.ids import DeviceId
from answerback.model.notes import NoteKind
from answerback.wire.letters import Heirloom, Receipt


@dataclass(slots=True)
class Ownership:
    """The composer of who may change this account."""

    machines: Machines
    departure: Departure
    _asked: set[bytes] = field(default_factory=set)
    """Root keys that the other devices were asked for in this run."""

    def prepare(self, seed: bytes) -> list[Effect]:
        """Keep the root key that a list about to be announced is signed with, if that is a new one."""
        if not seed:
            return []
        self.machines.next_root = seed
        return [Save(KeepNote(NoteKind.NEXT_ROOT, b"", seed))]

    def rename(self, name: str, *, now: Moment) -> list[Effect]:
        """Call this device otherwise; the name goes along inside every letter, and at once to our other devices."""
        machines = self.machines
        machines.own = replace(machines.own, device_name=name)
        effects: list[Effect] = [Save(KeepNote(NoteKind.DEVICE_NAME, b"", name.encode()))]
        others = self._others()
        return [*effects, *self.departure.control(Receipt([], []), others, now=now)] if others else effects

    def look(self, *, now: Moment) -> list[Effect]:
        """See whether the root key of the newest list is here; take it up, or ask for it."""
        machines = self.machines
        needed = machines.roster.root_key(machines.own.account)
        if needed is None or self._is(machines.root, needed):
            return []
        if self._is(machines.next_root, needed):
            effects = self._take_up(machines.next_root)
            others = self._others()
            letter = Heirloom(machines.root)
            return [*effects, *self.departure.control(letter, others, now=now)] if others else effects
        if needed in self._asked:
            return []
        others = self._others()
        if not others:
            return []
        self._asked.add(needed)
        return self.departure.control(Heirloom(b""), others, now=now)

    def heard(self, letter: Heirloom, device: DeviceId, *, now: Moment) -> list[Effect]:
        """Another device gives the root key, or asks for it; only one of this account is listened to."""
        machines = self.machines
        own = machines.own.account
        needed = machines.roster.root_key(own)
        if machines.roster.account_of(device) != own or needed is None:
            return []
        if not letter.seed:
            holds = self._is(machines.root, needed)
            return self.departure.control(Heirloom(machines.root), (device,), now=now) if holds else []
        if self._is(letter.seed, needed) and not self._is(machines.root, needed):
            return self._take_up(letter.seed)
        if not self._is(letter.seed, needed):
            # The list it signs may not be here yet: once it is, the key is asked for again.
            return self.departure.want_list(own)
        return []

    # ---- private

    def _take_up(self, seed: bytes) -> list[Effect]:
        self.machines.root, self.machines.next_root = seed, b""
        return [Save(KeepNote(NoteKind.ROOT, b"", seed)), Save(KeepNote(NoteKind.NEXT_ROOT, b"", b""))]

    def _others(self) -> tuple[DeviceId, ...]:
        machines = self.machines
        listed: Sequence[DeviceId] = [device.id for device in machines.roster.devices(machines.own.account)]
        return tuple(device for device in listed if device != machines.own.device)

    @staticmethod
    def _is(seed: bytes, public_key: bytes) -> bool:
        return len(seed) == KEY_BYTES and RootKey.from_seed(seed).public_key == public_key
