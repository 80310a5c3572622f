"""Prepares a folder to become a device of an account that exists: by linking, or by its recovery phrase.

Save, then speak: who the device will be and its keys are on the disk before anybody hears of them. What broke off is
begun again with the same keys, so that no list names a device that nobody has.
"""

from dataclasses import replace

from answerback.core.facts import KeepDeviceKeys
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.primitives import KEY_BYTES, random_bytes
from answerback.device.registering import Relay
from answerback.model.handle import Handle
from answerback.model.ids import AccountId
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal


def prepared(
    journal: Journal, relay: Relay, *, account: AccountId, handle: Handle, root_seed: bytes | None, device_name: str
) -> tuple[Identity, DeviceKeys]:
    """Take up what an earlier try for this account prepared, or prepare it now; `root_seed` if this device holds it."""
    before, kept = journal.identity(), journal.load().device_keys
    if before is not None and kept is not None and (before.account, before.root_seed) == (account, root_seed):
        keys = DeviceKeys.from_pickle(kept.pickle, before.pickle_key)
        identity = replace(before, device_name=device_name, handle=handle, relay_url=relay.url, relay_pin=relay.pin)
        journal.keep_identity(identity)
        return identity, keys
    keys, pickle_key = DeviceKeys.generate(), random_bytes(KEY_BYTES)
    identity = Identity(
        account=account,
        device=keys.device_id,
        device_name=device_name,
        handle=handle,
        relay_url=relay.url,
        relay_pin=relay.pin,
        root_seed=root_seed,
        pickle_key=pickle_key,
        registered_ms=0,
    )
    journal.forget_registration()
    journal.commit([KeepDeviceKeys(keys.pickle(pickle_key))])
    journal.keep_identity(identity)  # last: whoever finds it finds the keys
    return identity, keys
