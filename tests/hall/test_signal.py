"""Signal: sessions that reset each other, a queue that is cleared, and a tick that stays alone."""

from pathlib import Path

import pytest

from answerback.core import engine
from answerback.core.catchup import Catchup
from answerback.core.effects import Effect, Moment, Transmit
from answerback.core.outbox import Outbox
from answerback.core.sessions import Sessions
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.message import LIFETIME_S, Lane
from answerback.model.timeline import Stage, Wait
from answerback.wire.codec import encode
from answerback.wire.frames import Took
from tests.core.world import Phone, Strike, World
from tests.hall.people import friends, strangers
from tests.hall.planting import Planted, each_of

DAY_S = 86_400.0
BROKEN = 40
KEYS_MAX = 12
"""Two lanes in two directions, and not one key more often than every twenty seconds."""


def test_two_devices_that_lost_their_sessions_do_not_reset_each_other_for_ever() -> None:
    """Signal: every message that did not open reset the session once more; one person was told of hundreds.

    https://github.com/signalapp/Signal-Desktop/issues/1374
    https://github.com/signalapp/Signal-Desktop/issues/4881
    """
    world, ann, bea = friends()
    left = _keys_left(world, ann, bea)
    bea.stop()
    for number in range(BROKEN):
        ann.send("bea", text=f"sealed before {number}")
    world.run(2)
    for phone in (ann, bea):
        phone.disk.forget_ratchets()
    ann.crash()
    box = world.relay.box(bea.own.device)
    under_way, box.rows = list(box.rows.values()), {}
    bea.start()
    for number, row in enumerate(under_way):  # one a second, as on a slow link
        box.head += 1
        box.rows[box.head] = row
        bea.send("ann", text=f"meanwhile {number}")
        world.run(1)
    world.run_until(world.settled, at_most_s=900.0)
    assert sorted(bea.shown[1:]) == sorted(f"sealed before {number}" for number in range(BROKEN))
    assert sorted(ann.texts[1:]) == sorted(f"meanwhile {number}" for number in range(BROKEN))
    used = left - _keys_left(world, ann, bea)
    assert used <= KEYS_MAX, f"{used} keys were used up to heal four sessions"


def _keys_left(world: World, *phones: Phone) -> int:
    return sum(len(world.relay.store.prekeys[phone.own.device]) for phone in phones)


def every_failure_resets_at_once(patch: pytest.MonkeyPatch) -> None:
    def replace(sessions: Sessions, device: DeviceId, lane: Lane, *, now: Moment) -> float:
        sessions._spent.add((device, lane))
        sessions.renewals += 1
        return now.now_s

    def renew(sessions: Sessions, device: DeviceId, lane: Lane, *, now: Moment) -> bool:
        sessions.replace(device, lane, now=now)
        return True

    patch.setattr(Sessions, "replace", replace)
    patch.setattr(Sessions, "renew", renew)


def test_what_a_month_of_absence_cost_is_said_for_each_device() -> None:
    """Signal: a computer unused for 30 days is unlinked and its queue cleared; its owner finds a month missing.

    https://github.com/signalapp/Signal-Desktop/issues/4328
    https://github.com/signalapp/Signal-Desktop/issues/3747
    """
    world, ann, bea = strangers()
    laptop = world.second_device(bea)
    ann.send("bea", text="to both")
    world.run_until(world.settled, at_most_s=60.0)
    laptop.stop()
    identity = ann.send("bea", text="to the phone only", lifetime_s=LIFETIME_S)
    world.run(5)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    waits = ann.engine.wait_of(identity, laptop.own.device, now=ann.now)
    assert waits is not None
    assert waits.cause is Cause.RECIPIENT_DEVICE_AWAY
    _a_month_goes_by(world, ann, bea)
    world.run(5)
    assert ann.stage(identity, laptop) is Stage.EXPIRED, "nobody was told that one device never got it"
    assert _causes(ann, laptop)[-1] is Cause.MESSAGE_EXPIRED
    assert ann.stage(identity, bea) is Stage.DELIVERED
    laptop.start()
    ann.send("bea", text="welcome back")
    world.run_until(world.settled, at_most_s=120.0)
    assert laptop.texts == ["to both", "welcome back"], "the device is not linked any more"


def _a_month_goes_by(world: World, *phones: Phone) -> None:
    """Everybody sleeps; the relay clears what is older than 30 days."""
    for phone in phones:
        phone.stop()
    world.now_s += 31 * DAY_S
    for box in world.relay.store.mailboxes.values():
        box.rows.clear()
    for phone in phones:
        phone.start()


