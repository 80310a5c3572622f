"""Keeps accounts' device lists and the keys their devices leave for others; each one-time key goes out once.

Plain functions inside somebody else's transaction, so that creating an account is one change with claiming its handle.
What they are given has been verified: signatures are none of the disk's business.
"""

import hashlib
from collections.abc import Sequence

from answerback.model.causes import Cause
from answerback.model.devices import Device, DeviceList, Signed
from answerback.model.errors import RefusedError, StoreCorruptError
from answerback.model.ids import AccountId, DeviceId
from answerback.storage import relay_log
from answerback.storage.database import Database
from answerback.storage.relay_commands import Key, Lists, Newest
from answerback.wire.codec import encode

LISTS_MAX = 64
"""Device lists in one reply: 100 KB at most; whoever is further behind asks again."""
PREKEYS_MAX = 400
"""One-time keys a device may have waiting: four times what our own agents publish."""
CLAIMED_MAX = 1_000
"""Digests of claimed keys that are kept for each device: a publication repeats within minutes, if at all."""
DIGEST_BYTES = 16


def newest_list(db: Database, account: AccountId) -> Newest:
    """Read an account's newest device list."""
    row = db.row(
        "SELECT version, body, signature FROM device_list WHERE account = ? ORDER BY version DESC LIMIT 1", (account,)
    )
    return Newest(row[0], Signed(row[1], row[2])) if row else Newest(0, None)


def lists_after(db: Database, account: AccountId, known_version: int, known_size: int = 0) -> Lists:
    """Read an account's device lists after a version, the seal keys of its devices of today, and what proves it."""
    lists = db.rows(
        "SELECT body, signature, version FROM device_list WHERE account = ? AND version > ? ORDER BY version LIMIT ?",
        (account, known_version, LISTS_MAX),
    )
    seal_keys = db.rows(
        "SELECT seal_body, seal_signature FROM device WHERE account = ? AND revoked = 0 AND seal_id <> x''"
        " ORDER BY number LIMIT ?",
        (account, LISTS_MAX),
    )
    logged = relay_log.of_list(db, account, int(lists[-1][2]) if lists else 0, known_size=known_size)
    return Lists([Signed(*row[:2]) for row in lists], [Signed(*row) for row in seal_keys], logged)


def put_first_list(db: Database, signed: Signed, device_list: DeviceList) -> None:
    """Keep a new account's first device list, or do nothing if it is kept already; RefusedError if another one is."""
    newest = newest_list(db, device_list.account)
    if newest.signed is not None:
        if newest.signed.body == signed.body:
            return
        raise RefusedError(Cause.TRUST_SIGNATURE_WRONG, "the account already has another device list")
    if device_list.version != 1:
        raise RefusedError(Cause.TRUST_SIGNATURE_WRONG, f"a first device list of version {device_list.version}")
    put_list(db, signed, device_list)


def put_list(db: Database, signed: Signed, device_list: DeviceList) -> list[DeviceId]:
    """Keep the list that follows the newest one, and say which devices it leaves out."""
    _insert_list(db, signed, device_list)
    for device in device_list.devices:
        _list_device(db, device, device_list)
    listed = {device.id for device in device_list.devices}
    rows = db.rows("SELECT id, number FROM device WHERE account = ? AND revoked = 0", (device_list.account,))
    revoked = [(DeviceId(row[0]), int(row[1])) for row in rows if row[0] not in listed]
    for _, number in revoked:
        db.run("DELETE FROM prekey WHERE device = ?", (number,))
        db.run(
            "UPDATE device SET revoked = 1, fallback_body = x'', fallback_signature = x'', seal_body = x'',"
            " seal_signature = x'', seal_id = x'' WHERE number = ?",
            (number,),
        )
    db.run("UPDATE device SET list_version = ? WHERE account = ?", (device_list.version, device_list.account))
    relay_log.log_lists(db, device_list.account)
    return [identity for identity, _ in revoked]


