"""Proves that silence is measured over devices that really are there."""

import asyncio

from answerback.faces.benchmarking.idle import idle


def test_memory_is_counted_over_those_who_are_connected() -> None:
    found = asyncio.run(idle(connections=40, calm_s=0.2, tls=False))
    assert (found["connections"], found["failed"]) == (40, 0)
    before, after = found["rss_before_mb"], found["rss_after_mb"]
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert 10 < before <= after + 5
