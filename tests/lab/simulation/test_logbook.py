"""Proves that a logbook spares worlds that were played, by this very code, and survives being cut off."""

from pathlib import Path

import pytest

from answerback.lab.simulation.life import Outcome
from answerback.lab.simulation.logbook import Logbook, code_name
from answerback.model.errors import StorageError, UsageError


def outcome(seed: int) -> Outcome:
    return Outcome(seed, ("kept: …",), {"agent_killed": 2}, (), "digest", 10, 86_400.0)


def test_what_was_played_is_known_the_next_time_but_for_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with Logbook(path) as book:
        book.add(outcome(1))
        book.add(outcome(2))
    path.write_bytes(path.read_bytes()[:-9])
    with Logbook(path) as book:
        assert book.outcomes == {1: outcome(1)}
        book.add(outcome(2))
    with Logbook(path) as book:
        assert book.outcomes == {1: outcome(1), 2: outcome(2)}


def test_other_code_and_other_files_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run"
    for content in (b'{"code":"another"}\n', b"a letter to my aunt\n"):
        path.write_bytes(content)
        with pytest.raises(UsageError):
            Logbook(path)
        assert path.read_bytes() == content


def test_a_file_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be kept"):
        Logbook(tmp_path)


def test_the_name_of_the_code_is_the_same_as_long_as_the_code_is() -> None:
    assert code_name() == code_name()
    assert len(code_name()) == 16
