"""Keeps one engine that has several paths, carries out what it asks of connections, and speaks for the relay."""

from typing import TypeVar

from answerback.core.effects import (
    IN_USE,
    Close,
    Effect,
    ModeChanged,
    Moment,
    Probe,
    Proceed,
    Tell,
    Transmit,
    Use,
)
from answerback.core.network.platforms import Profile
from answerback.core.sensing import NetworkSeen, Sensed
from answerback.model.causes import Cause
from answerback.model.ids import EnvelopeId, MessageId
from answerback.model.message import Urgency
from answerback.model.paths import PathSeen
from answerback.wire.frames import Challenge, ClientFrame, Ping, Pong, RelayFrame, Resume, Submit, TakeOver, Ticket
from tests.core.lone_engine import WALL_MS, Device, at, welcome

WIFI, CELLULAR, CABLE = "wlan0", "wwan0", "eth0"
HOME, STREET, OFFICE = b"home    ", b"street  ", b"office  "
RTT_S = 0.05
TICKET = Ticket(b"n" * 24, b"s" * 32, 3600)
_F = TypeVar("_F", bound=ClientFrame)


def seen(name: str, network: bytes = b"", *, is_metered: bool = False, address: str = "192.0.2.1") -> PathSeen:
    return PathSeen(name, network, is_metered=is_metered, has_ipv4=True, has_ipv6=False, addresses=frozenset({address}))


TWO = (seen(WIFI, HOME), seen(CELLULAR, STREET))
DEAR = (seen(WIFI, HOME), seen(CELLULAR, STREET, is_metered=True))


