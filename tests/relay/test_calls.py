"""Who owes an answer is called where it was heard from, until it says a word; who owes none never is."""

import random
from collections import Counter

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.ids import DeviceId
from answerback.relay.calling import CALL_S, CALLS_MAX, SILENT_S
from answerback.relay.calls import LOOK_S, Calls, Post
from answerback.relay.switchboard import ADDRESS_S, Fate
from answerback.wire.datagrams import Ask, Call, There

ADA = DeviceId(b"ada")
HOME = "home"


class Night:
    """One relay's calls, one device, and the time between them."""

    def __init__(self) -> None:
        self.connected = True
        self.owing: list[tuple[DeviceId, float]] = []
        self.calls = Calls(
            is_connected=lambda _: self.connected,
            is_owed=lambda _: bool(self.owing),
            random_bytes=random.Random(7).randbytes,
        )
        self.calls.is_on = True
        self.now_s = 1_000.0
        self.token = 0
        self.end = DatagramEnd(b"s" * 32, side=Side.DEVICE)
        self.calls.welcomed(ADA, b"s" * 32, now_s=self.now_s)

    def ask(self) -> There:
        said = self.calls.datagram(self.end.seal(Ask(self.token), way=0)[1], HOME, now_s=self.now_s)
        assert said is not None
        words = self.end.open(said, way=0).words
        assert isinstance(words, There)
        self.token = words.token
        return words

    def listens(self) -> None:
        """Let the relay know, and prove, where the device is."""
        self.ask()
        assert self.ask().is_proven

    def owes(self) -> None:
        self.owing = [(ADA, self.now_s)]

    def leaves(self) -> None:
        self.connected, self.owing = False, []

    def pass_time(self, seconds: float) -> list[tuple[float, Post]]:
        """Let time pass as a shell does; give what was sent, and when."""
        until_s, posts = self.now_s + seconds, list[tuple[float, Post]]()
        while (at_s := max(self.calls.wake_at_s(now_s=self.now_s), self.now_s + 1e-6)) <= until_s:
            self.now_s = at_s
            posts += [(at_s, post) for post in self.calls.wake(lambda: self.owing, now_s=at_s)]
        self.now_s = until_s
        return posts


def test_a_device_that_does_not_take_its_mail_is_called_within_a_second_and_then_twice_a_second() -> None:
    night = Night()
    night.listens()
    began_s = night.now_s
    night.owes()
    posts = night.pass_time(10)
    assert began_s + SILENT_S <= posts[0][0] <= began_s + SILENT_S + LOOK_S
    assert len(posts) >= 9 / CALL_S
    assert {address for _, (address, _) in posts} == {HOME}
    numbers = [night.end.open(data, way=0).words for _, (_, data) in posts]
    assert numbers == [Call(number, is_connected=True) for number in range(1, len(posts) + 1)]
    assert night.calls.tally.calls == len(posts)


def test_the_first_word_ends_it_and_is_counted_once() -> None:
    night = Night()
    night.listens()
    night.owes()
    assert night.pass_time(5)
    night.owing = []
    night.calls.heard(ADA, now_s=night.now_s)
    night.calls.heard(ADA, now_s=night.now_s)
    assert night.pass_time(60) == []
    assert night.calls.tally.heard == 1


def test_a_device_that_takes_its_mail_is_not_called_and_not_counted() -> None:
    night = Night()
    night.listens()
    for _ in range(20):
        night.owes()
        assert night.pass_time(SILENT_S / 2) == []
        night.owing = []
        night.calls.heard(ADA, now_s=night.now_s)
        assert night.pass_time(LOOK_S) == []
    assert night.calls.tally.heard == 0


def test_a_device_that_was_never_heard_by_datagram_is_not_called() -> None:
    night = Night()
    night.owes()
    assert night.pass_time(60) == []
    night.listens()
    assert night.pass_time(2), "but as soon as it says where it is"


def test_mail_for_a_device_that_left_calls_it_while_it_was_lately_heard_by_datagram() -> None:
    night = Night()
    night.listens()
    night.leaves()
    assert night.pass_time(60) == []
    night.calls.waits(ADA, now_s=night.now_s)
    posts = night.pass_time(5)
    assert night.end.open(posts[0][1][1], way=0).words == Call(1, is_connected=False)
    there = night.ask()
    assert (there.is_waiting, there.is_connected, there.is_proven) == (True, False, True)
    night.connected = True
    night.calls.welcomed(ADA, b"t" * 32, now_s=night.now_s)
    assert night.pass_time(60) == []
    assert night.calls.tally.heard == 1


def test_mail_for_a_device_that_was_not_heard_for_long_calls_nobody() -> None:
    night = Night()
    night.listens()
    night.leaves()
    night.now_s += ADDRESS_S + 1
    night.calls.waits(ADA, now_s=night.now_s)
    assert night.pass_time(60) == []
    night.calls.tidy(now_s=night.now_s)
    night.calls.waits(ADA, now_s=night.now_s)
    assert night.calls.datagram(night.end.seal(Ask(0), way=0)[1], HOME, now_s=night.now_s) is None


def test_mail_waits_word_about_a_device_that_came_back_meanwhile_is_nothing() -> None:
    night = Night()
    night.listens()
    night.calls.waits(ADA, now_s=night.now_s)
    assert night.pass_time(60) == []


def test_calls_end_even_if_the_device_asks_by_datagram_and_never_comes() -> None:
    night = Night()
    night.listens()
    night.leaves()
    night.calls.waits(ADA, now_s=night.now_s)
    posts = 0
    for _ in range(60):
        posts += len(night.pass_time(60))
        assert night.ask().is_waiting
    assert posts <= CALLS_MAX


def test_a_device_that_is_no_more_is_neither_heard_nor_called() -> None:
    night = Night()
    night.listens()
    night.owes()
    night.calls.strike(ADA)
    assert night.pass_time(10) == []
    assert night.calls.datagram(night.end.seal(Ask(0), way=0)[1], HOME, now_s=night.now_s) is None


def test_fates_are_counted() -> None:
    night = Night()
    night.listens()
    assert night.calls.datagram(b"nothing of ours", HOME, now_s=night.now_s) is None
    assert night.calls.tally.fates == Counter({Fate.TAKEN: 2, Fate.UNKNOWN: 1})


def test_without_a_line_nothing_is_remembered() -> None:
    calls = Calls(is_connected=lambda _: True, is_owed=lambda _: True, random_bytes=bytes)
    calls.welcomed(ADA, b"s" * 32, now_s=0.0)
    end = DatagramEnd(b"s" * 32, side=Side.DEVICE)
    assert calls.datagram(end.seal(Ask(0), way=0)[1], HOME, now_s=0.0) is None
