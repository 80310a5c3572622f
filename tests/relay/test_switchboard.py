"""Only devices with a ticket are heard, each is answered where it spoke, and nobody is called who is not there."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.ids import DeviceId
from answerback.relay import switchboard
from answerback.relay.switchboard import (
    ADDRESS_S,
    CALLED_WAYS_MAX,
    QUESTIONS,
    ROOM,
    TICKET_S,
    TICKETS_MAX,
    Address,
    Fate,
    Question,
    Switchboard,
)
from answerback.wire.datagrams import DATAGRAM_BYTES, WAYS, Ask, Call, Here, There

ADA, BEA = DeviceId(b"ada"), DeviceId(b"bea")
HOME, CAFE, VICTIM = "home", "cafe", "victim"


def secret(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Room:
    """A switchboard, and the devices around it."""

    def __init__(self) -> None:
        self.connected: set[DeviceId] = set()
        self.board = Switchboard(
            is_connected=lambda device: device in self.connected, random_bytes=random.Random(7).randbytes
        )
        self.tokens: dict[tuple[DatagramEnd, int], int] = {}
        self.now_s = 100.0

    def enrol(self, device: DeviceId = ADA, number: int = 1) -> DatagramEnd:
        self.board.enrol(device, secret(number), now_s=self.now_s)
        return DatagramEnd(secret(number), side=Side.DEVICE)

    def take(self, data: bytes, address: Address = HOME) -> Question | Fate:
        return self.board.take(data, address, now_s=self.now_s)

    def ask(self, end: DatagramEnd, address: Address = HOME, *, way: int = 0) -> There:
        """Ask, be answered and hear the answer."""
        question = self.take(end.seal(Ask(self.token(end, way)), way=way)[1], address)
        assert isinstance(question, Question), question
        said = self.board.answer(question, is_waiting=False, is_connected=False)
        words = end.open(said, way=way).words
        assert isinstance(words, There)
        self.tokens[end, way] = words.token
        return words

    def token(self, end: DatagramEnd, way: int = 0) -> int:
        return self.tokens.get((end, way), 0)

    def settle(self, end: DatagramEnd, address: Address = HOME, *, way: int = 0) -> None:
        """Ask until the address is proven."""
        self.ask(end, address, way=way)
        assert self.ask(end, address, way=way).is_proven

    def called(self, device: DeviceId = ADA) -> list[tuple[Address, bytes]]:
        return self.board.call(device, 1, is_connected=True, now_s=self.now_s)


def test_a_device_with_a_ticket_is_answered_by_as_many_bytes_and_told_what_it_asked() -> None:
    room = Room()
    end = room.enrol()
    number, asked = end.seal(Ask(0), way=0)
    question = room.take(asked)
    assert isinstance(question, Question)
    assert (question.device, question.words) == (ADA, Ask(0))
    said = room.board.answer(question, is_waiting=True, is_connected=False)
    assert len(said) == len(asked) == DATAGRAM_BYTES
    words = end.open(said, way=0).words
    assert isinstance(words, There)
    assert words == There(question=number, is_waiting=True, is_connected=False, is_proven=False, token=words.token)


@given(st.binary(max_size=2 * DATAGRAM_BYTES))
def test_whatever_a_stranger_says_is_dropped_and_leaves_no_trace(data: bytes) -> None:
    room = Room()
    room.enrol()
    assert room.take(data) is Fate.UNKNOWN
    assert room.called() == []


def test_a_known_tag_alone_is_no_proof() -> None:
    room = Room()
    end = room.enrol()
    _, asked = end.seal(Ask(0), way=0)
    assert room.take(asked[:-1] + bytes([asked[-1] ^ 1]), VICTIM) is Fate.FORGED
    assert room.called() == []
    assert isinstance(room.take(asked), Question)


def test_a_repeated_datagram_is_not_answered_and_moves_nobody() -> None:
    room = Room()
    end = room.enrol()
    room.settle(end)
    _, asked = end.seal(Ask(room.token(end)), way=0)
    assert isinstance(room.take(asked, HOME), Question)
    assert room.take(asked, VICTIM) is Fate.REPEATED
    assert [address for address, _ in room.called()] == [HOME]


def test_a_device_is_called_where_it_was_heard_last_also_after_its_address_changed() -> None:
    room = Room()
    end = room.enrol()
    room.settle(end, HOME)
    room.settle(end, CAFE)
    ((address, data),) = room.called()
    assert address == CAFE
    assert end.open(data, way=0).words == Call(1, is_connected=True)


def test_what_comes_late_is_answered_where_it_came_from_and_moves_nobody() -> None:
    room = Room()
    end = room.enrol()
    _, late = end.seal(Ask(0), way=0)
    room.settle(end, CAFE)
    assert isinstance(room.take(late, HOME), Question)
    assert [address for address, _ in room.called()] == [CAFE]


def test_an_address_that_was_only_named_by_somebody_on_the_way_gets_next_to_nothing() -> None:
    room = Room()
    end = room.enrol()
    room.settle(end)
    _, caught = end.seal(Here(room.token(end)), way=0)
    question = room.take(caught, VICTIM)
    assert isinstance(question, Question)
    to_victim = [room.board.answer(question, is_waiting=True, is_connected=True)]
    for _ in range(300):
        to_victim += [data for address, data in room.called() if address == VICTIM]
    assert len(to_victim) <= ROOM
    room.settle(end, HOME)
    assert [address for address, _ in room.called()] == [HOME], "its own next word brings it back"


def test_a_token_of_another_address_proves_nothing_and_a_guess_hardly_anything() -> None:
    room = Room()
    end = room.enrol()
    room.settle(end, HOME)
    home = room.token(end)
    assert not room.ask(end, VICTIM).is_proven
    heard = room.token(end)
    for guess in (home, 0, 1, 2**32 - 1):
        room.tokens[end, 0] = guess
        assert not room.ask(end, VICTIM).is_proven
    room.tokens[end, 0] = heard
    assert room.ask(end, VICTIM).is_proven, "it does hear there, it turns out"


def test_what_came_late_from_elsewhere_brings_no_token_there() -> None:
    room = Room()
    end = room.enrol()
    _, late = end.seal(Ask(0), way=0)
    room.settle(end, HOME)
    question = room.take(late, VICTIM)
    assert isinstance(question, Question)
    words = end.open(room.board.answer(question, is_waiting=False, is_connected=False), way=0).words
    assert isinstance(words, There)
    assert (words.token, words.is_proven) == (0, False)


def test_ways_have_places_of_their_own_and_the_two_heard_from_last_are_called() -> None:
    room = Room()
    end = room.enrol()
    for way in range(WAYS):
        room.now_s += 1
        room.settle(end, f"way {way}", way=way)
    assert [address for address, _ in room.called()] == [f"way {way}" for way in range(WAYS)][::-1][:CALLED_WAYS_MAX]


def test_nobody_is_called_where_nothing_came_from_for_long() -> None:
    room = Room()
    end = room.enrol()
    room.settle(end)
    room.now_s += ADDRESS_S
    assert len(room.called()) == 1
    room.now_s += 1
    assert room.called() == []
    assert not room.board.reaches(ADA, now_s=room.now_s)
    room.ask(end)
    assert room.board.reaches(ADA, now_s=room.now_s)


def test_a_new_ticket_keeps_the_proof_of_the_same_address() -> None:
    room = Room()
    room.settle(room.enrol())
    assert room.ask(room.enrol(number=2)).is_proven


def test_what_was_said_with_an_older_ticket_moves_nobody_back() -> None:
    room = Room()
    older = room.enrol(number=1)
    newer = room.enrol(number=2)
    room.settle(newer, CAFE)
    room.ask(older, HOME)
    assert [address for address, _ in room.called()] == [CAFE]


def test_a_device_whose_last_welcomes_never_came_is_still_heard() -> None:
    room = Room()
    older = room.enrol(number=1)
    room.settle(older)
    for number in range(2, 10):
        room.enrol(number=number)
    room.settle(older)
    assert [address for address, _ in room.called()] == [HOME]


def test_no_more_than_a_few_tickets_of_a_device_are_remembered() -> None:
    room = Room()
    ends = [room.enrol(number=number) for number in range(1, 20)]
    heard = [isinstance(room.take(end.seal(Ask(0), way=0)[1]), Question) for end in ends]
    assert heard == [False] * (len(ends) - TICKETS_MAX) + [True] * TICKETS_MAX


def test_a_ticket_that_is_over_is_heard_only_while_its_device_is_connected() -> None:
    room = Room()
    end = room.enrol()
    room.connected.add(ADA)
    room.now_s += TICKET_S + 1
    room.ask(end)
    room.connected.clear()
    assert room.take(end.seal(Ask(0), way=0)[1]) is Fate.UNKNOWN
    assert not room.board.knows(ADA)


def test_a_device_that_asks_too_much_is_not_answered_for_a_while_and_does_not_disturb_others() -> None:
    room = Room()
    ada, bea = room.enrol(ADA, 1), room.enrol(BEA, 2)
    fates = [room.take(ada.seal(Ask(0), way=0)[1]) for _ in range(100)]
    assert fates.count(Fate.TOO_MANY) == 100 - QUESTIONS.burst
    room.ask(bea)
    room.now_s += 1
    room.ask(ada)


def test_who_left_and_is_not_heard_from_is_forgotten_and_who_is_connected_never() -> None:
    room = Room()
    ends = [room.enrol(ADA, 1), room.enrol(BEA, 2)]
    room.connected.add(BEA)
    room.now_s += ADDRESS_S + 1
    room.board.tidy(now_s=room.now_s)
    assert (room.board.knows(ADA), room.board.knows(BEA)) == (False, True)
    assert room.take(ends[0].seal(Ask(0), way=0)[1]) is Fate.UNKNOWN
    room.ask(ends[1])
    room.board.strike(BEA)
    assert room.take(ends[1].seal(Ask(0), way=0)[1]) is Fate.UNKNOWN


def test_devices_known_at_once_are_bounded_and_the_one_silent_for_longest_goes_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switchboard, "ENTRIES_MAX", 3)
    room = Room()
    devices = [DeviceId(bytes([number])) for number in range(5)]
    ends = {}
    for number, device in enumerate(devices):
        ends[device] = room.enrol(device, number + 1)
        if number == 2:
            room.ask(ends[devices[0]])
    assert [device for device in devices if room.board.knows(device)] == [devices[0], *devices[3:]]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([HOME, CAFE]), st.booleans()), max_size=60))
def test_whatever_is_lost_or_moved_no_answer_is_sent_twice_and_none_to_where_nothing_came_from(
    story: list[tuple[int, str, bool]],
) -> None:
    room = Room()
    end = room.enrol()
    numbers: list[tuple[int, int]] = []
    seen: set[Address] = set()
    for way, address, is_lost in story:
        room.now_s += 1
        _, asked = end.seal(Ask(room.token(end, way)), way=way)
        if is_lost:
            continue
        seen.add(address)
        question = room.take(asked, address)
        assert isinstance(question, Question)
        words = end.open(room.board.answer(question, is_waiting=False, is_connected=False), way=way).words
        assert isinstance(words, There)
        numbers.append((way, words.question))
        assert {target for target, _ in room.called()} <= seen
    assert len(numbers) == len(set(numbers))
