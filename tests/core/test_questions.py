"""Proves that a question lives until its answer, and is asked once."""

from answerback.core import questions as questions_module
from answerback.core.questions import ASKED_AT_ONCE, HANDLES_AT_ONCE, Questions, WantAccount, WantList
from answerback.model.ids import AccountId
from answerback.wire.frames import LookUp, Resolve
from tests.core.specimens import ANN, BEA


def test_the_same_question_twice_is_one_question() -> None:
    questions = Questions()
    frame = LookUp(questions.number(), ANN, 0)
    assert questions.ask(WantList(ANN), frame) is frame
    assert questions.ask(WantList(ANN), LookUp(questions.number(), ANN, 0)) is None
    assert WantList(ANN) in questions
    assert WantList(BEA) not in questions


def test_a_lost_connection_loses_no_question() -> None:
    questions = Questions()
    frames = [LookUp(1, ANN, 0), Resolve(2, "bea")]
    questions.ask(WantList(ANN), LookUp(1, ANN, 0))
    questions.ask(WantAccount("bea"), Resolve(2, "bea"))
    assert questions.again() == questions.again() == frames
    assert questions.waiting


def test_an_answer_closes_its_question_once_and_an_unasked_one_closes_none() -> None:
    questions = Questions()
    questions.ask(WantList(ANN), LookUp(1, ANN, 0))
    assert questions.answered(7) is None
    assert questions.answered(1) == WantList(ANN)
    assert questions.answered(1) is None
    assert not questions.waiting
    assert questions.number() == 2
    assert questions.ask(WantList(ANN), LookUp(2, ANN, 0)) is not None


def test_questions_are_bounded() -> None:
    questions = Questions()
    limit, questions_module.QUESTIONS_MAX = questions_module.QUESTIONS_MAX, 1
    try:
        assert questions.ask(WantList(ANN), LookUp(1, ANN, 0)) is not None
        assert questions.ask(WantList(BEA), LookUp(2, BEA, 0)) is None
    finally:
        questions_module.QUESTIONS_MAX = limit


def test_no_more_is_asked_at_once_than_a_relay_answers_and_slow_answers_hold_up_no_others() -> None:
    questions = Questions()
    handles = [Resolve(number, f"{number}") for number in range(1, 101)]
    lists = [LookUp(number, AccountId(number.to_bytes(16, "big")), 0) for number in range(101, 201)]
    sent = [questions.ask(WantAccount(frame.handle), frame) for frame in handles]
    sent += [questions.ask(WantList(frame.account), frame) for frame in lists]
    assert [frame for frame in sent if frame] == [*handles[:HANDLES_AT_ONCE], *lists[:ASKED_AT_ONCE]]
    assert questions.more() == []
    questions.answered(lists[0].request)
    assert questions.more() == [lists[ASKED_AT_ONCE]]
    questions.answered(handles[0].request)
    assert questions.more() == [handles[HANDLES_AT_ONCE]]
    again = questions.again()
    assert again == [*handles[1 : HANDLES_AT_ONCE + 1], *lists[1 : ASKED_AT_ONCE + 1]]
