"""Proves who answers a command: the agent at work, one for the moment, or the disk."""

from contextlib import closing
from pathlib import Path

import pytest

from answerback.device.home import open_journal
from answerback.faces.access import agent_at, device_folder, reading
from answerback.faces.ledger import Ledger
from answerback.faces.remote import Remote
from answerback.model.errors import StoreLockedError, UsageError
from tests.faces.village import Person


def test_reading_asks_the_agent_if_one_is_at_work(ann: Person) -> None:
    with agent_at(ann.home), reading(ann.home) as asked:
        assert isinstance(asked, Remote)
    with reading(ann.home) as asked:
        assert isinstance(asked, Ledger)


def test_two_commands_share_one_agent(ann: Person) -> None:
    with agent_at(ann.home) as first, agent_at(ann.home) as second:
        assert first.pid == second.pid
        assert second.status().running


def test_a_folder_held_by_what_does_not_answer_is_named_with_its_process(ann: Person) -> None:
    with closing(open_journal(ann.home)):
        with reading(ann.home) as asked:
            told = asked.status()
            assert (told.handle, told.running, told.cause) == (ann.handle, True, None)
        shown = ann.run("status")
        assert "only the program that runs knows" in shown.stdout
        assert "answers no commands" in shown.stderr
        with (
            pytest.raises(StoreLockedError, match=r"process \d+, which does not answer"),
            agent_at(ann.home, patience_s=0),
        ):
            pass
        result = ann.run("inbox", "--limit", "1")
        assert result.exit_code == 0
        assert "on the disk" in result.stderr


def test_there_is_nothing_to_read_where_there_is_no_device(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no device"), reading(tmp_path):
        pass


def test_the_folder_is_the_one_chosen_or_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_folder(tmp_path) == tmp_path
    monkeypatch.setenv("ANSWERBACK_HOME", str(tmp_path / "here"))
    assert device_folder(None) == tmp_path / "here"
