"""Chooses what goes next, so that bulk never delays the urgent.

Theory. One queue for each lane and device; within one device's lane the order of promising is the order of leaving,
also for what leaves again. Control and urgent go strictly first; normal, bulk and background share by weight, so that
none starves. A device whose session is still being prepared is held and holds up nobody else.
"""

import heapq
from dataclasses import dataclass, field

from answerback.model.causes import Cause
from answerback.model.ids import DeviceId, MessageId
from answerback.model.message import Lane

STRICT = (Lane.CONTROL, Lane.URGENT)
WEIGHTS = {Lane.NORMAL: 8, Lane.BULK: 2, Lane.BACKGROUND: 1}
"""Copies each of the sharing lanes may send in one round."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why one device's lane does not move."""

    cause: Cause
    until_s: float | None = None
    """When to look again; none if an answer is awaited."""


CopyKey = tuple[MessageId, DeviceId]
_Queue = list[tuple[int, CopyKey]]


@dataclass(slots=True)
class Lanes:
    """The copies that are ready to leave."""

    _queues: dict[Lane, dict[DeviceId, _Queue]] = field(default_factory=lambda: {lane: {} for lane in Lane})
    _queued: set[CopyKey] = field(default_factory=set)
    _held: dict[tuple[Lane, DeviceId], Hold] = field(default_factory=dict)
    _credit: dict[Lane, int] = field(default_factory=lambda: dict(WEIGHTS))

    def __len__(self) -> int:
        """How many copies wait here."""
        return len(self._queued)

    def push(self, key: CopyKey, *, lane: Lane, order: int) -> None:
        """Queue a copy; `order` is the order of promising. One that is queued already stays where it is."""
        if key in self._queued:
            return
        self._queued.add(key)
        heapq.heappush(self._queues[lane].setdefault(key[1], []), (order, key))

    def withdraw(self, key: CopyKey) -> None:
        """Take a copy out: it expired, or its device is gone."""
        self._queued.discard(key)

    def hold(self, device: DeviceId, lane: Lane, hold: Hold) -> None:
        """Let this device's lane wait until its session is ready."""
        self._held[lane, device] = hold

    def release(self, device: DeviceId, lane: Lane) -> None:
        """The session is ready: this device's lane may go on."""
        self._held.pop((lane, device), None)

    def release_all(self) -> None:
        """A new connection: everything held is looked at afresh."""
        self._held.clear()

    def release_due(self, *, now_s: float) -> None:
        """Look again at what was held until now."""
        for key in [key for key, hold in self._held.items() if hold.until_s is not None and hold.until_s <= now_s]:
            del self._held[key]

    def held(self, device: DeviceId, lane: Lane) -> Hold | None:
        """Why this device's lane is held, if it is."""
        return self._held.get((lane, device))

    @property
    def release_at_s(self) -> float | None:
        """When something held must be looked at again."""
        return min((hold.until_s for hold in self._held.values() if hold.until_s is not None), default=None)

    def next(self, *, strict_only: bool = False) -> tuple[Lane, CopyKey] | None:
        """Take the copy that goes next; only control and urgent where the link has no room for others."""
        for lane in STRICT:
            if (key := self._pop(lane)) is not None:
                return lane, key
        if strict_only:
            return None
        for _ in range(2):
            for lane in WEIGHTS:
                if self._credit[lane] > 0 and (key := self._pop(lane)) is not None:
                    self._credit[lane] -= 1
                    return lane, key
            self._credit = dict(WEIGHTS)
        return None

    def _pop(self, lane: Lane) -> CopyKey | None:
        first: tuple[int, DeviceId] | None = None
        for device, queue in list(self._queues[lane].items()):
            while queue and queue[0][1] not in self._queued:
                heapq.heappop(queue)
            if not queue:
                del self._queues[lane][device]
            elif (lane, device) not in self._held and (first is None or queue[0][0] < first[0]):
                first = (queue[0][0], device)
        if first is None:
            return None
        _, key = heapq.heappop(self._queues[lane][first[1]])
        self._queued.discard(key)
        return key
