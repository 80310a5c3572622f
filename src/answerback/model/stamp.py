"""An order for a conversation that survives wrong clocks.

Theory. Three facts order two messages, strongest first. (1) *Causality*: a message names the ids it was written
after; no clock can contradict that. (2) *Stamp*: a hybrid logical clock (Kulkarni et al., "Logical Physical Clocks",
2014) fed with the device's wall clock plus the offset measured against the relay. (3) The id, so that every
device breaks ties alike. A stamp from the far future is not allowed to drag others along: beyond `DRIFT_MS_MAX` it
orders its own message only.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import msgspec

from answerback.model.bounds import Instant, Natural
from answerback.model.ids import MessageId

DRIFT_MS_MAX = 5 * 60_000
"""How far ahead of our own time a stamp may pull our clock: more is a broken clock, not a delay."""
COUNTER_MAX = (1 << 31) - 1


class Stamp(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A moment in a conversation: corrected wall time, then a counter within one millisecond."""

    wall_ms: Instant
    counter: Natural


class Ordered(Protocol):
    """Whatever can be put in conversation order."""

    @property
    def id(self) -> MessageId:
        """The message's id."""
        ...

    @property
    def stamp(self) -> Stamp:
        """When its author's device says it was written."""
        ...

    @property
    def written_after(self) -> frozenset[MessageId]:
        """The messages its author had already seen."""
        ...


OrderedT = TypeVar("OrderedT", bound=Ordered)


@dataclass(slots=True)
class HybridClock:
    """Gives out stamps that never run backwards, whatever the wall clock does."""

    last: Stamp = field(default_factory=lambda: Stamp(0, 0))

    def tick(self, *, wall_ms: int) -> Stamp:
        """Stamp something written now; `wall_ms` is already corrected by the relay's offset."""
        if wall_ms > self.last.wall_ms:
            self.last = Stamp(wall_ms, 0)
        elif self.last.counter >= COUNTER_MAX:
            self.last = Stamp(self.last.wall_ms + 1, 0)
        else:
            self.last = Stamp(self.last.wall_ms, self.last.counter + 1)
        return self.last

    def merge(self, seen: Stamp, *, wall_ms: int) -> bool:
        """Make later stamps follow one seen from elsewhere; false if its clock is too far ahead to be believed."""
        if seen.wall_ms > wall_ms + DRIFT_MS_MAX or seen.counter > COUNTER_MAX:
            return False
        self.last = max(self.last, seen)
        return True


def in_order(messages: Iterable[OrderedT]) -> list[OrderedT]:
    """Put a conversation in the order it is shown: causes before effects, then stamp, then id.

    Kahn's algorithm with the stamp as tie-break. A cycle can only be forged; its members are shown by stamp. Two
    messages with one id can only be forged, too, by one member of a group against another: both are shown.
    """
    waiting = dict(enumerate(messages))
    places: dict[MessageId, list[int]] = {}
    for place, message in waiting.items():
        places.setdefault(message.id, []).append(place)
    followers: dict[int, list[int]] = {}
    open_count: dict[int, int] = {}
    for place, message in waiting.items():
        earlier = [other for name in message.written_after - {message.id} for other in places.get(name, ())]
        open_count[place] = len(earlier)
        for other in earlier:
            followers.setdefault(other, []).append(place)
    ready = [(message.stamp, message.id, place) for place, message in waiting.items() if not open_count[place]]
    heapq.heapify(ready)
    shown: list[OrderedT] = []
    while waiting:
        _, _, place = heapq.heappop(ready) if ready else min((m.stamp, m.id, p) for p, m in waiting.items())
        if place not in waiting:
            continue
        shown.append(waiting.pop(place))
        for follower in followers.get(place, ()):
            open_count[follower] -= 1
            if open_count[follower] == 0 and follower in waiting:
                heapq.heappush(ready, (waiting[follower].stamp, waiting[follower].id, follower))
    return shown
