"""Proves that the list of faults names each kind once, in one place, in a line."""

from answerback.lab.simulation.faults import FAULTS, KINDS


def test_no_kind_is_listed_twice() -> None:
    assert len(KINDS) == len(set(KINDS)) == sum(len(kinds) for kinds in FAULTS.values())


def test_every_kind_says_in_a_line_what_it_is() -> None:
    for kinds in FAULTS.values():
        for kind, what in kinds.items():
            assert kind == kind.lower()
            assert 0 < len(what) < 110
            assert not what.endswith(".")
