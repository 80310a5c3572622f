"""Proves that full, unreadable and torn disks are borne, and that nothing is lost by them."""

from pathlib import Path

import pytest

from tests.lab.simulation.misfortunes.stage import befalls

KINDS = (
    "agent_disk_full",
    "agent_read_errors",
    "relay_disk_full",
    "relay_read_errors",
    "relay_commits_fail",
    "unsynced_writes_lost",
    "torn_write",
    "power_cut_after_sync",
)


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.disks, kind))
    assert town.chronicle.faults[kind] == 1
