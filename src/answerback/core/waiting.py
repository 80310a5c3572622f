"""Says why a copy stays where it is, and what happens next: the answer behind `why`."""

from answerback.core.catchup import answer_due_s
from answerback.core.effects import Moment, Reason, Wake
from answerback.core.facts import KeepDraft
from answerback.core.machines import Machines
from answerback.core.outbox import Copy, Promise
from answerback.model.causes import Cause
from answerback.model.timeline import Stage, Wait


def wait_of_draft(machines: Machines, draft: KeepDraft, *, now: Moment) -> Wait:
    """Why a message is not even addressed: a person must agree, or whose a handle is must be asked first."""
    if machines.trust.holds(draft.handles, draft.accounts):
        return Wait(Cause.TRUST_CONTACT_CHANGED, None, Reason.NOTHING.value)
    if not machines.path.up:
        return _down(machines, now=now)
    return Wait(Cause.QUEUE_FETCHING_KEYS, None, Reason.TURN.value)


def wait_of_promise(machines: Machines, promise: Promise, *, now: Moment) -> Wait | None:
    """Why a letter has not got all its copies under way."""
    if promise.cause is not None or not promise.copies:
        if not machines.path.up:
            return _down(machines, now=now)
        return Wait(promise.cause or Cause.QUEUE_FETCHING_KEYS, None, Reason.TURN.value)
    return None


def wait_of_copy(machines: Machines, copy: Copy, *, now: Moment) -> Wait | None:
    """Why this copy stays where it is; none when nothing is owed to it."""
    if not copy.open:
        return None
    if copy.stage is Stage.ACCEPTED:
        return _accepted(machines, copy, now=now)
    if not machines.path.up:
        return _down(machines, now=now)
    if machines.transfers.active((machines.own.account, copy.message)):
        return Wait(Cause.QUEUE_UPLOADING, None, Reason.TRANSFER.value)
    if copy.retry_at_s is not None:
        return _until(copy.cause or Cause.RELAY_BUSY, Wake(copy.retry_at_s, Reason.RETRY_TOLD), now=now)
    hold = machines.lanes.held(copy.device, copy.lane)
    if hold is not None:
        until = Wake(hold.until_s, Reason.RETRY_TOLD) if hold.until_s is not None else None
        return _until(hold.cause, until, now=now)
    path = machines.path
    if path.is_doubted:
        return _until(Cause.NETWORK_STALLED, path.wake_at, now=now)
    if copy.stage is Stage.SENT:
        return _until(Cause.QUEUE_CONFIRMATION_DUE, path.wake_at, now=now)
    return Wait(Cause.QUEUE_BEHIND_OTHERS, None, Reason.TURN.value)


def _accepted(machines: Machines, copy: Copy, *, now: Moment) -> Wait:
    due_s = answer_due_s(copy)
    due = Wake(due_s, Reason.ANSWER_DUE) if due_s is not None and machines.path.up else None
    silent = Cause.RECIPIENT_DEVICE_SILENT if copy.inquiries else Cause.QUEUE_CONFIRMATION_DUE
    return _until(copy.cause or silent, due, now=now)


def _down(machines: Machines, *, now: Moment) -> Wait:
    return _until(machines.path.cause or Cause.NETWORK_NO_PATH, machines.path.wake_at, now=now)


def _until(cause: Cause, wake: Wake | None, *, now: Moment) -> Wait:
    if wake is None:
        return Wait(cause, None, Reason.NOTHING.value)
    return Wait(cause, now.wall_ms + max(0, round((wake.at_s - now.now_s) * 1000)), wake.reason.value)
