"""This device's registration as a lease: renewed by every contact, warned of before it ends, and made anew on request.

Theory. A lease has a length that the relay tells with each welcome, and it runs from the last contact (as DHCP's,
RFC 2131 section 4.4.5, where a client renews at half of it). Every welcome renews it, so a device that connects at all
never loses it; what can be lost is noticed by the clock alone: at half of the lease, or when mail left at the relay
begins to run out, it is *stale*, and a person is told; at its end it is *expired*. What the relay itself says (unknown,
revoked) stands until it says otherwise. Making a registration anew is an intention that is on the disk before its first
step, and each step may be taken twice: whatever ends this process, the next one goes on.
"""

from dataclasses import dataclass, replace

from answerback.core.facts import KeepLease
from answerback.model.causes import Cause
from answerback.model.message import LIFETIME_S
from answerback.model.registration import Doing, Registered, Standing, Step

NEVER = KeepLease()
LEASE_S_MAX = 10 * 365 * 86_400
"""A relay that promises more is not believed: nobody plans for longer."""
REFUSALS = {
    Cause.ACCOUNT_DEVICE_REVOKED: Registered.REVOKED,
    Cause.ACCOUNT_NOT_REGISTERED: Registered.UNKNOWN,
}


@dataclass(slots=True)
class Lease:
    """How long this device is known for, and what is being done about it."""

    kept: KeepLease = NEVER
    told: Registered = Registered.REGISTERED
    """What a person was told of last."""

    @property
    def step(self) -> Step:
        """How far an asked-for renewal has come."""
        return Step(self.kept.step)

    # ---- what happens

    def welcomed(self, *, relay_ms: int, length_s: int, lapsed_ms: int, wall_ms: int) -> KeepLease:
        """The relay let this device in: the lease begins anew."""
        kept, length_s = self.kept, min(length_s, LEASE_S_MAX)
        is_back = kept.refused is not None or not kept.seen_ms or lapsed_ms > 0
        since_ms = wall_ms if is_back or not kept.since_ms else kept.since_ms
        self.kept = replace(kept, seen_ms=relay_ms, length_s=length_s, refused=None, since_ms=since_ms)
        self.told = Registered.REGISTERED
        return self.kept

    def refused(self, cause: Cause, *, wall_ms: int) -> KeepLease | None:
        """The relay does not let this device in; none if that is no news about its registration."""
        if cause not in REFUSALS or self.kept.refused is cause:
            return None
        self.kept = replace(self.kept, refused=cause, since_ms=wall_ms)
        return self.kept

    def ask(self, *, gentle: bool, wall_ms: int) -> KeepLease:
        """A person wants it made anew: from the first step, also if it was under way."""
        gentle = gentle and (self.step is Step.NONE or self.kept.gentle)
        self.kept = replace(self.kept, step=Step.SIGN_IN, gentle=gentle, asked_ms=wall_ms)
        return self.kept

    def advance(self, *, wall_ms: int) -> KeepLease:
        """A step is done."""
        following = {Step.SIGN_IN: Step.LISTS if self.kept.gentle else Step.KEYS, Step.KEYS: Step.LISTS}
        step = following.get(self.step, Step.NONE)
        self.kept = replace(self.kept, step=step, renewed_ms=wall_ms if step is Step.NONE else self.kept.renewed_ms)
        return self.kept

    # ---- what is so

    @property
    def stale_ms(self) -> int | None:
        """When it becomes stale without contact, on the relay's clock; none while there is no lease."""
        if not self.kept.seen_ms or not self.kept.length_s:
            return None
        return self.kept.seen_ms + min(self.kept.length_s * 500, LIFETIME_S * 1000)

    @property
    def ends_ms(self) -> int | None:
        """When it ends without contact, on the relay's clock; none while there is no lease."""
        if not self.kept.seen_ms or not self.kept.length_s:
            return None
        return self.kept.seen_ms + self.kept.length_s * 1000

    def standing(self, *, relay_ms: int, connected: bool, keys_due: bool) -> Standing:
        """Say how it stands now; `keys_due`: keys are to be published, or are on their way to the relay."""
        kept, ends_ms, stale_ms = self.kept, self.ends_ms, self.stale_ms
        if kept.refused is not None:
            return Standing(REFUSALS[kept.refused], kept.refused, kept.since_ms, Doing.ASKING_YOU, ends_ms)
        if not connected and ends_ms is not None and stale_ms is not None:
            if relay_ms >= ends_ms:
                cause = Cause.ACCOUNT_REGISTRATION_EXPIRED
                return Standing(Registered.EXPIRED, cause, ends_ms, Doing.CONNECTING, ends_ms)
            if relay_ms >= stale_ms:
                cause = Cause.ACCOUNT_REGISTRATION_STALE
                return Standing(Registered.STALE, cause, stale_ms, Doing.CONNECTING, ends_ms)
        if self.step is not Step.NONE:
            doing = Doing.SIGNING_IN if self.step is Step.SIGN_IN else Doing.PUBLISHING
            return Standing(Registered.RENEWING, Cause.ACCOUNT_RENEWING, kept.asked_ms, doing, ends_ms)
        if not kept.seen_ms or keys_due:
            doing = Doing.PUBLISHING if connected else Doing.CONNECTING
            return Standing(Registered.RENEWING, Cause.ACCOUNT_RENEWING, kept.since_ms, doing, ends_ms)
        return Standing(Registered.REGISTERED, None, kept.since_ms, Doing.NOTHING, ends_ms)

    def turned(self, *, relay_ms: int) -> Cause | None:
        """A warning that is due while there is no contact: it has become stale, or has ended; each is said once."""
        standing = self.standing(relay_ms=relay_ms, connected=False, keys_due=False)
        if standing.state is self.told or standing.state not in (Registered.STALE, Registered.EXPIRED):
            return None
        self.told = standing.state
        return standing.cause

    def turns_ms(self, *, relay_ms: int) -> int | None:
        """When it next turns stale or ends if there is no contact, on the relay's clock."""
        if self.kept.refused is not None:
            return None
        moments = [moment for moment in (self.stale_ms, self.ends_ms) if moment is not None and moment > relay_ms]
        return min(moments, default=None)
