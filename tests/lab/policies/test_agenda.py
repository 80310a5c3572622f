"""Proves that virtual time goes forward, in order."""

from answerback.lab.policies.agenda import Agenda


def test_what_is_noted_happens_in_order_of_time_and_then_of_noting() -> None:
    agenda, seen = Agenda(0.0), []
    agenda.note(2.0, lambda: seen.append("c"))
    agenda.note(1.0, lambda: seen.append("a"))
    agenda.note(1.0, lambda: seen.append("b"))
    agenda.note(9.0, lambda: seen.append("never"))
    agenda.play(until_s=5.0, done=lambda: False)
    assert seen == ["a", "b", "c"]
    assert agenda.now_s == 2.0


def test_what_is_past_happens_now_and_nothing_after_the_end() -> None:
    agenda, seen = Agenda(5.0), []
    agenda.note(1.0, lambda: seen.append(agenda.now_s))
    agenda.note(6.0, lambda: seen.append(agenda.now_s))
    agenda.play(until_s=9.0, done=lambda: bool(seen))
    assert seen == [5.0]
