"""Proves that every survivor on the list has a reason, and that the list is the one that runs write."""

from pathlib import Path

from tests.mutation.ledger import Line
from tests.mutation.mutants import CORE
from tests.mutation.survivors import Survivor, Survivors, faults, read, write

GOOD = Survivor("lanes.py Lanes.push 01234567", "a", "b", "equivalent")


def line(name: str) -> Line:
    file, function, _ = name.split()
    return Line(name, file, function, "", "before", 'after "quoted"', "survived", "")


def test_every_survivor_on_the_list_has_a_reason() -> None:
    assert faults(read()) == []


def test_every_survivor_on_the_list_is_in_a_file_that_exists() -> None:
    assert {survivor.file for survivor in read().survivors} <= {path.name for path in CORE.glob("*.py")}


def test_each_fault_of_a_list_is_found() -> None:
    assert faults(Survivors({"equivalent": "It says the same."}, (GOOD,))) == []
    nameless = Survivor(GOOD.mutant, "a", "b", "")
    assert faults(Survivors({}, (nameless,)))
    assert faults(Survivors({}, (GOOD,)))
    assert faults(Survivors({"equivalent": " "}, (GOOD,)))
    assert faults(Survivors({"equivalent": "It says the same.", "other": "Unused."}, (GOOD,)))
    assert faults(Survivors({"equivalent": "It says the same."}, (GOOD, GOOD)))


def test_a_run_replaces_the_survivors_of_its_files_and_keeps_the_reasons(tmp_path: Path) -> None:
    path = tmp_path / "survivors.toml"
    write([line("lanes.py Lanes.push 0"), line("link.py Link.lost 1")], files=["lanes.py", "link.py"], path=path)
    text = path.read_text().replace('reason = ""', 'reason = "equivalent"')
    path.write_text(text.replace("[reasons]\n", '[reasons]\nequivalent = "It says the same."\n'))
    write([line("lanes.py Lanes.push 0"), line("lanes.py Lanes.push 2")], files=["core/lanes.py"], path=path)
    found = read(path)
    assert found.reasons == {"equivalent": "It says the same."}
    assert [(each.mutant, each.reason) for each in found.survivors] == [
        ("lanes.py Lanes.push 0", "equivalent"),
        ("lanes.py Lanes.push 2", ""),
        ("link.py Link.lost 1", "equivalent"),
    ]
