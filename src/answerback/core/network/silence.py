"""Says when quiet has lasted too long: something is owed to us, or what came steadily comes no more.

Theory. TCP tells a program of a dead path after minutes. Two signs are earlier. While an answer is owed, silence for
twice as long as an answer may take is worth one small packet that asks. And a conversation has a rhythm: a device that
only reads is owed nothing, but if mail came every fifth of a second and none comes for a long while, that is worth
asking about once. Quiet after an answer is no sign of anything. The surprising rule: a false alarm makes the next one
wait longer, so a link that is merely slow is not asked about for ever.
"""

from dataclasses import dataclass

from answerback.core.waking import Reason, Wake

SILENCE_RTOS = 2.0
"""Silence while something is owed, in multiples of the time an answer may take, before we ask."""
SILENCE_S_MIN = 0.4
"""A relay answers after its disk has: tens of milliseconds, seldom hundreds."""
SILENCE_S_MAX = 1.0
"""Silence is worth a packet of 60 bytes after this long on any link; on a slow one a false alarm teaches patience."""
RHYTHM_S_MIN = 1.0
RHYTHM_S_MAX = 20.0
"""A gap longer than usual by four deviations breaks a rhythm (as RFC 6298 judges an answer late); a rhythm slower than
the keep-alive is none."""
RHYTHM_COUNT_MIN = 8
"""Arrivals before there is a rhythm."""
GAP_GAIN = 1 / 8
PATIENCE_MAX = 2.0
PATIENCE_GAIN = 1.5
PATIENCE_LOSS = 0.9
"""A false alarm makes the silence that is borne half as long again, and each answer in time takes a tenth of that back.
Not more: an alarm costs a packet, and what is not noticed is not recovered from."""
TOGETHER_S = 0.02
"""Frames that come this close are one arrival: a batch has no rhythm."""


@dataclass(slots=True)
class Silence:
    """What was heard last, what is owed, and how regularly anything comes."""

    heard_s: float = 0.0
    _owed_since_s: float | None = None
    _gap_s: float = 0.0
    _gap_deviation_s: float = 0.0
    _arrivals: int = 0
    _patience: float = 1.0
    _is_asked: bool = False
    """In the silence of now the connection was asked whether it lives."""
    _is_noticed: bool = False
    """And it was found too long already."""

    def heard(self, *, now_s: float) -> None:
        """Anything at all came from the relay."""
        gap_s = now_s - self.heard_s
        if gap_s >= TOGETHER_S:
            if self._is_asked:
                self._arrivals = 0  # the rhythm is over: answers to our own asking are none
            else:
                self._learn(gap_s)
            self.heard_s = now_s
        self._is_asked = self._is_noticed = False
        if self._owed_since_s is not None:
            self._owed_since_s = max(self._owed_since_s, now_s)

    def expects(self, *, owed: bool, now_s: float) -> None:
        """Say whether an answer is owed to us."""
        if not owed:
            self._owed_since_s = None
        elif self._owed_since_s is None:
            self._owed_since_s = now_s

    @property
    def is_owed(self) -> bool:
        """Whether an answer is owed."""
        return self._owed_since_s is not None

    def restart(self, *, now_s: float) -> None:
        """A new connection: what was owed on the old one is owed from now."""
        self.heard_s, self._arrivals = now_s, 0
        self._is_asked = self._is_noticed = False
        if self._owed_since_s is not None:
            self._owed_since_s = now_s

    def ended(self, *, noticed_s: float, rto_s: float, now_s: float) -> None:
        """The doubted connection spoke after all; if that was at once, it was a false alarm."""
        if now_s - noticed_s <= max(rto_s, SILENCE_S_MIN):
            self._patience = min(self._patience * PATIENCE_GAIN, PATIENCE_MAX)

    def due(self, rto_s: float) -> Wake | None:
        """When the present silence is too long; `rto_s` is how long an answer may take."""
        if self._is_noticed:
            return None
        candidates: list[float] = []
        if self._owed_since_s is not None:
            borne_s = min(max(SILENCE_RTOS * rto_s, SILENCE_S_MIN), SILENCE_S_MAX) * self._patience
            candidates.append(max(self.heard_s, self._owed_since_s) + borne_s)
        rhythm_s = self._rhythm_s
        if rhythm_s is not None:
            candidates.append(self.heard_s + rhythm_s * self._patience)
        return Wake(min(candidates), Reason.SILENCE_PROBE) if candidates else None

    def ask(self) -> None:
        """Something else spoke against the connection, and it is being asked; its silence is judged as any other."""
        self._is_asked = True

    def notice(self) -> None:
        """The silence was found too long, and is being asked about."""
        self._is_asked = self._is_noticed = True

    @property
    def _rhythm_s(self) -> float | None:
        if self._arrivals < RHYTHM_COUNT_MIN:
            return None
        rhythm_s = max(self._gap_s + 4 * self._gap_deviation_s, RHYTHM_S_MIN)
        return rhythm_s if rhythm_s <= RHYTHM_S_MAX else None

    def _learn(self, gap_s: float) -> None:
        self._patience = max(self._patience * PATIENCE_LOSS, 1.0)
        self._arrivals += 1
        if self._arrivals == 1:
            return
        if self._arrivals == 2:  # noqa: PLR2004 - two arrivals make the first gap
            self._gap_s, self._gap_deviation_s = gap_s, gap_s / 2
            return
        self._gap_deviation_s += GAP_GAIN * (abs(gap_s - self._gap_s) - self._gap_deviation_s)
        self._gap_s += GAP_GAIN * (gap_s - self._gap_s)
