"""The datagrams of both sides: an honest device, a hostile one with a ticket, strangers, and a network that does worse.

One input is a story: questions, calls, datagrams that are repeated, broken, sealed properly around nonsense, or sent on
with another sender's address, new tickets and time. Whatever happens: nothing is raised; only what a ticket's holder
newly sealed is answered, once, with as many bytes; an address from which nobody has shown that it hears us gets at
most `ROOM` datagrams for each of its own; and at the end the honest device is answered and called.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from unittest import mock

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.ids import DeviceId
from answerback.relay.calls import Calls
from answerback.relay.switchboard import ROOM, Fate
from answerback.transport.call_line import Answered, CallLine, _Network, _Open
from answerback.wire.datagrams import DATAGRAM_BYTES, WAYS, WORDS_BYTES, Ask, Here
from answerback.wire.frames import Ticket
from tests.fuzz.draw import Script
from tests.fuzz.mutation import broken_bytes
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target

ANN, EVE = DeviceId(b"ann"), DeviceId(b"eve")
VICTIM: Final = "victim"
"""Nobody is here who would ever show that it hears us."""
PLACES: Final = ("home", "cafe", VICTIM)
PAUSES_S: Final = (0.05, 0.5, 5.0, 60.0, 1_000.0, 90_000.0)
LOOKS: Final = 8
"""How often the relay looks whom to call, in each pause."""
STEPS_MAX: Final = 200


class Story:
    """One relay, two devices, and whoever else there is."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._now_s = 1_000.0
        self._tickets = 0
        self._owing: list[tuple[DeviceId, float]] = []
        self._calls = Calls(
            is_connected=lambda _: True, is_owed=lambda _: True, random_bytes=random.Random(7).randbytes
        )
        self._calls.is_on = True
        self._said: list[bytes] = []
        self._taken: set[bytes] = set()
        self._answered: list[Answered] = []
        self._called: list[int] = []
        self._at_victim = Counter[str]()
        self._line = CallLine(
            keyed=lambda secret: DatagramEnd(secret, side=Side.DEVICE),
            there=self._answered.append,
            called=lambda _, number: self._called.append(number),
            monotonic_s=lambda: self._now_s,
        )
        self._sent: list[bytes] = []
        transport = mock.Mock(is_closing=lambda: False, sendto=self._sent.append)
        self._open = _Open("", 0, [], _Network(), (), transport)
        self._line._open[""] = self._open
        self._eve = DatagramEnd(self._welcome(EVE).secret, side=Side.DEVICE)
        self._meet_ann()

    def play(self) -> int:
        """Play the choices; give how many datagrams were said."""
        steps = (
            self._ask,
            self._repeat,
            self._break,
            self._nonsense,
            self._rave,
            self._time,
            self._meet_ann,
            self._owe,
        )
        count = 0
        while not self._script.is_over and count < STEPS_MAX:
            count += 1
            self._script.pick(steps)()
        self._end()
        return max(count, 1)

    # ---- steps -----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """The honest device asks, from where it is; the network may lose it on its way, and keeps it."""
        (self._line.ask if self._script.below(2) else self._line.here)("")
        self._deliver(self._script.pick(PLACES[:2]), is_lost=self._script.below(4) == 0)

    def _repeat(self) -> None:
        if self._said:
            self._to_relay(self._script.pick(self._said), self._script.pick(PLACES))

    def _break(self) -> None:
        known = self._script.pick(self._said) if self._said else bytes(DATAGRAM_BYTES)
        broken = broken_bytes(known, self._said, self._script)
        self._to_relay(broken, self._script.pick(PLACES))
        self._line.came(self._open, broken)

    def _nonsense(self) -> None:
        """Whoever holds a ticket seals anything at all."""
        words = self._script.blob(WORDS_BYTES)
        with mock.patch("answerback.crypto.datagrams.write_words", return_value=words):
            _, data = self._eve.seal(Here(0), way=self._script.below(WAYS))
        self._to_relay(data, self._script.pick(PLACES))

    def _rave(self) -> None:
        """A hostile device asks from everywhere, and claims to have heard what it never did."""
        token = self._script.below(1 << 32)
        words = Here(token) if self._script.below(2) else Ask(token)
        _, data = self._eve.seal(words, way=self._script.below(WAYS))
        self._to_relay(data, self._script.pick(PLACES))

    def _time(self) -> None:
        self._pass_time(self._script.pick(PAUSES_S), looks=LOOKS)
        self._calls.tidy(now_s=self._now_s)

    def _pass_time(self, seconds: float, *, looks: int) -> None:
        for _ in range(looks):
            self._now_s += seconds / looks
            for address, data in self._calls.wake(lambda: self._owing, now_s=self._now_s):
                self._to_address(str(address), data)

    def _meet_ann(self) -> None:
        """The honest device connects anew."""
        self._line._open[""].ends.insert(0, self._line._end(self._welcome(ANN)))
        del self._open.ends[2:]

    def _owe(self) -> None:
        self._owing = self._script.pick(([], [(ANN, self._now_s)], [(ANN, self._now_s), (EVE, self._now_s)]))

    def _end(self) -> None:
        """Honest words, after all that: they are answered, and the device can be called."""
        self._now_s += 10_000.0
        self._meet_ann()
        self._open.network.unanswered = 0
        self._owing = [(ANN, self._now_s)]
        self._answered.clear()
        for _ in range(2):
            self._line.ask("")
            self._deliver("home", is_lost=False)
        if not self._answered:
            raise BrokenPromise("an honest question was not answered")
        self._called.clear()
        self._pass_time(5.0, looks=20)
        if not self._called:
            raise BrokenPromise("an honest device that owes an answer was not called")

    # ---- the network -----------------------------------------------------------------------------------------------

    def _welcome(self, device: DeviceId) -> Ticket:
        self._tickets += 1
        ticket = Ticket(self._tickets.to_bytes(16, "big"), self._tickets.to_bytes(32, "big"), 3_600)
        self._calls.welcomed(device, ticket.secret, now_s=self._now_s)
        return ticket

    def _deliver(self, place: str, *, is_lost: bool) -> None:
        while self._sent:
            data = self._sent.pop(0)
            self._said.append(data)
            if not is_lost:
                self._to_relay(data, place)

    def _to_relay(self, data: bytes, place: str) -> None:
        taken = self._calls.tally.fates[Fate.TAKEN]
        answer = self._calls.datagram(data, place, now_s=self._now_s)
        was_taken = self._calls.tally.fates[Fate.TAKEN] > taken
        if (answer is not None) is not was_taken:
            raise BrokenPromise("what was taken was not answered, or the other way round")
        if place == VICTIM:
            self._at_victim["came"] += was_taken
        if answer is None:
            return
        if len(answer) > len(data):
            raise BrokenPromise("an answer is longer than its question")
        if data in self._taken:
            raise BrokenPromise("a datagram was answered twice")
        self._taken.add(data)
        self._to_address(place, answer)

    def _to_address(self, place: str, data: bytes) -> None:
        if place == VICTIM:
            self._at_victim["sent"] += 1
            if self._at_victim["sent"] > ROOM * self._at_victim["came"]:
                raise BrokenPromise("somebody who hears nothing is sent more than a little")
        else:
            self._line.came(self._open, data)


@contextmanager
def _open_datagrams() -> Iterator[Probe]:
    def run(data: bytes) -> int:
        return Story(Script(data)).play()

    yield Probe(run, [bytes(range(0, 256, step)) for step in (1, 3, 7)], ())


DATAGRAM_TARGETS = (
    Target(
        name="datagrams",
        what="datagrams of both sides, under a network that repeats, forges and redirects",
        open=_open_datagrams,
        shape=Shape.STORY,
        weight=40,
        input_s_max=2.0,
        story_bytes=300,
    ),
)
