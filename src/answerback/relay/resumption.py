"""Gives devices tickets to come back with, and judges those that are shown.

Theory. A ticket is kept nowhere: its secret is a MAC, by a key that only the relay has, over the device, the ticket's
end and a number. So a relay knows each one again, also one that has restarted in between, and none can be made, changed
or lent to another device without its key. What is shown is only worth something to whoever holds the secret, only for
a minute, and only once: the store lets nobody in with a `life` that it has heard before.

The surprising rule: a ticket that is not taken is no fault. The device is asked to sign a challenge, as if it had shown
none, so whatever is doubtful here costs one round trip and weakens nothing.
"""

import hashlib
import hmac
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from answerback.crypto.resumption import check_proof
from answerback.model.errors import TrustError
from answerback.model.ids import DeviceId
from answerback.relay.effects import Moment
from answerback.wire.frames import TICKET_BYTES, WIRE_VERSION, Resume, Ticket

TICKET_KEY_BYTES = 32
TICKET_S = 24 * 3600
"""A device that was away for longer can spare a round trip; one that was lost should not come in for ever."""
FRESH_S = 60.0
"""How far a device's reckoning of the relay's clock may be off: an upgrade request that somebody wrote down and that
never arrived is of no use after this."""
EARLIER_S = 3_600.0
"""How long the run before this one vouches for its tickets: whoever finds its key in a backup finds nothing."""
VOIDED_MAX = 20_000
"""Devices whose earlier tickets are void; the oldest is forgotten beyond that: its tickets last a day at most."""
_END_BYTES = 8
_LABEL = b"answerback ticket v1\0"


@dataclass(frozen=True, slots=True)
class TicketKeys:
    """What the relay makes tickets with, and what the run before it did; empty if there was none."""

    current: bytes = field(repr=False)
    earlier: bytes = field(default=b"", repr=False)


@unique
class Judgement(Enum):
    """What became of a ticket that was shown."""

    TAKEN = "taken"
    EXPIRED = "expired"
    STALE = "stale"
    """It was said too long ago, or by a device whose clock is wrong."""
    FORGED = "forged"
    """Somebody does not hold the secret, or the relay has other keys by now."""
    REPEATED = "repeated"
    """Its `life` was heard before: a repetition, or a device whose memory went back in time."""


class Resumption:
    """The tickets of one run of a relay."""

    def __init__(self, keys: TicketKeys) -> None:
        self._keys: Final = keys
        self._began_s: float | None = None
        self._issued = 0
        self._voided: OrderedDict[DeviceId, int] = OrderedDict()
        """Devices that signed in anew, and the number of the last ticket that was void then."""

    def issue(self, device: DeviceId, *, moment: Moment) -> Ticket:
        """Make the ticket for a device's next connection."""
        self._begin(moment)
        self._issued += 1
        ends_ms = moment.wall_ms + TICKET_S * 1000
        name = ends_ms.to_bytes(_END_BYTES, "big") + self._issued.to_bytes(TICKET_BYTES - _END_BYTES, "big")
        return Ticket(name, _secret(self._keys.current, device, name), TICKET_S)

    def void(self, device: DeviceId) -> None:
        """Take no ticket any more that a device was given until now, in this run or the one before."""
        self._voided[device] = self._issued
        self._voided.move_to_end(device)
        while len(self._voided) > VOIDED_MAX:
            self._voided.popitem(last=False)

    def judge(self, frame: Resume, *, moment: Moment) -> Judgement:
        """Say whether whoever shows this ticket holds it, now; whether it is the first time, the store knows."""
        self._begin(moment)
        if frame.wire != WIRE_VERSION:
            return Judgement.FORGED  # what another version means by its proof is not known here
        ends_ms = int.from_bytes(frame.ticket[:_END_BYTES], "big")
        if not moment.wall_ms < ends_ms <= moment.wall_ms + TICKET_S * 1000 + FRESH_S * 1000:
            return Judgement.EXPIRED  # or the relay's clock was set back by more than anybody's patience
        if abs(moment.wall_ms - frame.clock_ms) > FRESH_S * 1000:
            return Judgement.STALE
        keys, voided = self._vouching(moment), self._voided.get(frame.device)
        if voided is not None:
            keys = keys[:1]
            if int.from_bytes(frame.ticket[_END_BYTES:], "big") <= voided:
                return Judgement.EXPIRED
        return Judgement.TAKEN if any(_holds(frame, key) for key in keys) else Judgement.FORGED

    def _vouching(self, moment: Moment) -> list[bytes]:
        assert self._began_s is not None
        is_recent = moment.now_s - self._began_s < EARLIER_S
        return [self._keys.current, self._keys.earlier] if is_recent and self._keys.earlier else [self._keys.current]

    def _begin(self, moment: Moment) -> None:
        if self._began_s is None:
            self._began_s = moment.now_s


def _holds(frame: Resume, key: bytes) -> bool:
    try:
        check_proof(frame, secret=_secret(key, frame.device, frame.ticket))
    except TrustError:
        return False
    return True


def _secret(key: bytes, device: DeviceId, name: bytes) -> bytes:
    return hmac.digest(key, _LABEL + device + name, hashlib.sha256)
