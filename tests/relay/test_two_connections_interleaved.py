"""However the connections of two devices interleave, no accepted mail is lost, and none is handed over twice.

Of what was taken, the relay keeps nothing on its disk: what a sender says again after the relay has started again is
kept and handed over again, and the device knows it by its hash (`core/inbox.py`). Whatever else comes twice is a fault.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from answerback.model.envelope import Envelope
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.wire.connection import Phase
from answerback.wire.frames import Challenge, Deliver, Farewell, Submit, Taken, TakeOver, Ticket, Took, Welcome
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope, residents

PEOPLE = residents(2)
WHO = st.integers(0, 1)
PICK = st.integers(0, 7)
SELDOM = st.integers(0, 5).map(lambda drawn: drawn == 0)
"""For what ends everything that was built up."""
LANES = st.sampled_from([Lane.CONTROL, Lane.URGENT, Lane.NORMAL, Lane.BULK])


@dataclass
class Device:
    """What one device has on its disk, and the connections it has not seen end."""

    who: Resident
    life: int = 0
    cursors: dict[Lane, int] = field(default_factory=dict)
    got: dict[EnvelopeId, list[int]] = field(default_factory=dict)
    """In which runs of the relay it was handed each envelope beyond its cursor."""
    lines: list[int] = field(default_factory=list)
    read: dict[int, int] = field(default_factory=dict)
    """How many frames of each connection it has looked at."""
    tickets: list[Ticket] = field(default_factory=list)
    submitted: dict[int, set[EnvelopeId]] = field(default_factory=dict)
    said_in: dict[EnvelopeId, set[int]] = field(default_factory=dict)
    """In which runs of the relay it said each envelope."""

    @property
    def taken(self) -> list[Taken]:
        return [Taken(lane, position) for lane, position in self.cursors.items()]


class TwoDevices(RuleBasedStateMachine):
    """Each has any number of connections in its own mind; the relay keeps one in use and one standby."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.drive = Drive(Path(self.folder.name), PEOPLE)
        self.devices = [Device(who) for who in PEOPLE]
        self.written: list[Envelope] = []
        self.run = 0
        for index in (0, 1):  # most of what can go wrong needs two connections that stand
            for standby in (False, True):
                self.connect(index=index, standby=standby, pick=0, shows=False, now=True, takes=False)

    def teardown(self) -> None:
        if not hasattr(self, "drive"):
            return
        try:
            self._come_to_rest()
        finally:  # what is left open here would be found, and held against it, in some later test
            assert self.drive.db is not None
            self.drive.db.close()
            self.folder.cleanup()

    def _come_to_rest(self) -> None:
        drive = self.drive
        drive.settle()
        accepted = {identity for number in drive.said for identity in drive.accepted(number)}
        for device in self.devices:
            live = drive.exchange.conversations.live(device.who.device)
            if live is not None:
                drive.carry_out(drive.exchange.writable(live.number, on=True, moment=drive.moment))
                self._take_all(device, live.number)
                its_own = {letter.id for letter in self.written if letter.device == device.who.device}
                assert accepted & its_own <= set(device.got), "the connection in use brings all there is"
            self._end_all(device)
            device.life += 1
            self._take_all(device, drive.greet(device.who, *device.taken, life=device.life))
        got = {identity for device in self.devices for identity in device.got}
        assert accepted <= got, "what was accepted arrives"
        for device in self.devices:
            for identity, runs in device.got.items():
                assert len(runs) == len(set(runs)), "one run of the relay hands it over once"
                said_in = set().union(*(each.said_in.get(identity, set()) for each in self.devices))
                assert set(runs[1:]) <= said_in, "and another only if it was said there again"

    # ---- what devices do

    @rule(
        index=WHO,
        standby=SELDOM.map(lambda drawn: not drawn),
        pick=PICK,
        shows=st.booleans(),
        now=st.booleans(),
        takes=st.booleans(),
    )
    def connect(self, *, index: int, standby: bool, pick: int, shows: bool, now: bool, takes: bool) -> None:
        """A device connects, perhaps with a ticket, perhaps to stand by, perhaps taking over in the same breath."""
        device, drive = self.devices[index], self.drive
        device.life += 1
        if shows and device.tickets:
            ticket = device.tickets[pick % len(device.tickets)]
            resume = device.who.resume(ticket, *device.taken, life=device.life, standby=standby, clock_ms=drive.wall_ms)
            number = drive.connect(resume)
        else:
            number = drive.greet(device.who, *device.taken, life=device.life, standby=standby)
            if takes and standby:
                drive.say(number, TakeOver(device.taken, device.life))
        device.lines.append(number)
        if now:
            drive.settle()

    @rule(index=WHO, pick=PICK)
    def take_over(self, index: int, pick: int) -> None:
        """A device moves to one of its connections; what it said of an ended one is passed over."""
        device, drive = self.devices[index], self.drive
        if device.lines:
            number = device.lines[pick % len(device.lines)]
            if drive.heard(number, Welcome):
                drive.say(number, TakeOver(device.taken, device.life))

    @rule(index=WHO, pick=PICK, lane=LANES, again=st.booleans(), both=st.booleans(), size_bytes=st.integers(1, 3000))
    def submit(self, *, index: int, pick: int, lane: Lane, again: bool, both: bool, size_bytes: int) -> None:
        """A device says an envelope, a new one or an old one, on one of its connections or on all."""
        device, drive = self.devices[index], self.drive
        lines = [number for number in device.lines if drive.heard(number, Welcome)]
        if not lines:
            return
        if again and self.written:
            letter = self.written[pick % len(self.written)]
        else:
            text = f"letter {len(self.written)}"
            letter = envelope(self.devices[1 - index].who, text, lane=lane, size_bytes=size_bytes)
            self.written.append(letter)
            device.life += 1
        for number in lines if both else [lines[pick % len(lines)]]:
            device.submitted.setdefault(number, set()).add(letter.id)
            device.said_in.setdefault(letter.id, set()).add(self.run)
            drive.say(number, Submit([letter], device.life), size_bytes=size_bytes)

    @rule(index=WHO, pick=PICK, frames_max=st.integers(1, 4), other=PICK)
    def take(self, index: int, pick: int, frames_max: int, other: int) -> None:
        """A device reads on, on one connection, and says on one of them what it has."""
        device, drive = self.devices[index], self.drive
        if not device.lines:
            return
        self._read(device, device.lines[pick % len(device.lines)], frames_max=frames_max)
        number = device.lines[other % len(device.lines)]
        if drive.heard(number, Welcome):
            drive.say(number, Took(device.taken))

    @rule(index=WHO, pick=PICK)
    def lose(self, index: int, pick: int) -> None:
        """The relay notices that a connection is gone."""
        device = self.devices[index]
        if device.lines:
            self.drive.lose(device.lines.pop(pick % len(device.lines)))

    # ---- what the relay's surroundings do

    @rule()
    def commit(self) -> None:
        """The store does what it was asked so far, and not what it is asked because of that."""
        self.drive.commit()

    @rule(seconds=st.sampled_from([6.0, 61.0, 130.0, 1_000.0]), is_long=SELDOM)
    def pass_time(self, *, seconds: float, is_long: bool) -> None:
        """Time passes, and whoever was silent for too long is sent away."""
        self.drive.pass_time(seconds if is_long else 0.1)

    @rule(index=WHO, pick=PICK, on=st.booleans())
    def writable(self, *, index: int, pick: int, on: bool) -> None:
        """A socket is full, or has room again."""
        device, drive = self.devices[index], self.drive
        if device.lines:
            number = device.lines[pick % len(device.lines)]
            drive.carry_out(drive.exchange.writable(number, on=on, moment=drive.moment))

    @rule(happens=SELDOM)
    def restart(self, *, happens: bool) -> None:
        """The relay starts again with what is on its disk, and all connections end."""
        if not happens:
            return
        self.drive.settle()
        self.run += 1
        for device in self.devices:
            device.lines.clear()
        before = self.drive
        said, closed = before.said, before.closed
        before.begin()
        before.said, before.closed = said, closed

    # ---- what always holds

    @invariant()
    def one_in_use_and_one_standby(self) -> None:
        for device in self._all():
            conversations = self.drive.exchange.conversations
            kept = conversations.of_device(device.who.device)
            open_now = [
                number
                for number in device.lines
                if (here := conversations.get(number)) is not None and here.phase is Phase.OPEN
            ]
            assert {each.number for each in kept} == set(open_now)
            standby = conversations.standby(device.who.device)
            assert len(kept) <= (2 if standby else 1)
            assert standby is None or standby is not conversations.live(device.who.device)
            assert standby is None or self.drive.heard(standby.number, Deliver) == []

    @invariant()
    def each_connection_is_handed_mail_in_order_and_once(self) -> None:
        for device in self._all():
            for number in device.lines:
                last: dict[Lane, int] = {}
                for frame in self.drive.heard(number, Deliver):
                    for entry in frame.entries:
                        assert entry.position > last.get(entry.lane, 0)
                        last[entry.lane] = entry.position

    @invariant()
    def answers_come_where_the_question_was(self) -> None:
        for device in self._all():
            for number in device.lines:
                assert set(self.drive.accepted(number)) <= device.submitted.get(number, set())

    @invariant()
    def nobody_is_taken_for_an_older_copy_of_itself(self) -> None:
        for device in self._all():
            for number in device.lines:
                for welcome in self.drive.heard(number, Welcome):
                    assert welcome.life <= device.life
                    if welcome.ticket is not None and welcome.ticket not in device.tickets:
                        device.tickets.append(welcome.ticket)
                for challenge in self.drive.heard(number, Challenge)[1:]:
                    raise AssertionError(f"asked twice: {challenge}")

    # ---- the rest

    def _all(self) -> list[Device]:
        return getattr(self, "devices", [])

    def _read(self, device: Device, number: int, *, frames_max: int) -> int:
        frames = self.drive.heard(number, Deliver)
        start = device.read.get(number, 0)
        for frame in frames[start : start + frames_max]:
            for entry in frame.entries:
                if entry.position > device.cursors.get(entry.lane, 0):
                    device.cursors[entry.lane] = entry.position
                    device.got.setdefault(entry.id, []).append(self.run)
        device.read[number] = min(len(frames), start + frames_max)
        return device.read[number] - start

    def _take_all(self, device: Device, number: int) -> None:
        self.drive.settle()
        while self._read(device, number, frames_max=100):
            self.drive.say(number, Took(device.taken))
            self.drive.settle()

    def _end_all(self, device: Device) -> None:
        for number in device.lines:
            if not self.drive.heard(number, Farewell):
                self.drive.lose(number)
        device.lines.clear()


TestTwoDevices = TwoDevices.TestCase
TestTwoDevices.settings = settings(max_examples=150, stateful_step_count=50)


def test_what_was_taken_and_is_said_again_after_the_relay_started_again_comes_once_in_each_run() -> None:
    machine = TwoDevices()
    machine.begin()
    machine.submit(index=0, pick=0, lane=Lane.CONTROL, again=False, both=False, size_bytes=1)
    machine.commit()
    machine.take(index=1, pick=0, frames_max=1, other=0)
    machine.restart(happens=True)
    machine.connect(index=0, standby=False, pick=0, shows=False, now=True, takes=False)
    machine.submit(index=0, pick=0, lane=Lane.CONTROL, again=True, both=False, size_bytes=1)
    machine.teardown()
    assert machine.devices[1].got == {machine.written[0].id: [0, 1]}
