"""Decides whose turn it is when several lanes have something to send.

Theory. Control and urgent go strictly first: they are few, and a budget keeps them few. The others share by weight and
by bytes, in the manner of stride scheduling (Waldspurger 1995): each lane has a clock that its bytes move on, a heavy
lane's by less, and the lane whose clock is behind goes next; so none starves, and none saves up turns while it has
nothing to send. A lane whose first has waited for longer than its deadline shares as if it were normal.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from answerback.model.message import Lane, Urgency

STRICT = (Lane.CONTROL, Lane.URGENT)
WEIGHTS: dict[Lane, float] = {Lane.NORMAL: 8, Lane.BULK: 2, Lane.BACKGROUND: 1}
"""What each of the sharing lanes gets of the bytes while all of them have some."""
DEADLINE_S: dict[Lane, float] = {
    Lane.CONTROL: 1.0,
    Lane.URGENT: 2.0,
    Lane.NORMAL: 10.0,
    Lane.BULK: 10 * 60.0,
    Lane.BACKGROUND: 60 * 60.0,
}
"""How long the first of a lane may wait for its turn while the link is up. Below these nobody notices the order: a
receipt that is a second late, a text that takes ten beside an album, an album in ten minutes, a backup in an hour."""
SMALL_BYTES_MAX = 64 * 1024
"""A file no bigger than the largest text goes with the texts."""
TALK_TYPES = frozenset({"audio", "image"})
TALK_BYTES_MAX = 512 * 1024
"""A voice message of a minute, a picture as people's phones send it: part of a conversation, not of an album."""


@dataclass(slots=True)
class Turns:
    """Whose turn it is in one direction of one link."""

    _clocks: dict[Lane, float] = field(default_factory=dict)
    _served: float = 0.0
    """Where the clock of the lane stood that was served last: who begins to wait begins there."""

    def next(self, waiting: Collection[Lane], *, has_room: bool) -> Lane | None:
        """Choose among the lanes that have something; the strict ones need no room."""
        for lane in STRICT:
            if lane in waiting:
                return lane
        if not has_room or not waiting:
            return None
        for lane in waiting:
            self._clocks[lane] = max(self._clocks.get(lane, 0.0), self._served)
        return min(waiting, key=lambda lane: (self._clocks[lane], lane))

    def spent(self, lane: Lane, size_bytes: int, *, waited_s: float = 0.0) -> None:
        """So much of this lane has left, after so long."""
        if lane in STRICT:
            return
        weight = WEIGHTS[Lane.NORMAL] if waited_s > DEADLINE_S[lane] else WEIGHTS[lane]
        self._served = max(self._clocks.get(lane, 0.0), self._served)
        self._clocks[lane] = self._served + size_bytes / weight


def lane_of_file(urgency: Urgency, *, media_type: str, size_bytes: int) -> Lane:
    """The lane the bytes of a file travel in, unless its sender says otherwise: by what it is and how big it is.

    No file travels as urgent, whatever its message: what is urgent must be small, and its text says that it comes.
    """
    if urgency is Urgency.BACKGROUND:
        return Lane.BACKGROUND
    is_talk = media_type.split("/", 1)[0] in TALK_TYPES and size_bytes <= TALK_BYTES_MAX
    return Lane.NORMAL if size_bytes <= SMALL_BYTES_MAX or is_talk else Lane.BULK
