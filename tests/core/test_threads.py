"""Proves that a conversation's ends are known and that a message is taken in once."""

from dataclasses import replace

from answerback.core import threads as threads_module
from answerback.core.threads import Threads
from answerback.model.message import WRITTEN_AFTER_MAX
from answerback.model.stamp import Stamp
from tests.core.specimens import ANN, BEA, TALK, a_message, message_number


def test_what_is_written_now_is_written_after_every_open_end() -> None:
    threads = Threads()
    for message in (a_message(1), a_message(2), a_message(3, after=(1,))):
        assert threads.add(message)
    assert threads.heads(TALK) == {message_number(2), message_number(3)}
    assert threads.knows(ANN, message_number(1))
    assert not threads.knows(BEA, message_number(1))


def test_what_was_written_earlier_is_written_after_the_ends_of_that_time_only() -> None:
    threads = Threads()
    early, late = a_message(1), a_message(2)
    threads.add(replace(early, stamp=Stamp(7, 0)))
    threads.add(replace(late, stamp=Stamp(7, 2)))
    assert threads.heads(TALK, before=Stamp(7, 1)) == {early.id}
    assert threads.heads(TALK, before=Stamp(7, 0)) == frozenset()
    assert threads.heads(TALK, before=Stamp(8, 0)) == {early.id, late.id}


def test_a_message_sealed_twice_is_taken_in_once() -> None:
    threads = Threads()
    assert threads.add(a_message(1))
    assert not threads.add(a_message(1))


def test_another_author_may_use_the_same_id_and_hides_nothing() -> None:
    threads = Threads()
    assert threads.add(a_message(1, author=ANN))
    assert threads.add(a_message(1, author=BEA))


def test_open_ends_and_known_ids_are_bounded() -> None:
    threads = Threads()
    limit, threads_module.KNOWN_MAX = threads_module.KNOWN_MAX, 50
    try:
        for number in range(1, 101):
            threads.add(a_message(number))
    finally:
        threads_module.KNOWN_MAX = limit
    assert len(threads.heads(TALK)) == WRITTEN_AFTER_MAX
    assert not threads.knows(ANN, message_number(50))
    assert threads.knows(ANN, message_number(51))


def test_after_a_restart_the_ends_and_the_clock_are_as_before() -> None:
    again = Threads()
    again.restore([a_message(3, after=(1, 2)), a_message(1), a_message(2)], last_stamp=Stamp(9, 4))
    assert again.heads(TALK) == {message_number(3)}
    assert again.clock.tick(wall_ms=1) == Stamp(9, 5)
