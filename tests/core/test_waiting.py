"""Proves that whatever waits says why, whose problem it is, and when something happens next."""

from answerback.core.catchup import ANSWER_DUE_S
from answerback.core.effects import Moment, Reason
from answerback.core.lanes import Hold
from answerback.core.machines import Machines, Self
from answerback.core.network.silence import SILENCE_S_MAX
from answerback.core.outbox import Copy, Promise
from answerback.core.sessions import Sessions
from answerback.core.waiting import wait_of_copy, wait_of_draft, wait_of_promise
from answerback.crypto.identity import DeviceKeys
from answerback.model.causes import Cause, Owner
from answerback.model.ids import MessageId
from answerback.model.message import Lane
from answerback.model.timeline import Stage, Wait
from tests.core.specimens import ANN, BEA, BLOB, LAPTOP, PHONE, letter, message_number
from tests.core.world import Phone, World
from tests.core.writer import draft

NOW = Moment(100.0, 5_000_000)
"""Waits are counted on one clock and shown on the other."""


def friends() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    return world, ann, bea


def why(ann: Phone, message: MessageId, bea: Phone | None = None) -> Wait:
    wait = ann.engine.wait_of(message, bea.own.device if bea else None, now=ann.now)
    assert wait is not None
    return wait


def test_nothing_waits_for_what_is_done_or_unknown() -> None:
    world, ann, bea = friends()
    identity = ann.send("bea", text="done")
    world.run_until(world.settled, at_most_s=10.0)
    assert ann.engine.wait_of(identity, bea.own.device, now=ann.now) is None
    assert ann.engine.wait_of(MessageId(b"?" * 16), None, now=ann.now) is None


def test_without_a_network_the_network_is_the_cause_and_the_next_attempt_has_a_time() -> None:
    world, ann, bea = friends()
    world.reachable = False
    ann.drop()
    identity, to_stranger = ann.send("bea", text="x"), ann.send("stranger", text="y")
    world.run(30)
    for wait in (why(ann, identity, bea), why(ann, to_stranger)):
        assert wait.cause.owner in (Owner.YOUR_NETWORK, Owner.UNKNOWN)
        assert wait.next_attempt_ms is not None
        assert wait.next_attempt_ms >= ann.now.wall_ms


def test_a_message_to_somebody_never_met_waits_for_keys() -> None:
    world, ann, _ = friends()
    world.person("cid")
    identity = ann.send("cid", text="x")
    assert why(ann, identity).cause is Cause.QUEUE_FETCHING_KEYS


def test_at_the_relay_it_waits_for_the_recipients_device() -> None:
    world, ann, bea = friends()
    bea.stop()
    identity = ann.send("bea", text="x")
    world.run(2)
    wait = why(ann, identity, bea)
    assert (wait.cause, wait.next_reason) == (Cause.RECIPIENT_DEVICE_AWAY, Reason.ANSWER_DUE.value)


def test_on_the_connection_it_waits_for_the_relays_word() -> None:
    world, ann, bea = friends()
    world.relay.holds_commits = True
    identity = ann.send("bea", text="x")
    assert why(ann, identity, bea).cause is Cause.QUEUE_CONFIRMATION_DUE
    last = identity
    for number in range(80):
        last = ann.send("bea", text=f"{number}" + "x" * 3000)
    assert why(ann, last, bea).cause is Cause.QUEUE_BEHIND_OTHERS


# ---- one machine after the other


def device(*, up: bool) -> Machines:
    """A device's machines, connected for a second or never."""
    machines = Machines(Self(ANN, LAPTOP, "laptop", "ann"), Sessions(DeviceKeys.generate(), b"k" * 32), bytes)
    if up:
        machines.path.welcomed(machines.path.numbers.next(), now_s=99.0)
    return machines


def a_copy(stage: Stage = Stage.QUEUED) -> Copy:
    return Copy(message_number(1), BEA, PHONE, Lane.NORMAL, 1, stage)


