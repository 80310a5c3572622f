"""Answers what people ask about their messages: where is each copy, and why does it stay there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from answerback.core.facts import KeepCopy, KeepStep
from answerback.core.network.paths import Paths
from answerback.core.network.standing import Verdict
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.timeline import CopyTimeline, Stage, Step, Timeline, Wait
from answerback.storage.history import History

WaitOf = Callable[[MessageId, DeviceId | None], Wait | None]
AGENT_STOPPED = Wait(Cause.NETWORK_AGENT_STOPPED, None, "connect.first")
"""Nothing can move while no agent of this device runs."""


@dataclass(frozen=True, slots=True)
class PathStatus:
    """How one way to the relay stands, and what that rests on."""

    name: str
    """Its interface; empty where nobody tells them apart."""
    is_in_use: bool
    is_standby: bool
    is_metered: bool
    verdict: Verdict
    since_s: float
    """How long it has stood so."""
    rtt_s: float | None
    rtt_deviation_s: float
    jitter_s: float
    loss: float
    bloat_s: float
    up_bytes_per_s: float
    down_bytes_per_s: float
    heard_s: float | None
    """How long ago anything succeeded on it; none if nothing has."""
    probes: int
    wasted_bytes: int


@dataclass(frozen=True, slots=True)
class Status:
    """How this device stands."""

    handle: str
    account: AccountId
    device: DeviceId
    device_name: str
    relay_url: str
    running: bool
    connected: bool
    cause: Cause | None
    """Why it is not connected."""
    next_attempt_ms: int | None
    next_reason: str | None
    rtt_ms: float | None
    rate_bytes_per_s: float
    clock_offset_ms: int
    behind: int
    """Envelopes in the mailbox that are still to be taken."""
    prekeys_left: int
    attempts: int
    wasted_attempts: int
    messages: int
    waiting: int
    """Messages of ours that are not answered by every device."""
    files_moving: int
    urgent_left: int = 0
    """Messages that may still be urgent now."""
    urgent_next_ms: int | None = None
    """When there will be one more; none while all of them are left."""
    paths: tuple[PathStatus, ...] = ()


def path_statuses(paths: Paths, *, now_s: float) -> tuple[PathStatus, ...]:
    """Say how each way to the relay stands, the one in use first."""
    metered = {seen.name for seen in paths.seen if seen.is_metered}
    return tuple(
        PathStatus(
            name=path.name,
            is_in_use=path is paths.current,
            is_standby=path.is_standby and path.up,
            is_metered=path.name in metered,
            verdict=path.verdict,
            since_s=max(now_s - path.verdict.since_s, 0.0),
            rtt_s=path.estimate.rtt_s if path.estimate.measured else None,
            rtt_deviation_s=path.estimate.rtt_deviation_s,
            jitter_s=path.estimate.jitter_s,
            loss=path.estimate.loss,
            bloat_s=path.estimate.bloat_s,
            up_bytes_per_s=path.estimate.up_bytes_per_s,
            down_bytes_per_s=path.estimate.down_bytes_per_s,
            heard_s=path.estimate.age_s(now_s),
            probes=path.tries,
            wasted_bytes=path.recovery.wasted_bytes,
        )
        for path in paths.active()
    )


def timeline(history: History, message: MessageId, *, own: AccountId, wait_of: WaitOf | None) -> Timeline | None:
    """Tell the life of one message; none if nothing is known of it. Without an agent, what is open waits for one."""
    steps = history.steps(message)
    copies = history.copies(message)
    kept = history.message(message)
    if not steps and not copies and kept is None:
        return None
    names = {known.device: known.name for known in history.device_names()}
    told = tuple(_copy(copy, steps, names, wait_of) for copy in copies)
    whole = tuple(step.step for step in steps if step.device is None)
    stage = _stage(whole, [copy for copy in told if copy.account != own] or list(told))
    wait = None
    # A message of ours that has no step here was written on another device: it does not wait for this one.
    if not told and whole and not stage.final and (kept is None or kept.message.author == own):
        wait = wait_of(message, None) if wait_of else AGENT_STOPPED
    return Timeline(message, stage, whole, told, wait)


def _copy(
    copy: KeepCopy, steps: Sequence[KeepStep], names: dict[DeviceId, str], wait_of: WaitOf | None
) -> CopyTimeline:
    own_steps = tuple(step.step for step in steps if step.device == copy.device)
    wait = None
    if not (copy.stage.answered or copy.stage.final):
        wait = wait_of(copy.message, copy.device) if wait_of else AGENT_STOPPED
    return CopyTimeline(
        message=copy.message,
        account=copy.account,
        device=copy.device,
        device_name=names.get(copy.device) or f"device {copy.device.hex()[:6]}",
        stage=copy.stage,
        attempts=copy.attempts,
        steps=own_steps,
        wait=wait,
    )


def _stage(whole: Sequence[Step], copies: Sequence[CopyTimeline]) -> Stage:
    """Say only what is true of every copy that still counts; a device that is gone does not, unless all are."""
    counted = [copy for copy in copies if not copy.stage.final] or list(copies)
    if counted:
        return min(copy.stage for copy in counted)
    return max((step.stage for step in whole), default=Stage.COMPOSED)
