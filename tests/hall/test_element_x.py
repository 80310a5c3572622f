"""Element X: a queue that one error stopped, and that stayed stopped."""

from pathlib import Path

import pytest

from answerback.core.effects import Effect, Moment, Reason, Save, Upload, Warned
from answerback.core.facts import KeepDraft, KeepOutgoing
from answerback.core.lanes import CopyKey, Lanes
from answerback.core.network.recovery import SPACING_S_MAX, Recovery
from answerback.core.outbox import Outbox
from answerback.core.reaching import Reaching
from answerback.model.causes import Cause
from answerback.model.envelope import SEALED_BYTES_MAX
from answerback.model.message import Lane, Urgency
from answerback.model.timeline import Stage
from answerback.wire.frames import Farewell
from tests.core.world import STEP_S, Phone, World
from tests.hall.people import friends, tell
from tests.hall.planting import Planted, each_of

THREE_TRIES = 3


def test_one_401_does_not_stop_the_queue_for_good() -> None:
    """Element X: a token was not active for a moment; the queue took the 401 for final and was wedged for ever.

    https://github.com/element-hq/element-x-android/issues/4560
    https://github.com/matrix-org/matrix-rust-sdk/pull/4463
    """
    world, ann, bea = friends()
    world.relay.holds_commits = True
    ann.send("bea", text="under way")
    ann.send("bea", text="with a file", urgency=Urgency.BACKGROUND, file=world.file(4_000_000))
    world.run(STEP_S)
    _one_piece_is_refused(ann)
    tell(ann, Farewell(Cause.ACCOUNT_NOT_REGISTERED.value, -1))
    ann._unplug()
    world.relay.holds_commits = False
    assert Warned(Cause.ACCOUNT_NOT_REGISTERED) in ann.news, "the person was told nothing"
    ann.send("bea", text="written meanwhile")
    world.run_until(lambda: len(bea.texts) == 4, at_most_s=SPACING_S_MAX)
    world.run_until(world.settled, at_most_s=SPACING_S_MAX)
    assert sorted(bea.texts[1:]) == ["under way", "with a file", "written meanwhile"]


def _one_piece_is_refused(phone: Phone) -> None:
    """The relay answers one piece of a file with 401; the shell reports it so."""
    (piece,) = phone.moving
    assert isinstance(piece, Upload)
    phone.moving.clear()
    phone.carry_out(phone.engine.transfer_failed(piece, missing=False, message=None, now=phone.now))


def an_unknown_account_is_final(patch: pytest.MonkeyPatch) -> None:
    farewelled = Reaching.farewelled

    def stop(reaching: Reaching, line: int, frame: Farewell, *, now: Moment) -> list[Effect]:
        effects = farewelled(reaching, line, frame, now=now)
        if frame.cause == Cause.ACCOUNT_NOT_REGISTERED.value:
            reaching.machines.path.recovery._next = None
        return effects

    patch.setattr(Reaching, "farewelled", stop)


def test_one_message_that_fails_holds_up_no_other() -> None:
    """Element X: whatever is queued behind a message that failed waits until a person retries or removes that one.

    https://github.com/matrix-org/matrix-rust-sdk/issues/4389
    https://github.com/project-robius/robrix/pull/1061
    https://github.com/matrix-org/matrix-rust-sdk/pull/6843
    """
    world, ann, bea = friends()
    cid = world.person("cid")
    world.run(2)
    ann.send("cid", text="met, in another lane", urgency=Urgency.URGENT)
    world.run_until(world.settled, at_most_s=10.0)
    store = world.relay.store
    for keys in (store.prekeys, store.fallback):
        keys.pop(cid.own.device)
    cid.stop()
    nobody = ann.send("nobody", text="to nobody")
    keyless = ann.send("cid", text="to somebody without keys")
    too_large = ann.send("bea", text="x" * SEALED_BYTES_MAX)
    good = [ann.send("bea", text=f"good {number}") for number in range(3)]
    world.run(10)
    assert {ann.stage(identity) for identity in good} == {Stage.DELIVERED}, "the others wait behind it"
    assert ann.stage(nobody) is Stage.FAILED
    assert ann.stage(too_large, bea) is Stage.FAILED
    assert _last_cause(ann, too_large) is Cause.MESSAGE_TOO_LARGE
    assert ann.stage(keyless) is Stage.QUEUED
    assert bea.texts[1:] == ["good 0", "good 1", "good 2"]
    cid.start()
    world.run_until(lambda: "to somebody without keys" in cid.texts, at_most_s=60.0)


def _last_cause(phone: Phone, message: bytes) -> Cause:
    return [step.cause for known, _, step in phone.disk.steps if known == message][-1]


