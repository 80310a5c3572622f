"""Proves that a disk put back to an older copy, a device's or the relay's, costs nobody a message or a secret."""

import copy

import msgspec

from answerback.core.effects import Answered, Warned
from answerback.core.facts import KeepRatchet
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.wire.frames import Hello, Welcome
from tests.core.disk import Disk
from tests.core.world import Phone, World

RESTORED = Warned(Cause.DEVICE_RESTORED)


def talking() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    for number in range(3):
        ann.send("bea", text=f"hello {number}")
        bea.send("ann", text=f"hello back {number}")
        world.run(2)
    return world, ann, bea


def put_back(phone: Phone, older: Disk) -> None:
    """Restore a device from an older copy of its disk, while it does not run."""
    phone.stop()
    phone.disk = copy.deepcopy(older)
    phone.start()


def sessions(phone: Phone) -> set[str]:
    return {ratchet.session for ratchet in phone.disk.of(KeepRatchet)}


def test_a_device_that_only_lost_its_connection_is_not_taken_for_an_older_copy() -> None:
    world, ann, bea = talking()
    for phone in (ann, bea):
        phone.drop()
        world.run(60)
        phone.crash()
        world.run(60)
    assert RESTORED not in [*ann.news, *bea.news]


def test_a_restored_device_says_so_and_never_seals_with_a_ratchet_of_before() -> None:
    world, ann, bea = talking()
    older = copy.deepcopy(ann.disk)
    old_sessions = sessions(ann)
    assert old_sessions
    for number in range(3):
        ann.send("bea", text=f"forgotten {number}")
    world.run(5)
    put_back(ann, older)
    world.run(5)
    assert RESTORED in ann.news
    assert not sessions(ann) & old_sessions
    after = ann.send("bea", text="after")
    world.run(120)
    assert ann.stage(after, bea) is Stage.DELIVERED
    assert bea.shown.count("after") == 1
    assert [bea.shown.count(f"forgotten {number}") for number in range(3)] == [1, 1, 1]


def test_a_restored_device_is_told_everything_new_and_nothing_twice() -> None:
    world, ann, bea = talking()
    older = copy.deepcopy(ann.disk)
    bea.send("ann", text="between")
    world.run(5)
    put_back(ann, older)
    ann.news.clear()
    bea.send("ann", text="after 1")
    world.run(300)
    bea.send("ann", text="after 2")
    world.run(300)
    assert sorted(ann.shown) == ["after 1", "after 2"]
    assert world.settled()


def test_a_restored_device_offers_other_one_time_keys_than_those_it_cannot_open() -> None:
    world, ann, _ = talking()
    older = copy.deepcopy(ann.disk)
    world.relay.store.prekeys[ann.own.device].clear()
    ann.drop()
    world.run(40)
    lost = list(world.relay.store.prekeys[ann.own.device])
    assert lost
    put_back(ann, older)
    world.run(5)
    offered = world.relay.store.prekeys[ann.own.device]
    assert len(offered) == 100
    assert not [key for key in offered if key in lost]
    cem = world.person("cem")
    world.run(2)
    first = cem.send("ann", text="first words")
    world.run(10)
    assert cem.stage(first, ann) is Stage.DELIVERED


def test_a_device_that_only_wrote_since_the_copy_is_noticed_too() -> None:
    """Nothing came in, and no connection was opened: the relay knows only that more was sealed."""
    world, ann, bea = talking()
    bea.stop()
    older = copy.deepcopy(ann.disk)
    old_sessions = sessions(ann)
    for number in range(5):
        ann.send("bea", text=f"forgotten {number}")
        world.run(1)
    put_back(ann, older)
    for number in range(5):
        ann.send("bea", text=f"after {number}")
    world.run(5)
    assert RESTORED in ann.news
    assert not sessions(ann) & old_sessions
    bea.start()
    world.run(120)
    assert sorted(bea.shown[-10:]) == sorted(
        f"{word} {number}" for word in ("forgotten", "after") for number in range(5)
    )


def test_receipts_come_though_the_key_they_would_be_sealed_to_went_with_the_disk() -> None:
    """World 342: bea knew only the seal key that ann's disk had forgotten, and nothing told her of another."""
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    older = copy.deepcopy(ann.disk)  # before its first seal key was made
    world.run(5)
    first = ann.send("bea", text="first")
    world.run(5)
    assert ann.stage(first, bea) is Stage.DELIVERED
    put_back(ann, older)
    world.run(5)
    known = bea.engine.machines.roster.seal_key(ann.own.device)
    assert known is not None
    assert known.id not in ann.engine.machines.sessions.secrets
    second = ann.send("bea", text="second")
    world.run(240)
    assert ann.stage(second, bea) is Stage.DELIVERED
    assert bea.shown == ["first", "second"]


def test_a_contact_that_names_another_seal_key_in_each_letter_costs_one_question_a_minute() -> None:
    _, ann, bea = talking()
    departure = ann.engine._departure
    account, device, own = bea.own.account, bea.own.device, ann.engine.machines.roster.seal_key(bea.own.device)
    assert own is not None
    assert departure.seal_key_named(account, device, own.id, now=ann.now) == []
    assert departure.seal_key_named(account, device, b"", now=ann.now) == []
    assert ann.engine.machines.roster.seal_key(device) is own
    asked = [departure.seal_key_named(account, device, bytes([number]) * 8, now=ann.now) for number in range(1, 9)]
    assert [len(effects) for effects in asked] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert ann.engine.machines.roster.seal_key(device) is None


