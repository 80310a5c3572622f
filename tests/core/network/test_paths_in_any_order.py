"""Proves that in any order of events over two paths nothing spins, and both sides agree in the end where mail goes."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from answerback.core.network.choice import Metered
from answerback.core.network.evidence import Evidence
from answerback.core.sensing import DatagramAnswered, DatagramsBlocked, Hinted, Looked
from answerback.model.causes import Cause
from answerback.model.message import Urgency
from answerback.wire.frames import Acceptance, Accepted, Challenge, Deliver, Farewell, Hello, TakeOver
from tests.core.lone_engine import welcome
from tests.core.several_paths import CELLULAR, HOME, OFFICE, RTT_S, STREET, WIFI, Stand, seen

LOOKS = (
    (seen(WIFI, HOME), seen(CELLULAR, STREET)),
    (seen(WIFI, HOME), seen(CELLULAR, STREET, is_metered=True)),
    (seen(CELLULAR, STREET), seen(WIFI)),
    (seen(WIFI, OFFICE), seen(CELLULAR, STREET)),
    (seen(WIFI, HOME, address="192.0.2.7"),),
    (seen(CELLULAR, STREET, is_metered=True),),
    (),
)
EVENTS = (
    *("go on",) * 6,
    *("time",) * 3,
    "look",
    "fail",
    "lose",
    "ends at the relay",
    "stays unheard",
    "write",
    "write urgently",
    "accept",
    "mail",
    "hint",
    "datagram",
    "farewell",
    "front",
    "policy",
)
STEPS_MAX = 200
"""Of a world in which nothing goes wrong any more: both connections stand long before."""


@dataclass
class Relay:
    """What a relay believes of one device's connections."""

    live: int | None = None
    standby: int | None = None
    ended: list[int] = field(default_factory=list)
    """Ended here, and the device does not know yet."""

    def lets_in(self, line: int, *, standby: bool) -> None:
        if standby and self.live is not None:
            self.ended += [self.standby] if self.standby is not None else []
            self.standby = line
        else:
            self.ended += [each for each in (self.live, self.standby) if each is not None]
            self.live, self.standby = line, None

    def takes_over(self, line: int) -> None:
        if line == self.standby:
            self.ended += [self.live] if self.live is not None else []
            self.live, self.standby = line, None

    def loses(self, line: int) -> None:
        if line == self.standby:
            self.standby = None
        elif line == self.live:
            self.live, self.standby = self.standby, None


