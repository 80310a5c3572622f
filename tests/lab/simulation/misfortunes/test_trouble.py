"""Proves that a fault is counted under a listed name only."""

from pathlib import Path

import pytest

from answerback.lab.simulation.misfortunes.trouble import Trouble
from answerback.lab.simulation.town import Town
from tests.lab.simulation.stage import in_town


def test_a_fault_is_counted_and_written_down_under_its_name(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        trouble = Trouble(town)
        trouble.fault("relay_killed", None)
        trouble.fault("agent_killed", town.villagers[0])
        assert town.chronicle.faults["relay_killed"] == town.chronicle.faults["agent_killed"] == 1
        assert "! agent killed" in town.chronicle.lines[-1]
        with pytest.raises(AssertionError):
            trouble.fault("sabotage", None)

    in_town(tmp_path, work)