def test_a_copy_restored_before_it_ever_spoke_again_goes_on() -> None:
    """Nothing was said since the copy was made: it is the newest state there is."""
    world, ann, bea = talking()
    ann.stop()
    put_back(ann, copy.deepcopy(ann.disk))
    world.run(5)
    assert RESTORED not in ann.news
    bea.send("ann", text="still here")
    world.run(5)
    assert ann.shown[-1] == "still here"


def test_a_relay_that_always_says_it_knows_more_cannot_stop_anybody() -> None:
    world, ann, bea = talking()
    answer = world.relay._hello

    def lying(device: DeviceId, frame: Hello) -> Welcome:
        return msgspec.structs.replace(answer(device, frame), life=frame.life + 5)

    world.relay._hello = lying  # type: ignore[method-assign]
    for number in range(3):
        ann.drop()
        sent = ann.send("bea", text=f"through {number}")
        world.run(120)
        assert ann.stage(sent, bea) is Stage.DELIVERED
    assert RESTORED in ann.news


def test_a_relay_put_back_to_before_a_device_was_linked_lets_it_in_again() -> None:
    world, ann, bea = talking()
    older = world.relay.backup()
    laptop = world.second_device(ann)
    tablet = world.second_device(ann, "tablet")
    answers = ann.news.count(Answered("device list", ann.own.account, None))
    world.relay.restore(older, with_lists=True)
    assert len(world.relay.store.lists[ann.own.account]) == 1
    world.run(30)
    assert len(world.relay.store.lists[ann.own.account]) == 3
    assert ann.news.count(Answered("device list", ann.own.account, None)) == answers, "nobody asked for this"
    sent = bea.send("ann", text="to all three")
    world.run(120)
    assert [bea.stage(sent, phone) for phone in (ann, laptop, tablet)] == [Stage.DELIVERED] * 3


def test_a_relay_put_back_to_before_a_device_was_revoked_shuts_it_out_again() -> None:
    world, ann, bea = talking()
    laptop = world.second_device(ann)
    older = world.relay.backup()
    world.revoke(ann, laptop)
    world.run(5)
    laptop.stop()
    world.relay.restore(older, with_lists=True)
    world.run(30)
    assert laptop.own.device not in world.relay.devices(ann.own.account)
    sent = bea.send("ann", text="not for the laptop")
    world.run(60)
    assert bea.stage(sent, ann) is Stage.DELIVERED
    assert "not for the laptop" not in laptop.texts


def test_any_device_that_knows_the_account_s_lists_can_give_them_back() -> None:
    world, ann, bea = talking()
    older = world.relay.backup()
    laptop = world.second_device(ann)
    world.run(5)
    ann.stop()
    laptop.crash()  # it has the lists from its disk, and learned those before its own from the relay
    world.relay.restore(older, with_lists=True)
    world.relay.store.lists[ann.own.account] = world.relay.store.lists[ann.own.account][:1]
    world.run(30)
    assert len(world.relay.store.lists[ann.own.account]) == 2
    sent = bea.send("ann", text="to the laptop")
    world.run(120)
    assert bea.stage(sent, laptop) is Stage.DELIVERED


def test_positions_of_a_time_the_relay_has_forgotten_hide_no_mail() -> None:
    """Its clock was set back as well: new mail lies below what the device has read, and more comes above it."""
    world, ann, bea = talking()
    older = world.relay.backup()
    world.relay.store.head = world.clock_ms * 1000 + 3_600_000_000  # the clock was an hour ahead
    bea.send("ann", text="one more")
    world.run(5)
    read = ann.engine.machines.inbox.position(Lane.NORMAL)
    ann.stop()
    world.relay.restore(older)
    head = world.relay.store.head = read - 3
    bea.send("ann", text="in the new time 0")
    world.run(30)
    world.relay.store.head = read + 5
    for number in (1, 2):
        bea.send("ann", text=f"in the new time {number}")
        world.run(2)
    positions = sorted(world.relay.box(ann.own.device).rows)
    assert positions[0] == head + 1 < read < positions[-1]
    ann.start()
    world.run(60)
    assert ann.shown[-3:] == [f"in the new time {number}" for number in range(3)]
    assert not world.relay.box(ann.own.device).rows, "all of it is acknowledged"


def test_positions_of_another_store_hide_no_mail() -> None:
    world, ann, bea = talking()
    bea.send("ann", text="one more", lifetime_s=86_400)
    world.run(5)
    assert ann.engine.machines.inbox.position(Lane.NORMAL) > 0
    ann.stop()
    world.relay.name = b"another store"
    for box in world.relay.store.mailboxes.values():
        box.rows.clear()
        box.cursors.clear()
        box.head = 0
    world.relay.store.head = 0
    world.now_s -= 900.0  # the new relay's clock is behind: its positions are smaller than those ann has read
    world.relay.crash()
    bea.send("ann", text="in the new store")
    world.run(20)
    ann.start()
    world.run(30)
    assert "in the new store" in ann.shown
