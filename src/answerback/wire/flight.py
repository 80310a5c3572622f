"""Decides how much may be under way in one direction of a link, from when what left is answered for.

Theory. Priority in a queue is not enough: what has left stands before whatever leaves next, in buffers nobody can
reach into. So bulk is bounded by the answers of the application at the other end, to what the link carries in

    the shortest time an answer takes  +  an allowance for the link's own gaps  +  `QUEUE_S`

The first is LEDBAT's base delay (RFC 6817 §3.4.2). The rate is BBR's: what was answered for while one parcel was out
(draft-cardwell-iccrg-bbr §4.1), smoothed over about four. Where the window does not fill the link, the rate is window
by delay, so the product is more than the window was, and it grows with each round trip; where it overfills the link,
the rate is the link's own, and the window is right at once. So one rule both grows and shrinks. The allowance keeps
bursty links from starving: a radio that sends every 60 ms in one burst shows a delay that no smaller window removes,
and a controller that shrinks for it never stops shrinking. What comes after a gap longer than its own size explains has
met the link's own gap; weighted by its length that is the wait a text without any bulk beside it meets as well.

Three rules help that one. On long paths the product grows slowly, so a full window without any queue grows by itself.
When the oldest parcel is out for much longer than allowed, nothing more leaves until an answer comes: a link that has
stopped is noticed by the clock, before any answer could tell. And now and then the queue is let run empty, so that its
length is known.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, unique

CHUNK_S = 0.05
"""Of the measured rate: no more than `QUEUE_S`, or the time a chunk takes by itself would be taken for a queue."""
WINDOW_CHUNKS = 5
"""Smaller than that where the window is: answers then come often enough to steer by."""
PACKET_BYTES = 1_200
"""What surely crosses in one packet; less would be mostly headers."""
CHUNK_BYTES_MAX = 64 * 1024
WINDOW_BYTES_START = 12 * PACKET_BYTES
"""About what TCP itself begins with (RFC 6928): before anything is known, that much leaves anyway."""
WINDOW_BYTES_MIN = 3 * PACKET_BYTES
"""A second on 30 kbit/s. With less a lost packet is noticed by TCP's timer only, and nothing is measured any more."""
WINDOW_BYTES_MAX = 8 * 1024 * 1024
"""What 300 Mbit/s carry in 0.2 s; and the most that waits in memory for one connection."""
QUEUE_S = 0.05
"""How much queue of our own making is aimed at. LEDBAT allows 0.1 s: a whole chunk, and what a text may wait in all."""
RATE_GAIN = 0.25
"""Of one sample. From an eighth to a half it makes little difference."""
GROWTH = 0.3
"""Of what was answered for, where that was the whole window and found no queue."""
GAPS_S_MAX = 0.2
"""Allowed for at most: where gaps are longer, bulk may get less of the link, but texts do not wait for it."""
GAP_S_MAX = 0.5
"""A longer one is an outage: no window bridges it."""
GAP_MEMORY_S = 10.0
STUCK_ROUNDS = 1.0
"""How many of the shortest times late the oldest must be before nothing leaves at all. With none, a window that left in
one burst would close the gate by its own length, and leave in one burst again."""
DRAIN_EVERY_S = 10.0  # as often as BBR's ProbeRTT
"""So long without an answer as quick as the shortest, and the queue is let run empty once: else the shortest time would
be forgotten, and the queue that always stands would be taken for the path (LEDBAT's known fault, RFC 6817 §4.4)."""
DRAIN_SHARE = 0.5
"""Of the window, for one round trip: BBR halves it as well; less would cost bulk more than it tells."""
OWN_S_MAX = 0.25
"""How long one chunk may be said to take by itself: where nearly nothing passes, the rate says nothing."""
TOOK_S_MIN = 0.001
BASE_S = 30.0
"""The shortest answer of this long ago is forgotten: a device that moved has another path."""
IDLE_S = 10.0
"""After so long without anything under way the window is halved: the link may be another by now."""


