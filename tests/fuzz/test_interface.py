"""Tries the relay by its own document, for a moment; `python -m tests.fuzz.interface` goes on for longer."""

from pathlib import Path

import pytest

from tests.fuzz.interface import tried


@pytest.mark.timeout(180)
def test_a_relay_does_what_its_own_document_says_and_nothing_breaks_it(tmp_path: Path) -> None:
    verdict, report, log = tried(tmp_path, examples=8)
    assert verdict == 0, report
    assert "No issues found" in report or "passed" in report, report
    assert not [line for line in log if "Error" in line or "Traceback" in line], "".join(log)
