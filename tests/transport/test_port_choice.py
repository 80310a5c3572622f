"""Proves when the fallback port is knocked at, and that an outage is never taken for a blocked port."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.transport.port_choice import (
    FALLBACK_EVERY,
    FALLBACK_LATE_EVERY,
    NETWORKS_MAX,
    OUTAGE_FAILURES,
    OWN_AGAIN_S,
    PortChoice,
)

OWN, HOME, OFFICE = 7443, b"home" * 2, b"office!!"


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def failing(choice: PortChoice, network: bytes, attempts: int) -> list[int]:
    tried = []
    for _ in range(attempts):
        tried.append(choice.choose(network))
        choice.failed(network)
    return tried


def test_on_a_network_nobody_knows_every_third_attempt_knocks_at_the_fallback() -> None:
    tried = failing(PortChoice(OWN), HOME, 2 * FALLBACK_EVERY)
    assert tried == [OWN, OWN, 443] * 2


@given(st.integers(0, OUTAGE_FAILURES))
def test_where_the_own_port_is_proved_no_usual_outage_makes_anybody_knock_elsewhere(attempts: int) -> None:
    choice = PortChoice(OWN)
    choice.proved(HOME, OWN)
    assert set(failing(choice, HOME, attempts)) <= {OWN}
    assert 443 in failing(choice, OFFICE, FALLBACK_EVERY)


def test_a_network_that_begins_to_block_what_it_let_through_is_left_by_the_fallback() -> None:
    choice = PortChoice(OWN)
    choice.proved(HOME, OWN)
    failing(choice, HOME, OUTAGE_FAILURES)
    late = failing(choice, HOME, 3 * FALLBACK_LATE_EVERY)
    assert late.count(443) == 3
    choice.proved(HOME, OWN)
    assert set(failing(choice, HOME, OUTAGE_FAILURES)) == {OWN}, "it was an outage"


def test_a_fallback_that_is_proved_is_kept_and_the_own_port_is_tried_once_an_hour() -> None:
    clock = Clock()
    choice = PortChoice(OWN, now_s=clock)
    choice.proved(HOME, 443)
    assert [choice.choose(HOME) for _ in range(3)] == [443] * 3
    clock.now_s = OWN_AGAIN_S
    assert [choice.choose(HOME) for _ in range(3)] == [OWN, 443, 443]
    choice.proved(HOME, 443)
    assert choice.choose(HOME) == 443
    clock.now_s = 2 * OWN_AGAIN_S
    assert choice.choose(HOME) == OWN
    choice.proved(HOME, OWN)
    assert choice.choose(HOME) == OWN


def test_without_a_fallback_there_is_one_port() -> None:
    assert set(failing(PortChoice(OWN, 0), HOME, 10)) == {OWN}


def test_a_network_can_be_forgotten_and_only_so_many_are_known() -> None:
    choice = PortChoice(OWN)
    choice.proved(HOME, 443)
    choice.forget(HOME)
    assert choice.choose(HOME) == OWN
    choice.proved(HOME, 443)
    for number in range(NETWORKS_MAX):
        choice.proved(number.to_bytes(8), OWN)
    assert choice.choose(HOME) == OWN
    assert len(choice._places) == NETWORKS_MAX


def test_what_was_proved_before_a_network_had_its_name_is_kept_under_it() -> None:
    choice = PortChoice(OWN)
    choice.proved(b"", OWN)
    choice.named(b"", HOME)
    assert set(failing(choice, HOME, 10)) == {OWN}
    failing(choice, b"", 1)
    choice.proved(OFFICE, 443)
    choice.named(b"", OFFICE)  # nothing was proved under no name, and that takes nothing away
    assert choice.choose(OFFICE) == 443
