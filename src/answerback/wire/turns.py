"""Decides whose turn it is when several lanes have something to send.

Theory. Control and urgent go strictly first: they are few, and a budget keeps them few. The others share by weight and
by bytes, in the manner of stride scheduling (Waldspurger 1995): each lane has a clock that its bytes move on, a heavy
lane's by less, and the lane whose clock is behind goes next; so none starves, and none saves up turns while it has
nothing to send. Shares are of bytes, and say nothing of time: on a link that carries little a share may be one piece in
a quarter of an hour. So a lane that has had something for longer than its deadline, and no turn, goes next (earliest
deadline first, Liu and Layland 1973): one piece, for which it pays as for any other.
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
    _since_s: dict[Lane, float] = field(default_factory=dict)
    """Since when a lane has had something to send and no turn."""

    def next(self, waiting: Collection[Lane], *, has_room: bool, now_s: float) -> Lane | None:
        """Choose among the lanes that have something; the strict ones need no room."""
        self._since_s = {lane: self._since_s.get(lane, now_s) for lane in waiting}
        for lane in STRICT:
            if lane in waiting:
                return lane
        if not has_room or not waiting:
            return None
        for lane in waiting:
            self._clocks[lane] = max(self._clocks.get(lane, 0.0), self._served)
        due_s = {lane: self._since_s[lane] + DEADLINE_S[lane] for lane in waiting}
        if overdue := [lane for lane in waiting if due_s[lane] < now_s]:
            return min(overdue, key=lambda lane: (due_s[lane], lane))
        return min(waiting, key=lambda lane: (self._clocks[lane], lane))

    def spent(self, lane: Lane, size_bytes: int) -> None:
        """So much of this lane has left."""
        self._since_s.pop(lane, None)
        if lane in STRICT:
            return
        clock = max(self._clocks.get(lane, 0.0), self._served)
        # Who went because of its deadline is ahead of its share: the others go on from where they are.
        self._served = min([clock, *(self._clocks[each] for each in self._since_s if each in self._clocks)])
        self._clocks[lane] = clock + size_bytes / WEIGHTS[lane]


def lane_of_file(urgency: Urgency, *, media_type: str, size_bytes: int) -> Lane:
    """The lane the bytes of a file travel in, unless its sender says otherwise: by what it is and how big it is.

    No file travels as urgent, whatever its message: what is urgent must be small, and its text says that it comes.
    """
    if urgency is Urgency.BACKGROUND:
        return Lane.BACKGROUND
    is_talk = media_type.split("/", 1)[0] in TALK_TYPES and size_bytes <= TALK_BYTES_MAX
    return Lane.NORMAL if size_bytes <= SMALL_BYTES_MAX or is_talk else Lane.BULK
