"""Proves that answers count only for what was asked, and that what does not check is said and never used."""

from answerback.core.effects import Answered, Warned
from answerback.core.lookup import DEVICE_LIST
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.crypto.prekeys import prekeys_to_publish
from answerback.model.causes import Cause
from answerback.model.timeline import Stage
from answerback.wire.frames import Claimed, Listed, Published, Resolved
from tests.core.world import Phone, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


def test_answers_nobody_asked_for_change_nothing() -> None:
    _, ann, bea = two_phones()
    facts = dict(ann.disk.facts)
    for frame in (
        Listed(9999, bea.own.account, [], []),
        Resolved(9999, "bea", bea.own.account),
        Claimed(9999, bea.own.device, None),
        Published(9999, 0),
    ):
        ann.carry_out(ann.engine.received(ann.line, frame, now=ann.now))
    assert ann.disk.facts == facts


def test_a_forged_list_is_told_and_nothing_leaves_by_it() -> None:
    world, ann, bea = two_phones()
    world.relay.store.lists[bea.own.account] = [
        first_device_list(RootKey.generate(), DeviceKeys.generate().device(0), now_ms=0)
    ]
    identity = ann.send("bea", text="secret")
    world.run(5)
    assert Warned(Cause.TRUST_SIGNATURE_WRONG, bea.own.account) in ann.news
    assert ann.stage(identity) is Stage.QUEUED


def test_a_forged_pre_key_is_told_and_no_session_begins_with_it() -> None:
    world, ann, bea = two_phones()
    world.relay.store.prekeys[bea.own.device] = prekeys_to_publish(DeviceKeys.generate(), 1)
    identity = ann.send("bea", text="secret")
    world.run(5)
    assert Warned(Cause.TRUST_SIGNATURE_WRONG, bea.own.account) in ann.news
    wait = ann.engine.wait_of(identity, bea.own.device, now=ann.now)
    assert wait is not None
    assert wait.cause is Cause.TRUST_SIGNATURE_WRONG
    world.run(90)
    assert bea.texts == ["secret"], "the next key is sound"


def test_a_device_list_that_the_relay_takes_is_kept_and_told() -> None:
    world, ann, _ = two_phones()
    laptop = world.second_device(ann)
    assert Answered(DEVICE_LIST, ann.own.account, None) in ann.news
    assert ann.engine.machines.roster.device(laptop.own.device) is not None


def test_keys_are_published_once_and_refilled_when_few_are_left() -> None:
    world, _, bea = two_phones()
    store = world.relay.store
    frames = bea.sent_frames
    world.run(600)
    assert bea.sent_frames == frames
    del store.prekeys[bea.own.device][5:]
    bea.drop()
    world.run(10)
    assert len(store.prekeys[bea.own.device]) == 100
