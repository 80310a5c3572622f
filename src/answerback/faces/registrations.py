"""Tells how a device stands with its relay: in the one shape of `told`, and in words."""

import time

import msgspec

from answerback.core.facts import KeepLease
from answerback.core.lease import Lease
from answerback.core.memory import Memory
from answerback.device.client import Client
from answerback.faces.sentences import CAUSES
from answerback.faces.times import clock, from_now
from answerback.faces.told import RegistrationTold
from answerback.model.causes import cause_of
from answerback.model.registration import Registered, Standing


def told_registration(client: Client) -> RegistrationTold:
    """Tell how a device at work stands."""
    machines = client.agent.engine.machines
    return msgspec.structs.replace(_told(client.standing(), machines.lease.kept), healed=machines.healing.totals)


def _told(standing: Standing, kept: KeepLease) -> RegistrationTold:
    return RegistrationTold(
        state=standing.state.value,
        cause=standing.cause.value if standing.cause else None,
        since_ms=standing.since_ms or None,
        doing=standing.doing.value,
        ends_ms=standing.ends_ms,
        renewing=bool(kept.step),
        renewed_ms=kept.renewed_ms or None,
    )


def registration_on_disk(memory: Memory) -> RegistrationTold:
    """Tell what the disk knows while no agent is at work; time passes for a registration all the same."""
    lease = Lease(memory.lease or KeepLease())
    offset_ms = memory.relay.offset_ms if memory.relay else 0
    relay_ms = time.time_ns() // 1_000_000 + offset_ms
    return _told(lease.standing(relay_ms=relay_ms, connected=False, keys_due=False), lease.kept)


def registration_lines(told: RegistrationTold, *, now_ms: int) -> list[tuple[str, str]]:
    """The lines of a status; where all is well one is enough."""
    since = f", since {clock(told.since_ms, now_ms=now_ms)}" if told.since_ms else ""
    ends = ""
    if told.ends_ms is not None and told.state in (Registered.REGISTERED.value, Registered.STALE.value):
        ends = f"; without contact it ends {from_now(told.ends_ms, now_ms=now_ms)}"
    lines = [("registered" if told.state == Registered.REGISTERED.value else "standing", f"{told.state}{since}{ends}")]
    if told.healed:
        lines.append(("healed", ", ".join(f"{kind} {count}" for kind, count in sorted(told.healed.items()))))
    if told.cause is not None:
        words = CAUSES[cause_of(told.cause)]
        lines += [("why", words.sentence), ("we", f"{told.doing}. {words.we_do}"), ("you can", words.you_can)]
    return lines
