"""Which devices a letter goes to: all of its recipients', and all others of our own."""

from collections.abc import Iterable
from dataclasses import dataclass

from answerback.core.facts import KeepOutgoing
from answerback.core.roster import Roster
from answerback.model.ids import AccountId, DeviceId


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a letter goes, as far as it is known."""

    devices: tuple[tuple[AccountId, DeviceId], ...]
    unknown: tuple[AccountId, ...]
    """Accounts whose device list must be looked up first."""
    empty: bool
    """Every list is known and not one recipient has a device."""


def targets(letter: KeepOutgoing, roster: Roster, *, own_account: AccountId, own_device: DeviceId) -> Targets:
    """Find the devices a letter goes to."""
    if letter.devices:
        named = [(roster.account_of(device), device) for device in letter.devices]
        return Targets(tuple((account, device) for account, device in named if account is not None), (), empty=False)
    accounts = dict.fromkeys((*letter.recipients, own_account))
    unknown = tuple(account for account in accounts if not roster.knows(account))
    devices = tuple(_devices(accounts, roster, own_device))
    reached = {account for account, _ in devices}
    missing = [account for account in letter.recipients if account != own_account and account not in reached]
    return Targets(devices, unknown, empty=not unknown and bool(missing) and not reached - {own_account})


def _devices(
    accounts: Iterable[AccountId], roster: Roster, own_device: DeviceId
) -> Iterable[tuple[AccountId, DeviceId]]:
    for account in accounts:
        for device in roster.devices(account):
            if device.id != own_device:
                yield account, device.id
