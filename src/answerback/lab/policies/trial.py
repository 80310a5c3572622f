"""Plays one outage to one policy, and says how long after its end the first mail arrived, and at what price.

Theory. A device writes a text every 0.2 s, or reads one as often; its connection stands when the trial begins. An
answer is owed while a text (or a receipt, for a reader) is not accepted by the relay. Texts are answered by receipts,
which the relay hands to the writer; whatever it hands over it is owed a `Took`. From the moment the outage ends,
time counts until the first mail arrives: at the relay if the device writes, at the device if it reads.
"""

import itertools
import statistics
from dataclasses import dataclass, field
from enum import Enum, unique
from random import Random

from answerback.lab.links import Link
from answerback.lab.policies.agenda import Agenda
from answerback.lab.policies.path import Gap, Path, Way
from answerback.lab.policies.policy import Action, Ask, Close, HangUp, Open, PassiveTcp, Proceed, Say
from answerback.lab.policies.session import DOUBLING, Ends, Session, Setup
from answerback.lab.schedule import Outage
from answerback.model.ids import DeviceId
from answerback.relay.calling import Calling

BEFORE_S = 10.0
"""How long mail flows before the outage: enough for a rhythm."""
PATIENCE_S = 400.0
"""How long after its end the first mail is waited for: three of TCP's longest timeouts."""
EVERY_S = 0.2
QUEUE_S = 0.03
"""What a quiet link adds to its distance, before anything is measured."""
TEXT_BYTES = 1800
"""A text of 200 characters, sealed and framed."""
ACCEPTED_BYTES = 90
TOOK_BYTES = 40
READER_S = 0.15
"""How long after a text the other side's receipt is at the relay."""
RECEIPT_BYTES = 1720
DATAGRAM_BYTES = 76
"""IPv4, UDP, and 48 bytes that say and prove who asks."""
FLYING_MAX = 32
"""Texts under way at once; those that wait are written down and cost nothing."""
MINUTE_S = 60.0
RADIO_S = 5.0
"""A packet that comes later than this after the one before wakes the radio."""


@unique
class Role(Enum):
    """What the device behind the outage does."""

    WRITES = "writes"
    READS = "reads"


@dataclass(frozen=True, slots=True)
class Case:
    """One outage, and what is told of it."""

    link: Link
    outage: Outage
    role: Role
    gap: Gap
    hole: Outage | None = None
    """A black hole of our own in it; otherwise it is a gap of the link."""
    is_announced: bool = False
    is_called: bool = False
    """The relay calls a device that fell silent."""
    later: tuple[Outage, ...] = ()
    """Outages after it: while the path is gone again, nobody's delay grows."""
    setup: Setup = Setup.FULL
    linear_timeouts: int = DOUBLING
    """Of the device's kernel: how many pauses between a SYN and the next are no longer than the first."""


@dataclass(slots=True)
class Outcome:
    """What one policy made of one outage."""

    length_s: float
    delay_s: float = PATIENCE_S
    rtt_s: float = 0.0
    """What the relay's acceptance of a text took before the outage (median)."""
    probes_s: list[float] = field(default_factory=list)
    """When probes left, after the outage's beginning."""
    false_alarms: int = 0
    """Probes before the outage: nothing was wrong then."""
    packets: int = 0
    """Everything the device sent between the outage's beginning and the first mail after it."""
    bytes: int = 0
    calls: int = 0
    wakeups: int = 0
    moments: list[tuple[float, str]] = field(default_factory=list)
    """Every packet of the device in that time, and what it was."""

    @property
    def probes(self) -> int:
        """All of them."""
        return len(self.probes_s)

    @property
    def probes_first_minute(self) -> int:
        """Those of the outage's first minute."""
        return sum(at_s < MINUTE_S for at_s in self.probes_s)

    @property
    def probes_minute_after(self) -> int:
        """The most in any minute after the first."""
        late_s = [at_s for at_s in self.probes_s if MINUTE_S <= at_s < self.length_s]
        whole_s = MINUTE_S - 1e-6
        return max((sum(from_s <= at_s < from_s + whole_s for at_s in late_s) for from_s in late_s), default=0)


