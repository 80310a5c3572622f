"""Knows the relay's log as far as it was proven: its newest head, and how far its lines were read.

Theory. A relay signs heads of its log. Each new head must be shown to follow from the ones this device knows; so a
relay that shows one person one log, and another person another, has to keep them apart for ever, and what they say to
each other inside the seal names their heads. A head that does not follow may have three reasons. The relay *forgot*: an
older copy of its store was put back. An honest one says so, once it is reminded, by beginning a new epoch. It is
*behind*, or it *contradicts* itself, and goes on doing so when reminded: then two signed heads are the evidence.

Reading the lines of the log makes it impossible to put into it anything about an account or a handle that those it
concerns do not get to see: the lines must lead to the signed root, and whoever is concerned knows their own lines.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.log_facts import KeepLabel, KeepLog
from answerback.crypto import merkle
from answerback.crypto.primitives import sha256
from answerback.crypto.transparency import line_of, read_entry, read_head
from answerback.model.devices import Signed
from answerback.model.errors import TrustError
from answerback.model.ids import DeviceId
from answerback.model.log import LINE_BYTES, Entry, Placed, TreeHead
from answerback.wire.log_frames import Followed

PAST_MAX = 16
"""Heads from which an answer may still follow: questions that were asked before the newest head came."""
TELL_S = 600.0
"""Another device is told our head at most so often: a split lasts, and each head costs 170 bytes and a question."""
HEARD_MAX = 16
"""Heads of others that wait to be compared; a split shows in the next one as well."""
PROVEN_MAX = 256
UNREAD = -1
"""Nothing of the log was read yet, nor is known where to begin."""
HeadKey = tuple[bytes, int, int, bytes]


@unique
class Verdict(Enum):
    """What a head of the relay's is to the one we know."""

    FIRST = "first"
    FOLLOWS = "follows"
    LATE = "late"
    """It follows from one we knew; a newer one has come meanwhile."""
    FORGOT = "forgot"
    """The relay says itself that it does not lead to what it signed before."""
    ANOTHER = "another log"
    BEHIND = "behind"
    CONTRADICTS = "contradicts"
    FORGED = "forged"


@dataclass(slots=True)
class Reading:
    """Lines that were read and are not yet looked at, or not yet known to lead to a head."""

    size: int
    frontier: list[bytes]
    found: list[tuple[int, bytes]] = field(default_factory=list)
    """Place and line of what may concern us."""


