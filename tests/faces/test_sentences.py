"""Proves that there are words for everything a person may be shown, and that they keep their shape."""

from answerback.core.effects import Reason
from answerback.faces.sentences import CAUSES, EVIDENCE, OWNERS, REASONS, STAGES, reason_words
from answerback.model.causes import Cause, Owner
from answerback.model.timeline import Evidence, Stage

CHARACTERS_MAX = 125
"""Two lines of a narrow terminal."""


def test_no_cause_stage_evidence_owner_or_reason_is_without_words() -> None:
    assert set(CAUSES) == set(Cause)
    assert set(STAGES) == set(Stage)
    assert set(EVIDENCE) == set(Evidence)
    assert set(OWNERS) == set(Owner)
    assert set(REASONS) == {reason.value for reason in Reason}


def test_each_advice_is_whole_sentences_and_short() -> None:
    for cause, words in CAUSES.items():
        for text in (words.sentence, words.we_do, words.you_can):
            assert text[0].isupper(), (cause, text)
            assert text.endswith("."), (cause, text)
            assert len(text) <= CHARACTERS_MAX, (cause, text)


def test_two_causes_never_sound_the_same() -> None:
    sentences = [words.sentence for words in CAUSES.values()]
    assert len(set(sentences)) == len(sentences)
    assert len(set(STAGES.values())) == len(STAGES)


def test_no_sentence_blames_or_frightens() -> None:
    words = " ".join(f"{w.sentence} {w.we_do} {w.you_can}" for w in CAUSES.values()).lower()
    assert [word for word in ("invalid", "illegal", "fatal", "abort", "you failed", "oops", "!") if word in words] == []


def test_nobodys_problem_asks_nothing_of_a_person_but_patience() -> None:
    for cause in Cause:
        if cause.owner is Owner.NOBODY and cause is not Cause.QUEUE_UPLOADING:
            assert CAUSES[cause].you_can.startswith("Nothing is needed"), cause


def test_a_reason_of_a_newer_agent_is_shown_as_it_is() -> None:
    assert reason_words("connect.cadence") != "connect.cadence"
    assert reason_words("moon.phase") == "moon.phase"
