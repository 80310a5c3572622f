"""Whose devices are whose: the checked device lists, and each device's checked seal key.

Theory. A relay only carries lists; their accounts' root keys sign them, and every agent checks every one. What fails
a check is never used and never retried: the person is told. A list is *stale* when anybody (the relay, or another
device inside the seal) has mentioned a newer version; it is used until the newer one is here.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from answerback.core.facts import KeepDeviceList, KeepDeviceName, KeepNote, KeepSealKey
from answerback.crypto.identity import check_device_lists, read_device_list
from answerback.crypto.prekeys import check_seal_key, claimed_device
from answerback.model.devices import Device, DeviceList, SealKey, Signed
from answerback.model.errors import TrustError
from answerback.model.ids import AccountId, DeviceId
from answerback.model.notes import NoteKind

FORMER_MAX = 64
"""Removed devices remembered for each account: more than anybody loses, and an account that changes its list for ever
fills nobody's disk."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a look-up taught."""

    facts: tuple[KeepDeviceList | KeepSealKey | KeepNote, ...]
    added: tuple[DeviceId, ...] = ()
    gone: tuple[DeviceId, ...] = ()
    is_rekeyed: bool = False
    """The account's root key is another than before."""
    trouble: TrustError | None = None
    """Something did not check; what did is still used."""


@dataclass(slots=True)
class _Entry:
    signed: Signed
    list: DeviceList
    heard_version: int = 0


