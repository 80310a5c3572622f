"""Proves that a question lives until its answer, and is asked once."""

import pytest

from answerback.core import questions as questions_module
from answerback.core.questions import (
    ASKED_AT_ONCE,
    HANDLES_AT_ONCE,
    Question,
    Questions,
    WantAccount,
    WantKeysPublished,
    WantList,
    WantListAnnounced,
    WantPreKey,
)
from answerback.model.devices import Signed
from answerback.model.errors import PeerError
from answerback.model.ids import AccountId
from answerback.model.message import Lane
from answerback.wire.frames import (
    Announce,
    Announced,
    Claim,
    Claimed,
    Listed,
    LookUp,
    Pong,
    Publish,
    Published,
    RelayFrame,
    Resolve,
    Resolved,
)
from tests.core.specimens import ANN, BEA, LAPTOP, PHONE


def test_the_same_question_twice_is_one_question() -> None:
    questions = Questions()
    frame = LookUp(questions.number(), ANN, 0)
    assert questions.ask(WantList(ANN), frame) is frame
    assert questions.ask(WantList(ANN), LookUp(questions.number(), ANN, 0)) is None
    assert WantList(ANN) in questions
    assert WantList(BEA) not in questions


def test_a_list_is_being_announced_until_the_relay_has_answered() -> None:
    questions, newer = Questions(), Signed(b"body", b"mark")
    questions.ask(WantList(BEA), LookUp(1, BEA, 0))
    states = [questions.announcing]
    questions.ask(WantListAnnounced(newer), Announce(2, newer))
    states.append(questions.announcing)
    questions.answered(2)
    assert [*states, questions.announcing] == [False, True, False]


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


SIGNED = Signed(b"body", b"signature")
ASKED: list[tuple[Question, LookUp | Claim | Resolve | Publish | Announce, RelayFrame]] = [
    (WantList(ANN), LookUp(1, ANN, 0), Listed(1, ANN, [], [])),
    (WantAccount("bea"), Resolve(1, "bea"), Resolved(1, "bea", ANN)),
    (WantPreKey(PHONE, Lane.NORMAL), Claim(1, PHONE), Claimed(1, PHONE, None)),
    (WantKeysPublished(), Publish(1, [], None, None), Published(1, 0)),
    (WantListAnnounced(SIGNED), Announce(1, SIGNED), Announced(1, 1)),
]
OTHERS: list[RelayFrame] = [
    Listed(1, BEA, [], []),
    Resolved(1, "cid", ANN),
    Claimed(1, LAPTOP, None),
]


@pytest.mark.parametrize(("question", "frame", "answer"), ASKED)
def test_only_what_answers_a_question_may_carry_its_number(
    question: Question, frame: LookUp | Claim | Resolve | Publish | Announce, answer: RelayFrame
) -> None:
    questions = Questions()
    questions.ask(question, frame)
    questions.check(answer)
    questions.check(Pong(1, 0))
    for other in [*(each for _, _, each in ASKED if each is not answer), *OTHERS]:
        with pytest.raises(PeerError, match=rf"^{type(other).__name__} \d+ answers another question than was asked$"):
            questions.check(other)
    assert question in questions, "it is asked again on the next connection"
    questions.answered(1)
    for unasked in (answer, *OTHERS):
        questions.check(unasked)


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


def test_an_answer_is_owed_until_the_relay_has_answered_a_ping_that_left_after_the_question() -> None:
    questions = Questions()
    assert not questions.owed(now_s=0.0)
    questions.ask(WantList(ANN), LookUp(1, ANN, 0))
    assert questions.owed(now_s=1.0)
    assert questions.owed(now_s=2.0)
    questions.ponged(sent_s=1.0)
    assert questions.owed(now_s=2.0), "that may have left before the question"
    questions.ponged(sent_s=1.5)
    assert not questions.owed(now_s=2.0)
    assert questions.waiting
    questions.ask(WantAccount("bea"), Resolve(2, "bea"))
    assert questions.owed(now_s=3.0)
    questions.ponged(sent_s=3.5)
    assert [type(frame) for frame in questions.again()] == [LookUp, Resolve]
    assert not questions.owed(now_s=9.0), "on the next connection the relay takes its time as well"
    questions.answered(1)
    questions.ask(WantList(ANN), LookUp(3, ANN, 0))
    assert questions.owed(now_s=10.0)


def test_what_is_asked_again_on_another_connection_is_owed_there_from_then_on() -> None:
    questions = Questions()
    questions.ask(WantList(ANN), LookUp(1, ANN, 0))
    assert questions.owed(now_s=1.0)
    questions.again()
    assert questions.owed(now_s=5.0)
    questions.ponged(sent_s=3.0)
    assert questions.owed(now_s=5.0)


def test_what_waits_for_room_is_not_owed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions_module, "ASKED_AT_ONCE", 1)
    questions = Questions()
    questions.ask(WantList(ANN), LookUp(1, ANN, 0))
    assert questions.ask(WantList(BEA), LookUp(2, BEA, 0)) is None
    assert questions.owed(now_s=1.0)
    questions.ponged(sent_s=2.0)
    assert not questions.owed(now_s=2.0)
    questions.answered(1)
    assert questions.more() == [LookUp(2, BEA, 0)]
    assert questions.owed(now_s=3.0)
