"""Makes a copy of a device, such as one restored from a backup, a new device of the same account.

Another state of this device has spoken since the copy was made (`core/rollback.py`), and may go on elsewhere. So this
one goes on as somebody else: fresh keys, a mailbox of its own, a place beside the other on the account's list. What it
had stays: messages, timelines, names, contacts, and what it had promised, which is sealed anew. Its ratchets, sealed
copies and seal secrets go; they belong to the other.

Save, then speak: the new keys are on the disk before the relay hears of them, and what was the old device is swapped in
one transaction afterwards; whatever breaks off in between is done again with the same keys.
"""

from dataclasses import replace
from typing import Final

from answerback.core.facts import KeepNote
from answerback.crypto.identity import DeviceKeys, RootKey
from answerback.crypto.primitives import KEY_BYTES, random_bytes
from answerback.device.recovering import keep_lists, put_device
from answerback.model.devices import DEVICE_NAME_CHARACTERS_MAX, DEVICES_MAX
from answerback.model.errors import UsageError
from answerback.model.notes import NoteKind
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.transport.relay_http import RelayHttp

RENEWED_SETTING: Final = "device.renewed_ms"
AGAIN_MS: Final = 3_600_000
"""A relay that says without end that this is a copy makes a new device of it this often, and no oftener; in between its
keys are made anew instead."""
AGAIN_S: Final = 10.0
"""How soon it is tried again where the relay was not reached."""
MARK: Final = " (copy)"


def may_renew(journal: Journal, *, holds_root: bool, count: int, now_ms: int) -> bool:
    """Whether this device may become a new one by itself."""
    last_ms = int(journal.setting(RENEWED_SETTING) or 0)
    return holds_root and count < DEVICES_MAX and not 0 <= now_ms - last_ms < AGAIN_MS


async def renew(journal: Journal, identity: Identity, *, now_ms: int) -> Identity:
    """Become a new device; returns who it is now. Raises `RefusedError`, `Unreachable`, or `UsageError` if it may not.

    What is on the disk is another device's when this returns: whatever an engine remembers of it is void.
    """
    if identity.root_seed is None:
        raise UsageError("this device does not hold the account's root key: link it anew, in another --home")
    keys, pickle_key = _next_keys(journal)
    root = RootKey.from_seed(identity.root_seed, account=identity.account)
    async with RelayHttp(identity.relay_url, pin=identity.relay_pin or b"") as http:
        lists = await put_device(http, root, keys.device(now_ms), keep_others=True, now_ms=now_ms)
    keep_lists(journal, identity.account, lists)
    name = identity.device_name.removesuffix(MARK)[: DEVICE_NAME_CHARACTERS_MAX - len(MARK)] + MARK
    renewed = replace(identity, device=keys.device_id, pickle_key=pickle_key, device_name=name, registered_ms=now_ms)
    journal.keep_setting(RENEWED_SETTING, str(now_ms))
    journal.become(renewed, keys.pickle(pickle_key))
    return renewed


def _next_keys(journal: Journal) -> tuple[DeviceKeys, bytes]:
    """Take up the keys that an earlier try made, or make them now; either way they are on the disk."""
    for note in journal.load().notes:
        if note.kind is NoteKind.NEXT_DEVICE:
            pickle_key, pickle = note.value[:KEY_BYTES], note.value[KEY_BYTES:].decode()
            return DeviceKeys.from_pickle(pickle, pickle_key), pickle_key
    keys, pickle_key = DeviceKeys.generate(), random_bytes(KEY_BYTES)
    value = pickle_key + keys.pickle(pickle_key).encode()
    journal.commit([KeepNote(NoteKind.NEXT_DEVICE, b"", value)])
    return keys, pickle_key
