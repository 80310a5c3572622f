"""Proves that every state of a handle has words, and that they name the handle and the other account."""

import pytest

from answerback.faces.handle_words import STATES, handle_line, words_of
from answerback.faces.handles_told import OwnHandleTold
from answerback.model.handle_state import HandleState


@pytest.mark.parametrize("state", list(HandleState))
def test_every_state_has_a_line_and_its_advice_names_the_handle(state: HandleState) -> None:
    line = words_of(state.name.lower(), other="abcdef0123456789", at_ms=1)
    assert "{" not in line
    for advice in STATES[state].advice:
        assert "{" not in advice.format(handle="a@b.c")


def test_a_line_says_whose_handle_it_was_and_whether_this_device_goes_by_it() -> None:
    told = OwnHandleTold("ann@example.org", "left", 1, "abcdef0123456789", this=True)
    assert handle_line(told).startswith("ann@example.org (this device goes by it)  was taken over by another account")
    assert "abcdef01" in handle_line(told)
