"""A sleeping device is woken once, for people, as urgently as its mail, and never given up silently for ever."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.relay.knocking import (
    RETRY_S,
    RETRY_S_MAX,
    TOLD_S_MAX,
    TRIES_MAX,
    TTL_S,
    WISHES_MAX,
    Knock,
    Knocking,
    Outcome,
    Urgency,
)
from answerback.wire.frames import Subscribe
from answerback.wire.subscriptions import subscription_name

PHONE, TABLET = DeviceId(b"P" * 16), DeviceId(b"T" * 16)
HERE = Subscribe("https://push.example/1", b"\x04" + bytes(64), bytes(16))
NOWHERE = Subscribe("", b"", b"")


def asleep(*devices: DeviceId) -> Knocking:
    knocking = Knocking()
    for device in devices or (PHONE,):
        knocking.subscribe(device, HERE)
    return knocking


def answer(
    knocking: Knocking, knock: Knock, outcome: Outcome, *, now_s: float, retry_after_s: float = 0.0, draw: float = 0.5
) -> None:
    knocking.answered(knock, outcome, retry_after_s=retry_after_s, draw=draw, now_s=now_s)


def test_mail_for_a_sleeping_device_knocks_at_once_and_once() -> None:
    knocking = asleep()
    for number in range(5):
        knocking.mail(PHONE, Lane.NORMAL, now_s=10.0 + number)
    assert knocking.wake_at_s == 10.0
    (knock,) = knocking.wake(now_s=14.0)
    assert knock == Knock(PHONE, Urgency.NORMAL, 1)
    assert knocking.wake(now_s=14.0) == []
    answer(knocking, knock, Outcome.TAKEN, now_s=14.5)
    knocking.mail(PHONE, Lane.NORMAL, now_s=900.0)
    assert knocking.wake(now_s=900.0) == []
    knocking.connected(PHONE)
    knocking.mail(PHONE, Lane.NORMAL, now_s=1000.0)
    assert len(knocking.wake(now_s=1000.0)) == 1, "it came, and went again"


@pytest.mark.parametrize("lane", [Lane.CONTROL, Lane.BACKGROUND])
def test_receipts_repairs_and_history_wake_nobody(lane: Lane) -> None:
    knocking = asleep()
    knocking.mail(PHONE, lane, now_s=1.0)
    assert knocking.wake_at_s is None


def test_whoever_gave_no_subscription_or_took_it_back_is_not_knocked_for() -> None:
    knocking = asleep()
    knocking.mail(TABLET, Lane.URGENT, now_s=1.0)
    knocking.mail(PHONE, Lane.URGENT, now_s=1.0)
    knocking.subscribe(PHONE, NOWHERE)
    assert knocking.wake(now_s=9.0) == []
    assert knocking.name_of(PHONE) == b""
    assert knocking.count == 0


def test_what_is_more_urgent_knocks_again_and_what_is_less_does_not() -> None:
    knocking = asleep()
    knocking.mail(PHONE, Lane.BULK, now_s=0.0)
    (low,) = knocking.wake(now_s=0.0)
    assert low.urgency is Urgency.LOW
    answer(knocking, low, Outcome.TAKEN, now_s=0.1)
    knocking.mail(PHONE, Lane.URGENT, now_s=5.0)
    (high,) = knocking.wake(now_s=5.0)
    assert high.urgency is Urgency.HIGH
    knocking.mail(PHONE, Lane.NORMAL, now_s=5.1)
    answer(knocking, high, Outcome.TAKEN, now_s=5.2)
    assert knocking.wake_at_s is None


def test_what_comes_while_a_knock_is_on_its_way_is_not_lost_if_it_is_more_urgent() -> None:
    knocking = asleep()
    knocking.mail(PHONE, Lane.NORMAL, now_s=0.0)
    (knock,) = knocking.wake(now_s=0.0)
    knocking.mail(PHONE, Lane.URGENT, now_s=0.1)
    assert knocking.wake(now_s=0.1) == []
    answer(knocking, knock, Outcome.TAKEN, now_s=0.2)
    assert [each.urgency for each in knocking.wake(now_s=0.2)] == [Urgency.HIGH]


def test_a_knock_that_the_service_has_forgotten_is_made_anew_by_the_next_mail() -> None:
    knocking = asleep()
    knocking.mail(PHONE, Lane.NORMAL, now_s=0.0)
    answer(knocking, knocking.wake(now_s=0.0)[0], Outcome.TAKEN, now_s=0.0)
    knocking.mail(PHONE, Lane.NORMAL, now_s=TTL_S - 1.0)
    assert knocking.wake(now_s=TTL_S) == []
    knocking.mail(PHONE, Lane.NORMAL, now_s=TTL_S + 1.0)
    assert len(knocking.wake(now_s=TTL_S + 1.0)) == 1


def test_a_failed_knock_is_tried_ever_later_and_given_up_until_new_mail() -> None:
    knocking, at_s = asleep(), [0.0]
    knocking.mail(PHONE, Lane.NORMAL, now_s=0.0)
    while knocking.wake_at_s is not None:
        at_s.append(knocking.wake_at_s)
        (knock,) = knocking.wake(now_s=at_s[-1])
        answer(knocking, knock, Outcome.LATER, now_s=at_s[-1])
    waits_s = [later_s - earlier_s for earlier_s, later_s in pairwise(at_s[1:])]
    assert len(waits_s) == TRIES_MAX - 1
    assert waits_s == sorted(waits_s)
    assert RETRY_S <= waits_s[0] <= 2 * RETRY_S
    assert sum(waits_s) <= 3 * RETRY_S_MAX
    knocking.mail(PHONE, Lane.NORMAL, now_s=at_s[-1] + 1.0)
    assert len(knocking.wake(now_s=at_s[-1] + 1.0)) == 1


def test_the_service_says_when_to_come_back_and_urgent_mail_does_not_hurry_it() -> None:
    knocking = asleep()
    knocking.mail(PHONE, Lane.NORMAL, now_s=0.0)
    answer(knocking, knocking.wake(now_s=0.0)[0], Outcome.LATER, now_s=0.0, retry_after_s=120.0)
    knocking.mail(PHONE, Lane.URGENT, now_s=1.0)
    assert knocking.wake_at_s == 120.0
    (knock,) = knocking.wake(now_s=120.0)
    assert knock.urgency is Urgency.HIGH
    answer(knocking, knock, Outcome.LATER, now_s=120.0, retry_after_s=1e9)
    assert knocking.wake_at_s == 120.0 + TOLD_S_MAX


def test_a_subscription_that_is_gone_is_forgotten_and_a_refusal_is_not_repeated() -> None:
    knocking = asleep(PHONE, TABLET)
    for device in (PHONE, TABLET):
        knocking.mail(device, Lane.NORMAL, now_s=0.0)
    first, second = knocking.wake(now_s=0.0)
    answer(knocking, first, Outcome.GONE, now_s=1.0)
    answer(knocking, second, Outcome.REFUSED, now_s=1.0)
    assert knocking.name_of(first.device) == b""
    assert knocking.name_of(second.device) == subscription_name(HERE)
    assert knocking.wake_at_s is None


def test_who_connects_while_its_knock_is_out_is_not_knocked_for_again() -> None:
    knocking = asleep()
    knocking.mail(PHONE, Lane.NORMAL, now_s=0.0)
    (knock,) = knocking.wake(now_s=0.0)
    knocking.connected(PHONE)
    answer(knocking, knock, Outcome.LATER, now_s=1.0)
    assert knocking.wake_at_s is None

    knocking.mail(PHONE, Lane.NORMAL, now_s=2.0)
    (newer,) = knocking.wake(now_s=2.0)
    answer(knocking, knock, Outcome.TAKEN, now_s=3.0)
    answer(knocking, newer, Outcome.LATER, now_s=4.0)
    assert knocking.wake_at_s is not None, "the answer to the earlier one said nothing of this one"


def test_wishes_are_handed_out_once_the_newest_counts_and_they_are_bounded() -> None:
    knocking = asleep()
    knocking.subscribe(PHONE, NOWHERE)
    assert knocking.take_wishes() == {PHONE: NOWHERE}
    assert knocking.take_wishes() == {}
    for number in range(WISHES_MAX + 10):
        knocking.subscribe(DeviceId(number.to_bytes(16, "big")), HERE)
    assert len(knocking.take_wishes()) == knocking.count == WISHES_MAX


_STEP = st.tuples(
    st.sampled_from(["mail", "wake", "mail", "answer", "mail", "wake", "connect"]),
    st.sampled_from([PHONE, TABLET]),
    st.sampled_from([Lane.NORMAL, Lane.URGENT, Lane.BULK, Lane.CONTROL, Lane.URGENT]),
    st.sampled_from([Outcome.TAKEN, Outcome.LATER, Outcome.REFUSED]),
    st.one_of(st.floats(0.0, 100.0), st.just(RETRY_S_MAX)),
)
_Step = tuple[str, DeviceId, Lane, Outcome, float]


def _happened(*steps: tuple[str, Lane]) -> list[_Step]:
    return [(what, PHONE, lane, Outcome.TAKEN, 0.0) for what, lane in steps]


@settings(max_examples=300)
@given(st.lists(_STEP, max_size=80))
@example(_happened(("mail", Lane.NORMAL), ("wake", Lane.NORMAL), ("mail", Lane.URGENT)))
@example(_happened(("mail", Lane.NORMAL), ("wake", Lane.NORMAL), ("answer", Lane.NORMAL), ("mail", Lane.URGENT)))
@example(_happened(("mail", Lane.URGENT), ("wake", Lane.URGENT), ("mail", Lane.URGENT)))
@example(_happened(("mail", Lane.URGENT), ("wake", Lane.URGENT), ("answer", Lane.URGENT), ("mail", Lane.URGENT)))
def test_whatever_happens_no_device_has_two_knocks_out_and_each_urgent_mail_has_one(steps: list[_Step]) -> None:
    knocking, now_s = asleep(PHONE, TABLET), 0.0
    out: list[Knock] = []
    unsaid: set[DeviceId] = set()
    """Urgent mail waits for these, and no urgent knock says so."""
    knocked: set[DeviceId] = set()
    """An urgent knock for these is on its way or taken: it says so of all that comes until they connect."""
    for what, device, lane, outcome, wait_s in steps:
        now_s += wait_s
        if what == "mail":
            knocking.mail(device, lane, now_s=now_s)
            unsaid |= {device} - knocked if lane is Lane.URGENT else set()
        elif what == "wake":
            knocks = knocking.wake(now_s=now_s)
            assert not {knock.device for knock in knocks} & {knock.device for knock in out}
            out += knocks
            urgent = {knock.device for knock in knocks if knock.urgency is Urgency.HIGH}
            unsaid, knocked = unsaid - urgent, knocked | urgent
        elif what == "answer" and out:
            knock = out.pop()
            answer(knocking, knock, outcome, now_s=now_s)
            if outcome is not Outcome.TAKEN:
                knocked.discard(knock.device)
            if outcome is Outcome.REFUSED:
                unsaid.discard(knock.device)  # the same again would not be taken either
        elif what == "connect":
            knocking.connected(device)
            out = [knock for knock in out if knock.device != device]
            unsaid.discard(device)
            knocked.discard(device)
    for knock in out:
        answer(knocking, knock, Outcome.TAKEN, now_s=now_s)
    later_s = now_s + 2 * RETRY_S_MAX  # what is to be tried again is tried by then
    said = {knock.device for knock in knocking.wake(now_s=later_s) if knock.urgency is Urgency.HIGH}
    assert unsaid <= said


@pytest.mark.parametrize("outcome", [Outcome.TAKEN, Outcome.LATER])
def test_what_comes_while_the_last_try_is_on_its_way_is_knocked_for_if_it_is_more_urgent(outcome: Outcome) -> None:
    knocking, now_s = asleep(), 0.0
    knocking.mail(PHONE, Lane.NORMAL, now_s=now_s)
    for _ in range(TRIES_MAX - 1):
        assert knocking.wake_at_s is not None
        now_s = knocking.wake_at_s
        answer(knocking, knocking.wake(now_s=now_s)[0], Outcome.LATER, now_s=now_s)
    assert knocking.wake_at_s is not None
    now_s = knocking.wake_at_s
    (last,) = knocking.wake(now_s=now_s)
    knocking.mail(PHONE, Lane.URGENT, now_s=now_s)
    answer(knocking, last, outcome, now_s=now_s)
    assert knocking.wake_at_s is not None
    (urgent,) = knocking.wake(now_s=knocking.wake_at_s)
    assert urgent.urgency is Urgency.HIGH
