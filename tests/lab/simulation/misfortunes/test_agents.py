"""Proves that agents killed, stopped and put back go on, and that nothing is lost by it."""

from pathlib import Path

import pytest

from tests.lab.simulation.misfortunes.stage import befalls

KINDS = (
    "agent_killed",
    "agent_killed_after_a_commit",
    "agent_killed_before_a_write",
    "agent_frozen",
    "device_suspended",
    "device_off_for_a_while",
    "device_restored_from_a_backup",
)


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.agents, kind))
    assert town.chronicle.faults[kind] == 1
