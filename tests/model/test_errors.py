"""Proves that every error stands in the one tree, and that a refusal carries its cause."""

import inspect

from answerback.model import errors
from answerback.model.causes import Cause
from answerback.model.errors import AnswerbackError, RefusedError


def test_every_error_stands_in_the_tree_and_in_its_picture() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]
    picture = inspect.getdoc(errors) or ""
    for kind in kinds:
        assert issubclass(kind, AnswerbackError)
        assert kind.__name__ in picture
        assert (kind.__doc__ or "").endswith(".")


def test_a_refusal_says_its_cause_when_it_has_no_better_words() -> None:
    assert RefusedError(Cause.RELAY_BUSY).cause is Cause.RELAY_BUSY
    assert str(RefusedError(Cause.RELAY_BUSY)) == "relay.busy"
    assert str(RefusedError(Cause.RELAY_BUSY, "come back at noon")) == "come back at noon"
