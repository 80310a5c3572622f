"""Proves that the local interface says who a contact is only to a well-formed question."""

from collections.abc import Callable

import pytest

from answerback.faces.access import agent_at
from answerback.faces.told import ContactAsked
from answerback.model.errors import RefusedError, UsageError
from tests.faces.village import Person


def test_nobody_and_nothing_are_refused(somebody: Callable[[], Person]) -> None:
    ann, bea = somebody(), somebody()
    with agent_at(ann.home) as remote:
        with pytest.raises(RefusedError):
            remote.contact(ContactAsked("nobody@example.org"))
        with pytest.raises(UsageError):
            remote.contact(ContactAsked("not a handle"))
        with pytest.raises(UsageError, match="characters long"):
            remote.contact(ContactAsked(bea.handle, "x" * 100_000), path="/scan")
        with pytest.raises(UsageError, match="no code"):
            remote.say(ContactAsked(bea.handle, same=True))
        with pytest.raises(UsageError, match="are the same"):
            remote.say(ContactAsked(bea.handle))
        assert remote.contact(ContactAsked(bea.handle)).verified is None
