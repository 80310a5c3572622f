"""Proves that linking over the local interface is one at a time, and that a no is told."""

from collections.abc import Callable

import pytest

from answerback.faces.access import agent_at
from answerback.model.errors import UsageError
from tests.faces.village import Person


def test_two_codes_at_once_would_confuse(somebody: Callable[[], Person]) -> None:
    with agent_at(somebody().home) as remote:
        turns = remote.link()
        first = next(turns)
        assert first.code is not None
        assert first.code in (first.link or "")
        with pytest.raises(UsageError, match="just now"):
            next(remote.link())


def test_nobody_asks_so_there_is_nothing_to_confirm(ann: Person) -> None:
    with agent_at(ann.home) as remote, pytest.raises(UsageError, match="no device asks"):
        remote.confirm_link(yes=True)