def test_on_a_connection_each_cause_comes_with_what_ends_it() -> None:
    machines, copy = device(up=True), a_copy()
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.QUEUE_BEHIND_OTHERS, None, Reason.TURN.value)
    machines.lanes.hold(PHONE, Lane.NORMAL, Hold(Cause.QUEUE_FETCHING_KEYS))
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.QUEUE_FETCHING_KEYS, None, Reason.NOTHING.value)
    machines.lanes.hold(PHONE, Lane.NORMAL, Hold(Cause.RECIPIENT_NO_KEYS, 107.5))
    told = Reason.RETRY_TOLD.value
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.RECIPIENT_NO_KEYS, NOW.wall_ms + 7500, told)
    copy.retry_at_s = 103.0
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.RELAY_BUSY, NOW.wall_ms + 3000, told)
    copy.cause = Cause.RECIPIENT_MAILBOX_FULL
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.RECIPIENT_MAILBOX_FULL, NOW.wall_ms + 3000, told)
    machines.transfers.add((ANN, copy.message), BLOB, uploading=True, total_bytes=10)
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.QUEUE_UPLOADING, None, Reason.TRANSFER.value)


def test_what_was_due_a_moment_ago_is_shown_as_due_now_never_in_the_past() -> None:
    machines, copy = device(up=True), a_copy()
    copy.retry_at_s = NOW.now_s - 9.0
    wait = wait_of_copy(machines, copy, now=NOW)
    assert wait is not None
    assert wait.next_attempt_ms == NOW.wall_ms


def test_what_is_on_the_connection_is_looked_after_when_the_connection_is() -> None:
    machines = device(up=True)
    machines.path.expects(outstanding=True, flying_bytes=1, now_s=NOW.now_s)
    wait = wait_of_copy(machines, a_copy(Stage.SENT), now=NOW)
    due_ms = NOW.wall_ms + round(SILENCE_S_MAX * 1000)
    assert wait == Wait(Cause.QUEUE_CONFIRMATION_DUE, due_ms, Reason.SILENCE_PROBE.value)


def test_what_the_relay_has_waits_for_the_device_and_is_asked_about_while_there_is_a_connection() -> None:
    machines, copy = device(up=True), a_copy(Stage.ACCEPTED)
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.QUEUE_CONFIRMATION_DUE, None, Reason.NOTHING.value)
    copy.accepted_s = NOW.now_s - 10.0
    due_ms, due = NOW.wall_ms + round((ANSWER_DUE_S - 10.0) * 1000), Reason.ANSWER_DUE.value
    assert wait_of_copy(machines, copy, now=NOW) == Wait(Cause.QUEUE_CONFIRMATION_DUE, due_ms, due)
    copy.inquiries = 1
    silent = wait_of_copy(machines, copy, now=NOW)
    assert silent is not None
    assert silent.cause is Cause.RECIPIENT_DEVICE_SILENT
    copy.cause = Cause.RECIPIENT_DEVICE_AWAY
    away = wait_of_copy(device(up=False), copy, now=NOW)
    assert away == Wait(Cause.RECIPIENT_DEVICE_AWAY, None, Reason.NOTHING.value)


def test_without_a_connection_the_link_says_why_and_the_timetable_says_when() -> None:
    machines, copy = device(up=False), a_copy()
    stopped = Wait(Cause.NETWORK_AGENT_STOPPED, None, Reason.NOTHING.value)
    assert wait_of_copy(machines, copy, now=NOW) == stopped
    machines.path.start(now_s=NOW.now_s + 4.0)
    soon = Wait(Cause.NETWORK_AGENT_STOPPED, NOW.wall_ms + 4000, Reason.CONNECT_FIRST.value)
    promise = Promise(letter(1), 1, addressed=False)
    assert wait_of_copy(machines, copy, now=NOW) == soon
    assert wait_of_draft(machines, draft("bea"), now=NOW) == soon
    assert wait_of_promise(machines, promise, now=NOW) == soon


def test_a_letter_without_all_its_copies_says_what_is_looked_up() -> None:
    machines, promise = device(up=True), Promise(letter(1), 1, addressed=False)
    keys = Wait(Cause.QUEUE_FETCHING_KEYS, None, Reason.TURN.value)
    assert wait_of_draft(machines, draft("bea"), now=NOW) == keys
    assert wait_of_promise(machines, promise, now=NOW) == keys
    promise.cause = Cause.RECIPIENT_NO_DEVICES
    nobody = Wait(Cause.RECIPIENT_NO_DEVICES, None, Reason.TURN.value)
    assert wait_of_promise(machines, promise, now=NOW) == nobody
    promise.copies[PHONE] = a_copy()
    assert wait_of_promise(machines, promise, now=NOW) == nobody, "one recipient has a copy, another no device"
    promise.cause = None
    assert wait_of_promise(machines, promise, now=NOW) is None
