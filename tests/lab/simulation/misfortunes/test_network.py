"""Proves that connections break, block and slow down, and that everything arrives afterwards."""

from pathlib import Path

import pytest

from tests.lab.simulation.misfortunes.stage import befalls

KINDS = (
    "connection_lost",
    "half_open_at_the_relay",
    "half_open_at_the_device",
    "one_way_partition",
    "two_way_partition",
    "delay_spike",
    "network_changes",
)


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.network, kind))
    assert town.chronicle.faults[kind] == 1
