"""The bounds on bulk that ours is compared with: a stretch of the rate, and rate times delay."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from answerback.wire.flight import CHUNK_BYTES_MAX, CHUNK_S, PACKET_BYTES, Kind

GAIN = 0.25
WINDOW_BYTES_START = 16 * 1024
ENVELOPE_BYTES = 4 * 1024


@dataclass
class _Parcels:
    """What is under way: when it left, how big it is, and how much had been answered for by then."""

    sent: dict[Hashable, tuple[float, int, int]] = field(default_factory=dict)
    flying_bytes: int = 0
    answered_bytes: int = 0
    rate: float = 0.0

    def left(self, key: Hashable, size_bytes: int, *, kind: Kind, now_s: float) -> None:
        """A chunk leaves."""
        self.sent[key] = now_s, size_bytes, self.answered_bytes
        self.flying_bytes += size_bytes

    def take(self, key: Hashable, *, now_s: float) -> tuple[float, int, int]:
        """An answer came: how long it took, for how much, and what else was answered for meanwhile."""
        sent_s, size_bytes, before_bytes = self.sent.pop(key)
        self.flying_bytes -= size_bytes
        self.answered_bytes += size_bytes
        return max(now_s - sent_s, 0.001), size_bytes, self.answered_bytes - before_bytes

    def learn(self, sample: float) -> None:
        """Smooth the rate."""
        self.rate += (GAIN if self.rate else 1.0) * (sample - self.rate)


@dataclass
class FixedStretch(_Parcels):
    """What bounds envelopes in `core/link.py`: half a second of the measured rate, or two round trips."""

    rtt_s: float = 0.5

    @property
    def window_bytes(self) -> float:
        """As there."""
        if not self.rate:
            return WINDOW_BYTES_START
        return min(max(self.rate * max(0.5, 2 * self.rtt_s), 8 * 1024), 512 * 1024)

    @property
    def chunk_bytes(self) -> int:
        """An envelope of bulk."""
        return ENVELOPE_BYTES

    def has_room(self, *, now_s: float) -> bool:
        """One envelope may go beyond the window."""
        return self.flying_bytes < self.window_bytes

    def arrived(self, key: Hashable, *, now_s: float) -> None:
        """Learn the rate as there: from one answer, downwards only while the window is half full."""
        is_full = self.flying_bytes * 2 >= self.window_bytes
        took_s, size_bytes, _ = self.take(key, now_s=now_s)
        self.rtt_s += (took_s - self.rtt_s) / 8
        if not self.rate or size_bytes / took_s >= self.rate or is_full:
            self.learn(size_bytes / took_s)


@dataclass
class RateTimesDelay(_Parcels):
    """The measured rate times the shortest delay, and perhaps chunks of 0.1 s: a first idea of it."""

    shortest_s: float = 0.0
    chunks_more: int = 0

    @property
    def window_bytes(self) -> float:
        """Rate times delay."""
        product = self.rate * self.shortest_s + self.chunks_more * self.chunk_bytes
        return product if self.rate else WINDOW_BYTES_START

    @property
    def chunk_bytes(self) -> int:
        """A tenth of a second."""
        return int(min(max(self.rate * CHUNK_S, PACKET_BYTES), CHUNK_BYTES_MAX))

    def has_room(self, *, now_s: float) -> bool:
        """What the window leaves, and always one chunk."""
        return not self.sent or self.flying_bytes + self.chunk_bytes <= self.window_bytes

    def arrived(self, key: Hashable, *, now_s: float) -> None:
        """Learn rate and delay from one answer."""
        took_s, _, meanwhile_bytes = self.take(key, now_s=now_s)
        self.shortest_s = min(self.shortest_s or took_s, took_s)
        self.learn(meanwhile_bytes / took_s)
