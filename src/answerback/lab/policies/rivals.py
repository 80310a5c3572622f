"""Does what other messengers do: pings at a fixed interval, and exponential back-off with full jitter."""

# ruff: noqa: ARG002 - a policy is told everything, and uses what it can

from random import Random

from answerback.lab.policies.policy import Action, Close, Open, PassiveTcp, Say


class FixedPing(PassiveTcp):
    """Pings at a fixed interval; a ping without an answer by the next one ends the connection, and a new one is tried.

    Attempts follow each other at the same interval; within an attempt the kernel repeats its SYN.
    """

    def __init__(self, interval_s: float = 30.0, *, phase: float = 0.5) -> None:
        self.name = f"fixed ping {interval_s:g} s"
        self._interval_s = interval_s
        self._phase = phase
        self._due_s: float | None = None
        self._heard_s = 0.0
        self._pinged_s: float | None = None
        self._attempt: int | None = None
        self._attempts = 0

    @property
    def wake_at_s(self) -> float | None:
        """When the next ping or attempt is due."""
        return self._due_s

    def begin(self, *, rtt_s: float, now_s: float) -> list[Action]:
        """The clock of the pings has some phase or other when an outage comes."""
        self._heard_s, self._due_s = now_s, now_s + self._interval_s * self._phase
        return []

    def heard(self, *, is_progress: bool, now_s: float) -> list[Action]:
        """The connection lives: an attempt at another is not needed."""
        self._heard_s, self._pinged_s = now_s, None
        return self._give_up()

    def welcomed(self, number: int, *, now_s: float) -> list[Action]:
        """Begin anew on the new connection."""
        self._attempt, self._pinged_s, self._heard_s = None, None, now_s
        self._due_s = now_s + self._interval_s
        return []

    def announced(self, *, now_s: float) -> list[Action]:
        """Who listens to the system connects at once."""
        return [*self._give_up(), *self._try(now_s)]

    def wake(self, *, now_s: float) -> list[Action]:
        """Ping; or, if the last ping was not answered, connect."""
        if self._due_s is None or now_s < self._due_s:
            return []
        if self._pinged_s is None and self._attempt is None:
            self._due_s, self._pinged_s = now_s + self._interval_s, now_s
            return [Say()]
        return [*self._give_up(), *self._try(now_s)]

    def _try(self, now_s: float) -> list[Action]:
        self._attempts += 1
        self._attempt, self._due_s = self._attempts, now_s + self._interval_s
        return [Open(self._attempts)]

    def _give_up(self) -> list[Action]:
        attempt, self._attempt = self._attempt, None
        return [Close(attempt)] if attempt is not None else []


class BackOff(PassiveTcp):
    """Exponential back-off with full jitter: each pause is drawn between nothing and a bound that doubles.

    How most messengers reconnect, given one thing most of them lack: it notices a silence as soon as ours does, and
    only then begins. An attempt has ten seconds, in which the kernel repeats its SYN.
    """

    ATTEMPT_S_MAX = 10.0

    def __init__(
        self, *, random: Random, first_s: float = 1.0, most_s: float = 60.0, notice_s: float = 0.5, idle_s: float = 30.0
    ) -> None:
        self.name = f"back-off {first_s:g}-{most_s:g} s"
        self._random = random
        self._first_s = first_s
        self._most_s = most_s
        self._notice_s = notice_s
        self._idle_s = idle_s
        self._heard_s = 0.0
        self._owed_s: float | None = None
        self._asked_s: float | None = None
        self._failures = 0
        self._next_s: float | None = None
        self._attempt: int | None = None
        self._attempt_s = 0.0
        self._attempts = 0

    @property
    def wake_at_s(self) -> float | None:
        """When silence, an attempt or a pause ends."""
        if self._attempt is not None:
            return self._attempt_s + self.ATTEMPT_S_MAX
        if self._next_s is not None:
            return self._next_s
        if self._asked_s is not None:
            return self._asked_s + self.ATTEMPT_S_MAX
        if self._owed_s is not None:
            return max(self._heard_s, self._owed_s) + self._notice_s
        return self._heard_s + self._idle_s

    def begin(self, *, rtt_s: float, now_s: float) -> list[Action]:
        """Begin to listen."""
        self._heard_s = now_s
        return []

    def heard(self, *, is_progress: bool, now_s: float) -> list[Action]:
        """The connection lives."""
        self._heard_s, self._asked_s, self._next_s, self._failures = now_s, None, None, 0
        return self._give_up()

    def owes(self, *, owed: bool, now_s: float) -> list[Action]:
        """Silence counts from here."""
        self._owed_s = now_s if owed else None
        return []

    def welcomed(self, number: int, *, now_s: float) -> list[Action]:
        """The slate is clean."""
        self._attempt, self._next_s, self._asked_s, self._failures, self._heard_s = None, None, None, 0, now_s
        self._owed_s = now_s if self._owed_s is not None else None
        return []

    def announced(self, *, now_s: float) -> list[Action]:
        """Who listens to the system connects at once."""
        return [*self._give_up(), *self._try(now_s)]

    def wake(self, *, now_s: float) -> list[Action]:
        """Notice, try, or pause."""
        due_s = self.wake_at_s
        if due_s is None or now_s < due_s:
            return []
        if self._attempt is not None:
            self._failures += 1
            bound_s = min(self._first_s * 2.0 ** (self._failures - 1), self._most_s)
            self._next_s = now_s + self._random.uniform(0.0, bound_s)
            return self._give_up()
        if self._next_s is None and self._asked_s is None and self._owed_s is None:
            self._asked_s = now_s  # nothing is owed: ask first, as a keep-alive does
            return [Say()]
        return self._try(now_s)

    def _try(self, now_s: float) -> list[Action]:
        self._attempts += 1
        self._attempt, self._attempt_s, self._next_s = self._attempts, now_s, None
        return [Open(self._attempts)]

    def _give_up(self) -> list[Action]:
        attempt, self._attempt = self._attempt, None
        return [Close(attempt)] if attempt is not None else []
