"""Proves that a crowd's return is over when everybody has everything, and that what goes wrong is counted."""

import asyncio

from answerback.faces.benchmarking.storm import storm


def test_everybody_comes_back_to_everything_they_missed() -> None:
    found = asyncio.run(storm(clients=25, messages=3, sealed=False, tls=False))
    assert (found["resynced"], found["lost"], found["duplicated"], found["errors"]) == (25, 0, 0, 0)
    assert found["tries"] == 25
    p50, most = found["resynced_s_p50"], found["resynced_s_max"]
    assert isinstance(p50, float)
    assert isinstance(most, float)
    assert 0 < p50 <= most
