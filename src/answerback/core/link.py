"""Judges the one connection to the relay: is it there, is it alive, how fast is it.

Theory. Four states named by what is known: `DOWN` nothing; `TRYING` an attempt is under way; `GREETING` bytes flow but
the relay has not yet said `Welcome`; `UP` it has. TCP believes in a dead connection for minutes (peers measured: 23 to
30 s more after a 30 s black hole), so aliveness is decided here: while something is outstanding, silence for a few
round trips is asked about with a ping, and a ping without an answer ends the connection. The surprising rule: *hearing*
is what counts, never a successful write.

Round-trip time is smoothed as in RFC 6298 §2; its floor is lower because we confirm per message, not per segment.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.core.effects import Connect, Disconnect, Effect, LinkChanged, Reason, Tell, Transmit, Wake
from answerback.model.causes import Cause
from answerback.wire.frames import Ping

ATTEMPT_S_MAX = 10.0
"""Name, TCP, TLS and WebSocket together; a path that needs longer is tried anew, which also picks up a new route."""
RTT_S_START = 0.5
"""Before the first measurement: a typical cellular round trip."""
RTO_S_MIN = 0.2  # RFC 6298 §2.4 says 1 s for TCP segments.
RTO_S_MAX = 10.0
SILENCE_RTOS = 3.0
"""Silence while something is outstanding, in multiples of the expected time, before we ask."""
SILENCE_S_MIN = 1.5
"""A relay may be busy with a commit; asking more often than this costs more than it tells."""
ANSWER_S_MIN = 4.0
"""How long a ping may go unanswered: three retransmissions of a lost segment on a mobile link."""
PATIENCE_MAX = 8
"""A connection given up for silence may have been slow, not dead: each time in a row the next one gets twice as long,
or a link slower than its own first window would be torn down for ever."""
RATE_FLOOR_BYTES_PER_S = 4 * 1024
"""Before a rate is known, what is under way is given the time it needs on 32 kbit/s."""
KEEPALIVE_S = 25.0
"""Below the 30 s after which the strictest home routers forget a quiet TCP connection."""
WINDOW_BYTES_MIN = 8 * 1024
WINDOW_BYTES_START = 16 * 1024
WINDOW_BYTES_MAX = 512 * 1024
WINDOW_S = 0.5
"""How much of the measured rate may be under way: an urgent message waits behind this much at worst."""
WINDOW_RTTS = 2.0
"""On long paths, twice what one round trip carries, so that the window can find out whether more goes through."""
RATE_GAIN = 0.25
RTT_GAIN, RTT_DEVIATION_GAIN = 1 / 8, 1 / 4  # RFC 6298 §2.3


@unique
class LinkState(Enum):
    """What is known of the connection."""

    DOWN = "down"
    TRYING = "trying"
    GREETING = "greeting"
    UP = "up"


@dataclass(slots=True)
class Link:
    """One connection and its learned quality."""

    state: LinkState = LinkState.DOWN
    cause: Cause | None = Cause.NETWORK_AGENT_STOPPED
    """Why it is down; none while it is up."""
    rtt_s: float = RTT_S_START
    rtt_deviation_s: float = RTT_S_START / 2
    rate_bytes_per_s: float = 0.0
    measured: bool = False
    attempts: int = 0
    wasted_attempts: int = 0
    _since_s: float = 0.0
    _heard_s: float = 0.0
    _pinged_s: float | None = None
    _echo: int = 0
    _pings: dict[int, float] = field(default_factory=dict)
    _outstanding_since_s: float | None = None
    _flying_bytes: int = 0
    _patience: int = 1

    @property
    def up(self) -> bool:
        """Frames may be sent."""
        return self.state is LinkState.UP

    @property
    def rto_s(self) -> float:
        """How long an answer may take before it is late (RFC 6298 §2)."""
        return min(max(self.rtt_s + 4 * self.rtt_deviation_s, RTO_S_MIN), RTO_S_MAX)

    @property
    def window_bytes(self) -> int:
        """How many bytes may be under way at once."""
        if not self.rate_bytes_per_s:
            return WINDOW_BYTES_START
        bound = self.rate_bytes_per_s * max(WINDOW_S, WINDOW_RTTS * self.rtt_s)
        return int(min(max(bound, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX))

    # ---- verbs

    def attempt(self, reason: Reason, *, now_s: float) -> list[Effect]:
        """Try to connect, unless a connection or an attempt exists."""
        if self.state is not LinkState.DOWN:
            return []
        self.state, self._since_s = LinkState.TRYING, now_s
        if self.cause is Cause.NETWORK_AGENT_STOPPED:
            self.cause = Cause.NETWORK_CONNECTING
        self.attempts += 1
        return [Connect(reason)]

    def opened(self, *, now_s: float) -> None:
        """Bytes flow; the relay's challenge is next."""
        self.state, self._since_s, self._heard_s = LinkState.GREETING, now_s, now_s
        self._pinged_s, self._outstanding_since_s = None, None
        self._pings.clear()

    def welcomed(self, *, now_s: float) -> list[Effect]:
        """The relay knows us: the connection is up."""
        self.state, self.cause = LinkState.UP, None
        self.heard(now_s=now_s)
        return [Tell(LinkChanged(connected=True, cause=None)), *self._ping(now_s=now_s)]

    def lost(self, cause: Cause) -> list[Effect]:
        """The connection or the attempt has ended."""
        if self.state is LinkState.DOWN:
            return []
        told = self.state is LinkState.UP or cause is not self.cause
        if self.state is not LinkState.UP:
            self.wasted_attempts += 1
        self.state, self.cause, self._outstanding_since_s = LinkState.DOWN, cause, None
        return [Tell(LinkChanged(connected=False, cause=cause))] if told else []

    def heard(self, *, now_s: float) -> None:
        """Anything at all came from the relay."""
        self._heard_s, self._pinged_s = now_s, None

    def expects(self, *, outstanding: bool, flying_bytes: int, now_s: float) -> None:
        """Say whether an answer to something we sent is still owed, and how many bytes of it are under way."""
        self._flying_bytes = flying_bytes
        if not outstanding:
            self._outstanding_since_s = None
        elif self._outstanding_since_s is None:
            self._outstanding_since_s = now_s

    def ponged(self, echo: int, *, now_s: float) -> float | None:
        """A ping came back: learn its round trip, and return it in seconds."""
        sent_s = self._pings.pop(echo, None)
        if sent_s is None:
            return None
        sample_s, self._patience = now_s - sent_s, 1
        if not self.measured:
            self.rtt_s, self.rtt_deviation_s, self.measured = sample_s, sample_s / 2, True
        else:
            error_s = abs(self.rtt_s - sample_s)
            self.rtt_deviation_s += RTT_DEVIATION_GAIN * (error_s - self.rtt_deviation_s)
            self.rtt_s += RTT_GAIN * (sample_s - self.rtt_s)
        return sample_s

    def confirmed(self, byte_count: int, took_s: float, *, window_full: bool) -> None:
        """The relay accepted this many bytes so long after they left: learn the rate.

        A few bytes that had the link to themselves say how far away the relay is, not how much goes through: unless
        the window was full, a sample may only raise the estimate (delivery-rate estimation, draft-cheng-iccrg).
        """
        sample = byte_count / max(took_s, 0.001)
        if self.rate_bytes_per_s and sample < self.rate_bytes_per_s and not window_full:
            return
        gain = RATE_GAIN if self.rate_bytes_per_s else 1.0
        self.rate_bytes_per_s += gain * (sample - self.rate_bytes_per_s)

    @property
    def wake_at(self) -> Wake | None:
        """When silence or the clock must be judged."""
        if self.state is LinkState.DOWN:
            return None
        if self.state in (LinkState.TRYING, LinkState.GREETING):
            return Wake(self._since_s + ATTEMPT_S_MAX, Reason.ATTEMPT_LIMIT)
        if self._pinged_s is not None:
            return Wake(self._pinged_s + self._answer_s, Reason.SILENCE_LIMIT)
        if self._outstanding_since_s is not None:
            since_s = max(self._heard_s, self._outstanding_since_s)
            return Wake(since_s + max(SILENCE_S_MIN, SILENCE_RTOS * self.rto_s), Reason.SILENCE_PROBE)
        return Wake(self._heard_s + KEEPALIVE_S, Reason.KEEPALIVE)

    def wake(self, *, now_s: float) -> list[Effect]:
        """Ask, or give up, if the time for it has come."""
        due = self.wake_at
        if due is None or now_s < due.at_s:
            return []
        if due.reason is Reason.ATTEMPT_LIMIT:
            return [Disconnect(Cause.NETWORK_RELAY_UNREACHABLE)]
        if due.reason is Reason.SILENCE_LIMIT:
            self._patience = min(self._patience * 2, PATIENCE_MAX)
            return [Disconnect(Cause.NETWORK_STALLED)]
        self._pinged_s = now_s
        return self._ping(now_s=now_s)

    @property
    def _answer_s(self) -> float:
        rate = max(self.rate_bytes_per_s, RATE_FLOOR_BYTES_PER_S)
        return self._patience * max(ANSWER_S_MIN, 2 * self.rto_s, 2 * self._flying_bytes / rate)

    def _ping(self, *, now_s: float) -> list[Effect]:
        self._echo += 1
        self._pings[self._echo] = now_s
        return [Transmit(Ping(self._echo))]
