"""Proves that a borrowed agent starts, answers and lets go; and that a start that fails says why."""

from pathlib import Path

import pytest

from answerback.faces.borrowed import BorrowedAgent
from answerback.faces.remote import Remote
from answerback.model.errors import StoreLockedError, UsageError
from tests.faces.village import Person


def test_it_answers_from_start_to_stop_and_leaves_the_folder_free(ann: Person) -> None:
    for _ in range(2):
        agent = BorrowedAgent(ann.home, None)
        place = agent.start()
        assert Remote(place).status().running
        with pytest.raises(StoreLockedError):
            BorrowedAgent(ann.home, None).start()
        agent.stop()
        assert Remote.find(ann.home) is None


def test_what_keeps_it_from_starting_is_raised(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no device"):
        BorrowedAgent(tmp_path, None).start()
