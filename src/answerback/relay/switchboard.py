"""Knows which device a datagram is from, and where each device was last heard from by datagram.

Theory. A device that was given a ticket may speak by datagram, under tags that only the two of us know. Whatever bears
another tag is dropped before anything is computed or remembered, so a stranger costs one look into a table. What opens
is answered once, where it came from, by as many bytes as it had; what came before is not. The newest datagram of a way
says where that way leads now: a network that gives its devices other addresses moves nobody for longer than until the
next word. The surprising rule: an address is *unproven* until a device has said, from there, a token that was only ever
sent there. To such an address go no more than `ROOM` datagrams for each that came, for somebody who can change a
datagram's sender would else have us call a stranger (RFC 9000 §8).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from answerback.crypto.datagrams import DatagramEnd, RepeatedError, Side
from answerback.model.errors import AnswerbackError, PeerError
from answerback.model.ids import DeviceId
from answerback.relay.limits import Bucket, Rate
from answerback.wire import datagrams
from answerback.wire.datagrams import TOKEN_BYTES, FromDevice, There, read_head

Address = Hashable
"""Where to send to, as the shell understands it."""

ADDRESS_S = 15 * 60.0
"""Nobody is called where nothing came from for so long: no network's address translation keeps a way open longer."""
TICKETS_MAX = 3
"""Of one device, remembered: one of each of two connections, and one whose welcome may never have arrived."""
TICKET_S = 24 * 3600.0
"""As long as a ticket: a device that is not connected is not heard by an older one."""
ENTRIES_MAX = 70_000
"""Devices known at once: all that may be connected, and as many who left as are called at once."""
ROOM = 3
"""Datagrams to an unproven address for each one from there, as QUIC allows (RFC 9000 §8.1)."""
CALLED_WAYS_MAX = 2
"""Of one device, called at once: the two heard from last."""
QUESTIONS: Final = Rate(burst=20, per_s=2.0)
"""Answered for each device: what it asks in the worst minute of an outage, and twice that."""


@unique
class Fate(Enum):
    """What became of a datagram."""

    TAKEN = "taken"
    UNKNOWN = "unknown"
    """No ticket of this run has its tag, or it is no datagram of ours."""
    REPEATED = "repeated"
    FORGED = "forged"
    """A tag of ours, and not sealed by who holds the ticket."""
    TOO_MANY = "too many"
    """Its device asks more than anybody needs to."""


@dataclass(frozen=True, slots=True)
class Question:
    """One datagram that was taken, to be answered where it came from."""

    device: DeviceId
    words: FromDevice
    end: DatagramEnd
    way: int
    number: int
    address: Address


@dataclass(slots=True)
class _Where:
    """Where one way of a device leads."""

    address: Address
    end: DatagramEnd
    token: int
    """Sent there, and nowhere else."""
    heard_s: float
    is_proven: bool = False
    room: int = 0

    def is_open(self, *, now_s: float) -> bool:
        """Whether a call may go there."""
        return now_s - self.heard_s <= ADDRESS_S and (self.is_proven or self.room > 0)


@dataclass(slots=True)
class _Entry:
    bucket: Bucket
    since_s: float
    """When it was last heard by datagram, or given a ticket."""
    enrolled_s: float
    ends: list[DatagramEnd] = field(default_factory=list)
    """The newest ticket's last."""
    wheres: dict[int, _Where] = field(default_factory=dict)


