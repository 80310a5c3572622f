"""Proves that lost, spent, rotated and broken keys delay a message and never lose it."""

from answerback.core.facts import KeepRatchet
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from tests.core.world import Phone, World


def friends() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    bea.send("ann", text="hello yourself")
    world.run(3)
    assert world.settled()
    return world, ann, bea


def test_mail_under_way_opens_though_the_seal_key_was_rotated_meanwhile() -> None:
    world, ann, bea = friends()
    bea.engine.machines.registration.seal_key = b"of old.."
    world.run(60)
    assert len(bea.engine.machines.sessions.secrets) == 2
    ann.send("bea", text="under the old key")
    world.run(5)
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(1)
    ann.send("bea", text="under the new key")
    world.run(5)
    assert bea.texts[1:] == ["under the old key", "under the new key"]


def test_when_the_one_time_keys_are_used_up_the_fallback_key_begins_sessions() -> None:
    world, _, bea = friends()
    world.relay.store.prekeys[bea.own.device].clear()
    cid = world.person("cid")
    world.run(2)
    cid.send("bea", text="by the fallback key")
    world.run(5)
    assert "by the fallback key" in bea.texts


def test_a_device_without_any_key_is_waited_for_and_not_given_up() -> None:
    world, _, bea = friends()
    world.relay.store.prekeys[bea.own.device].clear()
    world.relay.store.fallback.clear()
    cid = world.person("cid")
    world.run(2)
    identity = cid.send("bea", text="patience")
    world.run(30)
    assert cid.stage(identity) is Stage.QUEUED
    bea.drop()
    world.run(120)
    assert "patience" in bea.texts


def test_what_a_reader_with_lost_sessions_cannot_open_is_sealed_anew_and_shown_once() -> None:
    world, ann, bea = friends()
    bea.disk.forget_ratchets()
    bea.crash()
    identity = ann.send("bea", text="for a forgetful reader")
    world.run_until(world.settled, at_most_s=300.0)
    assert bea.texts.count("for a forgetful reader") == bea.shown.count("for a forgetful reader") == 1
    assert ann.stage(identity, bea) is Stage.DELIVERED
    renewals = ann.engine.machines.sessions.renewals
    assert 1 <= renewals <= 3
    ann.send("bea", text="and then as ever")
    world.run(5)
    assert "and then as ever" in bea.texts
    assert ann.engine.machines.sessions.renewals == renewals


def test_a_broken_session_for_receipts_heals_by_itself() -> None:
    world, ann, bea = friends()
    ann.disk.forget_ratchets(Lane.CONTROL)
    ann.crash()
    identity = ann.send("bea", text="is there a receipt")
    world.run_until(world.settled, at_most_s=600.0)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    again = ann.send("bea", text="and at once again")
    world.run(5)
    assert ann.stage(again, bea) is Stage.DELIVERED


def test_both_sides_losing_all_sessions_heal() -> None:
    world, ann, bea = friends()
    for phone in (ann, bea):
        phone.disk.forget_ratchets()
        phone.crash()
    ann.send("bea", text="from ann")
    bea.send("ann", text="from bea")
    world.run_until(world.settled, at_most_s=600.0)
    assert bea.texts.count("from ann") == ann.texts.count("from bea") == 1


def test_a_relay_that_gives_spent_keys_out_again_costs_time_and_no_message() -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    older = world.relay.backup()
    for number in range(12):
        friend = world.person(f"friend {number}")
        world.run(1)
        friend.send("bea", text=f"{number}")
        world.run(3)
        friend.stop()
    world.relay.restore(older)
    identity = ann.send("bea", text="with a spent key")
    world.run_until(lambda: "with a spent key" in bea.texts, at_most_s=1200.0)
    world.run(10)
    assert ann.stage(identity, bea) is Stage.DELIVERED


def test_a_relay_that_has_lost_all_keys_gets_all_of_them_again() -> None:
    world, _, bea = friends()
    store = world.relay.store
    for lost in (store.prekeys, store.fallback, store.seal_keys):
        lost.pop(bea.own.device)
    world.relay.crash()
    world.run(40)
    assert store.prekeys[bea.own.device]
    assert bea.own.device in store.seal_keys
    assert bea.own.device in store.fallback


def test_every_lane_has_sessions_of_its_own() -> None:
    _, ann, _ = friends()
    lanes = {fact.lane for fact in ann.disk.of(KeepRatchet)}
    assert lanes == {Lane.CONTROL, Lane.NORMAL}


def test_after_months_apart_nothing_is_sealed_to_a_key_that_is_gone() -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="before")
    world.run_until(world.settled)
    ann.stop()
    bea.stop()
    world.now_s += 60 * 86_400
    ann.start()
    bea.start()
    world.run(5)
    ann.send("bea", text="after")
    world.run_until(world.settled, at_most_s=120.0)
    assert bea.texts == ["before", "after"]
    assert ann.stage(ann.message("after").id, bea) is Stage.DELIVERED
