"""A schedule of which only a share is there for a while, as when one drives away from the mast."""

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from answerback.lab.schedule import SUM_ERROR_BYTES, Outages, Schedule

SHARE_MIN = 1e-6
"""Less than this of a schedule counts as nothing."""


@dataclass(frozen=True, slots=True)
class Share:
    """What is left of a schedule from a moment on."""

    from_s: float
    share: float


@dataclass(frozen=True, slots=True)
class Faded:
    """Another schedule, less of it from some moments on; the last share holds for ever."""

    whole: Schedule
    shares: tuple[Share, ...]
    _sums_bytes: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum up what has crossed before each moment."""
        assert self.shares, "a schedule without a share says nothing"
        assert self.shares[0].from_s == 0.0, "the first share holds from the beginning"
        assert self.shares[-1].share > SHARE_MIN, "a link that never carries anything again"
        sums = [0.0]
        for before, after in pairwise(self.shares):
            sums.append(sums[-1] + before.share * self._whole_bytes(before.from_s, after.from_s))
        object.__setattr__(self, "_sums_bytes", tuple(sums))

    @property
    def outages(self) -> Outages:
        """Those of the whole schedule; stretches of which nothing is left are the scenario's to tell."""
        return self.whole.outages

    def capacity_bytes(self, before_s: float) -> float:
        """How many bytes could have crossed strictly before a moment."""
        index = bisect_right(self.shares, max(before_s, 0.0), key=lambda share: share.from_s) - 1
        current = self.shares[index]
        return self._sums_bytes[index] + current.share * self._whole_bytes(current.from_s, before_s)

    def reach_s(self, capacity_bytes: float) -> float:
        """The first moment by which so many bytes could have crossed."""
        if capacity_bytes <= 0:
            return 0.0
        index = next(
            (i for i in range(len(self.shares) - 1) if self._sums_bytes[i + 1] >= capacity_bytes), len(self.shares) - 1
        )
        current = self.shares[index]
        rest_bytes = max(capacity_bytes - self._sums_bytes[index] - SUM_ERROR_BYTES, 0.0) / current.share
        return max(current.from_s, self.whole.reach_s(self.whole.capacity_bytes(current.from_s) + rest_bytes))

    def rate_bps(self, at_s: float) -> float:
        """Bits per second around a moment."""
        index = bisect_right(self.shares, max(at_s, 0.0), key=lambda share: share.from_s) - 1
        return self.whole.rate_bps(at_s) * self.shares[index].share

    def _whole_bytes(self, from_s: float, before_s: float) -> float:
        return self.whole.capacity_bytes(before_s) - self.whole.capacity_bytes(from_s)