class Switchboard:
    """The devices that may be heard and called by datagram."""

    def __init__(self, *, is_connected: Callable[[DeviceId], bool], random_bytes: Callable[[int], bytes]) -> None:
        self._is_connected = is_connected
        self._random_bytes = random_bytes
        self._entries: dict[DeviceId, _Entry] = {}
        """The one heard from longest ago first."""
        self._tags: dict[bytes, tuple[DeviceId, DatagramEnd, int]] = {}

    # ---- who is known ----------------------------------------------------------------------------------------------

    def enrol(self, device: DeviceId, secret: bytes, *, now_s: float) -> None:
        """Learn that a device was given a ticket."""
        entry = self._entries.pop(device, None) or _Entry(Bucket(QUESTIONS, now_s=now_s), now_s, now_s)
        self._entries[device] = entry
        entry.since_s = entry.enrolled_s = now_s
        end = DatagramEnd(secret, side=Side.RELAY)
        entry.ends.append(end)
        for way, tag in enumerate(end.tags):
            self._tags[tag] = (device, end, way)
        if len(entry.ends) > TICKETS_MAX:
            self._drop_ticket(entry)
        if len(self._entries) > ENTRIES_MAX:
            self.strike(next(iter(self._entries)))

    def strike(self, device: DeviceId) -> None:
        """Forget a device."""
        entry = self._entries.pop(device, None)
        for end in entry.ends if entry else []:
            for tag in end.tags:
                del self._tags[tag]

    def knows(self, device: DeviceId) -> bool:
        """Whether a device could be heard by datagram."""
        return device in self._entries

    def reaches(self, device: DeviceId, *, now_s: float) -> bool:
        """Whether a device could be called now."""
        entry = self._entries.get(device)
        return entry is not None and any(where.is_open(now_s=now_s) for where in entry.wheres.values())

    def tidy(self, *, now_s: float) -> None:
        """Forget those who left and have not been heard from for long."""
        while self._entries:
            device, entry = next(iter(self._entries.items()))
            if now_s - entry.since_s <= ADDRESS_S:
                return
            if self._is_connected(device):
                self._heard(device, entry, now_s)
            else:
                self.strike(device)

    # ---- datagrams ---------------------------------------------------------------------------------------------------

    def take(self, datagram: bytes, address: Address, *, now_s: float) -> Question | Fate:
        """Take one datagram: to be answered, or what became of it."""
        try:
            tag, _ = read_head(datagram)
        except PeerError:
            return Fate.UNKNOWN
        known = self._tags.get(tag)
        if known is None:
            return Fate.UNKNOWN
        device, end, way = known
        try:
            heard = end.open(datagram, way=way)
        except RepeatedError:
            return Fate.REPEATED
        except AnswerbackError:
            return Fate.FORGED
        entry = self._entries[device]
        if now_s - entry.enrolled_s > TICKET_S and not self._is_connected(device):
            self.strike(device)
            return Fate.UNKNOWN
        if entry.bucket.take(1, now_s=now_s) > 0:
            return Fate.TOO_MANY
        assert isinstance(heard.words, FromDevice)
        self._heard(device, entry, now_s)
        question = Question(device, heard.words, end, way, heard.number, address)
        if heard.is_newest:
            self._moved(entry, question, now_s=now_s)
        return question

    def answer(self, question: Question, *, is_waiting: bool, is_connected: bool) -> bytes:
        """Seal the answer to what was taken; it goes where that came from."""
        where = self._entries[question.device].wheres.get(question.way)
        is_proven, token = False, 0
        if where is not None and where.address == question.address:
            is_proven, token = where.is_proven, where.token
            where.room -= 1
        there = There(
            question=question.number,
            is_waiting=is_waiting,
            is_connected=is_connected,
            is_proven=is_proven,
            token=token,
        )
        return question.end.seal(there, way=question.way)[1]

    def call(self, device: DeviceId, number: int, *, is_connected: bool, now_s: float) -> list[tuple[Address, bytes]]:
        """Seal a call for each way on which a device was heard from lately."""
        calls: list[tuple[Address, bytes]] = []
        for way, where in self._fresh(device, now_s)[:CALLED_WAYS_MAX]:
            where.room -= 1
            call = datagrams.Call(number, is_connected=is_connected)
            calls.append((where.address, where.end.seal(call, way=way)[1]))
        return calls

    # ---- private -----------------------------------------------------------------------------------------------------

    def _fresh(self, device: DeviceId, now_s: float) -> list[tuple[int, _Where]]:
        entry = self._entries.get(device)
        if entry is None or not entry.wheres:
            return []
        found = [(way, where) for way, where in entry.wheres.items() if where.is_open(now_s=now_s)]
        return sorted(found, key=lambda each: -each[1].heard_s)

    def _heard(self, device: DeviceId, entry: _Entry, now_s: float) -> None:
        entry.since_s = now_s
        self._entries[device] = self._entries.pop(device)

    def _moved(self, entry: _Entry, question: Question, *, now_s: float) -> None:
        """Learn from the newest word of a way where it leads."""
        end, address = question.end, question.address
        where = entry.wheres.get(question.way)
        if where is not None and entry.ends.index(where.end) > entry.ends.index(end):
            return  # said before the newer ticket was used: it came late
        if where is None or where.address != address:
            token = int.from_bytes(self._random_bytes(TOKEN_BYTES), "big") or 1  # 0 is what a device says at first
            where = entry.wheres[question.way] = _Where(address, end, token, now_s)
        where.end, where.heard_s, where.room = end, now_s, ROOM
        if question.words.token == where.token:
            where.is_proven = True

    def _drop_ticket(self, entry: _Entry) -> None:
        """Forget the oldest ticket but those a way is in use with; of all in use, the oldest."""
        used = {id(where.end) for where in entry.wheres.values()}
        dropped = next((end for end in entry.ends[:-1] if id(end) not in used), entry.ends[0])
        for tag in dropped.tags:
            del self._tags[tag]
        entry.ends.remove(dropped)
        entry.wheres = {way: where for way, where in entry.wheres.items() if where.end is not dropped}
