"""Proves that doubt is asked about a page at a time, each copy once, and ever less often."""

from itertools import pairwise

from answerback.core.catchup import ANSWER_DUE_AWAY_S, ANSWER_DUE_S, ANSWER_DUE_S_MAX, PAGE, Catchup, answer_due_s
from answerback.core.outbox import Copy, Outbox
from answerback.model.causes import Cause
from tests.core.specimens import NOW, laid_out, under_way


def accepted(count: int) -> list[Copy]:
    outbox = Outbox()
    copies = [laid_out(outbox, number + 1)[0] for number in range(count)]
    for number, copy in enumerate(copies):
        outbox.accepted(under_way(outbox, copy, sequence=number + 1).id, away_s=0, boot=b"b", now=NOW)
    return copies


def test_one_page_is_asked_at_a_time_until_nothing_is_in_doubt() -> None:
    catchup, copies = Catchup(), accepted(PAGE + 5)
    look = {copy.key: copy for copy in copies}
    catchup.doubt(copies)
    catchup.doubt(copies)
    page = catchup.page(look)
    assert page is not None
    assert len(page.entries) == PAGE
    assert catchup.waiting
    assert catchup.page(look) is None
    catchup.located()
    for copy in copies[:PAGE]:
        catchup.resolved(copy.key)
    rest = catchup.page(look)
    assert rest is not None
    assert [entry.id for entry in rest.entries] == [copy.envelope for copy in copies[PAGE:]]


def test_what_was_answered_meanwhile_is_not_asked_about() -> None:
    catchup, copies = Catchup(), accepted(3)
    catchup.resolved(copies[0].key)
    assert catchup.doubted == [], "resolving what nobody doubted is free"
    catchup.doubt(copies)
    page = catchup.page({copies[0].key: copies[0]})
    assert page is not None
    assert [entry.id for entry in page.entries] == [copies[0].envelope]
    assert catchup.doubted == [copies[0].key]


def test_a_new_connection_asks_again() -> None:
    catchup, copies = Catchup(), accepted(1)
    catchup.doubt(copies)
    look = {copy.key: copy for copy in copies}
    assert catchup.page(look) is not None
    catchup.welcomed(7)
    assert catchup.page(look) is not None
    assert catchup.behind == 7
    catchup.took(9)
    assert catchup.behind == 0


def test_a_copy_is_due_ever_later_and_one_for_a_device_away_much_later() -> None:
    (copy,) = accepted(1)
    waits = []
    for inquiries in range(16):
        copy.inquiries = inquiries
        due_s = answer_due_s(copy)
        assert due_s is not None
        waits.append(due_s - NOW.now_s)
    assert waits[:2] == [ANSWER_DUE_S, 2 * ANSWER_DUE_S]
    assert all(earlier <= later <= ANSWER_DUE_S_MAX for earlier, later in pairwise(waits))
    copy.cause, copy.inquiries = Cause.RECIPIENT_DEVICE_AWAY, 0
    assert answer_due_s(copy) == NOW.now_s + ANSWER_DUE_AWAY_S
    copy.accepted_s = None
    assert answer_due_s(copy) is None
