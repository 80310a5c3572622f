"""The rules of sending that are compared: what may leave when, urgent texts or endless bulk."""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Protocol

from answerback.wire.flight import Kind
from benchmarks.beside_bulk.road import Bottleneck, Clock
from benchmarks.beside_bulk.tcp import Tcp

URGENT_BYTES = 700
"""A sealed text of a few lines, with what WebSocket and TLS put around it."""
CHUNK_OVERHEAD_BYTES = 45
"""What a chunk costs beside its content: its number, WebSocket, TLS."""
ANSWER_BYTES = 60
"""An acknowledgement by the application, with the same around it."""
UNSENT_BYTES_MAX = 16 * 1024
"""TCP_NOTSENT_LOWAT, where it is set."""
FRAME_BYTES = 16 * 1024
"""What greedy senders write at once."""
AHEAD_BYTES = 512 * 1024
"""What waits before the socket where there is one queue for everything: a piece of a file."""


class Control(Protocol):
    """Says how much bulk may be under way."""

    def has_room(self, *, now_s: float) -> bool:
        """Whether another chunk may leave now."""
        ...

    @property
    def chunk_bytes(self) -> int:
        """How big the next chunk is."""
        ...

    def left(self, key: Hashable, size_bytes: int, *, kind: Kind, now_s: float) -> None:
        """A chunk leaves."""
        ...

    def arrived(self, key: Hashable, *, now_s: float) -> None:
        """The other end has it."""
        ...


@dataclass
class Seen:
    """What came out at the other end."""

    urgent: dict[int, float] = field(default_factory=dict)
    """How long each text took, by its number."""
    bulk_bytes: int = 0
    bulk_bytes_then: int = 0
    """The same when the texts ended."""


class Sender:
    """One device, or one relay's end of it."""

    def __init__(self, clock: Clock, out: Bottleneck, back: Bottleneck) -> None:
        self.clock, self.out, self.back = clock, out, back
        self.seen = Seen()
        self._texts = 0

    def begin(self) -> None:
        """Begin with the bulk."""

    def urgent(self) -> None:
        """Send one urgent text now."""
        raise NotImplementedError

    def _note_urgent(self) -> Callable[[], None]:
        self._texts += 1
        number, asked_s = self._texts, self.clock.now_s

        def note() -> None:
            self.seen.urgent[number] = self.clock.now_s - asked_s

        return note

    def _note_bulk(self, size_bytes: int) -> Callable[[], None]:
        def note() -> None:
            self.seen.bulk_bytes += size_bytes

        return note


class Alone(Sender):
    """No bulk at all: the measure of the others."""

    def __init__(self, clock: Clock, out: Bottleneck, back: Bottleneck) -> None:
        super().__init__(clock, out, back)
        self._tcp = Tcp(clock, out, back, unsent_bytes_max=UNSENT_BYTES_MAX)

    def urgent(self) -> None:
        """Write it."""
        self._tcp.write(URGENT_BYTES, self._note_urgent())


class OneConnection(Sender):
    """Bulk and urgent in one connection, as much at once as the kernel takes."""

    def __init__(
        self, clock: Clock, out: Bottleneck, back: Bottleneck, *, overtakes: bool, unsent_bytes_max: int | None
    ) -> None:
        super().__init__(clock, out, back)
        self._tcp = Tcp(clock, out, back, unsent_bytes_max=unsent_bytes_max)
        self._tcp.writable = self._pump
        self._overtakes = overtakes
        self._queue: deque[Callable[[], None] | None] = deque()

    def begin(self) -> None:
        """Fill the socket."""
        self._pump()

    def urgent(self) -> None:
        """Queue it: before all bulk, or behind it."""
        (self._queue.appendleft if self._overtakes else self._queue.append)(self._note_urgent())
        self._pump()

    def _pump(self) -> None:
        while self._tcp.room_bytes > 0:
            while len(self._queue) < AHEAD_BYTES // FRAME_BYTES:
                self._queue.append(None)
            note = self._queue.popleft()
            if note is None:
                self._tcp.write(FRAME_BYTES + CHUNK_OVERHEAD_BYTES, self._note_bulk(FRAME_BYTES))
            else:
                self._tcp.write(URGENT_BYTES, note)


class Bounded(Sender):
    """Bulk in a connection of its own, in chunks, so much at once as a control says; each chunk is acknowledged."""

    def __init__(self, clock: Clock, out: Bottleneck, back: Bottleneck, *, control: Control) -> None:
        super().__init__(clock, out, back)
        self.control = control
        self._number = 0
        self._frames = Tcp(clock, out, back, unsent_bytes_max=UNSENT_BYTES_MAX)
        self._files = Tcp(clock, out, back, unsent_bytes_max=UNSENT_BYTES_MAX)
        self._answers = Tcp(clock, back, out, unsent_bytes_max=None)
        self._files.writable = self._pump

    def begin(self) -> None:
        """Send the first chunks."""
        self._pump()

    def urgent(self) -> None:
        """Write it at once."""
        self._frames.write(URGENT_BYTES, self._note_urgent())

    def _pump(self) -> None:
        control = self.control
        while self._files.room_bytes > 0 and control.has_room(now_s=self.clock.now_s):
            self._number, size = self._number + 1, control.chunk_bytes
            control.left(self._number, size, kind=Kind.CHUNK, now_s=self.clock.now_s)
            self._files.write(size + CHUNK_OVERHEAD_BYTES, self._landed(self._number, size))

    def _landed(self, number: int, size: int) -> Callable[[], None]:
        def landed() -> None:
            self.seen.bulk_bytes += size
            self._answers.write(ANSWER_BYTES, lambda: self._answered(number))

        return landed

    def _answered(self, number: int) -> None:
        self.control.arrived(number, now_s=self.clock.now_s)
        self._pump()
