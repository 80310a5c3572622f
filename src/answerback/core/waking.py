"""When a machine has work again, and every reason there is for it: people are told these words."""

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Reason(Enum):
    """Why a machine wants to be woken, or why something is attempted."""

    NOTHING = "nothing"
    TURN = "turn"
    """Others of this lane or a more urgent lane go first."""
    CONNECT_FIRST = "connect.first"
    CONNECT_CADENCE = "connect.cadence"
    """No evidence either way: try at the steady cadence of the first minutes, then ever less often."""
    CONNECT_EVIDENCE = "connect.evidence"
    """Something was seen that makes success likely: another path worked, the network changed, somebody asked."""
    CONNECT_TOLD = "connect.told"
    """The relay said when to come back."""
    ATTEMPT_LIMIT = "attempt.limit"
    """A connection attempt has had its time."""
    SILENCE_PROBE = "silence.probe"
    """Something is outstanding and nothing was heard: ask with a ping."""
    SILENCE_LIMIT = "silence.limit"
    """The ping was not answered for long: the connection is dead, whatever TCP believes."""
    KEEPALIVE = "keepalive"
    RETRY_TOLD = "retry.told"
    """The relay refused for now and said when to try again."""
    ANSWER_DUE = "answer.due"
    """Accepted long ago and not answered: ask the relay where it is."""
    GAP_DUE = "gap.due"
    """A number never came: ask its sender."""
    EXPIRY = "expiry"
    UPKEEP = "upkeep"
    """Keys to refill or rotate."""
    TRANSFER = "transfer"
    COMPARISON_OVER = "comparison.over"
    """The comparing of a short code has had its time."""
    LEASE = "lease"
    """Without contact this device's registration becomes stale, or ends."""
    FALLBACK_DUE = "fallback.due"
    """A message may have waited as long as its person chose, before another way is thought of."""
    DISK_AGAIN = "disk.again"
    """The disk refused: try it again."""


@dataclass(frozen=True, slots=True, order=True)
class Wake:
    """When a machine has work again, and why then."""

    at_s: float
    reason: Reason