def the_first_must_leave_first(patch: pytest.MonkeyPatch) -> None:
    """One queue for everybody: what cannot leave stays at its head."""
    pop = Lanes._pop

    def pop_first(lanes: Lanes, lane: Lane) -> CopyKey | None:
        queues = lanes._queues[lane]
        heads = [(queue[0][0], device) for device, queue in queues.items() if queue and queue[0][1] in lanes._queued]
        if heads and (lane, min(heads)[1]) in lanes._held:
            return None
        return pop(lanes, lane)

    patch.setattr(Lanes, "_pop", pop_first)


def test_when_the_network_is_back_the_queue_moves_by_itself() -> None:
    """Element X: back on 5G, a message stayed "sending" for minutes, until the app was killed and started again.

    https://github.com/element-hq/element-x-ios/issues/2952
    https://github.com/element-hq/element-x-android/issues/4560
    """
    _goes_on(after_s=5.0, is_hinted=False, at_most_s=3.0)
    _goes_on(after_s=600.0, is_hinted=True, at_most_s=1.0)
    _goes_on(after_s=600.0, is_hinted=False, at_most_s=SPACING_S_MAX)


def _goes_on(*, after_s: float, is_hinted: bool, at_most_s: float) -> None:
    world, ann, bea = friends()
    _leave(world, ann, after_s)
    world.reachable = True
    for phone in (ann, bea) if is_hinted else ():
        phone.carry_out(phone.engine.hint(now=phone.now))
    said = ["under way", *(f"offline {number}" for number in range(5))]
    took_s = world.run_until(lambda: len(bea.texts) > len(said), at_most_s=2 * SPACING_S_MAX)
    assert sorted(bea.texts[1:]) == sorted(said)
    assert took_s <= at_most_s, f"{took_s:.1f} s after an absence of {after_s:.0f} s"


def _leave(world: World, phone: Phone, away_s: float) -> None:
    world.relay.holds_commits = True
    phone.send("bea", text="under way")
    world.run(STEP_S)
    world.reachable = world.relay.holds_commits = False
    world.relay.waiting.clear()
    for number in range(5):
        phone.send("bea", text=f"offline {number}")
    phone.drop(Cause.NETWORK_NO_PATH)
    world.run(away_s)


def test_what_was_written_offline_outlives_the_app() -> None:
    """Element X: what was written on a bad network was gone after the room was left or the app was closed.

    https://github.com/element-hq/element-x-ios/issues/675
    https://github.com/element-hq/element-x-android/issues/1480
    """
    world, ann, bea = friends()
    cid = world.person("cid")
    world.run(2)
    world.reachable = False
    ann.drop(Cause.NETWORK_NO_PATH)
    for number in range(3):
        ann.send("bea", text=f"offline {number}")
        ann.send("cid", text=f"to a stranger {number}")
        world.run(20)
        ann.crash()
    world.reachable = True
    world.run(SPACING_S_MAX)
    assert bea.texts[1:] == [f"offline {number}" for number in range(3)], "written, and gone with the app"
    assert sorted(cid.texts) == [f"to a stranger {number}" for number in range(3)], "written, and gone with the app"
    assert len(bea.shown) == len(set(bea.shown))


def the_queue_lives_in_memory(patch: pytest.MonkeyPatch) -> None:
    carry_out = Phone.carry_out

    def forgetful(phone: Phone, effects: list[Effect]) -> None:
        carry_out(phone, [each for each in effects if not _is_promise(each)])

    patch.setattr(Phone, "carry_out", forgetful)


def _is_promise(effect: Effect) -> bool:
    return isinstance(effect, Save) and isinstance(effect.fact, KeepDraft | KeepOutgoing)


def three_tries_and_no_more(patch: pytest.MonkeyPatch) -> None:
    due = Recovery.due

    def give_up(timetable: Recovery, *, now_s: float, draw: float) -> Reason | None:
        reason = due(timetable, now_s=now_s, draw=draw)
        if timetable._open_probes >= THREE_TRIES:
            timetable._next = None
        return reason

    patch.setattr(Recovery, "due", give_up)


def what_was_under_way_stays_so(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "connection_lost", lambda *_: [])


@each_of(
    Planted(test_one_401_does_not_stop_the_queue_for_good, an_unknown_account_is_final, "not within"),
    Planted(test_one_message_that_fails_holds_up_no_other, the_first_must_leave_first, "others wait behind"),
    Planted(test_what_was_written_offline_outlives_the_app, the_queue_lives_in_memory, "gone with the app"),
    Planted(test_when_the_network_is_back_the_queue_moves_by_itself, three_tries_and_no_more, "not within"),
    Planted(test_when_the_network_is_back_the_queue_moves_by_itself, what_was_under_way_stays_so, "not within"),
)
def test_each_mistake_of_element_x_is_noticed(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
