"""Decides what a relay that has too much to do puts off, and when those it puts off are to come back.

Theory. Three signs say that there is too much: the event loop is late, commits take long, a crowd waits outside. From
them follows a strain, now, without a memory longer than a few looks: so the relay is as fast as ever soon after they
have passed, whatever happened before. Under strain, background mail is put off first, then bulk, then what people write
to each other; urgent mail and receipts never, for they are few, and every letter that is not answered is sent again.
What is put off gets through at a trickle, so nothing starves.

Whoever is told to come back is told *when*, one after the other at the pace the relay has been seen to serve. A crowd
told "later" comes back as a crowd; a crowd told when is a queue.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, unique
from typing import Final

from answerback.model.envelope import Envelope
from answerback.model.message import Lane
from answerback.relay.limits import Bucket, Rate

LAG_S = 0.1
"""A loop that is late by this all the time is at its end: people feel it."""
COMMIT_S = 0.5
"""A commit of a disk at its worst takes some tens of milliseconds."""
WAIT_S = 2.0
"""A crowd that waits outside for longer is a storm."""
CAPACITY_PER_S = 300.0
"""Devices let in a second, before it was ever measured: too many at once cost a slow machine more than waiting does."""
SLOT_SHARE = 0.9
"""How much of its capacity the relay gives away in advance: some come unannounced."""
SLOT_S_MAX = 15 * 60.0
"""Beyond this a schedule is fiction; whoever would get a later time gets any before it."""
PUT_OFF_S_MIN, PUT_OFF_S_MAX = 1.0, 120.0
JITTER_S = 1.0


@unique
class Strain(IntEnum):
    """What the relay puts off now, and everything less urgent."""

    NONE = 0
    BACKGROUND = 1
    BULK = 2
    NORMAL = 3


_STRAIN_OF: Final = {Lane.BACKGROUND: Strain.BACKGROUND, Lane.BULK: Strain.BULK, Lane.NORMAL: Strain.NORMAL}
TRICKLE: Final = {
    Lane.BACKGROUND: Rate(burst=20, per_s=20),
    Lane.BULK: Rate(burst=50, per_s=50),
    Lane.NORMAL: Rate(burst=200, per_s=200),
}
"""Envelopes taken in all the same, of all devices together, while their lane is put off."""


@dataclass(slots=True)
class Schedule:
    """Times given away one after the other."""

    _next_s: float = 0.0

    def assign(self, *, after_s: float, spacing_s: float, s_max: float, draw: float, now_s: float) -> float:
        """Give the next free time, in seconds from now; `draw` is a random number in [0, 1)."""
        at_s = max(self._next_s, now_s + after_s)
        if at_s - now_s > s_max:
            return after_s + (s_max - after_s) * draw
        self._next_s = at_s + spacing_s
        return at_s - now_s

    def ahead_s(self, *, now_s: float) -> float:
        """Say how far the times given away reach."""
        return max(self._next_s - now_s, 0.0)


@dataclass(slots=True)
class Admission:
    """One relay's strain, and the times it has given away."""

    chance: Callable[[], float]
    capacity_per_s: float = CAPACITY_PER_S
    """Devices let in a second, as last measured."""
    strain: Strain = Strain.NONE
    put_off_count: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(TRICKLE, 0))
    """Envelopes put off so far."""
    _returns: Schedule = field(default_factory=Schedule)
    _put_off: dict[Lane, Schedule] = field(default_factory=dict)
    _trickles: dict[Lane, Bucket] = field(default_factory=dict)

    def measured(self, *, lag_s: float, commit_s: float, wait_s: float) -> None:
        """Take in the three signs; called regularly, each time the strain moves by one step at most."""
        worst = max(lag_s / LAG_S, commit_s / COMMIT_S, wait_s / WAIT_S)
        wanted = Strain.NORMAL if worst >= 4 else Strain.BULK if worst >= 2 else Strain(int(worst >= 1))  # noqa: PLR2004 - doubled twice
        step = (wanted > self.strain) - (wanted < self.strain)
        self.strain = Strain(self.strain + step)

    def sift(self, envelopes: Sequence[Envelope], *, now_s: float) -> tuple[list[Envelope], list[tuple[Envelope, int]]]:
        """Part envelopes into those to take in and those to put off, with the time to send them again in ms."""
        if self.strain is Strain.NONE:
            return list(envelopes), []
        kept: list[Envelope] = []
        put_off: list[tuple[Envelope, int]] = []
        shut: set[Lane] = set()  # what follows an envelope in its lane must not overtake it
        for envelope in envelopes:
            if envelope.lane not in shut and self._takes(envelope.lane, now_s):
                kept.append(envelope)
            else:
                shut.add(envelope.lane)
                self.put_off_count[envelope.lane] += 1
                put_off.append((envelope, self._again_ms(envelope.lane, now_s)))
        return kept, put_off

    def return_ms(self, *, after_s: float, now_s: float) -> int:
        """Give a device that is sent away the time to come back."""
        spacing_s = 1 / (SLOT_SHARE * max(self.capacity_per_s, 1.0))
        wait_s = self._returns.assign(
            after_s=after_s, spacing_s=spacing_s, s_max=SLOT_S_MAX, draw=self.chance(), now_s=now_s
        )
        return int(1000 * (wait_s + JITTER_S * self.chance()))

    def returns_ahead_s(self, *, now_s: float) -> float:
        """Say how far the times given to devices reach."""
        return self._returns.ahead_s(now_s=now_s)

    def _takes(self, lane: Lane, now_s: float) -> bool:
        class_of = _STRAIN_OF.get(lane)
        if class_of is None or class_of > self.strain:
            return True
        bucket = self._trickles.get(lane)
        if bucket is None:
            bucket = self._trickles[lane] = Bucket(TRICKLE[lane], now_s=now_s)
        return bucket.take(1, now_s=now_s) == 0.0

    def _again_ms(self, lane: Lane, now_s: float) -> int:
        wait_s = self._put_off.setdefault(lane, Schedule()).assign(
            after_s=PUT_OFF_S_MIN,
            spacing_s=1 / TRICKLE[lane].per_s,
            s_max=PUT_OFF_S_MAX,
            draw=self.chance(),
            now_s=now_s,
        )
        return int(1000 * (wait_s + JITTER_S * self.chance()))
