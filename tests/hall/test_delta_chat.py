"""Delta Chat: a retry planned in three weeks."""

from pathlib import Path

import pytest

from answerback.core import confirmation, reaching
from answerback.core.network import recovery
from answerback.core.network.recovery import SPACING_S_MAX, TOLD_S_MAX, Recovery
from answerback.model.causes import Cause
from answerback.model.ids import MessageId
from answerback.model.message import LIFETIME_S
from answerback.wire.frames import Farewell
from tests.core.world import Phone
from tests.hall.people import friends, tell
from tests.hall.planting import Planted, each_of

THREE_WEEKS_MS = 1_771_470_000
"""What Delta Chat planned, in milliseconds."""
ATTEMPT_MS = 10_000
AWAY_S = 2 * 86_400.0
LOOKS = 200


def test_no_retry_is_ever_planned_for_next_month() -> None:
    """Delta Chat: "smtp has messages to retry, planning to retry 1771470 seconds later": 20 days and a half.

    https://github.com/chatmail/core/issues/4833
    https://github.com/deltachat/deltachat-android/issues/602
    """
    world, ann, bea = friends()
    world.reachable = False
    bound_ms = round(SPACING_S_MAX * 1000) + ATTEMPT_MS
    identity = ann.send("bea", text="patience", lifetime_s=LIFETIME_S)
    for _ in range(LOOKS):
        world.run(AWAY_S / LOOKS)
        assert _planned_ms(ann, identity) <= bound_ms, "the next attempt is planned ages ahead"
    world.reachable = True
    took_s = world.run_until(lambda: "patience" in bea.texts, at_most_s=3600.0)
    assert took_s <= bound_ms / 1000


def test_a_relay_that_names_such_a_time_is_asked_again_the_same_day() -> None:
    """Delta Chat: a small fault of one server was suspected; nor may the time that a server names do such harm.

    https://github.com/chatmail/core/issues/4833
    """
    world, ann, bea = friends()
    tell(ann, Farewell(Cause.RELAY_BUSY.value, THREE_WEEKS_MS))
    ann._unplug()
    identity = ann.send("bea", text="told to wait")
    assert _planned_ms(ann, identity) <= TOLD_S_MAX * 1000, "a relay's word kept a device away"
    world.relay.refuse[bea.own.device] = Cause.RELAY_BUSY, THREE_WEEKS_MS
    world.run(TOLD_S_MAX + 10)
    assert _planned_ms(ann, identity) <= TOLD_S_MAX * 1000, "a relay's word kept a message back"
    world.relay.refuse.clear()
    world.run(TOLD_S_MAX + SPACING_S_MAX)
    assert "told to wait" in bea.texts


def _planned_ms(phone: Phone, message: MessageId) -> int:
    wait = phone.engine.wait_of(message, None, now=phone.now)
    if wait is None:
        copies = phone.engine.machines.outbox.promise(message)
        assert copies is not None
        (device,) = copies.copies
        wait = phone.engine.wait_of(message, device, now=phone.now)
    assert wait is not None
    assert wait.next_attempt_ms is not None, "nothing is planned at all"
    return wait.next_attempt_ms - phone.now.wall_ms


def the_wait_grows_with_every_failure(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recovery, "_spacing_s", lambda timetable, _now_s: 1.5 ** min(timetable._open_probes, 100))


def whatever_a_relay_says_is_done(patch: pytest.MonkeyPatch) -> None:
    for module in (reaching, confirmation, recovery):
        patch.setattr(module, "TOLD_S_MAX", float("inf"))


def refusals_last_as_long_as_they_say(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(confirmation, "TOLD_S_MAX", float("inf"))


@each_of(
    Planted(test_no_retry_is_ever_planned_for_next_month, the_wait_grows_with_every_failure, "ages ahead"),
    Planted(
        test_a_relay_that_names_such_a_time_is_asked_again_the_same_day, whatever_a_relay_says_is_done, "device away"
    ),
    Planted(
        test_a_relay_that_names_such_a_time_is_asked_again_the_same_day,
        refusals_last_as_long_as_they_say,
        "message back",
    ),
)
def test_each_mistake_of_delta_chat_is_noticed(
    planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