@dataclass(slots=True)
class _Mail:
    number: int


@dataclass(slots=True)
class _Accepted:
    number: int


@dataclass(slots=True)
class _Answer:
    """The reader's receipt, on its way to the writer."""

    number: int


@dataclass(slots=True)
class _Took:
    number: int


@dataclass(slots=True)
class _Said:
    number: int


@dataclass(slots=True)
class _Farewell:
    """The device has said hello on another connection."""


@dataclass(slots=True)
class _Receipt:
    number: int


class Trial:
    """One outage under way."""

    def __init__(self, case: Case, policy: PassiveTcp, *, random: Random, traced: bool = False) -> None:
        self._case = case
        self._policy = policy
        self._traced = traced
        self.agenda = Agenda(max(case.outage.start_s - BEFORE_S, 0.0))
        self._random = random
        self._path = Path(case.link, gap=case.gap, hole=case.hole, random=random)
        self.outcome = Outcome(case.outage.end_s - case.outage.start_s)
        self._done = False
        self._sessions: dict[int, Session] = {}
        self._current = self._session(0)
        self._relay_current = self._current
        self._unaccepted: dict[int, tuple[float | None, int]] = {}
        """What the device sent and the relay did not accept: number to when and size."""
        self._sent_again: set[int] = set()
        """What is on its way on the present connection for a second time."""
        self._untaken: dict[int, _Mail | _Answer] = {}
        """What the relay has for the device and the device has not taken."""
        self._handed: set[int] = set()
        """What of it is under way to the device on its present connection."""
        self._answered: set[int] = set()
        """Texts that were answered: what comes twice is not answered twice."""
        self._round_trips_s: list[float] = []
        self._written = 0
        self._set_up = 0
        self._wake = 0
        self._sent_s = float("-inf")
        self._calling = Calling()
        self._call_s: float | None = None
        """When the relay next looks whether to call."""

    def play(self) -> Outcome:
        """Play it to its end."""
        outage, now_s = self._case.outage, self.agenda.now_s
        rtt_s = 2 * self._case.link.delay_at(now_s) + QUEUE_S
        self._current.assume_up(rtt_s=rtt_s)
        self._act(self._policy.begin(rtt_s=rtt_s, now_s=now_s))
        self.agenda.note(now_s + EVERY_S * self._random.random(), self._text)
        if self._case.is_announced:
            self.agenda.note(outage.end_s, lambda: self._act(self._policy.announced(now_s=self.agenda.now_s)))
        self.agenda.play(until_s=outage.end_s + PATIENCE_S, done=lambda: self._done)
        self.outcome.rtt_s = statistics.median(self._round_trips_s or [rtt_s])
        return self.outcome

    # ---- mail

    def _text(self) -> None:
        self.agenda.note(self.agenda.now_s + EVERY_S, self._text)
        self._written += 1
        if self._case.role is Role.WRITES:
            self._submit(_Mail(self._written), TEXT_BYTES)
        else:
            self._hand_over(_Mail(self._written))

    def _hand_over(self, item: _Mail | _Answer) -> None:
        if item.number in self._answered or item.number in self._untaken:
            return  # the text came twice
        self._untaken[item.number] = item
        self._hand_on()
        self._expect_device()

    def _hand_on(self) -> None:
        """Whatever may be under way to the device leaves."""
        self._handed &= self._untaken.keys()
        for number in itertools.islice((each for each in self._untaken if each not in self._handed), FLYING_MAX):
            if len(self._handed) < FLYING_MAX:
                self._handed.add(number)
                self._relay_current.down.write(self._untaken[number], _size_bytes(self._untaken[number]))

    def _submit(self, item: _Mail | _Receipt, size_bytes: int) -> None:
        was_owed = bool(self._unaccepted)
        leaves = len(self._unaccepted) < FLYING_MAX and not self._current.is_closed
        self._unaccepted[item.number] = (self.agenda.now_s if leaves else None, size_bytes)
        if leaves:
            self._current.up.write(item, size_bytes)
        if not was_owed:
            self._act(self._policy.owes(owed=True, now_s=self.agenda.now_s))

    def _at_relay(self, session: Session, item: object) -> None:
        if self._calls:
            self._calling.heard(_DEVICE, now_s=self.agenda.now_s)
        match item:
            case _Mail(number):
                session.down.write(_Accepted(number), ACCEPTED_BYTES)
                self._arrived()
                self.agenda.note(self.agenda.now_s + READER_S, lambda: self._hand_over(_Answer(number)))
            case _Receipt(number):
                session.down.write(_Accepted(number), ACCEPTED_BYTES)
            case _Took(number):
                self._untaken.pop(number, None)
                self._hand_on()
                self._expect_device()
            case Say():
                session.down.write(_Said(item.number), ACCEPTED_BYTES)

    def _at_device(self, session: Session, item: object) -> None:
        if isinstance(item, _Farewell):
            if session is self._current:
                session.close()
                self._act(self._policy.lost(now_s=self.agenda.now_s))
            return
        if session is self._current:
            is_answer = isinstance(item, _Said) and item.number > 0
            is_progress = is_answer or (isinstance(item, _Accepted) and item.number in self._unaccepted)
            self._act(self._policy.heard(is_progress=is_progress, now_s=self.agenda.now_s))
        match item:
            case _Mail(number):
                self._arrived()
                session.up.write(_Took(number), TOOK_BYTES)
                if number not in self._answered:
                    self._answered.add(number)
                    self._submit(_Receipt(number), RECEIPT_BYTES)
            case _Answer(number):
                self._answered.add(number)
                session.up.write(_Took(number), TOOK_BYTES)
            case _Said(number):
                self._policy.said(number, now_s=self.agenda.now_s)
            case _Accepted(number) if number in self._unaccepted:
                sent_s, _ = self._unaccepted.pop(number)
                self._measured(sent_s)
                self._let_go()
                if not self._unaccepted:
                    self._act(self._policy.owes(owed=False, now_s=self.agenda.now_s))

    def _let_go(self) -> None:
        """One text was accepted: the next of those that wait leaves."""
        unsent = (n for n, (sent_s, _) in self._unaccepted.items() if sent_s is None and n not in self._sent_again)
        waiting = next(unsent, None)
        if waiting is None or self._current.is_closed:
            return
        _, size_bytes = self._unaccepted[waiting]
        self._unaccepted[waiting] = (self.agenda.now_s, size_bytes)
        self._current.up.write(self._item(waiting), size_bytes)

    def _item(self, number: int) -> _Mail | _Receipt:
        return _Mail(number) if self._case.role is Role.WRITES else _Receipt(number)

    def _measured(self, sent_s: float | None) -> None:
        if sent_s is None:
            return
        took_s = self.agenda.now_s - sent_s
        if self.agenda.now_s < self._case.outage.start_s:
            self._round_trips_s.append(took_s)
        self._policy.measured(took_s, now_s=self.agenda.now_s)

    def _arrived(self) -> None:
        if not self._done and self.agenda.now_s >= self._case.outage.end_s:
            self._done = True
            end_s, now_s = self._case.outage.end_s, self.agenda.now_s
            gone_s = sum(max(min(each.end_s, now_s) - max(each.start_s, end_s), 0.0) for each in self._case.later)
            self.outcome.delay_s = now_s - end_s - gone_s

    # ---- connections

    def _session(self, number: int) -> Session:
        ends = Ends(
            opened=lambda: self._act(self._policy.opened(number, now_s=self.agenda.now_s)),
            welcomed=lambda: self._welcomed(session),
            relay_knows=lambda: self._relay_knows(session),
            at_device=lambda item: self._at_device(session, item),
            at_relay=lambda item: self._at_relay(session, item),
        )
        session = Session(
            number, self.agenda, self, ends, setup=self._case.setup, linear_timeouts=self._case.linear_timeouts
        )
        self._sessions[number] = session
        return session

    def _relay_knows(self, session: Session) -> None:
        if session.order < self._relay_current.order:
            return  # `life` tells the relay that the device has said hello since
        if self._policy.hears_farewells and not self._relay_current.is_closed:
            self._relay_current.down.write(_Farewell(), ACCEPTED_BYTES)
        self._relay_current = session
        self._handed.clear()
        self._untaken = dict(sorted(self._untaken.items()))
        self._hand_on()

    def _welcomed(self, session: Session) -> None:
        self._current.close()
        self._current = session
        self._act(self._policy.welcomed(session.number, now_s=self.agenda.now_s))
        # What is sent twice measures nothing (Karn's rule).
        self._unaccepted = {number: (None, size_bytes) for number, (_, size_bytes) in sorted(self._unaccepted.items())}
        again = list(self._unaccepted.items())[:FLYING_MAX]
        self._sent_again = {number for number, _ in again}
        for number, (_, size_bytes) in again:
            session.up.write(self._item(number), size_bytes)

    # ---- packets

    def send(self, way: Way, size_bytes: int, *, is_probe: bool, again: bool) -> float | None:
        """Carry a packet, and count it if the device sent it."""
        if way is Way.UP:
            self._count(size_bytes, "probe" if is_probe else "again" if again else "data")
        return self._path.arrives_s(way, size_bytes, now_s=self.agenda.now_s)

    def _count(self, size_bytes: int, what: str) -> None:
        now_s, outcome, start_s = self.agenda.now_s, self.outcome, self._case.outage.start_s
        if now_s < start_s:
            outcome.false_alarms += what == "probe"
            self._sent_s = now_s
            return
        outcome.packets += 1
        outcome.bytes += size_bytes
        outcome.wakeups += now_s - self._sent_s > RADIO_S
        self._sent_s = now_s
        if what == "probe":
            outcome.probes_s.append(now_s - start_s)
        if self._traced:
            outcome.moments.append((now_s - start_s, what))

    # ---- the policy

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Open(number):
                    self._session(number).open()
                case Close(number):
                    self._sessions.pop(number).close()
                case Proceed(number):
                    self._set_up += 1
                    self._sessions[number].proceed(order=self._set_up)
                case Say():
                    self._current.up.write(action, ACCEPTED_BYTES)
                case HangUp():
                    self._current.close()
                case Ask():
                    self._ask()
        wake_s = self._policy.wake_at_s
        self._wake += 1
        wake = self._wake
        if wake_s is not None:
            self.agenda.note(wake_s, lambda: self._woken(wake))

    def _woken(self, wake: int) -> None:
        if wake == self._wake:
            self._act(self._policy.wake(now_s=self.agenda.now_s))

    def _ask(self) -> None:
        at_s = self.send(Way.UP, DATAGRAM_BYTES, is_probe=True, again=False)
        if at_s is not None:
            self.agenda.note(at_s, self._asked)

    def _asked(self) -> None:
        at_s = self.send(Way.DOWN, DATAGRAM_BYTES, is_probe=False, again=False)
        if at_s is not None:
            self.agenda.note(at_s, lambda: self._act(self._policy.answered(now_s=self.agenda.now_s)))

    # ---- the relay's calls

    @property
    def _calls(self) -> bool:
        return self._case.is_called

    def _expect_device(self) -> None:
        """The relay waits for the device to take what it has for it."""
        if self._calls:
            self._calling.expects(_DEVICE, owed=bool(self._untaken), now_s=self.agenda.now_s)
            self._look()

    def _look(self) -> None:
        wake_s = self._calling.wake_at_s
        if wake_s is not None and wake_s != self._call_s:
            self._call_s = wake_s
            self.agenda.note(wake_s, lambda: self._call(wake_s))

    def _call(self, at_s: float) -> None:
        if at_s != self._call_s:
            return
        self._call_s = None
        for _ in self._calling.wake(now_s=self.agenda.now_s):
            self.outcome.calls += self.agenda.now_s >= self._case.outage.start_s
            lands_s = self.send(Way.DOWN, DATAGRAM_BYTES, is_probe=False, again=False)
            if lands_s is not None:
                self.agenda.note(lands_s, lambda: self._act(self._policy.called(now_s=self.agenda.now_s)))
        self._look()


def _size_bytes(item: _Mail | _Answer) -> int:
    return TEXT_BYTES if isinstance(item, _Mail) else RECEIPT_BYTES


_DEVICE = DeviceId(b"device")
