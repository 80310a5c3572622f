"""Proves that mutants are made, put in place and noticed, so that a figure about them means something."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from answerback.core.lanes import Lanes
from answerback.model.ids import DeviceId, MessageId
from answerback.model.message import Lane
from tests.mutation import mutants
from tests.mutation.mutants import CORE, ROOT, Mutant, mutants_of, put

KEY = MessageId(b"m" * 16), DeviceId(b"d" * 16)
CONTRADICTION = "if key not in self._queued:"


@pytest.fixture
def unharmed() -> Iterator[None]:
    """Puts the real code back, since a mutant stays where it was put."""
    code = Lanes.push.__code__
    yield
    Lanes.push.__code__ = code


def mutant_that_reads(line: str) -> Mutant:
    (found,) = [each for each in mutants_of(CORE / "lanes.py") if each.after == line]
    return found


def test_a_mutant_in_place_changes_what_the_product_does(unharmed: None) -> None:
    before, after = Lanes(), Lanes()
    before.push(KEY, lane=Lane.NORMAL, order=1)
    put(mutant_that_reads(CONTRADICTION))
    after.push(KEY, lane=Lane.NORMAL, order=1)
    assert (len(before), len(after)) == (1, 0)


def test_methods_properties_and_functions_are_all_mutated_and_each_mutant_has_its_own_name() -> None:
    found = [*mutants_of(CORE / "catchup.py"), *mutants_of(CORE / "relay_clock.py")]
    functions = {each.function for each in found}
    assert {"Catchup.page", "answer_due_s", "RelayClock.skewed"} <= functions
    assert len({each.name for each in found}) == len(found)
    assert not [each for each in found if each.before == each.after]


def test_the_lines_of_a_mutant_are_those_of_its_statement_alone() -> None:
    mutant = mutant_that_reads(CONTRADICTION)
    assert mutant.lines == {mutant.line}
    assert (CORE / mutant.file).read_text().splitlines()[mutant.line - 1].strip() == mutant.before


def test_tests_worlds_and_bounds_kill_what_they_should() -> None:
    """A handful of mutants, tried as all are: every one of them breaks a promise."""
    command = [sys.executable, "-m", mutants.__package__, "--json", "--scratch"]
    command += ["--files", "lanes.py", "--only", "Lanes.push", "--killers", "tests/core/test_lanes.py"]
    command += ["--stories", "1", "--worlds", "1"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert ran.returncode == 0, ran.stderr
    numbers = json.loads(ran.stdout)["lanes.py"]
    assert numbers["mutants"] >= 10
    assert numbers["percent"] == 100.0
