"""A device that uploads a file and writes urgent texts, and a relay that keeps each of them once."""

from collections.abc import Callable

from answerback.core.network.hedging import late_s
from answerback.model.ids import EnvelopeId
from answerback.wire.flight import Flight, Kind
from benchmarks.beside_bulk.road import Clock
from benchmarks.beside_bulk.senders import ANSWER_BYTES, CHUNK_OVERHEAD_BYTES, URGENT_BYTES
from benchmarks.dying.lines import DISK_S, Device, Line, Rule


class Writer(Device):
    """What leaves it, and what has an answer."""

    def __init__(self, clock: Clock, rule: Rule, lines: tuple[Line, Line]) -> None:
        self._unanswered: dict[EnvelopeId, float] = {}
        self._said_s: dict[tuple[str, EnvelopeId], float] = {}
        self._flight = Flight()
        self._chunks = 0
        super().__init__(clock, rule, lines)
        for line in lines:
            line.files_up.writable = self._pump

    def begin(self) -> None:
        """Begin with the file."""
        self._pump()

    def urgent(self) -> None:
        """Write one text."""
        identity = EnvelopeId(len(self.written_s).to_bytes(16, "big"))
        self.written_s[identity] = self._unanswered[identity] = self.clock.now_s
        self._say(self.in_use, identity)
        if self.rule.says_twice:
            self._say(self.other, identity)
        self.hedging.sent(identity, URGENT_BYTES, now_s=self.clock.now_s)
        self.silence.expects(owed=True, now_s=self.clock.now_s)
        self.look()

    def look(self) -> None:
        """Say again what is due on the other line."""
        if self.rule.hedges:
            bound_s, now_s = late_s(self.estimates[self.in_use]), self.clock.now_s
            for identity in self.hedging.due(bound_s, has_other=True, now_s=now_s):
                self._say(self.other, identity)
            self.wake(self.hedging.wake_at_s(late_s(self.estimates[self.in_use]), has_other=True))
        super().look()

    def took_over(self) -> None:
        """Say all that has no answer, and go on with the file."""
        for identity in list(self._unanswered):
            self._say(self.in_use, identity)
            self.hedging.sent(identity, URGENT_BYTES, now_s=self.clock.now_s)
        self._flight = Flight()
        self._pump()

    # ---- texts

    def _say(self, name: str, identity: EnvelopeId) -> None:
        self._said_s[name, identity] = self.clock.now_s
        self.lines[name].frames_up.write(URGENT_BYTES, lambda: self._at_relay(name, identity))

    def _at_relay(self, name: str, identity: EnvelopeId) -> None:
        if identity in self.arrived_s:
            self.again += 1
        else:
            self.arrived_s[identity] = self.clock.now_s
        self.clock.at(self.clock.now_s + DISK_S, self._accept, name, identity)

    def _accept(self, name: str, identity: EnvelopeId) -> None:
        self.lines[name].frames_down.write(ANSWER_BYTES, lambda: self._accepted(name, identity))

    def _accepted(self, name: str, identity: EnvelopeId) -> None:
        now_s, said_s = self.clock.now_s, self._said_s[name, identity]
        self._unanswered.pop(identity, None)
        self.estimates[name].round_trip(now_s - said_s, now_s=now_s, is_loaded=name == self.in_use)
        self.hedging.answered(identity, on_other=name != self.in_use, now_s=now_s)
        self.heard(name, is_owed=True)
        self.look()

    # ---- the file

    def _pump(self) -> None:
        files = self.lines[self.in_use].files_up
        while files.room_bytes > 0 and self._flight.has_room(now_s=self.clock.now_s):
            self._chunks += 1
            number, size_bytes, flight, name = self._chunks, self._flight.chunk_bytes, self._flight, self.in_use
            flight.left(number, size_bytes, kind=Kind.CHUNK, now_s=self.clock.now_s)
            files.write(size_bytes + CHUNK_OVERHEAD_BYTES, self._landed(name, flight, number))

    def _landed(self, name: str, flight: Flight, number: int) -> Callable[[], None]:
        def landed() -> None:
            self.lines[name].files_down.write(ANSWER_BYTES, lambda: self._came(name, flight, number))

        return landed

    def _came(self, name: str, flight: Flight, number: int) -> None:
        flight.arrived(number, now_s=self.clock.now_s)
        self.heard(name, is_owed=True)
        self._pump()
        self.look()
