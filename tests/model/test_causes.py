"""Proves that every cause has an owner and a layer, and that a foreign one is no error."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.model.causes import _OWNER_BY_LAYER, Cause, Owner, cause_of


def test_every_cause_belongs_to_somebody() -> None:
    for cause in Cause:
        assert cause.layer in _OWNER_BY_LAYER
        assert isinstance(cause.owner, Owner)
    assert {cause.layer for cause in Cause} == set(_OWNER_BY_LAYER)


def test_waiting_ones_turn_is_nobodys_fault_and_guesses_are_not_made() -> None:
    assert Cause.QUEUE_BEHIND_OTHERS.owner is Owner.NOBODY
    assert Cause.NETWORK_NO_PATH.owner is Owner.YOUR_NETWORK
    assert Cause.NETWORK_RELAY_UNREACHABLE.owner is Owner.UNKNOWN
    assert Cause.RECIPIENT_HANDLE_UNKNOWN.owner is Owner.RECIPIENT


def test_every_cause_is_read_back_from_its_id() -> None:
    assert [cause_of(cause.value) for cause in Cause] == list(Cause)


@given(st.text())
def test_a_cause_of_a_newer_version_is_unknown_and_no_error(text: str) -> None:
    assert cause_of(text) in (Cause.UNKNOWN, *(cause for cause in Cause if cause.value == text))
