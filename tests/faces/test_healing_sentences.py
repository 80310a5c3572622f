"""Proves that every kind of healing has its three sentences, and is nobody's problem."""

from answerback.core.healing import Healed
from answerback.faces.healing_sentences import HEALINGS
from answerback.faces.sentences import CAUSES
from answerback.model.causes import Owner


def test_every_kind_of_healing_is_said_and_is_nobodys_problem() -> None:
    assert set(HEALINGS) == {kind.cause for kind in Healed}
    for cause, words in HEALINGS.items():
        assert (cause.layer, cause.owner) == ("healing", Owner.NOBODY)
        assert all(said.endswith(".") for said in (words.sentence, words.we_do, words.you_can))
        assert CAUSES[cause] is words
