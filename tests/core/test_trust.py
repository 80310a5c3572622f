"""Proves that the latest mark counts, and that a handle never changes hands in silence."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.facts import DropChange, KeepChange, KeepVerified
from answerback.core.trust import AHEAD_MS_MAX, VERIFIED_MAX, Trust
from answerback.model.ids import AccountId
from answerback.model.trust import How
from tests.core.specimens import ANN, BEA, PHONE

CARL = AccountId(b"carl".ljust(16, b"."))
MARKS = st.lists(st.tuples(st.sampled_from(How), st.integers(0, 5)), max_size=8)


def marked(trust: Trust, account: AccountId = BEA, how: How = How.CODE, at_ms: int = 5) -> KeepVerified | None:
    return trust.mark(account, how, at_ms=at_ms, device=PHONE, relay_ms=10)


@given(MARKS)
def test_two_devices_that_heard_the_same_marks_in_any_order_agree(marks: list[tuple[How, int]]) -> None:
    one, other = Trust(), Trust()
    for how, at_ms in marks:
        marked(one, how=how, at_ms=at_ms)
    for how, at_ms in reversed(marks):
        marked(other, how=how, at_ms=at_ms)
    assert one.verified(BEA) == other.verified(BEA)
    assert one.vouched() == other.vouched()


def test_a_mark_that_was_taken_away_does_not_count_and_is_still_told() -> None:
    trust = Trust()
    assert marked(trust) == KeepVerified(BEA, How.CODE, 5, PHONE) == trust.verified(BEA)
    assert marked(trust, how=How.WITHDRAWN, at_ms=6) is not None
    assert trust.verified(BEA) is None
    assert [each.how for each in trust.vouched()] == [How.WITHDRAWN]
    assert marked(trust, at_ms=5) is None


def test_a_mark_from_the_future_does_not_outlast_a_later_one() -> None:
    trust = Trust()
    kept = marked(trust, at_ms=1 << 50)
    assert kept is not None
    assert kept.at_ms == 10 + AHEAD_MS_MAX
    later = trust.mark(BEA, How.WITHDRAWN, at_ms=10 + 2 * AHEAD_MS_MAX, device=PHONE, relay_ms=10 + 2 * AHEAD_MS_MAX)
    assert later is not None


def test_no_more_is_kept_than_anybody_compares() -> None:
    trust = Trust()
    for number in range(VERIFIED_MAX):
        marked(trust, AccountId(number.to_bytes(16, "big")))
    assert marked(trust, CARL) is None
    assert marked(trust, AccountId((3).to_bytes(16, "big")), at_ms=6) is not None


def test_the_first_answer_is_believed_and_the_same_one_is_no_news() -> None:
    trust = Trust()
    assert trust.resolved("bea", None, BEA, at_ms=1) is None
    assert trust.resolved("bea", BEA, BEA, at_ms=2) is None
    assert trust.changes == ()


def test_a_changed_contact_is_held_whether_it_was_verified_or_not() -> None:
    trust = Trust()
    marked(trust)
    assert trust.resolved("bea", BEA, CARL, at_ms=1) == KeepChange("bea", BEA, CARL, 1, held=True)
    assert trust.resolved("bea", BEA, CARL, at_ms=2) is None, "said once"
    assert trust.holds(["bea"], [])
    assert trust.holds([], [BEA]), "an answer to the account before is about the same person"
    assert not trust.holds(["ann"], [ANN, CARL])
    assert trust.resolved("ann", ANN, CARL, at_ms=3) == KeepChange("ann", ANN, CARL, 3, held=True)
    assert trust.holds(["ann"], []), "never verified is no reason to write to somebody else in silence"


def test_a_second_change_still_names_the_account_that_was_verified() -> None:
    trust = Trust()
    marked(trust)
    trust.resolved("bea", BEA, CARL, at_ms=1)
    assert trust.resolved("bea", BEA, ANN, at_ms=2) == KeepChange("bea", BEA, ANN, 2, held=True)


def test_somebody_who_was_verified_themselves_is_not_held() -> None:
    trust = Trust()
    marked(trust)
    marked(trust, CARL)
    change = trust.resolved("bea", BEA, CARL, at_ms=1)
    assert change is not None
    assert not change.held


def test_an_agreed_change_is_over() -> None:
    trust = Trust()
    marked(trust)
    trust.resolved("bea", BEA, CARL, at_ms=1)
    assert trust.settle("bea") == DropChange("bea")
    assert trust.settle("bea") is None
    assert not trust.holds(["bea"], [BEA])


def test_what_was_kept_is_there_after_a_restart() -> None:
    trust, again = Trust(), Trust()
    mark = marked(trust)
    change = trust.resolved("bea", BEA, CARL, at_ms=1)
    assert mark is not None
    assert change is not None
    again.restore([mark], [change])
    assert (again.verified(BEA), again.change("bea")) == (mark, change)
