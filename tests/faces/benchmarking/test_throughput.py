"""Proves that pairs count only what came back, sealed and bare, one by one and together."""

import asyncio

import pytest

from answerback.faces.benchmarking.figures import Figures
from answerback.faces.benchmarking.throughput import Pace, throughput


def _measured(*, sealed: bool, together: int, tls: bool = False) -> Figures:
    pace = Pace(pairs=2, window=4, together=together, seconds=0.3, rate_per_s=50)
    return asyncio.run(throughput(pace, sealed=sealed, tls=tls))


@pytest.mark.parametrize(
    ("sealed", "together", "tls"), [(False, 1, False), (False, 4, True), (True, 1, False), (True, 4, False)]
)
def test_pairs_lose_nothing_and_get_nothing_twice(sealed: bool, together: int, tls: bool) -> None:  # noqa: FBT001
    found = _measured(sealed=sealed, together=together, tls=tls)
    assert (found["lost"], found["duplicated"], found["refused"]) == (0, 0, 0)
    assert (found["sealed"], found["tls"], found["together_max"]) == (sealed, tls, together)
    answered, delivered = found["answered_per_s"], found["delivered_per_s"]
    assert isinstance(answered, int)
    assert isinstance(delivered, int)
    assert answered > 0
    assert delivered > 0
    for step in ("accepted", "delivered", "answered"):
        p50, p99 = found[f"{step}_ms_p50"], found[f"{step}_ms_p99"]
        assert isinstance(p50, float)
        assert isinstance(p99, float)
        assert 0 < p50 <= p99


def test_a_receipt_for_each_message_is_asked_for_and_written() -> None:
    pace = Pace(pairs=2, window=8, together=8, seconds=0.3, rate_per_s=50, receipt_each=True)
    found = asyncio.run(throughput(pace, sealed=False, tls=False))
    assert (found["messages_per_receipt"], found["lost"], found["duplicated"]) == (1.0, 0, 0)
