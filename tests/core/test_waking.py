"""Proves that of two wake-ups the sooner comes first, and that every reason has a word of its own."""

from answerback.core.waking import Reason, Wake


def test_the_sooner_wake_up_is_the_lesser() -> None:
    assert min(Wake(2.0, Reason.TURN), Wake(1.0, Reason.UPKEEP), key=lambda wake: wake.at_s).at_s == 1.0
    assert min([Wake(3.0, Reason.NOTHING), Wake(1.0, Reason.NOTHING)]) == Wake(1.0, Reason.NOTHING)


def test_people_are_told_words_that_say_what_is_waited_for() -> None:
    words = [reason.value for reason in Reason]
    assert len(words) == len(set(words))
    assert all(word == word.lower() and word.replace(".", "").isalpha() for word in words)
