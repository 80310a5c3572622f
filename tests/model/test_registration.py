"""Proves that the words of a registration are told apart, and that a lease outlives any mail."""

from answerback.model.message import LIFETIME_S
from answerback.model.registration import LEASE_S, LEASE_S_MIN, Doing, Registered, Step


def test_every_state_and_deed_has_a_word_of_its_own() -> None:
    for words in (Registered, Doing):
        assert len({each.value for each in words}) == len(words)


def test_the_steps_of_a_renewal_are_numbered_for_ever() -> None:
    assert [int(step) for step in Step] == [0, 1, 2, 3], "they are on people's disks"


def test_what_was_accepted_has_had_its_whole_time_before_a_device_lapses() -> None:
    assert LEASE_S > LEASE_S_MIN > LIFETIME_S
