"""Hands out device lists and keys, and takes in only what the account or the device itself has signed.

Theory. A question that comes too soon is not refused but answered later: a refusal would look like an answer ("there is
no such account"). Who asks much more than any person does is sent away. A question whose connection ended before its
turn has cost nothing: its device asks again on the next one, and must not stand further behind each time.
"""

import heapq
from dataclasses import dataclass, field

from answerback.crypto.identity import check_device_lists, read_device_list
from answerback.crypto.prekeys import check_prekey, check_seal_key
from answerback.model.causes import Cause
from answerback.model.errors import TrustError
from answerback.model.ids import DeviceId
from answerback.relay.conversation import Connection
from answerback.relay.effects import Ask, Effect, Event, Moment, Note, Send
from answerback.relay.heads import Heads
from answerback.relay.limits import PREKEYS_MAX, REQUESTS_LATE_MAX, Bucket, RelayLimits
from answerback.storage.relay_commands import (
    AddKeys,
    Answer,
    ClaimKey,
    Command,
    Denied,
    Done,
    FetchLists,
    FetchNewest,
    Found,
    Key,
    ListPut,
    Lists,
    LogCommand,
    LogEntries,
    Logged,
    LogPage,
    Newest,
    OpenEntries,
    PutList,
    ReadLog,
    RecallHead,
    ResolveHandle,
)
from answerback.wire.frames import (
    Announce,
    Announced,
    Claim,
    Claimed,
    Listed,
    LookUp,
    Publish,
    Published,
    Resolve,
    Resolved,
)
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded

VERSION_MAX = (1 << 63) - 1
"""What SQLite can compare with; MessagePack has larger numbers."""
Question = LookUp | Resolve | Claim | Follow | Disclose | Remind
DirectoryCommand = FetchLists | FetchNewest | PutList | AddKeys | ClaimKey | ResolveHandle | LogCommand


@dataclass(frozen=True, slots=True, order=True)
class _Late:
    """A question whose turn comes later."""

    due_s: float
    number: int
    command: Command = field(compare=False)
    connection: int = field(compare=False)
    bucket: Bucket = field(compare=False)
    cost: int = field(compare=False)


@dataclass(slots=True)
class _Meter:
    lookups: Bucket
    handles: Bucket
    entries: Bucket
    changes: Bucket

    def is_full(self, *, now_s: float) -> bool:
        """Whether forgetting it would change nothing."""
        return all(bucket.is_full(now_s=now_s) for bucket in (self.lookups, self.handles, self.entries, self.changes))


