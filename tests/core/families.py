"""Accounts with signed device lists and keys, and one device's machines, to try composers with."""

from answerback.core.effects import KeepRatchet, Reason
from answerback.core.machines import Machines, Self
from answerback.core.roster import Roster
from answerback.core.sessions import Sessions
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list
from answerback.crypto.prekeys import check_prekey, make_seal_key, prekeys_to_publish
from answerback.model.devices import Signed
from answerback.model.ids import AccountId, DeviceId
from answerback.model.message import Lane
from tests.core.specimens import at

PICKLE_KEY = b"k" * 32
CONNECTED_S = 99.0


class Family:
    """An account with some devices."""

    def __init__(self, count: int) -> None:
        self.root = RootKey.generate()
        self.keys = [DeviceKeys.generate() for _ in range(count)]
        first = DeviceKeys.generate() if not count else self.keys[0]
        self.lists = [first_device_list(self.root, first.device(0), now_ms=0)]
        self.lists.append(next_device_list(self.root, self.lists[0], [keys.device(0) for keys in self.keys], 0))

    @property
    def account(self) -> AccountId:
        """Whose devices they are."""
        return self.root.account_id

    @property
    def devices(self) -> set[DeviceId]:
        """All of its devices."""
        return {keys.device_id for keys in self.keys}

    def seal_keys(self, *, now_ms: int = 0) -> list[Signed]:
        """A fresh seal key of each device."""
        return [make_seal_key(keys, now_ms=now_ms)[1] for keys in self.keys]

    def list_without(self, index: int) -> Signed:
        """The next list, with one device off it."""
        devices = [keys.device(0) for keys in self.keys if keys is not self.keys[index]]
        self.lists.append(next_device_list(self.root, self.lists[-1], devices, 0))
        return self.lists[-1]


def known(*families: Family) -> Roster:
    """A roster that knows these accounts."""
    roster = Roster()
    for family in families:
        roster.learn(family.account, family.lists, [])
    return roster


def machines_of(family: Family, *others: Family, up: bool = True) -> Machines:
    """The machines of a family's first device, which knows all others' devices and keys; connected, or never yet."""
    own = Self(family.account, family.keys[0].device_id, "phone", "ann")
    machines = Machines(own, Sessions(family.keys[0], PICKLE_KEY), lambda count: bytes(range(count)))
    for each in (family, *others):
        machines.roster.learn(each.account, each.lists, each.seal_keys())
    if up:
        machines.link.attempt(Reason.CONNECT_FIRST, now_s=CONNECTED_S)
        machines.link.opened(now_s=CONNECTED_S)
        machines.link.welcomed(now_s=CONNECTED_S)
    return machines


def begin(machines: Machines, keys: DeviceKeys, lane: Lane = Lane.NORMAL, now_s: float = CONNECTED_S) -> KeepRatchet:
    """Begin a session with a device."""
    prekey = check_prekey(prekeys_to_publish(keys, 1)[0], keys.device(0))
    (fact, *_) = machines.sessions.begin(keys.device(0), lane, prekey, now=at(now_s))
    assert isinstance(fact, KeepRatchet)
    return fact