@dataclass(slots=True)
class Transparency:
    """One relay's log, as one device knows it."""

    signed: Signed | None = None
    head: TreeHead | None = None
    since_ms: int = 0
    """When the first head that we know of this log was made."""
    read_size: int = UNREAD
    frontier: tuple[bytes, ...] = ()
    reading: Reading | None = None
    heard: dict[HeadKey, Signed] = field(default_factory=dict)
    """Heads that others were given, not yet compared."""
    labels: dict[str, bytes] = field(default_factory=dict, repr=False)
    """What handles are called in the log, as far as they were looked up."""
    _past: list[TreeHead] = field(default_factory=list)
    _proven: dict[HeadKey, None] = field(default_factory=dict)
    _told: dict[DeviceId, tuple[HeadKey, float]] = field(default_factory=dict)

    def restore(self, kept: KeepLog | None, labels: Sequence[KeepLabel] = ()) -> None:
        """Take back from disk what was proven before it was written."""
        self.labels = {label.handle: label.label for label in labels}
        head = None
        with suppress(TrustError):  # a disk that changed it must not keep the agent from starting
            head = read_head(kept.head) if kept is not None else None
        if kept is not None and head is not None:
            self.signed, self.head = kept.head, head
            self.since_ms, self.read_size, self.frontier = kept.since_ms, kept.read_size, kept.frontier
            self._past = [head]

    @property
    def known_size(self) -> int:
        """The size to ask with: answers show what follows from there."""
        return self.head.size if self.head is not None else 0

    def kept(self) -> KeepLog:
        """What is to be remembered."""
        assert self.signed is not None
        return KeepLog(self.signed, self.since_ms, self.read_size, self.frontier)

    # ---- heads

    def judge(
        self, signed: Signed, consistency: Sequence[bytes], *, asked_size: int
    ) -> tuple[Verdict, TreeHead | None]:
        """Say what a head is to what we know; nothing is changed. `asked_size` was known when it was asked for."""
        try:
            head = read_head(signed)
        except TrustError:
            return Verdict.FORGED, None
        known = self.head
        if known is None:
            return Verdict.FIRST, head
        if head.log != known.log:
            return Verdict.ANOTHER, head
        if head.epoch >= known.epoch:
            if key_of(head) == key_of(known) or (asked_size == known.size and leads(known, head, consistency)):
                return Verdict.FOLLOWS, head
            # A newer one has come since this was asked. It counts, and has to be shown to go with that one as well.
            if any(past.size == asked_size < known.size and leads(past, head, consistency) for past in self._past):
                return Verdict.LATE, head
        if head.epoch > known.epoch:
            return Verdict.FORGOT, head
        is_behind = head.epoch < known.epoch or head.size < known.size
        return (Verdict.BEHIND if is_behind else Verdict.CONTRADICTS), head

    def adopt(self, signed: Signed, head: TreeHead, *, is_new: bool) -> KeepLog:
        """Know a head from now on; `is_new` if it does not follow from what was known."""
        if is_new:
            self.since_ms, self.read_size, self.frontier, self.reading = head.made_ms, UNREAD, (), None
            self._past.clear()
        self.signed, self.head = signed, head
        self._past = [*self._past, head][-PAST_MAX:]
        return self.kept()

    def head_for(self, device: DeviceId, *, now_s: float) -> Signed | None:
        """Give our head for a letter to this device, unless it was told the same, or another one a moment ago."""
        if self.head is None or self.signed is None:
            return None
        key = key_of(self.head)
        told = self._told.get(device)
        if told is not None and (told[0] == key or now_s - told[1] < TELL_S):
            return None
        self._told[device] = key, now_s
        return self.signed

    def hear(self, signed: Signed) -> bool:
        """Somebody was given this head; true if it is to be compared."""
        try:
            head = read_head(signed)
        except TrustError:  # a contact may say anything; only what the relay has signed says something of the relay
            return False
        known = self.head
        key = key_of(head)
        if known is None or head.size == 0 or key in self._proven or key in self.heard or key_of(known) == key:
            return False
        if head.log != known.log and head.made_ms <= self.since_ms:
            return False  # of a log that was, before this one
        if len(self.heard) >= HEARD_MAX:
            return False
        self.heard[key] = signed
        return True

    def compared(self, signed: Signed, *, is_proven: bool) -> None:
        """A head of somebody's is compared."""
        key = key_of(read_head(signed))
        self.heard.pop(key, None)
        if is_proven:
            self._proven[key] = None
            if len(self._proven) > PROVEN_MAX:
                del self._proven[next(iter(self._proven))]

    # ---- lines

    def next_start(self) -> tuple[int, bool] | None:
        """Say from where to read on, and whether nothing was read before; none if all is read."""
        if self.head is None:
            return None
        if self.read_size == UNREAD:
            return self.head.size, True
        start = self.reading.size if self.reading is not None else self.read_size
        return (start, False) if start < self.head.size else None

    def read(self, frame: Followed, head: TreeHead, *, topics: frozenset[bytes]) -> bool:
        """Take in lines; true once they lead to the head. Raises `TrustError` if they do not, or never will."""
        if len(frame.lines) % LINE_BYTES:
            raise TrustError("half a line of a log")
        self._begin_reading(frame)
        reading = self.reading
        if reading is None or frame.start != reading.size:
            return False  # it was asked for before the relay forgot, or is said twice
        lines = [frame.lines[at : at + LINE_BYTES] for at in range(0, len(frame.lines), LINE_BYTES)]
        reading.frontier = merkle.extended(reading.frontier, reading.size, map(merkle.leaf_hash, lines))
        reading.found += [(reading.size + at, line) for at, line in enumerate(lines) if line[:2] in topics]
        reading.size += len(lines)
        if reading.size > head.size or (not lines and reading.size < head.size):
            raise TrustError("lines of a log that do not lead to its head")
        if reading.size == head.size and merkle.fold(reading.frontier) != head.root:
            raise TrustError("lines of a log that lead to another head")
        return reading.size == head.size

    def looked(self) -> KeepLog | None:
        """Everything that was read has been looked at."""
        if self.reading is None or self.reading.found:
            return None
        self.read_size, self.frontier, self.reading = self.reading.size, tuple(self.reading.frontier), None
        return self.kept()

    def read_anew(self) -> None:
        """Lines did not lead to the head: read them again from what was proven."""
        self.reading = None

    def _begin_reading(self, frame: Followed) -> None:
        if self.reading is not None:
            return
        if self.read_size == UNREAD:
            begun = next((past for past in self._past if past.size == frame.start), None)
            if begun is None or merkle.fold(frame.frontier) != begun.root:
                raise TrustError("a beginning of the log that does not lead to its head")
            self.reading = Reading(frame.start, list(frame.frontier))
        else:
            self.reading = Reading(self.read_size, list(self.frontier))


def leads(first: TreeHead, second: TreeHead, path: Sequence[bytes]) -> bool:
    """Whether the log of the first head is proven to begin that of the second."""
    if first.size > second.size:
        return False
    try:
        merkle.check_consistency(first.size, second.size, first.root, second.root, path if first.size else ())
    except TrustError:
        return False
    return True


def stands(placed: Placed, head: TreeHead) -> Entry:
    """Give the entry that stands there, or raise `TrustError` if that is not proven."""
    entry = read_entry(placed.entry)
    leaf = merkle.leaf_hash(line_of(entry, placed.entry))
    merkle.check_inclusion(leaf, placed.place, head.size, placed.path, head.root)
    return entry


def key_of(head: TreeHead) -> HeadKey:
    """What makes two heads say the same; when they were made does not."""
    return head.log, head.epoch, head.size, head.root


def hash_of(signed: Signed) -> bytes:
    """What the log says of a list."""
    return sha256(signed.body)