def _insert_list(db: Database, signed: Signed, device_list: DeviceList) -> None:
    foreign = [
        device
        for device in device_list.devices
        if db.row("SELECT 1 FROM device WHERE id = ? AND account <> ?", (device.id, device_list.account))
    ]
    if foreign:  # whoever lists another account's device would take over its mailbox
        raise RefusedError(Cause.TRUST_SIGNATURE_WRONG, "the list names a device of another account")
    db.run(
        "INSERT INTO device_list (account, version, body, signature) VALUES (?, ?, ?, ?)",
        (device_list.account, device_list.version, signed.body, signed.signature),
    )


def _list_device(db: Database, device: Device, device_list: DeviceList) -> None:
    db.run(
        "INSERT INTO device (id, account, entry, list_version) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET entry = excluded.entry, revoked = 0",
        (device.id, device_list.account, encode(device), device_list.version),
    )
    db.run("INSERT OR IGNORE INTO mailbox (number) SELECT number FROM device WHERE id = ?", (device.id,))


def add_prekeys(db: Database, device: int, prekeys: Sequence[Signed]) -> None:
    """Keep one-time keys that are neither waiting nor claimed already; beyond the bound they are not kept."""
    room = PREKEYS_MAX - prekeys_left(db, device)
    db.run_many(
        "INSERT OR IGNORE INTO prekey (device, digest, body, signature) VALUES (?, ?, ?, ?)",
        [(device, _digest(signed), signed.body, signed.signature) for signed in prekeys[: max(room, 0)]],
    )


def void_prekeys(db: Database, device: int, *, but: Sequence[Signed]) -> None:
    """Hand out no one-time key any more that a device has offered until now; their digests stay.

    Those that it offers again go on waiting: it did not hear that they were taken, and has their secrets.
    """
    marks = ", ".join("?" * len(but))
    db.run(
        "UPDATE prekey SET claimed = 1, body = x'', signature = x''"  # noqa: S608 - question marks only
        f" WHERE device = ? AND claimed = 0 AND digest NOT IN ({marks})",
        (device, *map(_digest, but)),
    )


def put_fallback(db: Database, device: int, signed: Signed) -> None:
    """Replace a device's fallback key."""
    db.run(
        "UPDATE device SET fallback_body = ?, fallback_signature = ? WHERE number = ?",
        (signed.body, signed.signature, device),
    )


def put_seal_key(db: Database, device: int, signed: Signed, identity: bytes) -> None:
    """Replace a device's seal key."""
    db.run(
        "UPDATE device SET seal_body = ?, seal_signature = ?, seal_id = ? WHERE number = ?",
        (signed.body, signed.signature, identity, device),
    )


def seal_id(db: Database, device: int) -> bytes:
    """Name the seal key that is handed out for a device; empty if it has none."""
    row = db.row("SELECT seal_id FROM device WHERE number = ?", (device,))
    if row is None:
        raise StoreCorruptError(f"device number {device} was there and is gone")
    return bytes(row[0])


def prekeys_left(db: Database, device: int) -> int:
    """Count a device's one-time keys that wait for somebody."""
    row = db.row("SELECT count(*) FROM prekey WHERE device = ? AND claimed = 0", (device,))
    return int(row[0]) if row else 0


def claim_prekey(db: Database, device: int) -> Key | None:
    """Hand out a one-time key and strike it out; when there is none, the fallback key; when there is none, nothing."""
    row = db.row(
        "SELECT number, body, signature FROM prekey WHERE device = ? AND claimed = 0 ORDER BY number LIMIT 1", (device,)
    )
    if row is None:
        fallback = db.row("SELECT fallback_body, fallback_signature FROM device WHERE number = ?", (device,))
        return Key(Signed(*fallback)) if fallback and fallback[0] else None
    db.run("UPDATE prekey SET claimed = 1, body = x'', signature = x'' WHERE number = ?", (row[0],))
    db.run(
        "DELETE FROM prekey WHERE device = ?1 AND claimed = 1 AND number <= (SELECT number FROM prekey"
        " WHERE device = ?1 AND claimed = 1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        (device, CLAIMED_MAX),
    )
    return Key(Signed(row[1], row[2]))


def _digest(signed: Signed) -> bytes:
    return hashlib.sha256(signed.body).digest()[:DIGEST_BYTES]
