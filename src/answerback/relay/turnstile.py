"""Lets a crowd in at the pace the relay keeps up with, and lets the others wait where waiting costs nothing.

Theory. Measured: being turned away politely costs a relay four fifths of letting a device in. And a relay that begins
all handshakes at once ends them all late, when whoever asked has given up and asks again: it works without end and
serves nobody. So whoever arrives waits in front of the handshake, in the order of arrival, and the turnstile begins as
many as the event loop takes without being late. That is the only measure it has of the relay's capacity: nothing is
configured, and nothing is remembered that could keep it slow when the crowd is gone.

The surprising rule: who has waited so long that it will soon give up goes *behind* those who arrived later. Served in
order of arrival alone, everybody would be begun just before giving up, and the work would be for nothing.
"""

from collections import deque
from dataclasses import dataclass, field

PATIENCE_S = 8.0
"""Our devices give an attempt ten seconds, and a handshake needs some of them."""
GONE_S = 30.0
"""Nobody's patience: whoever still waits has forgotten."""
LAG_S_MAX = 0.03
"""How late the event loop may be all the time while a crowd is let in: nobody who is inside notices."""
LOOK_S = 0.1
"""How often the pace is judged: some tens of handshakes, many turns of the loop."""
START_PER_S = 500.0
"""Before anything was learned: what a small machine does with TLS."""
PER_S_MIN, PER_S_MAX = 20.0, 20_000.0
FASTER, SLOWER = 1.15, 0.8
BURST = 32.0
"""Begun at once on a quiet relay: a household and its neighbours never wait."""
CAPACITY_GAIN = 0.1


@dataclass(slots=True)
class Turnstile:
    """Who waits, and how many may begin now; a key stands for a connection."""

    per_s: float = START_PER_S
    """How many may begin in a second."""
    capacity_per_s: float = 0.0
    """How many did, while others waited; 0 until that was seen."""
    _fresh: deque[tuple[float, int]] = field(default_factory=deque)
    _late: deque[tuple[float, int]] = field(default_factory=deque)
    _credit: float = BURST
    _at_s: float | None = None
    _look_s: float = 0.0
    _begun: int = 0
    _least_lag_s: float | None = None
    _was_short: bool = True
    """Nobody waited at some time since the last look: what began then says nothing of what could."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._fresh) + len(self._late)

    @property
    def wait_s(self) -> float:
        """How long whoever arrives now will wait."""
        return self.waiting / max(self.capacity_per_s or self.per_s, PER_S_MIN)

    def arrive(self, key: int, *, now_s: float) -> None:
        """Somebody is at the door."""
        self._fresh.append((now_s, key))

    def turn(self, *, now_s: float, lag_s: float | None) -> int:
        """Say how many may begin now, the event loop being so late; none means that it was not looked at."""
        if self._at_s is None:
            self._at_s = self._look_s = now_s
        self._credit = min(self._credit + (now_s - self._at_s) * self.per_s, BURST)
        self._at_s = now_s
        if lag_s is not None:
            self._least_lag_s = lag_s if self._least_lag_s is None else min(self._least_lag_s, lag_s)
        if now_s - self._look_s >= LOOK_S and self._least_lag_s is not None:
            self._judge(now_s, self._least_lag_s)
        self._was_short = self._was_short or not self.waiting
        return int(self._credit)

    def begin(self, *, now_s: float) -> int | None:
        """Give the one whose turn it is, if anybody waits."""
        while self._fresh and now_s - self._fresh[0][0] >= PATIENCE_S:
            self._late.append(self._fresh.popleft())
        line = self._fresh or self._late
        if not line:
            return None
        _, key = line.popleft() if line is self._fresh else line.pop()
        return key

    def began(self) -> None:
        """One of them was still there, and has begun."""
        self._credit -= 1
        self._begun += 1

    def forget(self, *, now_s: float) -> list[int]:
        """Give those who have waited longer than anybody does."""
        gone: list[int] = []
        while self._late and now_s - self._late[0][0] >= GONE_S:
            gone.append(self._late.popleft()[1])
        return gone

    def _judge(self, now_s: float, least_lag_s: float) -> None:
        sample_per_s = self._begun / (now_s - self._look_s)
        if not self._was_short:
            gain = CAPACITY_GAIN if self.capacity_per_s else 1.0
            self.capacity_per_s += gain * (sample_per_s - self.capacity_per_s)
        if least_lag_s > LAG_S_MAX:
            self.per_s = max(self.per_s * SLOWER, PER_S_MIN)
        elif not self._was_short:
            self.per_s = min(self.per_s * FASTER, PER_S_MAX)
        self._look_s, self._begun, self._least_lag_s, self._was_short = now_s, 0, None, not self.waiting