@dataclass
class Both:
    """A device and its relay."""

    stand: Stand = field(default_factory=Stand)
    relay: Relay = field(default_factory=Relay)
    opened: set[int] = field(default_factory=set)
    welcomed: set[int] = field(default_factory=set)
    heard: int = 0
    unheard: set[int] = field(default_factory=set)
    """Closed by the device, and the relay does not learn of it."""
    closed: int = 0

    def after(self) -> None:
        """What was said reaches the relay, and nothing spins."""
        stand = self.stand
        stand.wakes(0.0)
        wake = stand.engine.wake_at
        assert wake is None or wake.at_s > stand.now_s
        said, self.heard = stand.said[self.heard :], len(stand.said)
        for line, frame in said:
            if isinstance(frame, TakeOver):
                self.relay.takes_over(line)
        for line in stand.closed[self.closed :]:
            if line not in self.unheard:
                self.relay.loses(line)
        self.closed = len(stand.closed)
        held = [path.line for path in stand.machines.paths._by_name.values() if path.line is not None]
        assert len(held) <= 2
        assert set(held) <= self.welcomed - set(stand.closed)

    def goes_on(self, number: int) -> None:
        """One connection comes a step further."""
        stand = self.stand
        under_way = [line for line in stand.paths if line not in stand.closed and line not in self.welcomed]
        under_way = [line for line in under_way if stand.machines.paths.of(line) is not None]
        if not under_way:
            return
        line = under_way[number % len(under_way)]
        if line not in stand.going:
            stand.answered(line)
        elif line not in self.opened:
            self.opened.add(line)
            stand.opened(line)
            stand.hears(line, Challenge(b"n" * 32, b"relay", 0))
        else:
            (hello,) = stand.frames(line, Hello)
            self.welcomed.add(line)
            self.relay.lets_in(line, standby=hello.standby)
            stand.hears(line, welcome())

    def happens(self, event: str, number: int) -> None:
        stand = self.stand
        open_lines = [line for line in sorted(self.welcomed) if line not in stand.closed]
        one = open_lines[number % len(open_lines)] if open_lines else None
        match event:
            case "go on":
                self.goes_on(number)
            case "time":
                stand.wakes((0.01, RTT_S, 0.3, 1.0, 5.0, 40.0)[number % 6])
            case "look":
                stand.sees(*LOOKS[number % len(LOOKS)])
            case "fail":
                begun = [line for line in stand.paths if line not in self.welcomed and line not in stand.closed]
                if begun:
                    self.loses(begun[number % len(begun)])
            case "lose" if one is not None:
                self.loses(one)
            case "ends at the relay" if one is not None:
                self.relay.loses(one)
                stand.silent.add(one)
            case "stays unheard" if one is not None:
                self.unheard.add(one)
            case "write":
                stand.writes()
            case "write urgently":
                stand.writes(Urgency.URGENT)
            case "accept" if one is not None:
                stand.hears(one, Accepted([Acceptance(each, 0, 0) for each in stand.envelopes(one)]))
            case "mail" if self.relay.live is not None and self.relay.live not in stand.closed:
                stand.hears(self.relay.live, Deliver([]))
            case "hint":
                stand.sensed(Hinted(tuple(Evidence)[number % len(Evidence)]))
            case "datagram":
                name = (WIFI, CELLULAR)[number % 2]
                if number % 3:
                    stand.sensed(DatagramAnswered(name, is_connected=bool(number % 4)))
                else:
                    stand.sensed(DatagramsBlocked(name))
            case "farewell" if one is not None:
                self.relay.loses(one)
                stand.hears(one, Farewell(Cause.NETWORK_CONNECTION_LOST.value, number * 1000))
            case "front":
                stand.sensed(Looked(is_in_front=bool(number % 2)))
            case "policy":
                stand.machines.paths.metered = tuple(Metered)[number % 3]
            case _:
                pass
        self.after()

    def loses(self, line: int) -> None:
        """The device learns that a connection has ended; the relay may not."""
        if line not in self.unheard:
            self.relay.loses(line)
        self.welcomed.discard(line)
        self.stand.closed.append(line)
        self.stand.loses(line)

    def heals(self) -> None:
        """Both paths work, and everything that is said is answered."""
        stand = self.stand
        self.unheard.clear()
        stand.sees(*LOOKS[0])
        for _ in range(STEPS_MAX):
            ended, self.relay.ended = self.relay.ended, []
            for line in ended:
                if line not in stand.closed:
                    self.loses(line)
            for number in list(stand.machines.questions._by_number):
                stand.machines.questions.answered(number)
            if stand.in_use not in {*stand.closed, *stand.silent}:
                flying = [copy.envelope for promise in stand.machines.outbox for copy in promise.copies.values()]
                ids = [each for each in flying if each is not None]
                stand.hears(stand.in_use, Accepted([Acceptance(each, 0, 0) for each in ids]))
            self.goes_on(0)
            self.after()
            stand.wakes(1.0)
            self.after()


@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 11)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_nothing_spins_and_in_the_end_both_agree(events: list[tuple[str, int]]) -> None:
    both = Both()
    both.stand.starts()
    both.after()
    for event, number in events:
        both.happens(event, number)
    both.heals()
    stand = both.stand
    assert stand.machines.path.works
    assert stand.machines.path.line == stand.in_use == both.relay.live
