"""Nobody but the two sides of a ticket makes, reads, repeats or links what is said by datagram."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.datagrams import WINDOW, DatagramEnd, RepeatedError, Side
from answerback.crypto.primitives import CannotOpenError
from answerback.model.errors import AnswerbackError, PeerError
from answerback.wire.datagrams import DATAGRAM_BYTES, WAYS, Ask, Call, Here, There, read_head

SECRET, OTHER = b"s" * 32, b"o" * 32
THERE = There(question=1, is_waiting=True, is_connected=False, is_proven=False, token=9)


def ends(secret: bytes = SECRET) -> tuple[DatagramEnd, DatagramEnd]:
    return DatagramEnd(secret, side=Side.DEVICE), DatagramEnd(secret, side=Side.RELAY)


def test_each_side_hears_the_other_on_every_way() -> None:
    device, relay = ends()
    for way in range(WAYS):
        number, asked = device.seal(Ask(7), way=way)
        assert (number, len(asked)) == (1, DATAGRAM_BYTES)
        assert read_head(asked)[0] == relay.tags[way]
        heard = relay.open(asked, way=way)
        assert (heard.words, heard.number, heard.is_newest) == (Ask(7), 1, True)
        _, said = relay.seal(THERE, way=way)
        assert read_head(said)[0] == device.tags[way]
        assert device.open(said, way=way).words == THERE


def test_no_two_tickets_ways_or_directions_have_a_tag_in_common() -> None:
    tags = [tag for secret in (SECRET, OTHER) for end in ends(secret) for tag in end.tags]
    assert len(set(tags)) == 2 * 2 * WAYS


def test_the_same_words_never_look_the_same_twice() -> None:
    device, _ = ends()
    sealed = [device.seal(Here(0), way=way)[1] for way, _ in product(range(WAYS), range(20))]
    assert len({data[8:] for data in sealed}) >= 20
    assert len({data[16:] for data in sealed}) == len(sealed)


def test_another_ticket_another_way_and_an_echo_open_nothing() -> None:
    device, relay = ends()
    _, said = device.seal(Here(0), way=0)
    with pytest.raises(CannotOpenError):
        DatagramEnd(OTHER, side=Side.RELAY).open(said, way=0)
    with pytest.raises(CannotOpenError):
        relay.open(said, way=1)
    with pytest.raises(CannotOpenError):
        device.open(said, way=0)
    assert relay.open(said, way=0).words == Here(0)


@given(st.integers(0, DATAGRAM_BYTES * 8 - 1))
def test_one_changed_bit_opens_nothing_and_changes_nothing(bit: int) -> None:
    device, relay = ends()
    _, said = device.seal(Here(3), way=0)
    forged = bytearray(said)
    forged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CannotOpenError):
        relay.open(bytes(forged), way=0)
    assert relay.open(said, way=0).is_newest


@given(st.binary(max_size=2 * DATAGRAM_BYTES))
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(AnswerbackError):
        ends()[1].open(data, way=0)


def test_a_device_that_says_what_only_relays_say_is_not_heard() -> None:
    device, relay = ends()
    _, said = device.seal(Call(1), way=0)
    with pytest.raises(PeerError):
        relay.open(said, way=0)


@given(st.lists(st.integers(0, 2 * WINDOW + 9), max_size=300))
def test_in_any_order_each_is_heard_once_and_none_that_is_too_old(order: list[int]) -> None:
    device, relay = ends()
    said = [device.seal(Here(0), way=0)[1] for _ in range(2 * WINDOW + 10)]
    came: set[int] = set()
    for index in order:
        newest = max(came, default=-1)
        is_late = index in came or index <= newest - WINDOW
        if is_late:
            with pytest.raises(RepeatedError):
                relay.open(said[index], way=0)
        else:
            assert relay.open(said[index], way=0).is_newest == (index > newest)
            came.add(index)


def test_a_jump_of_any_length_forgets_what_was_before() -> None:
    device, relay = ends()
    said = [device.seal(Here(0), way=0)[1] for _ in range(500)]
    for index in (0, 400, 399, 499):
        relay.open(said[index], way=0)
    for index in (0, 400, 399, 499, 499 - WINDOW):
        with pytest.raises(RepeatedError):
            relay.open(said[index], way=0)
    assert not relay.open(said[499 - WINDOW + 1], way=0).is_newest
