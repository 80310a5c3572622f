"""Proves that the local interface refuses what it does not know, and says why a message does not go."""

import pytest

from answerback.faces.access import agent_at
from answerback.faces.told import ConsentAsked, FallbackAsked
from answerback.model.errors import UsageError
from tests.faces.village import Person


def test_a_contact_nobody_knows_is_said_to_be(ann: Person) -> None:
    with agent_at(ann.home) as remote:
        with pytest.raises(UsageError, match="not known here"):
            remote.fallback("+4930999999")
        with pytest.raises(UsageError, match="not known here"):
            remote.choose_fallback(FallbackAsked("+4930999999", "never"))
        with pytest.raises(UsageError, match="never, ask or after"):
            remote.choose_fallback(FallbackAsked("+4930999999", "perhaps"))


def test_an_answer_about_nothing_is_refused(ann: Person) -> None:
    with agent_at(ann.home) as remote, pytest.raises(UsageError, match=r"there is no message|not tried"):
        remote.answer(ConsentAsked("0" * 32, yes=True, by="Ann"))
