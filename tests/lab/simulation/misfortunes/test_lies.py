"""Proves that nothing a lying relay says is believed where it matters, and that honest mail comes all the same."""

from pathlib import Path

import pytest

from tests.lab.simulation.misfortunes.stage import befalls


@pytest.mark.parametrize(
    "kind",
    [
        "relay_says_twice",
        "relay_answers_unasked",
        "relay_moves_an_envelope",
        "relay_refuses_for_good",
    ],
)
def test_a_lie_is_told_counted_and_outlived(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.lies, kind))
    assert town.chronicle.faults[kind] >= 1
    assert town.truth.relay_lied
    assert town.office.tongue.lies == []


@pytest.mark.parametrize(
    "kind",
    [
        "relay_answers_another_question",
        "relay_forges_a_list",
        "relay_forges_a_seal_key",
        "relay_swaps_a_prekey",
        "relay_speaks_another_wire",
        "relay_denies_mail",
    ],
)
def test_a_lie_for_which_there_was_no_occasion_is_forgotten_when_all_heals(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.lies, kind))
    assert town.office.tongue.lies == []
