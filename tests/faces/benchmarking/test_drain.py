"""Proves that a drained backlog is told whole or not."""

import asyncio

import pytest

from answerback.faces.benchmarking.drain import _truth, drain


@pytest.mark.parametrize("sealed", [False, True])
def test_a_backlog_is_drained_whole_once_and_in_order(sealed: bool) -> None:  # noqa: FBT001
    found = asyncio.run(drain(count=300, window=50, together=3, sealed=sealed, tls=False))
    assert (found["accepted"], found["lost"], found["duplicated"], found["out_of_order"]) == (300, 0, 0, 0)
    assert isinstance(found["drain_s"], float)
    assert found["drain_s"] > 0


def test_what_is_missing_doubled_or_misplaced_is_said() -> None:
    assert _truth([0, 1, 3, 2, 2], accepted=5) == {"lost": 1, "duplicated": 1, "out_of_order": 1}
