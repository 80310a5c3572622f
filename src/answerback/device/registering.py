"""Makes a new account with its first device: keys, a proven handle, the relay's word.

Save, then speak: keys and identity are on disk before the relay hears of them, so that an answer lost on the way costs
nothing: the same call again sends the same request. An identity whose `registered_ms` is 0 is such an unfinished one.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from answerback.core.facts import KeepDeviceKeys, KeepDeviceList, KeepOwnList
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.crypto.primitives import KEY_BYTES, random_bytes
from answerback.device.home import make_journal, open_journal
from answerback.model.devices import Signed
from answerback.model.errors import UsageError
from answerback.model.handle import Handle
from answerback.storage.history import History
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.vault import KeySource
from answerback.transport.relay_http import RelayHttp
from answerback.wire.frames import LISTS_MAX


@dataclass(frozen=True, slots=True)
class Relay:
    """Where a relay is, and how to recognise it. Without TLS only on this very machine, for trying out."""

    url: str
    pin: bytes | None

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
        except ValueError as error:
            raise UsageError(f"{self.url!r} is no relay's address: {error}") from error
        if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
            raise UsageError(f"{self.url} has no TLS: only a relay on this machine may be spoken to in clear")


async def request_code(relay: Relay, handle: Handle, *, invitation: str = "") -> int:
    """Have a one-time code sent to a handle; returns for how many seconds it is good."""
    async with RelayHttp(relay.url, pin=relay.pin or b"") as http:
        return (await http.request_code(handle, invitation=invitation)).expires_in_s


async def register(
    folder: Path,
    relay: Relay,
    handle: Handle,
    *,
    code: str,
    invitation: str = "",
    device_name: str,
    source: KeySource,
    passphrase: str | None = None,
    move: bool = False,
    now_ms: int,
) -> Identity:
    """Make the account. Raises `RefusedError` with its cause, `Unreachable`, or `UsageError` if there is one.

    With `move` a handle that another account has is taken over from there, after the relay's waiting period: whether it
    is this account's yet, `OwnHandles.told` says.
    """
    journal = make_journal(folder, source=source, passphrase=passphrase)
    try:
        identity, first_list = _prepared(journal, relay, handle, device_name, now_ms)
        async with RelayHttp(relay.url, pin=relay.pin or b"") as http:
            await http.create_account(handle, code=code, first_list=first_list, invitation=invitation, move=move)
        registered = replace(identity, registered_ms=now_ms)
        journal.keep_identity(registered)
        return registered
    finally:
        journal.close()


async def register_again(
    folder: Path, relay: Relay, *, code: str, invitation: str = "", passphrase: str | None = None
) -> Identity:
    """Give the account back to a relay that has lost it: same account, same devices, nothing on any of them changed.

    Raises `RefusedError` with its cause, `Unreachable`, or `UsageError` if this device cannot do it.
    """
    journal = open_journal(folder, passphrase=passphrase)
    try:
        identity = journal.identity()
        if identity is None or not identity.registered_ms:
            raise UsageError("this device was never registered: `answerback register` or `answerback link` does that")
        await give_back(journal, identity, relay, code=code, invitation=invitation)
        moved = replace(identity, relay_url=relay.url, relay_pin=relay.pin)
        journal.keep_identity(moved)
        return moved
    finally:
        journal.close()


async def give_back(history: History, identity: Identity, relay: Relay, *, code: str, invitation: str = "") -> None:
    """Bring a relay all of this account's device lists, and prove its handle; one that has them already takes it well.

    Raises as `register_again` does.
    """
    first, newer = _all_lists(history)
    async with RelayHttp(relay.url, pin=relay.pin or b"") as http:
        await http.create_account(identity.handle, code=code, first_list=first, invitation=invitation, newer=newer)


def _all_lists(journal: History) -> tuple[Signed, list[Signed]]:
    kept = journal.own_lists()
    if not kept or [each.version for each in kept] != list(range(1, len(kept) + 1)):
        raise UsageError("this device does not have all of its account's device lists: do it on another device")
    if len(kept) > LISTS_MAX:
        raise UsageError(f"the account has had {len(kept)} device lists; a relay takes {LISTS_MAX} at once")
    return kept[0].list, [each.list for each in kept[1:]]


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _prepared(journal: Journal, relay: Relay, handle: Handle, device_name: str, now_ms: int) -> tuple[Identity, Signed]:
    """Take up what an earlier call prepared for the same handle, or prepare it now."""
    before = journal.identity()
    if before is not None and before.registered_ms:
        raise UsageError(f"this device is registered already, as {before.handle}; give another --home for another one")
    # One without its root key was prepared by a linking that broke off: that is another account's.
    if before is not None and before.root_seed and before.handle == handle and before.relay_url == relay.url:
        (kept,) = journal.load().device_lists
        renamed = replace(before, device_name=device_name)
        journal.keep_identity(renamed)
        return renamed, kept.list
    root, keys, pickle_key = RootKey.generate(), DeviceKeys.generate(), random_bytes(KEY_BYTES)
    first_list = first_device_list(root, keys.device(now_ms), now_ms=now_ms)
    identity = Identity(
        account=root.account_id,
        device=keys.device_id,
        device_name=device_name,
        handle=handle,
        relay_url=relay.url,
        relay_pin=relay.pin,
        root_seed=root.seed,
        pickle_key=pickle_key,
        registered_ms=0,
    )
    journal.forget_registration()
    listed = KeepDeviceList(root.account_id, 1, first_list), KeepOwnList(1, first_list)
    journal.commit([KeepDeviceKeys(keys.pickle(pickle_key)), *listed])
    journal.keep_identity(identity)  # last: whoever finds it finds keys and list
    return identity, first_list
