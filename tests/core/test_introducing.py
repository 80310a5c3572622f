"""Proves that a device which took another's place is heard of at once, and gets what is under way."""

import pytest

from answerback.core.effects import Warned
from answerback.core.facts import KeepNote
from answerback.core.machines import Self
from answerback.crypto.identity import DeviceKeys, next_device_list
from answerback.model.causes import Cause
from answerback.model.notes import NoteKind
from answerback.model.timeline import Stage
from tests.core.world import Phone, World

DUE = KeepNote(NoteKind.UNINTRODUCED, b"", b"1")


LATER = "for whoever is there"


def linked(world: World, first: Phone, *, due: bool = True) -> Phone:
    """Another device of the account, with what the first has; the relay has its list, nobody else has heard of it."""
    keys = DeviceKeys.generate()
    lists = world.relay.store.lists[first.own.account]
    lists.append(next_device_list(first.root, lists[-1], [*world.devices(first), keys.device(0)], 0))
    laptop = world.phone(Self(first.own.account, keys.device_id, "laptop", first.own.handle), first.root, keys)
    laptop.stop()
    laptop.disk.commit([KeepNote(NoteKind.ROOT, b"", first.root.seed), *first.disk.memory().contacts])
    if due:
        laptop.disk.commit([DUE])
    laptop.start()
    return laptop


def place_taken(*, due: bool = True) -> tuple[World, Phone, Phone]:
    """Bea has written to Ann's phone, which is gone; the laptop that took its place has what the phone had."""
    world = World(7)
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    ann.stop()
    bea.send("ann", text=LATER)
    world.run(1)
    return world, bea, linked(world, ann, due=due)


def is_due(phone: Phone) -> bool:
    return any(note.value and note.kind is NoteKind.UNINTRODUCED for note in phone.disk.of(KeepNote))


def test_who_has_mail_under_way_sends_it_to_the_new_device_without_a_word_from_anybody() -> None:
    world, bea, laptop = place_taken()
    world.run(5)
    assert laptop.texts == [LATER]
    assert not is_due(laptop)
    assert Warned(Cause.TRUST_DEVICE_ADDED, laptop.own.account) in bea.news, "nobody adds a device unseen"


def test_a_device_that_took_nobodys_place_says_nothing() -> None:
    world, _, laptop = place_taken(due=False)
    world.run(5)
    assert laptop.texts == []
    assert not laptop.engine.machines.outbox


@pytest.mark.parametrize("due", [True, False])
def test_it_is_introduced_to_the_other_devices_of_its_account(*, due: bool) -> None:
    world = World(7)
    ann = world.person("ann")
    world.person("bea")
    world.run(2)
    laptop = linked(world, ann, due=due)
    world.run(5)
    sent = ann.send("bea", text="hello")
    world.run(5)
    assert bool(laptop.disk.messages) is due
    assert not due or ann.stage(sent, laptop) is Stage.DELIVERED


def test_what_breaks_off_is_done_after_the_next_start() -> None:
    world, _, laptop = place_taken()
    world.reachable = False
    world.run(60)
    laptop.crash()
    assert is_due(laptop)
    world.reachable = True
    world.run_until(lambda: laptop.texts == [LATER], at_most_s=120)
    laptop.crash()
    sent_frames = laptop.sent_frames
    world.run(60)
    assert not is_due(laptop)
    assert laptop.sent_frames - sent_frames < 8, "once is enough"
