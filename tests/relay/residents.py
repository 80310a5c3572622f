"""Devices with real keys for tests of the relay: made once, listed with their account, able to answer a challenge."""

from dataclasses import dataclass

from answerback.crypto.identity import DeviceKeys, RootKey, answer_challenge, check_device_lists, first_device_list
from answerback.crypto.resumption import proven
from answerback.model.devices import DeviceList, Signed
from answerback.model.envelope import Envelope
from answerback.model.ids import AccountId, DeviceId, envelope_id
from answerback.model.message import Lane
from answerback.storage.database import Database
from answerback.storage.relay_store import put_first_list
from answerback.wire.frames import WIRE_VERSION, Challenge, Hello, Resume, Taken, Ticket

NOW_MS = 1_800_000_000_000


@dataclass
class Resident:
    """An account with one device."""

    root: RootKey
    keys: DeviceKeys
    signed: Signed
    devices: DeviceList

    @property
    def device(self) -> DeviceId:
        return self.keys.device_id

    @property
    def account(self) -> AccountId:
        return self.root.account_id

    def hello(
        self, challenge: Challenge, *taken: Taken, wire: int = WIRE_VERSION, life: int = 0, standby: bool = False
    ) -> Hello:
        signature = answer_challenge(self.keys, nonce=challenge.nonce, relay=challenge.relay)
        return Hello(wire, self.device, signature, list(taken), life, standby)

    def resume(
        self, ticket: Ticket | None, *taken: Taken, life: int, clock_ms: int = NOW_MS, standby: bool = False
    ) -> Resume:
        assert ticket is not None
        said = Resume(WIRE_VERSION, self.device, ticket.name, clock_ms, list(taken), life, b"", standby)
        return proven(said, secret=ticket.secret)


def resident() -> Resident:
    root, keys = RootKey.generate(), DeviceKeys.generate()
    signed = first_device_list(root, keys.device(NOW_MS), now_ms=NOW_MS)
    devices = check_device_lists(root.account_id, known=None, newer=[signed])
    assert devices is not None
    return Resident(root, keys, signed, devices)


def residents(count: int) -> list[Resident]:
    return [resident() for _ in range(count)]


def move_in(db: Database, people: list[Resident]) -> None:
    with db.transaction():
        for person in people:
            put_first_list(db, person.signed, person.devices)


def envelope(
    to: Resident | DeviceId, text: str, *, lane: Lane = Lane.NORMAL, size_bytes: int = 0, lifetime_s: int = 86_400
) -> Envelope:
    sealed = text.encode().ljust(size_bytes, b".")
    device = to if isinstance(to, bytes) else to.device
    return Envelope(envelope_id(sealed), device, lane, lifetime_s, sealed)