class Directory:
    """Questions about accounts, and news from them."""

    def __init__(self, limits: RelayLimits, heads: Heads | None = None) -> None:
        self._limits = limits
        self._heads = heads or Heads(b"")
        self._meters: dict[DeviceId, _Meter] = {}
        self._late: list[_Late] = []
        self._late_count: dict[int, int] = {}
        self._asked = 0

    @property
    def wake_at_s(self) -> float | None:
        """When the next question has its turn."""
        return self._late[0].due_s if self._late else None

    # ---- frames ----------------------------------------------------------------------------------------------------

    def ask(self, connection: Connection, frame: Question, *, moment: Moment) -> list[Effect] | None:
        """Pass a question on, now or when its turn comes; None if the device asks far too much."""
        meter = self._meter(connection.device, moment)
        bucket, cost = _metered(frame, meter)
        command = _command_of(connection.number, frame)
        wait_s = max(bucket.reserve(now_s=moment.now_s) for _ in range(cost))
        if wait_s <= 0:
            return [Ask(command)]
        waiting = self._late_count.get(connection.number, 0)
        if waiting >= REQUESTS_LATE_MAX:
            return None
        self._asked += 1
        late = _Late(moment.now_s + wait_s, self._asked, command, connection.number, bucket, cost)
        heapq.heappush(self._late, late)
        self._late_count[connection.number] = waiting + 1
        return []

    def may_change(self, connection: Connection, *, moment: Moment) -> bool:
        """Whether a device may publish keys or announce a list now, rather than keep the relay busy with them."""
        return self._meter(connection.device, moment).changes.take(1, now_s=moment.now_s) <= 0

    def publish(self, connection: Connection, frame: Publish) -> list[Effect]:
        """Check a device's new keys and keep them; a TrustError if they are not its own."""
        assert connection.entry is not None
        if len(frame.prekeys) > PREKEYS_MAX:
            raise TrustError(f"{len(frame.prekeys)} pre-keys at once; at most {PREKEYS_MAX} allowed")
        for signed in frame.prekeys:
            if check_prekey(signed, connection.entry).fallback:
                raise TrustError("a fallback key among the one-time keys would be handed out once only")
        if frame.fallback is not None and not check_prekey(frame.fallback, connection.entry).fallback:
            raise TrustError("a one-time key as fallback would be handed out more than once")
        seal_id = check_seal_key(frame.seal_key, connection.entry).id if frame.seal_key is not None else b""
        keys = AddKeys(
            connection.number,
            frame.request,
            connection.device,
            frame.prekeys,
            frame.fallback,
            frame.seal_key,
            seal_id,
            anew=frame.anew,
        )
        return [Ask(keys)]

    def announce(self, connection: Connection, frame: Announce) -> list[Effect]:
        """Look up what the announced list has to follow."""
        return [Ask(FetchNewest(connection.number, frame.request, connection.account, frame.list))]

    # ---- answers ---------------------------------------------------------------------------------------------------

    def answered(self, command: DirectoryCommand, answer: Answer, *, moment: Moment) -> list[Effect]:
        """Say what the store found."""
        to, request = command.connection, command.request
        match command, answer:
            case FetchLists(), Lists():
                proof = self._heads.proof(answer.logged, wall_ms=moment.wall_ms)
                return [Send(to, Listed(request, command.account, answer.lists, answer.seal_keys, proof))]
            case FetchNewest(), Newest():
                return self._check_announced(command, answer)
            case PutList(), ListPut():
                return [Note(Event.LIST, to), Send(to, Announced(request, answer.version))]
            case PutList(), Denied():
                return [Send(to, Announced(request, answer.version, answer.cause.value))]
            case AddKeys(), Done():
                return [Send(to, Published(request, answer.count))]
            case ClaimKey(), Key():
                return [Send(to, Claimed(request, command.device, answer.signed))]
            case ClaimKey(), Denied():
                return [Send(to, Claimed(request, command.device, None, answer.cause.value))]
            case ResolveHandle(), Found():
                proof = self._heads.proof(answer.logged, wall_ms=moment.wall_ms)
                return [Send(to, Resolved(request, command.handle, answer.account, proof))]
            case (ReadLog() | OpenEntries() | RecallHead(), _) if self._heads.log:
                return self._of_log(command, answer, moment)
            case _:
                return []

    def _of_log(self, command: LogCommand, answer: Answer, moment: Moment) -> list[Effect]:
        to, request = command.connection, command.request
        match command, answer:
            case ReadLog(), LogPage():
                head = self._heads.sign(answer.state, wall_ms=moment.wall_ms)
                frame = Followed(request, command.start, answer.lines, head, answer.consistency, answer.frontier)
                return [Send(to, frame)]
            case OpenEntries(), LogEntries():
                return [Send(to, Disclosed(request, answer.entries))]
            case RecallHead(), Logged():
                head = self._heads.sign(answer.state, wall_ms=moment.wall_ms)
                return [Send(to, Reminded(request, head, list(answer.reminded), answer.consistency))]
            case _:
                return []

    def unanswered(self, command: DirectoryCommand, cause: Cause) -> list[Effect] | None:
        """Say that the store could not answer; None where the protocol has no words for it."""
        to, request = command.connection, command.request
        match command:
            case ClaimKey():
                return [Send(to, Claimed(request, command.device, None, cause.value))]
            case PutList() | FetchNewest():
                return [Send(to, Announced(request, 0, cause.value))]
            case _:
                return None

    # ---- time ------------------------------------------------------------------------------------------------------

    def wake(self, *, moment: Moment) -> list[Effect]:
        """Pass on the questions whose turn has come."""
        effects: list[Effect] = []
        while self._late and self._late[0].due_s <= moment.now_s:
            late = heapq.heappop(self._late)
            left = self._late_count.get(late.connection, 0) - 1
            if left >= 0:  # else its connection has ended
                effects.append(Ask(late.command))
                self._late_count[late.connection] = left
        return effects

    def forget_full(self, *, moment: Moment) -> None:
        """Forget the meters of devices that have not asked for a while."""
        now_s = moment.now_s
        self._meters = {device: meter for device, meter in self._meters.items() if not meter.is_full(now_s=now_s)}

    def ended(self, connection: Connection) -> None:
        """Forget the questions of a connection that has ended, and what they would have cost."""
        if self._late_count.pop(connection.number, 0):
            for late in self._late:
                if late.connection == connection.number:
                    late.bucket.give_back(late.cost)
            self._late = [late for late in self._late if late.connection != connection.number]
            heapq.heapify(self._late)

    # ---- private ---------------------------------------------------------------------------------------------------

    def _check_announced(self, command: FetchNewest, newest: Newest) -> list[Effect]:
        to, request, announced = command.connection, command.request, command.announced
        if newest.signed is not None and newest.signed.body == announced.body:
            return [Send(to, Announced(request, newest.version))]  # the answer to the first time was lost
        try:
            is_late = read_device_list(command.account, announced).version <= newest.version
            known, newer = newest.signed, [] if is_late else [announced]
            devices = check_device_lists(command.account, known=known, newer=newer)
        except TrustError:
            return [Send(to, Announced(request, newest.version, Cause.TRUST_SIGNATURE_WRONG.value))]
        if devices is None:  # another device announced in the meantime, or this one before it was killed
            return [Send(to, Announced(request, newest.version, Cause.TRUST_KEYS_CHANGED.value))]
        return [Ask(PutList(to, request, announced, devices))]

    def _meter(self, device: DeviceId, moment: Moment) -> _Meter:
        meter = self._meters.get(device)
        if meter is None:
            limits, now_s = self._limits, moment.now_s
            rates = (limits.lookups, limits.handles, limits.entries, limits.changes)
            meter = self._meters[device] = _Meter(*(Bucket(rate, now_s=now_s) for rate in rates))
        return meter


def _metered(frame: Question, meter: _Meter) -> tuple[Bucket, int]:
    """What a question is taken from, and how much of it."""
    match frame:
        case Resolve():
            return meter.handles, 1
        case Disclose():
            return meter.entries, max(len(frame.places), 1)
        case _:
            return meter.lookups, 1


def _command_of(number: int, frame: Question) -> Command:
    match frame:
        case LookUp():
            known_version = min(frame.known_version, VERSION_MAX)
            return FetchLists(number, frame.request, frame.account, known_version, frame.known_size)
        case Resolve():
            return ResolveHandle(number, frame.request, frame.handle, frame.known_size)
        case Claim():
            return ClaimKey(number, frame.request, frame.device)
        case Follow():
            return ReadLog(number, frame.request, frame.start, frame.known_size, frame.is_first)
        case Disclose():
            return OpenEntries(number, frame.request, tuple(frame.places))
        case Remind():
            return RecallHead(number, frame.request, frame.head, frame.known_size)
