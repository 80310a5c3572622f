"""Keeps who this device is: what registration gave it."""

from dataclasses import dataclass, field

from answerback.model.handle import Handle
from answerback.model.ids import AccountId, DeviceId
from answerback.model.notes import NoteKind
from answerback.storage.database import Database


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose device this is, which one, and where its relay is."""

    account: AccountId
    device: DeviceId
    device_name: str
    handle: Handle
    relay_url: str
    relay_pin: bytes | None
    """SHA-256 of the relay's own certificate key; None where a public certificate authority vouches for it."""
    root_seed: bytes | None = field(repr=False)
    """The account's root key of today; None on devices that may not change the device list."""
    pickle_key: bytes = field(repr=False)
    """What the ratchets' pickles are encrypted with."""
    registered_ms: int


def write_identity(database: Database, identity: Identity) -> None:
    """Keep it, in place of the one before."""
    with database.transaction():
        rewrite_identity(database, identity)


def rewrite_identity(database: Database, identity: Identity) -> None:
    """Do the same within a transaction that is open."""
    database.run(
        "DELETE FROM notes WHERE kind IN (?, ?, ?)",
        (NoteKind.DEVICE_NAME.value, NoteKind.ROOT.value, NoteKind.NEXT_ROOT.value),
    )
    database.run("DELETE FROM identity")
    database.run(
        "INSERT INTO identity (number, account, device, device_name, handle, relay_url, relay_pin, root_seed, "
        "pickle_key, registered_ms) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            identity.account,
            identity.device,
            identity.device_name,
            identity.handle.text,
            identity.relay_url,
            identity.relay_pin,
            identity.root_seed,
            identity.pickle_key,
            identity.registered_ms,
        ),
    )


def read_identity(database: Database) -> Identity | None:
    """Return it, or None before registration."""
    row = database.row(
        "SELECT account, device, coalesce(CAST((SELECT value FROM notes WHERE kind = ?) AS TEXT), device_name), handle,"
        " relay_url, relay_pin, coalesce((SELECT value FROM notes WHERE kind = ?), root_seed), pickle_key,"
        " registered_ms FROM identity",
        (NoteKind.DEVICE_NAME.value, NoteKind.ROOT.value),
    )
    if row is None:
        return None
    account, device, device_name, handle, relay_url, relay_pin, root_seed, pickle_key, registered_ms = row
    return Identity(
        account=account,
        device=device,
        device_name=device_name,
        handle=Handle(handle),
        relay_url=relay_url,
        relay_pin=relay_pin,
        root_seed=root_seed,
        pickle_key=pickle_key,
        registered_ms=registered_ms,
    )
