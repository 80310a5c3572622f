"""Every bound of the relay's mail road, with its reason, and the bucket that meters what one device may ask."""

from dataclasses import dataclass

from answerback.model.registration import LEASE_S
from answerback.wire.frames import FRAME_BYTES_MAX

HELLO_S_MAX = 20.0
"""How long a connection may stay a stranger: four round trips on the worst link we know, and no more for a scanner."""
STRANGERS_MAX = 2_000
"""Connections that have not yet proven who they are: a crowd of a thousand coming back, twice."""
AHEAD_BYTES_MAX = 256 * 1024
"""What a device may say behind its `Hello` before the relay stops reading until it has let it in."""
AHEAD_ALL_BYTES_MAX = 64 * 1024 * 1024
"""The same for all strangers together: nobody who has proven nothing may fill the memory."""
SILENCE_S_MAX = 35 * 60.0
"""A connection that says nothing for so long is dead: devices that sleep speak every half hour at the least (the
ceilings of `device/platforms`), and mail that nobody takes ends a connection much sooner."""
UNTAKEN_S_MAX = 120.0
"""A device that was handed something and says nothing for so long is not there, whatever TCP believes."""
WATCH_S = 5.0
"""How often silences are looked at: thousands of connections cost a millisecond."""
SWEEP_S = 10.0
"""How often the store may tidy up while nothing else happens."""

DELIVER_BYTES_MAX = 32 * 1024
"""Mail in one `Deliver`: a frame cannot be overtaken, and this one is gone in a second on 250 kbit/s."""
ACCEPTED_MAX = 1_024
"""Entries in one `Accepted`: 30 KB."""
READ_ROWS_MAX = 512
READ_BYTES_MAX = 512 * 1024
"""One page of a backlog: enough that reading is not the bottleneck, little enough to hold for each slow device."""
QUEUED_BYTES_MAX = 512 * 1024
"""Mail kept in memory for a connected device that does not keep up; more of it is read again from disk."""
QUEUED_BYTES_LOW = 128 * 1024
"""Below this the next page is read, so that the disk is not waited for."""
PENDING_BYTES_MAX = 64 * 1024 * 1024
"""Mail taken in but not yet committed, in all: half a second of the disk at its worst. Beyond it the relay is busy."""
PENDING_CONNECTION_BYTES_MAX = 2 * FRAME_BYTES_MAX
"""The same for one connection; beyond it the relay stops reading from it."""
ASKED_MAX = 1_024
"""Envelopes in one `Inquire`."""
PREKEYS_MAX = 200
"""One-time keys in one `Publish`: each costs a signature check of a tenth of a millisecond."""
REQUESTS_LATE_MAX = 64
"""Questions of one connection that may wait for their turn; more is no person's doing."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many at once, so many a second after that."""

    burst: float
    per_s: float


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """What an operator may set."""

    envelopes: Rate = Rate(burst=20_000, per_s=1_000)
    """For each sending device: a week's backlog at once; no person's device comes near it."""
    lookups: Rate = Rate(burst=1_000, per_s=10)
    """Device lists and pre-keys, for each device: several groups of 32 at once."""
    handles: Rate = Rate(burst=50, per_s=0.2)
    """For each device: an address book's few new people, and 17,000 a day, too few to map all phone numbers."""
    entries: Rate = Rate(burst=50, per_s=0.2)
    """Of the log, for each device: whoever collects them is no quicker than who tries handles out. Kept apart, for how
    many there are to read depends on what others do with their devices, and nobody's look-ups should wait for that."""
    changes: Rate = Rate(burst=30, per_s=1 / 30)
    """Keys published and lists announced, for each device: keys cost 200 signature checks, a list stays for ever."""
    connections_max: int = 20_000
    lease_s: int = LEASE_S
    """How long a device is kept reachable without contact."""


class Bucket:
    """A token bucket: whoever asks for more than it holds is told how long to wait."""

    __slots__ = ("_at_s", "_left", "_rate")

    def __init__(self, rate: Rate, *, now_s: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at_s = now_s

    def take(self, count: float, *, now_s: float) -> float:
        """Take so many, or take none and say in how many seconds there will be enough."""
        self._refill(now_s)
        needed = min(count, self._rate.burst)
        if self._left >= needed:
            self._left -= needed
            return 0.0
        return max((needed - self._left) / self._rate.per_s, 0.001)

    def wait_s(self, *, now_s: float) -> float:
        """Say in how many seconds there will be one, and take none."""
        self._refill(now_s)
        return 0.0 if self._left >= 1 else max((1 - self._left) / self._rate.per_s, 0.001)

    def reserve(self, *, now_s: float) -> float:
        """Take one in any case, and say how many seconds its turn is away."""
        self._refill(now_s)
        self._left -= 1
        return max(-self._left / self._rate.per_s, 0.0) if self._left < 0 else 0.0

    def give_back(self, count: float) -> None:
        """Put back what was reserved and not used."""
        self._left = min(self._rate.burst, self._left + count)

    def is_full(self, *, now_s: float) -> bool:
        """Whether forgetting this bucket would change nothing."""
        self._refill(now_s)
        return self._left >= self._rate.burst

    def _refill(self, now_s: float) -> None:
        self._left = min(self._rate.burst, self._left + max(now_s - self._at_s, 0.0) * self._rate.per_s)
        self._at_s = now_s