@dataclass(slots=True)
class Roster:
    """All accounts and devices this device knows."""

    _entries: dict[AccountId, _Entry] = field(default_factory=dict)
    _absent: set[AccountId] = field(default_factory=set)
    _seal_keys: dict[DeviceId, SealKey] = field(default_factory=dict)
    _owners: dict[DeviceId, AccountId] = field(default_factory=dict)
    _devices: dict[DeviceId, Device] = field(default_factory=dict)
    _names: dict[DeviceId, str] = field(default_factory=dict)
    former: dict[DeviceId, AccountId] = field(default_factory=dict)
    """Devices that their account has removed."""

    def restore(
        self, *, lists: Sequence[KeepDeviceList], seal_keys: Sequence[KeepSealKey], names: Sequence[KeepDeviceName]
    ) -> None:
        """Take back from disk what was checked before it was written; it is checked again, disks lie too."""
        for kept in lists:
            self._put(kept.account, kept.list, read_device_list(kept.account, kept.list))
        for key in seal_keys:
            # One that no longer passes is asked for again; it must not keep the agent from starting.
            with suppress(TrustError):
                if key.device in self._devices:
                    self._seal_keys[key.device] = check_seal_key(key.seal_key, self._devices[key.device])
        self._names = {kept.device: kept.name for kept in names}

    # ---- looking

    @property
    def accounts(self) -> tuple[AccountId, ...]:
        """Every account whose devices are known."""
        return tuple(self._entries)

    def knows(self, account: AccountId) -> bool:
        """Whether this account's devices are known."""
        return account in self._entries

    def absent(self, account: AccountId) -> bool:
        """Whether the relay, when last asked, knew no device of this account."""
        return account in self._absent

    def devices(self, account: AccountId) -> tuple[Device, ...]:
        """An account's devices; none if it is unknown."""
        entry = self._entries.get(account)
        return entry.list.devices if entry else ()

    def device(self, device: DeviceId) -> Device | None:
        """One device, if it is on its account's newest known list."""
        return self._devices.get(device)

    def account_of(self, device: DeviceId) -> AccountId | None:
        """Whose device this is."""
        return self._owners.get(device)

    def seal_key(self, device: DeviceId) -> SealKey | None:
        """The key to seal envelopes for a device with."""
        return self._seal_keys.get(device)

    def list_of(self, account: AccountId) -> Signed | None:
        """An account's newest known list as its root signed it."""
        entry = self._entries.get(account)
        return entry.signed if entry else None

    def version(self, account: AccountId) -> int:
        """The version of the newest known list; 0 if there is none."""
        entry = self._entries.get(account)
        return entry.list.version if entry else 0

    def root_key(self, account: AccountId) -> bytes | None:
        """The root key two people compare as part of the safety number."""
        entry = self._entries.get(account)
        return entry.list.root_key if entry else None

    def heard_version(self, account: AccountId) -> int:
        """The newest version of an account's list that anybody has mentioned."""
        entry = self._entries.get(account)
        return entry.heard_version if entry is not None else 0

    def stale(self, account: AccountId) -> bool:
        """Whether somebody mentioned a newer list than ours."""
        entry = self._entries.get(account)
        return entry is not None and entry.heard_version > entry.list.version

    def name(self, device: DeviceId) -> str:
        """What a device calls itself, or the start of its id while it has told us nothing."""
        return self._names.get(device) or f"device {device.hex()[:6]}"

    # ---- learning

    def outdated(self, device: DeviceId, identity: bytes) -> bool:
        """A device names the seal key it has now; true if another is known here, which is then not used again."""
        known = self._seal_keys.get(device)
        if not identity or known is None or known.id == identity:
            return False
        del self._seal_keys[device]
        return True

    def heard(self, account: AccountId, version: int) -> None:
        """Somebody mentioned this version of an account's list."""
        entry = self._entries.get(account)
        if entry is not None:
            entry.heard_version = max(entry.heard_version, version)

    def named(self, device: DeviceId, name: str) -> KeepDeviceName | None:
        """A device told its name, end to end encrypted."""
        if not name or self._names.get(device) == name:
            return None
        self._names[device] = name
        return KeepDeviceName(device, name)

    def learn(self, account: AccountId, lists: Sequence[Signed], seal_keys: Sequence[Signed]) -> Learned:
        """Check what the relay answered, and keep what holds."""
        before = self._entries.get(account)
        try:
            newest = check_device_lists(account, known=before.signed if before else None, newer=lists)
        except TrustError as error:
            if before is not None:
                before.heard_version = 0
            return Learned((), trouble=error)
        facts: list[KeepDeviceList | KeepSealKey | KeepNote] = []
        is_rekeyed = False
        added: tuple[DeviceId, ...] = ()
        gone: tuple[DeviceId, ...] = ()
        if newest is not None:
            old = {device.id for device in before.list.devices} if before else set()
            new = {device.id for device in newest.devices}
            passed = {device.id for each in lists[:-1] for device in read_device_list(account, each).devices}
            # Also one that was listed and removed before we asked: its last letters may come after that.
            added, gone = tuple(sorted(new - old)), tuple(sorted((old | passed) - new))
            self._put(account, lists[-1], newest)
            facts.append(KeepDeviceList(account, newest.version, lists[-1]))
            facts += self._part_with(gone, account)
            facts += [
                KeepNote(NoteKind.FORMER_DEVICE, device, b"") for device in added if self.former.pop(device, None)
            ]
            is_rekeyed = before is not None and before.list.root_key != newest.root_key
        elif before is None:
            self._absent.add(account)
        if before is not None:
            # The relay has been asked and has nothing newer: whoever mentioned more is not believed a second time.
            before.heard_version = 0
        keys, trouble = self._learn_seal_keys(account, seal_keys)
        return Learned((*facts, *keys), added, gone, is_rekeyed, trouble)

    def _part_with(self, gone: Sequence[DeviceId], account: AccountId) -> list[KeepNote]:
        """Never seal to these devices again, and know them when they speak."""
        known = sum(owner == account for owner in self.former.values())
        notes: list[KeepNote] = []
        for device in gone:
            self._seal_keys.pop(device, None)
            if known + len(notes) < FORMER_MAX:
                self.former[device] = account
                notes.append(KeepNote(NoteKind.FORMER_DEVICE, device, account))
        return notes

    def _learn_seal_keys(
        self, account: AccountId, seal_keys: Sequence[Signed]
    ) -> tuple[list[KeepSealKey], TrustError | None]:
        facts = []
        trouble = None
        by_id = {device.id: device for device in self.devices(account)}
        # A relay that lost a list still knows whom that list removed. Their keys are not used, and accuse nobody.
        current = [signed for signed in seal_keys if not self._is_former(claimed_device(signed), account)]
        for signed in current:
            for device in by_id.values():
                try:
                    key = check_seal_key(signed, device)
                except TrustError as error:
                    trouble = error
                    continue
                self._seal_keys[device.id] = key
                facts.append(KeepSealKey(device.id, signed))
                break
        if len(facts) == len(current):
            trouble = None
        return facts, trouble

    def _is_former(self, device: DeviceId | None, account: AccountId) -> bool:
        return device is not None and self.former.get(device) == account

    def _put(self, account: AccountId, signed: Signed, newest: DeviceList) -> None:
        before = self._entries.get(account)
        for device in before.list.devices if before else ():
            self._owners.pop(device.id, None)
            self._devices.pop(device.id, None)
        self._entries[account] = _Entry(signed, newest)
        self._absent.discard(account)
        for device in newest.devices:
            self._owners[device.id] = account
            self._devices[device.id] = device
