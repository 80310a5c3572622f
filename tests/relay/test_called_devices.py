"""The relay calls those who left mail untaken, wherever in a connection's life that happened, and nobody else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.message import Lane
from answerback.relay.calling import CALL_S, SILENT_S
from answerback.relay.handover import ANSWER_S_MAX
from answerback.wire.datagrams import TAG_BYTES, Ask, Call, There
from answerback.wire.frames import Deliver, Ping, Submit, Taken, Took, Welcome
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope

SOON_S = SILENT_S + ANSWER_S_MAX + CALL_S
HOME = "home"


class Pair:
    """Two residents of one relay that has a line for datagrams: one writes, the other is to be called."""

    def __init__(self, drive: Drive, people: list[Resident]) -> None:
        self.drive = drive
        self.writer, self.reader = people[:2]
        self.here = drive.enter(self.reader)
        self.there = drive.enter(self.writer)
        self.end = self.end_before = self.end_of(self.here)
        self.token = 0

    def end_of(self, number: int) -> DatagramEnd:
        ticket = self.drive.heard_a(number, Welcome).ticket
        assert ticket is not None
        return DatagramEnd(ticket.secret, side=Side.DEVICE)

    def ask(self) -> There:
        asked = self.end.seal(Ask(self.token), way=0)[1]
        said = self.drive.exchange.calls.datagram(asked, HOME, now_s=self.drive.now_s)
        assert said is not None
        words = self.end.open(said, way=0).words
        assert isinstance(words, There)
        self.token = words.token
        return words

    def listen(self) -> None:
        self.ask()
        assert self.ask().is_proven

    def write(self, *, lane: Lane = Lane.NORMAL) -> None:
        text = f"text {self.drive.now_s}"
        self.drive.say(self.there, Submit([envelope(self.reader, text, lane=lane)]))
        self.drive.settle()

    def take(self, number: int) -> None:
        entry = self.drive.heard(number, Deliver)[-1].entries[-1]
        self.drive.say(number, Took([Taken(entry.lane, entry.position)]))
        self.drive.settle()

    def calls(self, seconds: float) -> list[Call]:
        """Let time pass; give the calls the reader would hear."""
        calls: list[Call] = []
        until_s = self.drive.now_s + seconds
        while self.drive.now_s < until_s:
            self.drive.pass_time(0.1)
            for address, data in self.drive.posts:
                assert address == HOME
                calls.append(self.call(data))
            self.drive.posts.clear()
        return calls

    def call(self, data: bytes) -> Call:
        """Open a call: by the ticket before the last one too, as a device does that has not spoken by the last."""
        end = next(end for end in (self.end, self.end_before) if end.tags[0] == data[:TAG_BYTES])
        words = end.open(data, way=0).words
        assert isinstance(words, Call)
        return words


@pytest.fixture
def pair(tmp_path: Path, people: list[Resident]) -> Pair:
    return Pair(Drive(tmp_path, people), people)


def test_who_does_not_take_what_it_was_handed_is_called_until_it_does(pair: Pair) -> None:
    pair.listen()
    pair.write()
    calls = pair.calls(SOON_S)
    assert calls[0] == Call(1, is_connected=True)
    assert pair.ask().is_waiting
    pair.take(pair.here)
    assert pair.calls(60) == []
    assert not pair.ask().is_waiting
    assert pair.drive.exchange.calls.tally.heard == 1


def test_any_word_puts_the_next_call_off(pair: Pair) -> None:
    pair.listen()
    pair.write()
    assert pair.calls(SOON_S)
    for echo in range(20):
        pair.drive.say(pair.here, Ping(echo))
        assert pair.calls(SILENT_S / 2) == []


def test_who_takes_its_mail_is_never_called(pair: Pair) -> None:
    pair.listen()
    for _ in range(10):
        pair.write()
        pair.take(pair.here)
        assert pair.calls(2) == []


def test_who_left_in_the_middle_of_a_receipt_is_not_called_for_it(pair: Pair) -> None:
    pair.listen()
    pair.write(lane=Lane.CONTROL)
    assert pair.calls(SOON_S), "while it is here it owes an answer"
    pair.drive.lose(pair.here)
    pair.drive.settle()
    assert pair.calls(SOON_S) == []


def test_who_left_is_called_for_what_it_had_not_taken(pair: Pair) -> None:
    pair.listen()
    pair.write()
    pair.drive.lose(pair.here)
    pair.drive.settle()
    assert pair.calls(SOON_S)[0] == Call(1, is_connected=False)
    there = pair.ask()
    assert (there.is_waiting, there.is_connected, there.is_proven) == (True, False, True)
    again = pair.drive.enter(pair.reader)
    pair.take(again)
    assert pair.calls(60) == []


@pytest.mark.parametrize("lane", [Lane.URGENT, Lane.NORMAL, Lane.CONTROL])
def test_who_left_is_called_for_what_a_person_wrote_and_not_for_receipts(pair: Pair, lane: Lane) -> None:
    pair.listen()
    pair.drive.lose(pair.here)
    pair.drive.settle()
    assert pair.calls(SOON_S) == []
    pair.write(lane=lane)
    assert bool(pair.calls(SOON_S)) is (lane is not Lane.CONTROL)


def test_a_connection_that_was_replaced_calls_nobody(pair: Pair) -> None:
    pair.listen()
    pair.write()
    again = pair.drive.enter(pair.reader)
    pair.drive.lose(pair.here)
    pair.take(again)
    assert pair.calls(60) == []


def test_who_never_spoke_by_datagram_is_not_called(pair: Pair) -> None:
    pair.write()
    pair.drive.lose(pair.here)
    pair.drive.settle()
    assert pair.calls(60) == []


def test_a_device_that_was_revoked_is_neither_called_nor_answered(pair: Pair) -> None:
    pair.listen()
    pair.write()
    pair.drive.exchange._revoke([pair.reader.device], pair.drive.moment)
    asked = pair.end.seal(Ask(0), way=0)[1]
    assert pair.drive.exchange.calls.datagram(asked, HOME, now_s=pair.drive.now_s) is None
    assert pair.calls(60) == []


def test_after_a_restart_the_old_ticket_says_nothing_and_the_next_welcome_mends_it(pair: Pair) -> None:
    pair.listen()
    pair.drive.begin()
    asked = pair.end.seal(Ask(0), way=0)[1]
    assert pair.drive.exchange.calls.datagram(asked, HOME, now_s=pair.drive.now_s) is None
    pair.end = pair.end_of(pair.drive.enter(pair.reader))
    pair.listen()


def test_a_wake_by_the_clock_alone_keeps_nothing_for_ever(pair: Pair) -> None:
    pair.listen()
    pair.write()
    pair.drive.lose(pair.here)
    pair.drive.settle()
    pair.drive.pass_time(3_600)
    assert pair.calls(60) == []
    assert not pair.drive.exchange.mailboxes.left()
    assert not pair.drive.exchange.mailboxes._handed


class Life:
    """A reader's life in steps that may come in any order, and what it owes."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.here: int | None = pair.here
        self.owed = 0

    def write(self) -> None:
        self.pair.drive.now_s += 0.001  # texts are told apart by their time
        self.pair.write()
        self.owed += 1

    def take(self) -> None:
        if self.here is not None:
            self.pair.drive.take_all(self.here)
            self.owed = 0

    def ping(self) -> None:
        if self.here is not None:
            self.pair.drive.say(self.here, Ping(1))

    def leave(self) -> None:
        if self.here is not None:
            self.pair.drive.lose(self.here)
            self.pair.drive.settle()
            self.here = None

    def come(self) -> None:
        self.here = self.pair.drive.enter(self.pair.reader)
        if self.pair.token:
            self.pair.end_before, self.pair.token = self.pair.end, 0
        self.pair.end = self.pair.end_of(self.here)

    def listen(self) -> None:
        self.pair.listen()

    def wait(self) -> None:
        calls = self.pair.calls(2.0)
        assert not calls or self.owed


STEPS = ("write", "take", "ping", "leave", "come", "listen", "wait")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=25))
def test_in_any_order_only_who_owes_is_called_and_who_owes_and_listens_always_is(
    people: list[Resident], tmp_path_factory: pytest.TempPathFactory, story: list[str]
) -> None:
    life = Life(Pair(Drive(tmp_path_factory.mktemp("life"), people), people))
    for step in story:
        getattr(life, step)()
    life.listen()
    life.write()
    assert life.pair.calls(SOON_S + 1.0)
    life.come()
    life.take()
    life.listen()
    assert life.pair.calls(5.0) == []