@unique
class Kind(Enum):
    """What leaves. Each kind is answered for in a way, and so after a time, of its own."""

    MAIL = "mail"
    """Answered when it is on a disk."""
    CHUNK = "chunk"
    """A part of a file, answered when it has come."""


@dataclass(slots=True)
class Shortest:
    """The shortest of the last while, of one kind."""

    seconds: float = 0.0
    _next_s: float = 0.0
    _until_s: float = 0.0

    def learn(self, sample_s: float, *, now_s: float) -> None:
        """Take in one answer."""
        if now_s >= self._until_s:
            self.seconds = self._next_s or sample_s
            self._next_s, self._until_s = sample_s, now_s + BASE_S
        self.seconds = min(self.seconds, sample_s)
        self._next_s = min(self._next_s, sample_s)


@dataclass(slots=True)
class Gaps:
    """How unevenly the link serves: the mean gap between answers, weighted by its length, beyond a chunk's own time."""

    seconds: float = 0.0
    _whole_s: float = 0.0
    _square_s2: float = 0.0

    def learn(self, gap_s: float, *, own_s: float) -> None:
        """Take in the time between two answers while something was under way."""
        gap_s = min(gap_s, GAP_S_MAX)
        fade = 1 - gap_s / GAP_MEMORY_S
        self._whole_s = self._whole_s * fade + gap_s
        self._square_s2 = self._square_s2 * fade + gap_s * max(0.0, gap_s - min(own_s, OWN_S_MAX))
        self.seconds = self._square_s2 / self._whole_s if self._whole_s else 0.0


@dataclass(frozen=True, slots=True)
class _Parcel:
    sent_s: float
    size_bytes: int
    kind: Kind
    is_full: bool
    """The window was full when it left: what it tells, it tells of the link and not of us."""
    answered_bytes: int
    """What had been answered for by then."""


