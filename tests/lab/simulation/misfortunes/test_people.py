"""Proves that devices come and go while people write, and that nothing is lost by it."""

from pathlib import Path

import pytest

from tests.lab.simulation.misfortunes.stage import befalls

KINDS = ("device_linked", "device_revoked")


@pytest.mark.parametrize("kind", KINDS)
def test_it_happens_is_counted_and_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.people, kind))
    assert town.chronicle.faults[kind] == 1
