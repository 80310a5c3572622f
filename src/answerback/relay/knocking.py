"""Says whom to wake by push, when, and how urgently: once until the device has come, and never for chatter.

Theory. A push service wakes a device that holds no connection. What wakes a person's phone must be a person's doing, so
receipts, repairs and history do not knock: they come along when the device next connects. One knock is enough, however
much mail follows, until the device has connected, unless what follows is more urgent, or the push service itself has
forgotten the knock. A push that failed is tried again when the service says, or ever later; the mail waits in its
mailbox all the while, so the surprising rule is that giving up loses nothing: the next mail knocks again.
"""

from dataclasses import dataclass
from enum import Enum, unique
from heapq import heappop, heappush

from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.wire.frames import Subscribe
from answerback.wire.subscriptions import subscription_name

TTL_S = 7 * 86_400
"""How long a push service keeps a knock for a device that is off: beyond that, new mail knocks anew."""
TRIES_MAX = 8
RETRY_S = 5.0
RETRY_S_MAX = 3_600.0
"""Waits double up to this, drawn up to twice as long: eight tries last three hours at most."""
TOLD_S_MAX = 6 * 3_600.0
"""A push service that says to wait for longer is tried again then."""
WISHES_MAX = 10_000
"""Subscriptions given and not yet on the disk; more than this in one commit's time is nobody's doing."""


@unique
class Urgency(Enum):
    """How a push service may weigh a knock against the battery (RFC 8030 §5.3), the most urgent first."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Count from the most urgent."""
        return _URGENCIES.index(self)


_URGENCIES = tuple(Urgency)
OF_LANE = {Lane.URGENT: Urgency.HIGH, Lane.NORMAL: Urgency.NORMAL, Lane.BULK: Urgency.LOW}
"""Lanes that are not named here wake nobody."""


@unique
class Outcome(Enum):
    """What became of a knock."""

    TAKEN = "taken"
    """The push service has it."""
    LATER = "later"
    """It could not be reached, or asked for patience."""
    GONE = "gone"
    """There is no such subscription any more."""
    REFUSED = "refused"
    """It was not taken, and the same again would not be."""


@dataclass(frozen=True, slots=True)
class Knock:
    """Tell this device's push service that there is something."""

    device: DeviceId
    urgency: Urgency
    number: int


@dataclass(slots=True)
class _Owed:
    urgency: Urgency
    due_s: float
    tries: int = 0
    is_out: bool = False
    """It is on its way to the push service …"""
    number: int = 0
    """… as this knock: the answer to an earlier one says nothing of it."""
    told_until_s: float | None = None
    """Until when the push service keeps the knock it has taken."""


class Knocking:
    """Whom mail waits for that holds no connection."""

    def __init__(self) -> None:
        self._names: dict[DeviceId, bytes] = {}
        self._owed: dict[DeviceId, _Owed] = {}
        self._dues: list[tuple[float, DeviceId]] = []
        self._wishes: dict[DeviceId, Subscribe] = {}
        self._number = 0
        self.is_stirred = False
        """Something new was said since the shell last looked; the shell takes it back."""

    # ---- subscriptions

    def subscribe(self, device: DeviceId, subscription: Subscribe) -> None:
        """Take a device's new subscription, or its wish for none; the shell keeps it."""
        if len(self._wishes) < WISHES_MAX or device in self._wishes:
            self._wishes[device], self.is_stirred = subscription, True
            self.knows(device, subscription)

    def knows(self, device: DeviceId, subscription: Subscribe) -> None:
        """Learn of a subscription that is on the disk."""
        name = subscription_name(subscription)
        if name:
            self._names[device] = name
        else:
            self.forget(device)

    def forget(self, device: DeviceId) -> None:
        """A device's subscription is gone, or the device is."""
        self._names.pop(device, None)
        self._owed.pop(device, None)

    def take_wishes(self) -> dict[DeviceId, Subscribe]:
        """Hand out what is to be kept, or dropped where the endpoint is empty."""
        wishes, self._wishes = self._wishes, {}
        return wishes

    def name_of(self, device: DeviceId) -> bytes:
        """Name the subscription held for a device; empty if there is none."""
        return self._names.get(device, b"")

    @property
    def count(self) -> int:
        """Devices that can be woken."""
        return len(self._names)

    # ---- mail, and connections

    def mail(self, device: DeviceId, lane: Lane, *, now_s: float) -> None:
        """Mail came for a device that is not here, or was left behind by one that went."""
        urgency = OF_LANE.get(lane)
        if urgency is None or device not in self._names:
            return
        owed = self._owed.get(device)
        if owed is None:
            self._owed[device] = _Owed(urgency, now_s)
            self._put_off(device, now_s)
            return
        is_more = urgency.rank < owed.urgency.rank
        if is_more:
            owed.urgency = urgency
        if owed.told_until_s is not None and (is_more or now_s >= owed.told_until_s):
            owed.urgency, owed.told_until_s, owed.tries, owed.due_s = urgency, None, 0, now_s
            self._put_off(device, now_s)

    def connected(self, device: DeviceId) -> None:
        """A device is here: nothing is owed to it but what its connection carries."""
        self._owed.pop(device, None)

    # ---- knocks

    @property
    def wake_at_s(self) -> float | None:
        """When to look for the next knock."""
        self._pass_over()
        return self._dues[0][0] if self._dues else None

    def wake(self, *, now_s: float) -> list[Knock]:
        """Give the knocks whose time it is."""
        knocks: list[Knock] = []
        self._pass_over()
        while self._dues and self._dues[0][0] <= now_s:
            _, device = heappop(self._dues)
            owed = self._owed[device]
            self._number += 1
            owed.is_out, owed.number = True, self._number
            knocks.append(Knock(device, owed.urgency, self._number))
            self._pass_over()
        return knocks

    def answered(self, knock: Knock, outcome: Outcome, *, retry_after_s: float, draw: float, now_s: float) -> None:
        """Learn what became of a knock; `retry_after_s` is what the service asked for, 0 if nothing."""
        if outcome is Outcome.GONE:
            self.forget(knock.device)
            return
        owed = self._owed.get(knock.device)
        if owed is None or not owed.is_out or owed.number != knock.number:
            return  # it has connected meanwhile
        owed.is_out = False
        is_more = owed.urgency.rank < knock.urgency.rank  # what came meanwhile is more urgent: no try was for that yet
        if outcome is Outcome.TAKEN and not is_more:
            owed.told_until_s, owed.tries = now_s + TTL_S, 0
            return
        is_spent = outcome is Outcome.LATER and owed.tries + 1 >= TRIES_MAX
        if outcome is Outcome.REFUSED or (is_spent and not is_more):
            del self._owed[knock.device]
            return
        owed.due_s = now_s
        if outcome is Outcome.TAKEN:
            owed.tries = 0
        else:
            owed.tries += 1
            wait_s = min(RETRY_S * 2.0 ** (owed.tries - 1), RETRY_S_MAX / 2) * (1.0 + draw)
            owed.due_s += max(wait_s, min(retry_after_s, TOLD_S_MAX))
        self._put_off(knock.device, owed.due_s)

    def _put_off(self, device: DeviceId, due_s: float) -> None:
        heappush(self._dues, (due_s, device))
        self.is_stirred = True

    def _pass_over(self) -> None:
        """Leave out what is no longer true of the queue."""
        while self._dues:
            at_s, device = self._dues[0]
            owed = self._owed.get(device)
            if owed is not None and owed.due_s == at_s and not owed.is_out and owed.told_until_s is None:
                return
            heappop(self._dues)
