"""Takes each envelope once: duplicates, gaps, and what to acknowledge.

Theory. Three questions about everything that arrives, each with its own memory. *Seen?* by the hash of its bytes,
before anything is opened: opening twice would break a ratchet. *Done?* a lane's cursor moves only over positions that
are all on disk, so an envelope that must wait (its sender is still unknown) holds back the acknowledgement and nothing
else. *Complete?* each sender numbers what it sends in a lane to this device: a number that never comes is a loss
somebody must repair, and only the sender can.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.core.effects import Moment
from answerback.core.facts import KeepCursor, KeepSeen, KeepStream
from answerback.model.envelope import Delivery
from answerback.model.ids import DeviceId, EnvelopeId, MessageId
from answerback.model.message import Lane
from answerback.wire.frames import Taken
from answerback.wire.letters import Gap

SEEN_MAX = 100_000
"""Remembered envelope hashes, 16 bytes each: more than a mailbox holds, so a mailbox replayed whole is recognised."""
GAP_GRACE_S = 2.0
"""A number may come late by one reconnect; asking earlier asks for what is already under way."""
GAP_AGAIN_S = 30.0
GAP_AGAIN_S_MAX = 6 * 3600.0
GAPS_MAX = 64
"""Ranges remembered for one lane of one device; a sender with more holes than that starts a fresh numbering."""
GAP_NUMBERS_MAX = 10_000
"""A jump beyond this is not believed to be a loss: nobody loses that many and keeps sending."""
NUMBERED = (Lane.URGENT, Lane.NORMAL, Lane.BULK, Lane.BACKGROUND)
"""Control letters are not repaired by number: what they answer is asked for again instead."""


@dataclass(slots=True)
class Stream:
    """What one device sends to this one in one lane, and what this one sends there."""

    given: int = 0
    seen: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    ask_at_s: float | None = None
    asked: int = 0


@dataclass(slots=True)
class Inbox:
    """What has arrived on this device."""

    _seen: dict[EnvelopeId, KeepSeen] = field(default_factory=dict)
    _waiting: dict[Lane, dict[int, EnvelopeId]] = field(default_factory=lambda: {lane: {} for lane in Lane})
    _passed: set[Lane] = field(default_factory=set)
    """What this connection handed over beyond the cursor, by position."""
    _done: set[EnvelopeId] = field(default_factory=set)
    """Those of them that are on disk."""
    _cursors: dict[Lane, int] = field(default_factory=dict)
    _streams: dict[tuple[DeviceId, Lane], Stream] = field(default_factory=dict)
    duplicates: int = 0

    def restore(
        self, *, seen: Iterable[KeepSeen], cursors: Iterable[KeepCursor], streams: Iterable[KeepStream]
    ) -> None:
        """Take back from disk what was seen and how far."""
        self._seen = {kept.id: kept for kept in seen}
        self._cursors = {cursor.lane: cursor.position for cursor in cursors}
        for kept in streams:
            stream = Stream(kept.given, kept.seen, list(kept.missing))
            stream.ask_at_s = 0.0 if stream.missing else None
            self._streams[kept.device, kept.lane] = stream

    # ---- seen and done

    def take(self, delivery: Delivery) -> KeepSeen | None:
        """Take note of an arrival; if the same bytes came before, what they were."""
        if delivery.position > self._cursors.get(delivery.lane, 0):
            self._waiting[delivery.lane][delivery.position] = delivery.id
        else:
            self._passed.add(delivery.lane)
        before = self._seen.get(delivery.id)
        if before is not None:
            self.duplicates += 1
            self._done.add(delivery.id)
        return before

    def done(
        self,
        delivery: Delivery,
        *,
        device: DeviceId | None,
        message: MessageId | None = None,
        opened: bool,
        now: Moment,
    ) -> KeepSeen:
        """What arrived is opened or given up: remember its hash, and whom to answer if it comes again."""
        kept = KeepSeen(delivery.id, now.wall_ms, device, message, opened)
        self._seen[delivery.id] = kept
        while len(self._seen) > SEEN_MAX:
            del self._seen[next(iter(self._seen))]
        self._done.add(delivery.id)
        return kept

    def welcomed(self, taken: Iterable[Taken], *, said: Iterable[Taken]) -> list[KeepCursor]:
        """The relay believes less than our hello said: such a cursor is of a mailbox that is no more, and hides mail.

        What has been read since that hello, on another connection, was not said in it, and is no such cursor.
        """
        believed = {entry.lane: entry.position for entry in taken}
        lower = [entry.lane for entry in said if entry.position > believed.get(entry.lane, 0)]
        moved = [KeepCursor(lane, believed.get(lane, 0)) for lane in lower]
        self._cursors.update((cursor.lane, cursor.position) for cursor in moved)
        return moved

    def catch_up(self, taken: Iterable[Taken]) -> list[KeepCursor]:
        """A later state of this device has acknowledged this much, and the relay no longer has it."""
        moved = [
            KeepCursor(entry.lane, entry.position) for entry in taken if entry.position > self.position(entry.lane)
        ]
        self._cursors.update((cursor.lane, cursor.position) for cursor in moved)
        return moved

    def position(self, lane: Lane) -> int:
        """How far a lane has been read."""
        return self._cursors.get(lane, 0)

    def disconnected(self) -> None:
        """Whatever was not done will be delivered again."""
        for waiting in self._waiting.values():
            waiting.clear()
        self._passed.clear()
        self._done.clear()

    def advance(self) -> list[KeepCursor]:
        """Move each lane's cursor over all that is done, and say which moved."""
        moved = []
        for lane, waiting in self._waiting.items():
            position = 0
            for candidate in sorted(waiting):
                if waiting[candidate] not in self._done:
                    break
                position = candidate
                del waiting[candidate]
            if position > self._cursors.get(lane, 0):
                self._cursors[lane] = position
                moved.append(KeepCursor(lane, position))
        if not any(self._waiting.values()):
            self._done.clear()
        return moved

    def passed(self) -> list[Taken]:
        """How far the lanes are in which the relay handed over, since the last call, what has been read already.

        It says so: what acknowledged that went with another connection, and the relay waits for it.
        """
        passed = [Taken(lane, self._cursors.get(lane, 0)) for lane in sorted(self._passed)]
        self._passed.clear()
        return passed

    @property
    def taken(self) -> list[Taken]:
        """How far each lane has been read, for `Hello`."""
        return [Taken(lane, position) for lane, position in sorted(self._cursors.items())]

    # ---- numbering

    def give(self, device: DeviceId, lane: Lane) -> tuple[int, KeepStream]:
        """The next number for what goes to a device in a lane."""
        stream = self._stream(device, lane)
        stream.given += 1
        return stream.given, _kept(device, lane, stream)

    def numbered(self, device: DeviceId, lane: Lane, sequence: int, *, now: Moment) -> KeepStream | None:
        """Take in the number of something opened; a jump is a gap."""
        if lane not in NUMBERED:
            return None
        stream = self._stream(device, lane)
        if sequence > stream.seen:
            if stream.seen + 1 < sequence <= stream.seen + GAP_NUMBERS_MAX and len(stream.missing) < GAPS_MAX:
                stream.missing.append((stream.seen + 1, sequence - 1))
                stream.ask_at_s, stream.asked = now.now_s + GAP_GRACE_S, 0
            stream.seen = sequence
        else:
            self._close(stream, sequence, sequence)
        return _kept(device, lane, stream)

    def voided(self, device: DeviceId, gaps: Iterable[Gap]) -> list[KeepStream]:
        """The sender says that these numbers will never come."""
        facts = []
        for gap in gaps:
            if (device, gap.lane) in self._streams:
                stream = self._streams[device, gap.lane]
                self._close(stream, gap.first, gap.last)
                facts.append(_kept(device, gap.lane, stream))
        return facts

    def gaps_due(self, *, now_s: float) -> dict[DeviceId, list[Gap]]:
        """The gaps whose sender should be asked now; each is asked for ever less often."""
        due: dict[DeviceId, list[Gap]] = {}
        for (device, lane), stream in self._streams.items():
            if stream.ask_at_s is None or now_s < stream.ask_at_s:
                continue
            due.setdefault(device, []).extend(Gap(lane, first, last) for first, last in stream.missing)
            stream.ask_at_s = now_s + min(GAP_AGAIN_S * 2**stream.asked, GAP_AGAIN_S_MAX)
            stream.asked = min(stream.asked + 1, 16)
        return due

    @property
    def ask_at_s(self) -> float | None:
        """When a gap must be asked about."""
        return min((stream.ask_at_s for stream in self._streams.values() if stream.ask_at_s is not None), default=None)

    # ---- private

    def _stream(self, device: DeviceId, lane: Lane) -> Stream:
        return self._streams.setdefault((device, lane), Stream())

    @staticmethod
    def _close(stream: Stream, first: int, last: int) -> None:
        left: list[tuple[int, int]] = []
        for start, end in stream.missing:
            if start < first:
                left.append((start, min(end, first - 1)))
            if end > last:
                left.append((max(start, last + 1), end))
        stream.missing = left
        if not left:
            stream.ask_at_s = None


def _kept(device: DeviceId, lane: Lane, stream: Stream) -> KeepStream:
    return KeepStream(device, lane, stream.given, stream.seen, tuple(stream.missing))
