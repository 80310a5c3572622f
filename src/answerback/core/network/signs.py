"""Keeps the signs of life of one path: which pings are under way, and what a quiet before one has shown.

Theory. A ping measures a connection, asks a silent one whether it lives, and keeps a quiet one known to whoever
translates addresses on the way. Sent after a quiet, it is a trial as well: its answer says that so much quiet is borne;
a connection that had to be replaced instead, though a new one stood at once, says that it is not (`keepalive`).
"""

from dataclasses import dataclass, field

from answerback.core.network.keepalive import Bounds, Keepalive
from answerback.core.waking import Reason, Wake

KEEPALIVE_S = 25.0
"""Below the 30 s after which the strictest home routers forget a quiet TCP connection."""
AT_ONCE_S = 3.0
"""A new connection that stands so soon after the old one was doubted shows that the path was there all the time."""
PINGS_MAX = 64
"""Unanswered ones that are remembered: the first of many is as good a measurement as the last."""


@dataclass(slots=True)
class Signs:
    """The pings of one path."""

    keepalive: Keepalive = field(default_factory=lambda: Keepalive(Bounds(KEEPALIVE_S, KEEPALIVE_S)))
    sent: dict[int, float] = field(default_factory=dict)
    """Pings without an answer, and when they left."""
    echo: int = 0
    is_first_due: bool = False
    """A new connection is measured as soon as nothing is on its way on it: mail goes before measuring."""
    _trial: tuple[int, float] | None = None
    """The ping that was sent after a quiet, and after how long a quiet."""

    @property
    def is_tried(self) -> bool:
        """Whether an answer will show how much quiet is borne."""
        return self._trial is not None

    def begin(self, network: bytes, *, noticed_s: float, now_s: float) -> None:
        """A new connection is here; `noticed_s` is when the old one was doubted, or ended."""
        if self._trial is not None:
            is_at_once = now_s - noticed_s <= AT_ONCE_S
            self.keepalive.died(self._trial[1], came_back_at_once=is_at_once, now_s=now_s)
        self.keepalive.use(network, self.keepalive.bounds, now_s=now_s)
        self.sent.clear()
        self._trial, self.is_first_due = None, True

    def end(self) -> None:
        """The connection is over; what a quiet before it has shown, the next one tells."""
        self.sent.clear()

    def forget(self) -> None:
        """The connection was given up for other reasons."""
        self.sent.clear()
        self._trial = None

    def send(self, *, now_s: float) -> int:
        """Number the next ping."""
        self.echo += 1
        self.is_first_due = False
        self.keepalive.spoke(now_s=now_s)
        if len(self.sent) < PINGS_MAX:
            self.sent[self.echo] = now_s
        return self.echo

    def came(self, echo: int, *, now_s: float) -> float | None:
        """A ping came back: give when it left, if that is known."""
        sent_s = self.sent.pop(echo, None)
        if self._trial is not None and echo >= self._trial[0]:
            self.keepalive.survived(self._trial[1], now_s=now_s)
            self._trial = None
        for earlier in [each for each in self.sent if each < echo]:
            del self.sent[earlier]
        return sent_s

    def heard(self, *, is_owed: bool, now_s: float) -> None:
        """Anything came: by itself, or because something is owed to us."""
        if self._trial is not None:
            return
        if is_owed or self.sent:
            self.keepalive.spoke(now_s=now_s)  # whoever translates addresses sees both directions
        else:
            self.keepalive.heard(now_s=now_s)

    def due(self, *, heard_s: float, now_s: float) -> Wake:
        """When the next ping is due on a connection that owes nothing."""
        if self.is_first_due:
            return Wake(heard_s, Reason.KEEPALIVE)
        return self.keepalive.due(owed=False, now_s=now_s)

    def try_quiet(self, *, now_s: float) -> bool:
        """The next ping is due: true if it is sent to keep the connection known, and not to measure it."""
        quiet_s = self.keepalive.ask(now_s=now_s)
        if self.is_first_due:
            return False
        self._trial = (self.echo + 1, quiet_s)
        return True
