"""Proves that each device that should have a message gets it, and that others are given up honestly."""

from collections.abc import Iterator

import pytest

from answerback.core.effects import Answered, Progressed
from answerback.crypto.identity import DeviceKeys
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.timeline import Stage
from answerback.wire.codec import encode
from answerback.wire.frames import ClientFrame, LookUp, RelayFrame
from tests.core.post_office import Relay
from tests.core.world import STEP_S, Phone, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


def test_a_message_to_several_people_reaches_all_their_devices_and_our_own() -> None:
    world, ann, bea = two_phones()
    cid = world.person("cid")
    ann_laptop, bea_laptop = world.second_device(ann), world.second_device(bea)
    identity = ann.send("bea", "cid", text="to all")
    world.run_until(world.settled, at_most_s=30.0)
    for phone in (bea, bea_laptop, cid):
        assert phone.texts == phone.shown == ["to all"]
        assert ann.stage(identity, phone) is Stage.DELIVERED
    assert identity in ann_laptop.disk.arrivals
    cid.send("ann", "bea", text="to all back")
    world.run_until(world.settled, at_most_s=30.0)
    assert {bea.message(text).conversation for text in ("to all", "to all back")} == {
        bea.message("to all").conversation
    }


def test_a_device_linked_while_a_message_is_under_way_gets_it_too() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="before")
    world.run(3)
    bea.stop()
    identity = ann.send("bea", text="while linking")
    world.run(2)
    bea.start()
    world.run(STEP_S * 3)
    laptop = world.second_device(bea)
    ann.send("bea", text="after")
    world.run_until(world.settled, at_most_s=60.0)
    assert bea.texts == ["before", "while linking", "after"]
    assert laptop.texts[-1] == "after"
    assert ann.stage(identity, bea) is Stage.DELIVERED


def test_a_promise_does_not_end_before_the_newest_devices_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The relay has told of a newer list; the old device's receipt is here before that list is."""
    world, ann, bea = two_phones()
    ann.send("bea", text="before")
    world.run(3)
    laptop = world.second_device(bea)
    answer = Relay.answer
    asked: list[LookUp] = []

    def slow(relay: Relay, device: DeviceId, frame: ClientFrame) -> Iterator[RelayFrame]:
        if isinstance(frame, LookUp) and device == ann.own.device:
            asked.append(frame)
            return iter(())
        return answer(relay, device, frame)

    monkeypatch.setattr(Relay, "answer", slow)
    identity = ann.send("bea", text="after")
    world.run(2)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert asked
    monkeypatch.undo()
    ann.to_relay += [encode(frame) for frame in asked]
    world.run_until(world.settled, at_most_s=60.0)
    assert laptop.texts == ["after"]


def test_a_device_that_replaces_another_inherits_what_is_under_way() -> None:
    """Both changes stand in one list: the promise must not end with the old device."""
    world, ann, bea = two_phones()
    ann.send("bea", text="before")
    world.run(3)
    bea.stop()
    identity = ann.send("bea", text="to whichever device")
    world.run(2)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    laptop = _replaced(world, ann, bea)
    world.run(30)
    assert laptop.texts == ["to whichever device"]
    assert ann.disk.reached[identity, bea.own.device] is Stage.FAILED
    assert ann.disk.reached[identity, laptop.own.device] is Stage.DELIVERED


def _replaced(world: World, ann: Phone, bea: Phone) -> Phone:
    from answerback.core.machines import Self
    from answerback.crypto.identity import next_device_list

    keys = DeviceKeys.generate()
    own = Self(bea.own.account, keys.device_id, "new phone", "bea")
    lists = world.relay.store.lists[bea.own.account]
    lists.append(next_device_list(bea.root, lists[-1], [keys.device(0)], 0))
    laptop = world.phone(own, bea.root, keys)
    world.run(3)
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    return laptop


def test_a_revoked_device_gets_nothing_more_and_holds_up_nobody() -> None:
    world, ann, bea = two_phones()
    laptop = world.second_device(bea)
    ann.send("bea", text="to both")
    world.run(3)
    laptop.stop()
    world.revoke(bea, laptop)
    world.run(2)
    identity = ann.send("bea", text="to one")
    world.run_until(world.settled, at_most_s=120.0)
    assert bea.texts == ["to both", "to one"]
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert ann.disk.reached.get((identity, laptop.own.device), Stage.FAILED) is Stage.FAILED
    frames = ann.sent_frames
    world.run(600)
    assert ann.sent_frames == frames


def test_a_full_mailbox_is_tried_again_when_the_relay_said_and_not_before() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="first")
    world.run(3)
    world.relay.refuse[bea.own.device] = Cause.RECIPIENT_MAILBOX_FULL, 30_000
    frames = ann.sent_frames
    identity = ann.send("bea", text="second")
    world.run(25)
    assert ann.sent_frames - frames == 1
    wait = ann.engine.wait_of(identity, bea.own.device, now=ann.now)
    assert wait is not None
    assert wait.cause is Cause.RECIPIENT_MAILBOX_FULL
    world.relay.refuse.clear()
    world.run(10)
    assert bea.texts == ["first", "second"]


def test_a_relay_that_denies_a_device_its_list_still_names_is_not_stormed() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="first")
    world.run(3)
    world.relay.refuse[bea.own.device] = Cause.RECIPIENT_DEVICE_GONE, -1
    frames = ann.sent_frames
    ann.send("bea", text="second")
    world.run(60)
    assert ann.sent_frames - frames <= 2 * 60 / 15 + 2
    world.relay.refuse.clear()
    world.run(20)
    assert bea.texts == ["first", "second"]


def test_a_refusal_for_good_ends_the_copy_with_its_cause() -> None:
    world, ann, bea = two_phones()
    world.relay.refuse[bea.own.device] = Cause.MESSAGE_TOO_LARGE, -1
    identity = ann.send("bea", text="too large")
    world.run(5)
    assert ann.stage(identity, bea) is Stage.FAILED
    (failed,) = [news for news in ann.news if isinstance(news, Progressed) and news.step.stage is Stage.FAILED]
    assert failed.step.cause is Cause.MESSAGE_TOO_LARGE
    assert world.settled()


def test_a_handle_that_is_nobodys_fails_the_message_and_says_so() -> None:
    world, ann, _ = two_phones()
    ann.drop()
    identity = ann.send("nobody", text="hello?")
    assert ann.stage(identity) is Stage.QUEUED
    world.run(5)
    assert ann.stage(identity) is Stage.FAILED
    assert Answered("nobody", None, Cause.RECIPIENT_HANDLE_UNKNOWN) in ann.news


def test_what_is_written_to_new_people_without_a_network_survives_a_crash() -> None:
    world, ann, bea = two_phones()
    world.reachable = False
    ann.drop()
    first, second = ann.send("bea", text="one"), ann.send("bea", text="two")
    ann.crash()
    world.run(5)
    world.reachable = True
    world.run_until(world.settled, at_most_s=60.0)
    world.run(10)
    assert bea.texts == ["one", "two"]
    assert ann.stage(first, bea) is ann.stage(second, bea) is Stage.DELIVERED
