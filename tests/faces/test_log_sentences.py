"""Proves that whatever is wrong with a log has three sentences, and says who is to be asked."""

from answerback.faces.log_sentences import LOG_CAUSES
from answerback.faces.sentences import CAUSES


def test_each_has_three_sentences_and_is_in_the_catalogue() -> None:
    assert len(LOG_CAUSES) == 9
    for cause, words in LOG_CAUSES.items():
        assert cause.layer in ("trust", "account")
        assert all(sentence.endswith(".") for sentence in words)
        assert CAUSES[cause].sentence == words[0]
