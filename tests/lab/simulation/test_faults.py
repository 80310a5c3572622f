"""Proves that the list of faults is complete: what is injected is listed, and each kind has one name and place."""

from answerback.lab.simulation.faults import FAULTS, KINDS
from answerback.lab.simulation.misfortunes import Misfortunes

INJECTED = {kind.__name__ for kind in Misfortunes.kinds(Misfortunes.__new__(Misfortunes))}


def test_every_misfortune_is_listed_and_no_kind_twice() -> None:
    assert set(KINDS) >= INJECTED
    assert len(KINDS) == len(set(KINDS)) == sum(len(kinds) for kinds in FAULTS.values())


def test_every_kind_says_in_a_line_what_it_is() -> None:
    for kinds in FAULTS.values():
        for kind, what in kinds.items():
            assert kind == kind.lower()
            assert 0 < len(what) < 110
            assert not what.endswith(".")