class Stand:
    """One device at a stand with several roads."""

    def __init__(self, profile: Profile | None = None) -> None:
        self.device = Device()
        self.engine, self.machines = self.device.engine, self.device.machines
        self.engine._adapting.profile = profile
        self.now_s = 0.0
        self.paths: dict[int, str] = {}
        """Which path each connection was begun on."""
        self.going: dict[int, Resume | None] = {}
        """Those being set up, and the ticket shown with each."""
        self.closed: list[int] = []
        self.said: list[tuple[int, ClientFrame]] = []
        self.told: list[object] = []
        self.done: list[Effect] = []
        self.in_use = IN_USE
        self.silent: set[int] = set()
        """Connections on which the relay says nothing any more."""
        self._pongs: list[tuple[float, int, int]] = []

    @property
    def moment(self) -> Moment:
        """Now, in both times."""
        return at(self.now_s)

    # ---- what the engine asks for

    def do(self, effects: list[Effect]) -> list[Effect]:
        self.done += effects
        for effect in effects:
            match effect:
                case Probe(line, path):
                    assert line not in self.paths, "a number is given once"
                    self.paths[line] = path
                case Proceed(line, resume):
                    assert line in self.paths
                    assert line not in self.going, "a connection goes on once"
                    assert line not in self.closed, "what was given up does not go on"
                    self.going[line] = resume
                case Use(line):
                    assert line in self.going
                    assert line not in self.closed
                    self.in_use = line
                case Close(line):
                    assert line in self.paths
                    assert line not in self.closed, "it is given up once"
                    self.closed.append(line)
                case Transmit(frame, line):
                    self.said.append((line or self.in_use, frame))
                    if isinstance(frame, Ping):
                        self._pongs.append((self.now_s + RTT_S, line or self.in_use, frame.echo))
                case Tell(news):
                    self.told.append(news)
        return effects

    # ---- what happens to it

    def sensed(self, event: Sensed) -> list[Effect]:
        return self.do(self.engine.sensed(event, now=self.moment))

    def sees(self, *paths: PathSeen) -> list[Effect]:
        return self.sensed(NetworkSeen(paths))

    def starts(self) -> list[Effect]:
        return self.do(self.engine.start(now=self.moment))

    def wakes(self, after_s: float) -> list[Effect]:
        """Let so much time pass, woken whenever the engine wants to be, with pings answered where the relay speaks."""
        end_s = self.now_s + after_s
        done: list[Effect] = []
        wake = None
        for _ in range(10_000):
            wake, pong = self.engine.wake_at, min(self._pongs, default=None)
            at_s = min(wake.at_s if wake else end_s + 1.0, pong[0] if pong else end_s + 1.0)
            if at_s > end_s:
                break
            self.now_s = max(at_s, self.now_s)
            if pong is not None and pong[0] <= self.now_s:
                self._pongs.remove(pong)
                if pong[1] not in self.silent and pong[1] not in self.closed:
                    done += self.hears(pong[1], Pong(pong[2], WALL_MS + round(self.now_s * 1000)))
            else:
                done += self.do(self.engine.wake(now=self.moment))
        else:
            raise AssertionError(f"it never sleeps: {wake}")
        self.now_s = end_s
        return done

    def answered(self, line: int) -> list[Effect]:
        return self.do(self.engine.answered(line, now=self.moment))

    def opened(self, line: int) -> list[Effect]:
        return self.do(self.engine.opened(line, now=self.moment))

    def hears(self, line: int, frame: RelayFrame) -> list[Effect]:
        return self.do(self.engine.received(line, frame, now=self.moment))

    def loses(self, line: int, cause: Cause = Cause.NETWORK_CONNECTION_LOST) -> list[Effect]:
        self.going.pop(line, None)
        return self.do(self.engine.lost(line, cause, now=self.moment))

    def writes(self, urgency: Urgency = Urgency.NORMAL) -> MessageId:
        identity, effects = self.engine.send(
            handles=("bea",), text="hello", attachment=None, urgency=urgency, lifetime_s=600, now=at(self.now_s)
        )
        self.do(effects)
        return identity

    # ---- the relay

    def newest(self, path: str) -> int:
        """The newest connection, or attempt, on a path."""
        return max(line for line, name in self.paths.items() if name == path and line not in self.closed)

    def connects(self, path: str, **said: object) -> int:
        """Have the newest probe of a path answered, set up and welcomed, a round trip for each."""
        line = self.newest(path)
        self.wakes(RTT_S)
        self.answered(line)
        if line not in self.going:  # a doubted connection is given a moment more
            self.wakes(1.0)
        self.wakes(RTT_S)
        self.opened(line)
        self.hears(line, Challenge(b"n" * 32, b"relay", 0))
        self.wakes(RTT_S)
        self.hears(line, welcome(**said))
        self.settles()
        return line

    def settles(self) -> None:
        """Have all questions answered, and all pings."""
        for number in list(self.machines.questions._by_number):
            self.machines.questions.answered(number)
        self.wakes(2 * RTT_S)

    def frames(self, line: int, kind: type[_F]) -> list[_F]:
        """What was said on a connection, of one kind."""
        return [frame for on, frame in self.said if on == line and isinstance(frame, kind)]

    def envelopes(self, line: int) -> list[EnvelopeId]:
        """The ids of what left on a connection, in its order."""
        return [envelope.id for frame in self.frames(line, Submit) for envelope in frame.envelopes]

    @property
    def modes(self) -> list[ModeChanged]:
        return [news for news in self.told if isinstance(news, ModeChanged)]


def with_two(paths: tuple[PathSeen, ...] = TWO, profile: Profile | None = None) -> tuple[Stand, int, int]:
    """A device connected on the first path, with a standby on the second."""
    stand = Stand(profile)
    stand.sees(*paths)
    stand.starts()
    first = stand.connects(paths[0].name)
    second = stand.connects(paths[1].name)
    return stand, first, second


def moved_to(stand: Stand, line: int) -> TakeOver:
    """The word to the relay by which everything is on this connection now."""
    assert stand.in_use == line
    (said,) = stand.frames(line, TakeOver)
    return said