@dataclass(slots=True)
class Flight:
    """What is under way in one direction, and how much of it there may be."""

    window_bytes: float = WINDOW_BYTES_START
    flying_bytes: int = 0
    rate_bytes_per_s: float = 0.0
    queue_s: float = 0.0
    """How much longer than the shortest the last answer took."""
    gaps: Gaps = field(default_factory=Gaps)
    _shortest: dict[Kind, Shortest] = field(default_factory=dict)
    _parcels: dict[Hashable, _Parcel] = field(default_factory=dict)
    _bytes_of: dict[Kind, int] = field(default_factory=dict)
    _answered_bytes: int = 0
    _answered_s: float = 0.0
    _clear_s: float = 0.0
    _drains_until_s: float = 0.0

    # ---- looking

    @property
    def base_s(self) -> float:
        """The shortest time an answer takes; 0 before the first."""
        return min((shortest.seconds for shortest in self._shortest.values()), default=0.0)

    @property
    def allowed_s(self) -> float:
        """How long an answer may take before we call it a queue."""
        return self.base_s + min(self.gaps.seconds, GAPS_S_MAX) + QUEUE_S

    @property
    def chunk_bytes(self) -> int:
        """How big the next chunk should be."""
        wanted = min(self.rate_bytes_per_s * CHUNK_S, self.window_bytes / WINDOW_CHUNKS)
        return int(min(max(wanted, PACKET_BYTES), CHUNK_BYTES_MAX))

    def has_room(self, *, now_s: float) -> bool:
        """Whether another chunk of bulk may leave now; where not, ask again at the next answer."""
        if not self._parcels:
            return True
        oldest = next(iter(self._parcels.values()))
        is_stuck = bool(self._shortest) and now_s - oldest.sent_s > self.allowed_s + STUCK_ROUNDS * self.base_s
        share = DRAIN_SHARE if now_s < self._drains_until_s else 1.0
        return not is_stuck and self.flying_bytes + self.chunk_bytes / 2 <= share * self.window_bytes

    def bytes_of(self, kind: Kind) -> int:
        """How much of one kind is under way."""
        return self._bytes_of.get(kind, 0)

    def __len__(self) -> int:
        """How many parcels are under way."""
        return len(self._parcels)

    # ---- verbs

    def left(self, key: Hashable, size_bytes: int, *, kind: Kind, now_s: float) -> None:
        """Something leaves; what is urgent counts as well, since it fills the same pipe."""
        self.forget(key)
        if not self._parcels and now_s - self._answered_s > IDLE_S:
            self.window_bytes = max(self.window_bytes / 2, min(self.window_bytes, WINDOW_BYTES_START))
        self.flying_bytes += size_bytes
        self._bytes_of[kind] = self.bytes_of(kind) + size_bytes
        is_full = self.flying_bytes + 2 * self.chunk_bytes > self.window_bytes
        self._parcels[key] = _Parcel(now_s, size_bytes, kind, is_full, self._answered_bytes)

    def arrived(self, key: Hashable, *, now_s: float) -> None:
        """The other end has answered for it: learn, and steer."""
        parcel = self.forget(key)
        if parcel is None:
            return
        took_s = max(now_s - parcel.sent_s, TOOK_S_MIN)
        shortest = self._shortest.setdefault(parcel.kind, Shortest())
        shortest.learn(took_s, now_s=now_s)
        own_s = parcel.size_bytes / self.rate_bytes_per_s if self.rate_bytes_per_s else OWN_S_MAX
        # Before its own shortest time was over nothing was served, because nothing was there: that is no gap.
        due_s = max(self._answered_s, parcel.sent_s + shortest.seconds)
        self.gaps.learn(max(now_s - due_s, 0.0), own_s=own_s)
        self._answered_s, self.queue_s = now_s, took_s - shortest.seconds
        self._answered_bytes += parcel.size_bytes
        self._learn_rate((self._answered_bytes - parcel.answered_bytes) / took_s, is_full=parcel.is_full)
        wanted_bytes = self.rate_bytes_per_s * self.allowed_s + PACKET_BYTES
        if parcel.is_full and self.queue_s < QUEUE_S / 4:
            wanted_bytes = max(wanted_bytes, self.window_bytes + GROWTH * parcel.size_bytes)
        self.window_bytes = min(max(wanted_bytes, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX)
        self._look_for_queue(now_s)

    def forget(self, key: Hashable) -> _Parcel | None:
        """It will not be answered for, and says nothing of the link: it was refused, or leaves anew."""
        parcel = self._parcels.pop(key, None)
        if parcel is not None:
            self.flying_bytes -= parcel.size_bytes
            self._bytes_of[parcel.kind] -= parcel.size_bytes
        return parcel

    def end(self, kind: Kind) -> None:
        """The connection that carried this kind is gone, and with it what was under way; the next may go elsewhere."""
        for key in [key for key, parcel in self._parcels.items() if parcel.kind is kind]:
            self.forget(key)
        self._shortest.pop(kind, None)
        self.window_bytes = max(self.window_bytes / 2, min(self.window_bytes, WINDOW_BYTES_START))

    # ---- private

    def _learn_rate(self, sample: float, *, is_full: bool) -> None:
        """A few bytes that had the link to themselves say how far away the other end is, not how much goes through.

        A slow sample counts if the window was full, or if what was sent had to wait: then it is the link's own.
        """
        if not self.rate_bytes_per_s:
            self.rate_bytes_per_s = sample
        elif is_full or self.queue_s > QUEUE_S or sample > self.rate_bytes_per_s:
            self.rate_bytes_per_s += RATE_GAIN * (sample - self.rate_bytes_per_s)

    def _look_for_queue(self, now_s: float) -> None:
        if self.queue_s < QUEUE_S / 4:
            self._clear_s = now_s
        elif now_s - self._clear_s > DRAIN_EVERY_S:
            self._clear_s, self._drains_until_s = now_s, now_s + self.allowed_s
