"""Proves that urgent mail is bounded for each pair of devices, and that nothing else is."""

import pytest

from answerback.model.envelope import Envelope
from answerback.model.ids import DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.relay import urgency as urgency_module
from answerback.relay.limits import Rate
from answerback.relay.urgency import Urgency

ANN, BEN, CID = (DeviceId(bytes([number]) * 16) for number in (1, 2, 3))
RATE = Rate(burst=3, per_s=0.5)


def letters(count: int, *, to: DeviceId = BEN, lane: Lane = Lane.URGENT) -> list[Envelope]:
    return [Envelope(EnvelopeId(bytes([number]) * 16), to, lane, 60, b"") for number in range(count)]


def test_what_exceeds_the_bound_is_put_off_until_it_may_come() -> None:
    urgency = Urgency(RATE)
    sent = letters(5)
    assert urgency.sift(ANN, sent, now_s=0.0) == (sent[:3], [(sent[3], 2001), (sent[4], 2001)])
    assert urgency.sift(ANN, sent[3:], now_s=2.001) == (sent[3:4], [(sent[4], 2000)])


def test_each_pair_has_a_bound_of_its_own_and_other_lanes_have_none() -> None:
    urgency = Urgency(RATE)
    urgency.sift(ANN, letters(3), now_s=0.0)
    for sender, to in ((ANN, CID), (CID, BEN), (BEN, ANN)):
        assert urgency.sift(sender, letters(3, to=to), now_s=0.0)[1] == []
    for lane in set(Lane) - {Lane.URGENT}:
        assert urgency.sift(ANN, letters(9, lane=lane), now_s=0.0) == (letters(9, lane=lane), [])
    mixed = [*letters(1, lane=Lane.NORMAL), *letters(1)]
    assert urgency.sift(ANN, mixed, now_s=0.0) == (mixed[:1], [(mixed[1], 2001)])


def test_memory_is_bounded_and_the_quiet_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urgency_module, "PAIRS_MAX", 2)
    urgency = Urgency(RATE)
    urgency.sift(ANN, letters(3), now_s=0.0)
    urgency.sift(ANN, letters(3, to=CID), now_s=0.0)
    urgency.sift(ANN, letters(1), now_s=0.0)
    urgency.sift(ANN, letters(3, to=ANN), now_s=0.0)
    assert set(urgency._buckets) == {(ANN, BEN), (ANN, ANN)}, "whoever was urgent last is remembered"
    urgency.forget_full(now_s=5.9)
    assert set(urgency._buckets) == {(ANN, BEN), (ANN, ANN)}
    urgency.forget_full(now_s=6.1)
    assert urgency._buckets == {}
