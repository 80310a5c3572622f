"""Proves that clocks set wrong, drifting and corrected, the relay's too, lose nothing and reorder nothing."""

from pathlib import Path

import pytest

from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.misfortunes.trouble import Kind
from tests.lab.simulation.misfortunes.stage import befalls


@pytest.mark.parametrize("kind", ["clock_jump", "clock_drift", "relay_clock_jump", "relay_clock_drift"])
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.clocks, kind), count=2)
    assert town.chronicle.faults[kind] == 2


@pytest.mark.parametrize("prefix", ["", "relay_"])
def test_a_wrong_clock_is_set_right_and_a_right_one_is_set_wrong_before(prefix: str, tmp_path: Path) -> None:
    kinds = iter([f"{prefix}clock_corrected", f"{prefix}clock_jump", f"{prefix}clock_corrected"])

    def choose(misfortunes: Misfortunes) -> Kind:
        kind: Kind = getattr(misfortunes.clocks, next(kinds))
        return kind

    town = befalls(tmp_path, choose, count=3)
    assert town.chronicle.faults[f"{prefix}clock_corrected"] == 2
