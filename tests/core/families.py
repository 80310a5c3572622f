"""Accounts with signed device lists and keys, and one device's machines, to try composers with."""

from answerback.core.facts import KeepRatchet
from answerback.core.machines import Machines, Self
from answerback.core.roster import Roster
from answerback.core.sessions import Sessions
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list
from answerback.crypto.prekeys import check_prekey, check_seal_key, make_fallback, make_seal_key, prekeys_to_publish
from answerback.crypto.seal import lock_letter
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery
from answerback.model.ids import AccountId, DeviceId, MessageId, conversation_id
from answerback.model.message import Attachment, Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.letters import AnyLetter, Post, Slip
from tests.core.specimens import DAY_MS, at, message_number

PICKLE_KEY = b"k" * 32
CONNECTED_S = 99.0


class Family:
    """An account with some devices."""

    def __init__(self, count: int, *, sealed_ms: int = 0) -> None:
        self.root = RootKey.generate()
        self.keys = [DeviceKeys.generate() for _ in range(count)]
        first = DeviceKeys.generate() if not count else self.keys[0]
        self.lists = [first_device_list(self.root, first.device(0), now_ms=0)]
        self.lists.append(next_device_list(self.root, self.lists[0], [keys.device(0) for keys in self.keys], 0))
        self.sealing = [make_seal_key(keys, now_ms=sealed_ms) for keys in self.keys]
        """The seal key of each device: its secret, and what others use."""

    @property
    def account(self) -> AccountId:
        """Whose devices they are."""
        return self.root.account_id

    @property
    def devices(self) -> set[DeviceId]:
        """All of its devices."""
        return {keys.device_id for keys in self.keys}

    @property
    def seal_keys(self) -> list[Signed]:
        """What seals for its devices."""
        return [signed for _, signed in self.sealing]

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
        machines.roster.learn(each.account, each.lists, each.seal_keys)
    secret, _ = family.sealing[0]
    machines.sessions.secrets[secret.id] = secret
    if up:
        machines.path.welcomed(machines.path.numbers.next(), now_s=CONNECTED_S)
    return machines


def begin(machines: Machines, keys: DeviceKeys, lane: Lane = Lane.NORMAL, now_s: float = CONNECTED_S) -> KeepRatchet:
    """Begin a session with a device."""
    prekey = check_prekey(prekeys_to_publish(keys, 1)[0], keys.device(0))
    (fact, *_) = machines.sessions.begin(keys.device(0), lane, prekey, now=at(now_s))
    assert isinstance(fact, KeepRatchet)
    return fact


class Correspondent:
    """A family's device that writes to another family's first device."""

    def __init__(self, family: Family, reader: Family, index: int = 0) -> None:
        self.family, self.reader = family, reader
        self.keys = family.keys[index]
        self.sessions = Sessions(self.keys, PICKLE_KEY)
        self.sequence = 0
        _, signed = reader.sealing[0]
        self._seal_key = check_seal_key(signed, reader.keys[0].device(0))
        prekey = check_prekey(make_fallback(reader.keys[0]), reader.keys[0].device(0))
        for lane in Lane:
            self.sessions.begin(reader.keys[0].device(0), lane, prekey, now=at(CONNECTED_S))

    @property
    def id(self) -> DeviceId:
        """Its name."""
        return self.keys.device_id

    def writes(
        self,
        letter: AnyLetter,
        position: int,
        *,
        lane: Lane = Lane.NORMAL,
        sequence: int | None = None,
        list_version: int = 2,
        name: str = "",
        seal_key: bytes = b"",
    ) -> Delivery:
        """Seal a letter, as the relay hands it over."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        locked = lock_letter(letter)
        message = letter.message if isinstance(letter, Post) else MessageId(position.to_bytes(16, "big"))
        slip = Slip(
            message,
            locked.key,
            locked.sha256,
            self.sequence,
            self.family.account,
            self.id,
            self.reader.account,
            self.reader.keys[0].device_id,
            list_version,
            name,
            seal_key,
        )
        envelope, _ = self.sessions.seal(locked, slip, lane=lane, seal_key=self._seal_key, lifetime_s=60)
        return Delivery(position, lane, envelope.id, envelope.sealed)

    def post(self, number: int, *, attachment: Attachment | None = None, handle: str = "") -> Post:
        """Words to the reader."""
        author, reader = self.family.account, self.reader.account
        conversation = conversation_id(frozenset({author, reader}))
        return Post(
            message_number(number),
            conversation,
            [reader],
            str(number),
            attachment,
            Urgency.NORMAL,
            Stamp(number, 0),
            [],
            DAY_MS,
            handle,
        )
