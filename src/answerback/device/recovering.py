"""Comes back with the recovery phrase when every device is lost: a new device, of the same account.

The phrase is the account's root key. The relay gives its holder the account's lists; the next one, signed here, has
the new device and leaves out those that are lost, so their mailboxes, connections and sessions end as if each had been
removed. Contacts see another device and the same safety number. What waited at the relay for the lost devices is gone
with them; what contacts still try to deliver comes to the new one.

Save, then speak: the new device's keys are on the disk before its list leaves. A recovery that broke off is simply done
again: it brings the same keys, and finds its own list if that was taken.
"""

from dataclasses import replace
from pathlib import Path

from answerback.core.facts import KeepDeviceList, KeepNote, KeepOwnList
from answerback.crypto.identity import Purpose, RootKey, check_device_lists, next_device_list
from answerback.crypto.phrase import phrase_of, seed_of
from answerback.device.home import make_journal
from answerback.device.preparing import prepared
from answerback.device.registering import Relay
from answerback.model.causes import Cause
from answerback.model.devices import Device, DeviceList, Signed
from answerback.model.errors import PeerError, RefusedError, TrustError, UsageError
from answerback.model.handle import Handle
from answerback.model.ids import ID_BYTES, AccountId
from answerback.model.notes import NoteKind
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.vault import KeySource
from answerback.transport.relay_http import RelayHttp
from answerback.wire.codec import encode
from answerback.wire.requests import Asked

TRIES_MAX = 4
"""Another device may put a list at the same moment; then this one follows that one."""


def phrase(identity: Identity) -> str:
    """Write the account's root key as words. Raises `UsageError` where it is not."""
    if identity.root_seed is None:
        raise UsageError("this device does not hold the account's root key")
    return phrase_of(identity.root_seed)


async def recover(
    folder: Path,
    relay: Relay,
    words: str,
    handle: Handle,
    *,
    device_name: str,
    source: KeySource,
    passphrase: str | None = None,
    now_ms: int,
) -> Identity:
    """Make this folder the account's one device. Raises `RefusedError` with its cause, `Unreachable`, `UsageError`."""
    seed = seed_of(words)
    journal = make_journal(folder, source=source, passphrase=passphrase)
    try:
        before = journal.identity()
        if before is not None and before.registered_ms:
            raise UsageError(f"this device is registered already, as {before.handle}; give another --home")
        async with RelayHttp(relay.url, pin=relay.pin or b"") as http:
            account, _ = await account_lists(http, seed, handle=handle.text)
            root = RootKey.from_seed(seed, account=account)
            identity, keys = prepared(
                journal, relay, account=account, handle=handle, root_seed=seed, device_name=device_name
            )
            device = keys.device(now_ms)
            lists = await put_device(http, root, device, keep_others=False, now_ms=now_ms)
        keep_lists(journal, account, lists)
        journal.commit([KeepNote(NoteKind.UNINTRODUCED, b"", b"1")])
        recovered = replace(identity, registered_ms=now_ms)
        journal.keep_identity(recovered)
        return recovered
    finally:
        journal.close()


async def account_lists(
    http: RelayHttp, seed: bytes, *, handle: str = "", account: AccountId | None = None
) -> tuple[AccountId, list[tuple[Signed, DeviceList]]]:
    """Have all lists of the account whose root key this is, each checked against the one before it."""
    root = RootKey.from_seed(seed)
    lists: list[tuple[Signed, DeviceList]] = []
    while True:
        asked = Asked(handle, account or b"", lists[-1][1].version if lists else 0)
        found = await http.account_lists(root.sign(Purpose.RECOVERY, encode(asked)), root_key=root.public_key)
        if (account is not None and found.account != account) or len(found.account) != ID_BYTES:
            raise TrustError("the relay gave the lists of another account")
        account, handle = found.account, ""
        for signed in found.lists:
            known = lists[-1][0] if lists else None
            read = check_device_lists(account, known=known, newer=[signed])
            if read is None:
                raise PeerError("the relay repeats device lists instead of going on")
            lists.append((signed, read))
        if not lists or not found.lists or lists[-1][1].version >= found.newest_version:
            break
    if not lists or lists[-1][1].root_key != root.public_key:
        raise TrustError("the lists that the relay gave are not signed by this root key")
    return account, lists


async def put_device(
    http: RelayHttp, root: RootKey, device: Device, *, keep_others: bool, now_ms: int
) -> list[tuple[Signed, DeviceList]]:
    """Put a device on its account's list; give all lists. What was put already, by a try before this, is found."""
    account = root.account_id
    for _ in range(TRIES_MAX):
        _, lists = await account_lists(http, root.seed, account=account)
        newest, read = lists[-1]
        if read.device(device.id) is not None:
            return lists
        signed = next_device_list(root, newest, [*(read.devices if keep_others else ()), device], now_ms)
        try:
            await http.put_list(signed)
        except RefusedError as refused:
            if refused.cause is not Cause.TRUST_KEYS_CHANGED:
                raise
    raise RefusedError(Cause.TRUST_KEYS_CHANGED, "the account's list of devices keeps changing; try again")


def keep_lists(journal: Journal, account: AccountId, lists: list[tuple[Signed, DeviceList]]) -> None:
    """Put an account's own lists on the disk."""
    newest, read = lists[-1]
    own = [KeepOwnList(each.version, signed) for signed, each in lists]
    journal.commit([KeepDeviceList(account, read.version, newest), *own])
