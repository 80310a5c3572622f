"""How a device stands with its relay, in words.

A registration is a *lease*: each contact renews it, and a device that the relay has not heard for its whole length is
not kept reachable any more. Devices are never thrown away for that: whoever comes back is who it was.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, unique

from answerback.model.causes import Cause

LEASE_S = 90 * 86_400
"""Three times the mailbox's longest age: a laptop that spends a summer in a drawer is still reachable; for one that is
gone for good, mail that nobody will fetch is not taken for ever."""
LEASE_S_MIN = 31 * 86_400
"""Longer than the mailbox's longest age: what was accepted before a device lapsed has had its whole time by then."""


@unique
class Registered(Enum):
    """The states of a device's registration."""

    REGISTERED = "registered"
    """The relay knows this device and has good keys of it."""
    RENEWING = "renewing"
    """It knows this device; keys, or all of the registration, are being made anew."""
    STALE = "stale"
    """There was no contact for so long that mail left at the relay begins to run out."""
    EXPIRED = "expired"
    """There was no contact for the whole of the lease: the relay takes no mail for this device until it comes back."""
    REVOKED = "revoked"
    """The account no longer lists this device, says the relay."""
    UNKNOWN = "unknown to the relay"
    """The relay has never heard of this device, or has lost it."""


@unique
class Doing(Enum):
    """What is being done about it."""

    NOTHING = "nothing is needed"
    CONNECTING = "connecting; that renews it"
    PUBLISHING = "fresh keys are being left at the relay"
    SIGNING_IN = "signing in anew"
    ASKING_YOU = "a person has to act"


@unique
class Step(IntEnum):
    """How far a registration that is made anew on request has come; each step can be taken twice."""

    NONE = 0
    SIGN_IN = 1
    """Connect anew, by a signature; what the relay gave this device to come back with becomes void."""
    KEYS = 2
    """Leave fresh keys at the relay, in place of all that others were given until now."""
    LISTS = 3
    """Announce the account's newest device list once more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a registration stands."""

    state: Registered
    cause: Cause | None
    """Why it is not simply registered."""
    since_ms: int
    """Since when, on this device's wall clock; 0 if that is not known."""
    doing: Doing
    ends_ms: int | None
    """When it ends if there is no contact until then, on the relay's clock; none if the relay has not said."""
