"""Proves that a relay under measurement is a process of its own, says what it costs, and ends with us."""

import asyncio
from pathlib import Path

import pytest

from answerback.faces.benchmarking.hosting import RelayDied, RelayProcess, lifted, own_cost
from answerback.relay.limits import RelayLimits
from answerback.relay.serve import Tls


async def _life(folder: Path) -> None:
    relay = await RelayProcess.start(folder, tls=False)
    try:
        first = await relay.cost()
        second = await relay.cost()
        assert relay.port > 0
        assert 0 < first.cpu_s <= second.cpu_s
        assert second.rss_bytes > 10 * 2**20, "a Python process with a relay in it"
    finally:
        await relay.stop()
    with pytest.raises((RelayDied, ConnectionError)):
        await relay.cost()


def test_a_relay_says_what_it_costs_until_it_is_stopped(tmp_path: Path) -> None:
    asyncio.run(_life(tmp_path))


def test_a_relay_that_cannot_start_is_an_error_and_no_wait(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(RelayDied):
        asyncio.run(RelayProcess.start(tmp_path / "taken", tls=False))


def test_only_what_one_device_may_ask_is_lifted(tmp_path: Path) -> None:
    settings = lifted(tmp_path, tls=False)
    usual = RelayLimits()
    assert settings.tls is Tls.NONE
    assert settings.mail_road.connections_max == usual.connections_max
    assert settings.mail_road.envelopes.per_s > usual.envelopes.per_s


def test_we_count_our_own_cost_the_same_way() -> None:
    assert own_cost().cpu_s > 0
    assert own_cost().rss_bytes > 10 * 2**20
