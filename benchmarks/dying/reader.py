"""A device that catches up with a full mailbox while urgent texts come for it, and the relay's own way to hand over."""

from collections import deque
from collections.abc import Callable

from answerback.model.envelope import Delivery
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.relay.handover import HandOver
from answerback.relay.limits import READ_BYTES_MAX
from answerback.storage.relay_commands import NOTHING_TAKEN
from answerback.wire.frames import Deliver, Taken
from benchmarks.beside_bulk.road import Clock
from benchmarks.beside_bulk.senders import ANSWER_BYTES, URGENT_BYTES
from benchmarks.dying.lines import DISK_S, Device, Line, Rule

BULK_BYTES = 8 * 1024
BULK_ENVELOPES = 4_000
"""More than is read before the end."""
FRAME_BYTES = 40
"""What a frame costs beside its envelopes."""


class Reader(Device):
    """The device, and the mailbox it reads."""

    is_reader = True

    def __init__(self, clock: Clock, rule: Rule, lines: tuple[Line, Line]) -> None:
        self._cursors: dict[Lane, int] = {}
        self._position = BULK_ENVELOPES
        bulk = [Delivery(i + 1, Lane.BULK, EnvelopeId(bytes(16)), bytes(BULK_BYTES)) for i in range(BULK_ENVELOPES)]
        self._mailbox: dict[Lane, deque[Delivery]] = {Lane.URGENT: deque(), Lane.BULK: deque(bulk)}
        self._live = HandOver(1, NOTHING_TAKEN, has_mail=True)
        self._live_line = lines[0]
        self._numbers = 1
        super().__init__(clock, rule, lines)
        for line in lines:
            line.frames_down.writable = self._pump
            # A reader knows the distance from setting the line up, and from what it asks now and then.
            self.estimates[line.name].round_trip(line.way.rtt_s, now_s=clock.now_s)

    def begin(self) -> None:
        """Begin to catch up."""
        self._pump()

    def urgent(self) -> None:
        """Somebody else's text comes to the mailbox."""
        identity = EnvelopeId(len(self.written_s).to_bytes(16, "big"))
        self.written_s[identity] = self.clock.now_s
        self._position += 1
        delivery = Delivery(self._position, Lane.URGENT, identity, bytes(URGENT_BYTES))
        self._mailbox[Lane.URGENT].append(delivery)
        self._live.offer(delivery)
        self._pump()

    def took_over(self) -> None:
        """Have the rest handed over here."""
        line, taken = self.lines[self.in_use], [Taken(lane, upto) for lane, upto in self._cursors.items()]
        line.frames_up.write(ANSWER_BYTES, lambda: self._move_mail(line, taken))

    # ---- the relay

    def _move_mail(self, line: Line, taken: list[Taken]) -> None:
        if self._live_line is not line:
            self._live.took(taken, now_s=self.clock.now_s)
            self._numbers += 1
            self._live, self._live_line = self._live.again(self._numbers, is_paused=False), line
        self._pump()

    def _pump(self) -> None:
        live, line = self._live, self._live_line
        live.is_paused = line.frames_down.room_bytes <= 0
        for frame in live.frames(now_s=self.clock.now_s):
            size_bytes = FRAME_BYTES + sum(len(entry.sealed) for entry in frame.entries)
            line.frames_down.write(size_bytes, self._on_its_way(line, frame))
        lanes = live.wanted
        if lanes:
            live.is_reading = True
            self.clock.at(self.clock.now_s + DISK_S, self._page, live, lanes)

    def _page(self, live: HandOver, lanes: tuple[int, ...]) -> None:
        entries, room_bytes, left = list[Delivery](), READ_BYTES_MAX, list[int]()
        for lane in lanes:
            for delivery in self._mailbox.get(Lane(lane), ()):
                if delivery.position > live.after[lane]:
                    if room_bytes <= 0:
                        left.append(lane)
                        break
                    entries.append(delivery)
                    room_bytes -= len(delivery.sealed)
        live.turn(entries, tuple(left), lanes)
        if live is self._live:
            self._pump()

    def _took(self, line: Line, taken: list[Taken]) -> None:
        for entry in taken:
            mailbox = self._mailbox[entry.lane]
            while mailbox and mailbox[0].position <= entry.position:
                mailbox.popleft()
        if line is self._live_line:
            self._live.took(taken, now_s=self.clock.now_s)
            self._pump()

    # ---- the device

    def _on_its_way(self, line: Line, frame: Deliver) -> Callable[[], None]:
        return lambda: self._came(line, frame)

    def _came(self, line: Line, frame: Deliver) -> None:
        now_s = self.clock.now_s
        for entry in frame.entries:
            if entry.position <= self._cursors.get(entry.lane, 0):
                self.again += 1
                continue
            self._cursors[entry.lane] = entry.position
            if entry.lane is Lane.URGENT:
                assert entry.id not in self.arrived_s
                self.arrived_s[entry.id] = now_s
        self.heard(line.name, is_owed=False)
        taken = [Taken(entry.lane, entry.position) for entry in frame.entries]
        self.clock.at(now_s + DISK_S, self._say_taken, line, taken)
        self.look()

    def _say_taken(self, line: Line, taken: list[Taken]) -> None:
        line.frames_up.write(ANSWER_BYTES, lambda: self._took(line, taken))