def _causes(phone: Phone, of: Phone) -> list[Cause]:
    kept = phone.disk.steps
    return [step.cause for _, device, step in kept if device == of.own.device]


def the_queue_is_cleared_in_silence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "expire", lambda *_, **__: [])


def an_idle_device_is_unlinked(patch: pytest.MonkeyPatch) -> None:
    start = Phone.start

    def start_unlinked(phone: Phone) -> None:
        asleep_s = phone.world.now_s - phone.born_s
        start(phone)
        others = [other for other in phone.world.phones if other.root is phone.root and other is not phone]
        if asleep_s > 30 * DAY_S and others and phone.own.device_name == "laptop":
            phone.world.revoke(others[0], phone)

    patch.setattr(Phone, "start", start_unlinked)


def test_a_restart_in_the_middle_of_catching_up_skips_nothing() -> None:
    """Signal: the program was updated while it loaded what had waited; that part of the conversation never came.

    https://github.com/signalapp/Signal-Desktop/issues/2876
    https://github.com/signalapp/Signal-Desktop/issues/2951
    """
    for change in range(2, 8):
        for strike in Strike:
            _restarted_while_catching_up(change, strike)


def _restarted_while_catching_up(change: int, strike: Strike) -> None:
    world, ann, bea = friends(change)
    bea.stop()
    said = [f"waited {number}" for number in range(12)]
    for text in said:
        ann.send("bea", text=text)
    world.run(1)
    bea.fuse = change, strike
    bea.start()
    world.run(1)
    bea.fuse = None
    bea.crash()
    world.run_until(world.settled, at_most_s=60.0)
    assert bea.texts[1:] == said, f"killed {strike.value}"


def acknowledged_before_it_is_kept(patch: pytest.MonkeyPatch) -> None:
    carry_out = Phone.carry_out

    def hasty(phone: Phone, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit) and isinstance(effect.frame, Took) and phone.connected:
                phone.world.strict = False  # it would object at once; here the story has to notice
                phone.to_relay.append(encode(effect.frame))
                phone.world.relay_hears(phone)
                phone.world.objections.clear()
        carry_out(phone, effects)

    patch.setattr(Phone, "carry_out", hasty)


def test_one_tick_does_not_stay_alone_and_says_why_meanwhile() -> None:
    """Signal: a message stalls on one tick, often for hours, until a second one is sent; nothing says why.

    https://github.com/signalapp/Signal-Android/issues/6246
    https://github.com/signalapp/Signal-Desktop/issues/1989
    https://github.com/signalapp/Signal-Android/issues/10693
    """
    world, ann, bea = friends()
    bea.stop()
    identity = ann.send("bea", text="one tick")
    world.run(5)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    waits = ann.engine.wait_of(identity, bea.own.device, now=ann.now)
    assert waits is not None, "nothing says why"
    assert waits.cause is Cause.RECIPIENT_DEVICE_AWAY
    assert waits.next_attempt_ms is not None
    ann.stop()
    bea.start()
    world.run_until(lambda: "one tick" in bea.texts, at_most_s=10.0)
    world.run(3)
    world.relay.box(ann.own.device).rows.clear()  # the relay had the receipt, and has lost it
    bea.stop()
    ann.start()
    world.run(3)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    bea.start()
    world.run(1200)
    assert ann.stage(identity, bea) is Stage.DELIVERED, "only another message would bring it on"
    assert bea.texts.count("one tick") == 1


def nobody_asks_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Catchup, "page", lambda *_: None)


def a_tick_has_no_reason(patch: pytest.MonkeyPatch) -> None:
    def silent(*_: object, **__: object) -> Wait | None:
        return None

    patch.setattr(engine, "wait_of_copy", silent)


@each_of(
    Planted(
        test_two_devices_that_lost_their_sessions_do_not_reset_each_other_for_ever,
        every_failure_resets_at_once,
        "keys were used up|not within",
    ),
    Planted(
        test_what_a_month_of_absence_cost_is_said_for_each_device, the_queue_is_cleared_in_silence, "nobody was told"
    ),
    Planted(test_what_a_month_of_absence_cost_is_said_for_each_device, an_idle_device_is_unlinked, "not linked"),
    Planted(
        test_a_restart_in_the_middle_of_catching_up_skips_nothing,
        acknowledged_before_it_is_kept,
        "killed before commit|not within",
    ),
    Planted(test_one_tick_does_not_stay_alone_and_says_why_meanwhile, nobody_asks_again, "only another message"),
    Planted(test_one_tick_does_not_stay_alone_and_says_why_meanwhile, a_tick_has_no_reason, "nothing says why"),
)
def test_each_mistake_of_signal_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
