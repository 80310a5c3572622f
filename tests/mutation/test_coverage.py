"""Proves that what the simulator reaches is measured, and that a branch it does not take has a name."""

from tests.mutation.coverage import as_json, measure


def test_a_world_takes_most_branches_of_the_core_and_the_others_are_named() -> None:
    found = as_json(measure(range(2)))
    assert 0 < found["taken"] < found["branches"]
    files = found["files"]
    assert files["lanes.py"]["percent"] > 50
    missing = [arc for file in files.values() for arc in file["missing"]]
    assert len(missing) == found["branches"] - found["taken"]
    assert all(" never goes on to " in arc for arc in missing)
