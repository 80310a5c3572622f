"""Proves that a handle points to one account, moves only when nobody who may has objected, and that both are told."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.crypto.transparency import label_of, read_entry
from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.model.handle_state import HandleState
from answerback.model.log import HandleEntry
from answerback.relay.codes import CODE_LIFETIME_MS
from answerback.relay.handles import DAY_MS, HANDLES_MAX
from answerback.relay.http import Refusal
from answerback.storage import relay_log
from tests.relay.accounts_of_handles import Town, town

BEA = "bea@example.org"
PHONE = "+4915112345678"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path) as made:
        yield made


def test_an_account_has_several_handles_and_each_can_go_and_come_again(relay: Town) -> None:
    bea = relay.account(BEA)
    assert relay.add(bea, PHONE) is None
    assert relay.told(bea) == [HandleState.OURS]
    assert {told.handle for told in relay.handles.told(bea)} == {BEA, PHONE}
    relay.remove(bea, PHONE)
    assert (relay.owner(PHONE), relay.told(bea)) == (None, [HandleState.REMOVED])
    assert relay.add(bea, PHONE) is None
    assert relay.owner(PHONE) == bea


def test_a_removed_handle_is_free_for_whoever_proves_it_first(relay: Town) -> None:
    bea, cid, dan = relay.account(BEA, PHONE), relay.account(), relay.account()
    relay.remove(bea, PHONE)
    code = relay.code(PHONE)
    assert [relay.add(cid, PHONE, code), relay.add(dan, PHONE, code)] == [None, Cause.ACCOUNT_CODE_WRONG]
    assert relay.owner(PHONE) == cid


def test_a_code_that_was_used_adds_nothing_again_once_that_was_undone(relay: Town) -> None:
    bea = relay.account(BEA)
    code = relay.code(PHONE)
    assert [relay.add(bea, PHONE, code), relay.add(bea, PHONE, code)] == [None, None]  # a lost answer
    relay.remove(bea, PHONE)
    assert relay.add(bea, PHONE, code) is Cause.ACCOUNT_CODE_WRONG
    assert relay.owner(PHONE) is None


def test_an_account_has_a_bound_of_handles_and_what_is_coming_counts(relay: Town) -> None:
    bea, cid = relay.account(*(f"bea{number}@example.org" for number in range(HANDLES_MAX - 1))), relay.account(PHONE)
    assert relay.add(bea, PHONE, move=True) is None
    assert relay.add(bea, "one-more@example.org") is Cause.ACCOUNT_HANDLES_FULL
    relay.remove(bea, PHONE)  # gives up what is on its way
    assert relay.owner(PHONE) == cid
    assert relay.add(bea, "one-more@example.org") is None


def test_a_code_alone_takes_nothing_from_an_account_that_is_alive(relay: Town) -> None:
    bea, mallory = relay.account(BEA), relay.account()
    assert relay.add(mallory, BEA) is Cause.ACCOUNT_HANDLE_TAKEN
    assert relay.add(mallory, BEA, move=True) is None
    assert relay.owner(BEA) == bea
    assert relay.told(bea) == [HandleState.LEAVING]
    assert relay.told(mallory) == [HandleState.COMING]
    relay.later(7 * DAY_MS - 1)
    assert relay.owner(BEA) == bea


def test_whoever_does_not_object_for_a_week_has_lost_it_and_is_told(relay: Town) -> None:
    bea, new = relay.account(BEA), relay.account()
    relay.add(new, BEA, move=True)
    relay.told(bea)
    relay.later(7 * DAY_MS)
    assert relay.owner(BEA) == new
    assert relay.told(bea) == [HandleState.LEFT]
    assert (relay.state(bea, BEA), relay.state(new, BEA)) == (HandleState.LEFT, HandleState.OURS)


def test_an_objection_ends_the_move_and_holds_for_a_month(relay: Town) -> None:
    bea, mallory, other = relay.account(BEA), relay.account(), relay.account()
    relay.add(mallory, BEA, move=True)
    relay.answer(bea, BEA, give=False)
    assert relay.told(mallory)[-1] is HandleState.REFUSED
    relay.later(29 * DAY_MS)
    assert [relay.add(who, BEA, move=True) for who in (mallory, other)] == [Cause.ACCOUNT_HANDLE_LOCKED] * 2
    relay.later(2 * DAY_MS)
    assert relay.add(other, BEA, move=True) is None
    assert relay.owner(BEA) == bea


def test_the_account_that_has_it_may_let_it_go_at_once_even_after_it_objected(relay: Town) -> None:
    bea, new = relay.account(BEA), relay.account()
    relay.add(new, BEA, move=True)
    relay.answer(bea, BEA, give=False)
    relay.answer(bea, BEA, give=True)  # nothing is on its way; but the lock ends
    assert relay.add(new, BEA, move=True) is None
    relay.answer(bea, BEA, give=True)
    assert relay.owner(BEA) == new


def test_only_the_account_that_has_it_can_answer(relay: Town) -> None:
    bea, mallory, stranger = relay.account(BEA), relay.account(), relay.account()
    relay.add(mallory, BEA, move=True)
    for who in (mallory, stranger):
        relay.answer(who, BEA, give=True)
        relay.remove(stranger, BEA)
        assert relay.owner(BEA) == bea
    relay.answer(stranger, BEA, give=False)
    assert relay.state(bea, BEA) is HandleState.LEAVING


def test_an_account_whose_devices_are_gone_for_a_month_is_not_waited_for(relay: Town) -> None:
    lost, new = relay.account(BEA, is_here=False), relay.account()
    relay.later(29 * DAY_MS)
    assert relay.add(new, BEA, move=True) is None
    assert relay.owner(BEA) == lost, "it had the handle for less than a month"
    relay.remove(new, BEA)
    relay.later(2 * DAY_MS)
    assert relay.add(new, BEA, move=True) is None
    assert relay.owner(BEA) == new
    assert relay.told(lost)[-1] is HandleState.LEFT


def test_a_newer_proof_takes_the_place_of_an_older_one_and_the_wait_begins_anew(relay: Town) -> None:
    bea, thief, new = relay.account(BEA), relay.account(), relay.account()
    relay.add(thief, BEA, move=True)
    relay.later(6 * DAY_MS)
    relay.add(new, BEA, move=True)
    assert relay.told(thief)[-1] is HandleState.REFUSED
    relay.later(6 * DAY_MS)
    assert relay.owner(BEA) == bea
    relay.later(DAY_MS)
    assert relay.owner(BEA) == new


def test_the_same_claim_again_does_not_put_the_move_off(relay: Town) -> None:
    _, new = relay.account(BEA), relay.account()
    relay.add(new, BEA, move=True)
    due_ms = relay.handles.coming_ms(BEA, new)
    relay.later(DAY_MS)
    assert relay.add(new, BEA, move=True) is None
    assert relay.handles.coming_ms(BEA, new) == due_ms


def test_a_handle_that_is_removed_while_it_moves_arrives_at_once(relay: Town) -> None:
    bea, new = relay.account(BEA), relay.account()
    relay.add(new, BEA, move=True)
    relay.remove(bea, BEA)
    assert relay.owner(BEA) == new


def test_devices_are_told_for_ninety_days(relay: Town) -> None:
    bea, new = relay.account(BEA), relay.account()
    relay.add(new, BEA, move=True)
    relay.answer(bea, BEA, give=True)
    relay.later(89 * DAY_MS)
    assert relay.state(bea, BEA) is HandleState.LEFT
    relay.later(2 * DAY_MS)
    assert relay.state(bea, BEA) is None


def test_a_code_moves_nothing_once_it_is_old(relay: Town) -> None:
    bea, new = relay.account(BEA), relay.account()
    code = relay.code(BEA)
    relay.later(CODE_LIFETIME_MS)
    assert relay.add(new, BEA, code, move=True) is Cause.ACCOUNT_CODE_EXPIRED
    assert relay.state(bea, BEA) is HandleState.OURS


_deeds = st.tuples(
    st.sampled_from(["add", "move", "keep", "give", "remove", "wait"]), st.integers(0, 2), st.sampled_from([BEA, PHONE])
)


@settings(max_examples=40, deadline=None)
@given(deeds=st.lists(_deeds, max_size=25))
def test_whatever_is_done_a_handle_goes_only_where_it_was_proven_and_never_past_an_objection(
    deeds: list[tuple[str, int, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with town(tmp_path_factory.mktemp("town")) as relay:
        people = [relay.account(BEA), relay.account(PHONE), relay.account()]
        proven = {BEA: {people[0]}, PHONE: {people[1]}}
        for deed, number, handle in deeds:
            who, before = people[number], relay.owner(handle)
            move = relay.handles.store.move(handle)
            if deed in ("add", "move"):
                try:
                    cause = relay.add(who, handle, move=deed == "move")
                except Refusal as error:  # too many codes for one handle
                    cause = error.cause
                if cause is None:
                    proven[handle].add(who)
                if before not in (None, who):
                    assert relay.owner(handle) == before, "a code alone took it"
            elif deed == "remove":
                relay.remove(who, handle)
                assert before == who or relay.owner(handle) == before
            elif deed == "wait":
                relay.later(DAY_MS)
                if relay.owner(handle) != before:
                    assert move is not None
                    assert (relay.owner(handle), move.due_ms <= relay.now_ms) == (move.claimant, True)
            else:
                relay.answer(who, handle, give=deed == "give")
                if who != before:
                    assert relay.owner(handle) == before
                elif deed == "keep" and move is not None:
                    assert relay.handles.store.move(handle) is None
            owner = relay.owner(handle)
            assert owner is None or owner in proven[handle]
            pending = relay.handles.store.move(handle)
            assert pending is None or pending.holder == owner


def logged(relay: Town) -> list[tuple[bytes, bytes]]:
    """What the log says of handles: label and account of each entry."""
    places = range(relay_log.size_of(relay.database))
    entries = [read_entry(body) for body in relay_log.entries(relay.database, places)]
    return [(entry.label, entry.account) for entry in entries if isinstance(entry, HandleEntry)]


def test_every_claim_move_and_removal_is_in_the_log_once_it_counts_though_nobody_asks(relay: Town) -> None:
    relay_log.begin(relay.database, b"s" * 32)
    bea, cid = relay.account(BEA), relay.account()
    relay.add(bea, PHONE)
    relay.add(cid, PHONE, move=True)
    beginning = [(label_of(BEA), bea), (label_of(PHONE), bea)]
    assert logged(relay) == beginning, "a move that has only begun changes nothing"
    relay.later(7 * DAY_MS)
    assert logged(relay) == [*beginning, (label_of(PHONE), cid)]
    relay.remove(cid, PHONE)
    assert logged(relay)[-1] == (label_of(PHONE), b"")
    relay.add(bea, PHONE)
    assert logged(relay)[-1] == (label_of(PHONE), bea)
    relay.add(cid, PHONE, move=True)
    relay.answer(bea, PHONE, give=True)
    assert logged(relay)[-1] == (label_of(PHONE), cid)


def test_a_move_that_did_not_reach_the_disk_is_not_in_the_log_either(relay: Town) -> None:
    relay_log.begin(relay.database, b"s" * 32)
    bea = relay.account(BEA)
    with contextlib.suppress(RuntimeError), relay.database.transaction():
        relay.handles.remove(bea, Handle(BEA), now_ms=relay.now_ms)
        raise RuntimeError("the power went")
    assert (relay.owner(BEA), logged(relay)) == (bea, [(label_of(BEA), bea)])


def test_that_a_handle_is_its_accounts_is_never_too_old_to_be_told(relay: Town) -> None:
    bea = relay.account(BEA)
    relay.add(bea, PHONE)
    relay.later(400 * DAY_MS)
    assert [(notice.handle, notice.state) for notice in relay.handles.store.notices(bea)] == [(PHONE, HandleState.OURS)]
    relay.remove(bea, PHONE)
    relay.later(91 * DAY_MS)
    assert relay.handles.store.notices(bea) == []
