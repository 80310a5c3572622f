"""Proves that what is kept of the relay's log is no address book on the screen."""

from typing import get_args

from answerback.core.facts import Fact
from answerback.core.log_facts import KeepLabel, LogFact


def test_what_is_kept_of_the_log_is_kept_like_all_else() -> None:
    assert set(get_args(LogFact)) <= set(get_args(Fact))


def test_a_label_does_not_show_whose_it_is() -> None:
    assert "ann@" not in repr(KeepLabel("ann@example.org", b"label"))
