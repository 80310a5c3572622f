"""Proves that people are warned before a registration ends, that the clock alone ends it, and what a renewal does."""

import pytest

from answerback.core.facts import KeepLease
from answerback.core.lease import LEASE_S_MAX, Lease
from answerback.model.causes import Cause
from answerback.model.message import LIFETIME_S
from answerback.model.registration import Doing, Registered, Step

SEEN_MS = 10**12
DAY_S = 86_400
WALL_MS = SEEN_MS + 5


def met(length_s: int = 90 * DAY_S) -> Lease:
    lease = Lease()
    lease.welcomed(relay_ms=SEEN_MS, length_s=length_s, lapsed_ms=0, wall_ms=WALL_MS)
    return lease


def state(lease: Lease, days: float, *, connected: bool = False, keys_due: bool = False) -> Registered:
    relay_ms = SEEN_MS + round(days * DAY_S * 1000)
    return lease.standing(relay_ms=relay_ms, connected=connected, keys_due=keys_due).state


@pytest.mark.parametrize(
    ("length_days", "days", "found"),
    [
        (90, 0, Registered.REGISTERED),
        (90, 29.9, Registered.REGISTERED),
        (90, 30, Registered.STALE),
        (90, 89.9, Registered.STALE),
        (90, 90, Registered.EXPIRED),
        (40, 19.9, Registered.REGISTERED),
        (40, 20, Registered.STALE),
        (40, 40, Registered.EXPIRED),
    ],
)
def test_without_contact_it_becomes_stale_at_half_or_when_mail_runs_out_and_then_ends(
    length_days: int, days: float, found: Registered
) -> None:
    assert state(met(length_days * DAY_S), days) is found
    assert state(met(length_days * DAY_S), days, connected=True) is Registered.REGISTERED, "contact is all it needs"


def test_each_warning_is_given_once_and_contact_takes_it_back() -> None:
    lease, stale_ms, ends_ms = met(), SEEN_MS + LIFETIME_S * 1000, SEEN_MS + 90 * DAY_S * 1000
    assert lease.turns_ms(relay_ms=SEEN_MS) == stale_ms
    assert lease.turned(relay_ms=stale_ms - 1) is None
    assert lease.turned(relay_ms=stale_ms) is Cause.ACCOUNT_REGISTRATION_STALE
    assert lease.turned(relay_ms=stale_ms) is None
    assert lease.turns_ms(relay_ms=stale_ms) == ends_ms
    assert lease.turned(relay_ms=ends_ms) is Cause.ACCOUNT_REGISTRATION_EXPIRED
    assert lease.turned(relay_ms=ends_ms + 1) is None
    assert lease.turns_ms(relay_ms=ends_ms) is None
    lease.welcomed(relay_ms=ends_ms, length_s=90 * DAY_S, lapsed_ms=5, wall_ms=WALL_MS)
    assert lease.turned(relay_ms=ends_ms) is None
    assert lease.turned(relay_ms=ends_ms + LIFETIME_S * 1000) is Cause.ACCOUNT_REGISTRATION_STALE


def test_what_the_relay_says_stands_until_it_says_otherwise() -> None:
    lease = met()
    assert lease.refused(Cause.RELAY_BUSY, wall_ms=1) is None
    kept = lease.refused(Cause.ACCOUNT_DEVICE_REVOKED, wall_ms=7)
    assert kept is not None
    assert lease.refused(Cause.ACCOUNT_DEVICE_REVOKED, wall_ms=8) is None, "it is no news"
    standing = Lease(kept).standing(relay_ms=SEEN_MS, connected=False, keys_due=False)
    assert (standing.state, standing.cause, standing.since_ms, standing.doing) == (
        *(Registered.REVOKED, Cause.ACCOUNT_DEVICE_REVOKED),
        *(7, Doing.ASKING_YOU),
    )
    assert lease.turns_ms(relay_ms=SEEN_MS) is None
    lease.refused(Cause.ACCOUNT_NOT_REGISTERED, wall_ms=9)
    assert state(lease, 0) is Registered.UNKNOWN
    lease.welcomed(relay_ms=SEEN_MS, length_s=5, lapsed_ms=0, wall_ms=11)
    assert (state(lease, 0), lease.kept.since_ms) == (Registered.REGISTERED, 11)


def test_keys_on_their_way_and_a_renewal_are_renewing() -> None:
    assert Lease().standing(relay_ms=1, connected=True, keys_due=False).state is Registered.RENEWING
    assert state(met(), 0, connected=True, keys_due=True) is Registered.RENEWING
    lease = met()
    lease.ask(gentle=False, wall_ms=3)
    standing = lease.standing(relay_ms=SEEN_MS, connected=True, keys_due=False)
    assert (standing.state, standing.doing, standing.since_ms) == (Registered.RENEWING, Doing.SIGNING_IN, 3)


def test_a_renewal_takes_its_steps_in_order_from_wherever_it_was_interrupted() -> None:
    lease = met()
    steps = [lease.ask(gentle=False, wall_ms=1).step]
    while lease.step is not Step.NONE:
        lease = Lease(lease.kept)  # whatever the step, the next run goes on from what is on the disk
        steps.append(lease.advance(wall_ms=9).step)
    assert steps == [Step.SIGN_IN, Step.KEYS, Step.LISTS, Step.NONE]
    assert lease.kept.renewed_ms == 9
    lease.ask(gentle=True, wall_ms=1)
    assert lease.advance(wall_ms=2).step == Step.LISTS, "keys stay as they are"


def test_a_gentle_one_asked_for_in_the_middle_takes_nothing_back() -> None:
    lease = met()
    lease.ask(gentle=False, wall_ms=1)
    lease.advance(wall_ms=2)
    lease.ask(gentle=True, wall_ms=3)
    assert lease.advance(wall_ms=4).step == Step.KEYS, "the thorough one had begun, and is finished"


def test_a_lease_without_a_length_never_ends_and_an_absurd_one_is_bounded() -> None:
    assert state(met(0), 10_000) is Registered.REGISTERED
    assert met(1 << 60).ends_ms == SEEN_MS + LEASE_S_MAX * 1000
    assert Lease(KeepLease()).turns_ms(relay_ms=0) is None
