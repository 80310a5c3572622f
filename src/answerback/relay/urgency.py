"""Bounds how much one device may call urgent to another, whatever program it runs.

Theory. Urgent mail goes before everything else, wakes phones, and is put off by no strain: so agents bound themselves
(`core/network/urgent_budget.py`), and this is for those that do not. The bound is several times the agents' own, since
an honest device sends the same bytes again after each broken connection; for each recipient's device by itself, since
one message to a group is many envelopes. What exceeds it is refused for a time, with the time.
"""

from collections.abc import Sequence

from answerback.model.envelope import Envelope
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.relay.limits import Bucket, Rate

URGENT_RATE = Rate(burst=120, per_s=0.1)
"""For each pair of devices: four times what an agent spends at once, six times what it earns in a minute."""
PAIRS_MAX = 50_000
"""Pairs remembered: 10 MB. Those that have sent nothing urgent for longest are forgotten first, which forgives them."""


class Urgency:
    """What each device has called urgent to each other one of late."""

    def __init__(self, rate: Rate = URGENT_RATE) -> None:
        self._rate = rate
        self._buckets: dict[tuple[DeviceId, DeviceId], Bucket] = {}

    def sift(
        self, sender: DeviceId, envelopes: Sequence[Envelope], *, now_s: float
    ) -> tuple[list[Envelope], list[tuple[Envelope, int]]]:
        """Part envelopes into those to take in and those that are too much, with the time to send them again in ms."""
        if not any(envelope.lane is Lane.URGENT for envelope in envelopes):
            return list(envelopes), []
        kept: list[Envelope] = []
        too_much: list[tuple[Envelope, int]] = []
        for envelope in envelopes:
            wait_s = 0.0
            if envelope.lane is Lane.URGENT:
                wait_s = self._bucket(sender, envelope.device, now_s).take(1, now_s=now_s)
            if wait_s > 0:
                too_much.append((envelope, int(1000 * wait_s) + 1))
            else:
                kept.append(envelope)
        return kept, too_much

    def forget_full(self, *, now_s: float) -> None:
        """Forget the pairs that are owed nothing."""
        self._buckets = {pair: bucket for pair, bucket in self._buckets.items() if not bucket.is_full(now_s=now_s)}

    def _bucket(self, sender: DeviceId, reader: DeviceId, now_s: float) -> Bucket:
        bucket = self._buckets.pop((sender, reader), None) or Bucket(self._rate, now_s=now_s)
        self._buckets[sender, reader] = bucket  # the newest last
        if len(self._buckets) > PAIRS_MAX:
            del self._buckets[next(iter(self._buckets))]
        return bucket
