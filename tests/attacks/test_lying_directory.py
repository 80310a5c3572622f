"""Proves that a relay which lies about devices and handles is caught, and that the person is told what it did.

Five lies: different lists for different people, a device dropped, a device added, the log rolled back, a handle given
to another account. Each test fails without its defence.
"""

import copy

import msgspec
import pytest

from answerback.core.effects import Warned
from answerback.core.log_facts import KeepEvidence, KeepLog
from answerback.crypto.identity import DeviceKeys, first_device_list, next_device_list
from answerback.crypto.transparency import read_head
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.ids import AccountId
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded
from tests.core.log import Log
from tests.core.post_office import Store
from tests.core.world import Phone, World

HOUR_S = 3600.0
SECOND_SEED = b"t" * 32


def friends() -> tuple[World, Phone, Phone]:
    """Ann and Bea have written to each other, by a relay that keeps a log."""
    world = World(log=Log())
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    bea.send("ann", text="hello back")
    world.run(3)
    assert (bea.texts, ann.texts) == (["hello"], ["hello back"])
    return world, ann, bea


def named(phone: Phone) -> set[Cause]:
    """Whatever a phone's person was told about trust."""
    return {news.cause for news in phone.news if isinstance(news, Warned) and news.cause.layer == "trust"}


def accused(phone: Phone) -> set[Cause]:
    """What it keeps evidence of."""
    return {fact.cause for fact in phone.disk.of(KeepEvidence)}


def another_view(world: World) -> tuple[Store, Log]:
    """A copy of the directory, to be shown to somebody alone."""
    shown = copy.deepcopy(world.relay.store)
    assert shown.log is not None
    return shown, shown.log


def with_another_device(world: World, phone: Phone) -> Signed:
    """An account's next list, with a device that nobody of it knows: whoever signed this stole the root key."""
    newest = world.relay.store.lists[phone.own.account][-1]
    return next_device_list(phone.root, newest, [*world.devices(phone), DeviceKeys.generate().device(0)], 0)


def test_an_honest_relay_is_accused_of_nothing_and_every_head_is_kept() -> None:
    world, ann, bea = friends()
    world.second_device(bea)
    ann.send("bea", text="to both")
    world.run(60)
    for phone in world.phones:
        assert named(phone) <= {Cause.TRUST_DEVICE_ADDED}
        assert accused(phone) == set()
        (log,) = phone.disk.of(KeepLog)
        assert log.read_size == read_head(log.head).size, "all of it was read"
    assert read_head(ann.disk.of(KeepLog)[0].head).size == len(world.relay.store.log.entries)  # type: ignore[union-attr]


def test_two_people_who_are_shown_different_lists_find_out_when_they_write_to_each_other() -> None:
    world, ann, bea = friends()
    cem = world.person("cem")
    world.run(2)
    shown, log = another_view(world)
    world.relay.shown[ann.own.device] = shown
    stolen = next_device_list(
        cem.root, shown.lists[cem.own.account][-1], [*world.devices(cem), DeviceKeys.generate().device(0)], 0
    )
    shown.lists[cem.own.account].append(stolen)
    assert world.relay.store.log is not None
    world.relay.store.log.admits = log.admits = False
    log.add_list(stolen)  # signed with a stolen root key, and logged: but only where Ann sees it
    world.second_device(cem)  # and here is what everybody else sees
    bea.send("cem", text="bea sees one log")
    ann.send("cem", text="ann sees the other")
    world.run(HOUR_S)
    ann.send("bea", text="what do you see?")
    bea.send("ann", text="and you?")
    world.run(HOUR_S)
    assert Cause.TRUST_LOG_SPLIT in named(bea) | named(ann)
    witness = bea if Cause.TRUST_LOG_SPLIT in accused(bea) else ann
    evidence = next(fact for fact in witness.disk.of(KeepEvidence) if fact.cause is Cause.TRUST_LOG_SPLIT)
    assert evidence.ours is not None
    assert evidence.theirs is not None
    ours, theirs = read_head(evidence.ours), read_head(evidence.theirs)
    assert ours.log == theirs.log, "one key has signed both"
    assert ours.root != theirs.root


def test_a_dropped_device_is_missed_in_the_log() -> None:
    world, ann, bea = friends()
    before = len(world.relay.store.lists[bea.own.account])
    laptop = world.second_device(bea)
    shown, _ = another_view(world)
    shown.lists[bea.own.account] = shown.lists[bea.own.account][:before]  # the laptop is left out
    world.relay.shown[ann.own.device] = shown
    ann.drop()
    world.run(60)
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(60)
    bea.send("ann", text="I have a laptop now")
    world.run(60)
    assert Cause.TRUST_LIST_WITHHELD in named(ann)
    assert Warned(Cause.TRUST_LIST_WITHHELD, bea.own.account) in ann.news, "and whose"
    assert laptop.own.device not in {device.id for device in ann.engine.machines.roster.devices(bea.own.account)}


@pytest.mark.parametrize("is_shown_as_logged", [False, True])
def test_an_added_device_that_the_log_does_not_have_gets_nothing(is_shown_as_logged: bool) -> None:  # noqa: FBT001
    world, ann, bea = friends()
    shown, log = another_view(world)
    added = next_device_list(
        bea.root, shown.lists[bea.own.account][-1], [*world.devices(bea), DeviceKeys.generate().device(0)], 0
    )
    shown.lists[bea.own.account].append(added)  # the root key is stolen: the signature is right
    if is_shown_as_logged:  # another entry in its place
        log.lists[bea.own.account, 2] = log.lists[bea.own.account, 1]
    world.relay.shown[ann.own.device] = shown
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(60)
    assert Warned(Cause.TRUST_LIST_NOT_LOGGED, bea.own.account) in ann.news
    assert ann.engine.machines.roster.version(bea.own.account) == 1
    assert len(ann.engine.machines.roster.devices(bea.own.account)) == 1


def test_an_added_device_that_is_logged_is_seen_by_those_it_concerns() -> None:
    world, ann, bea = friends()
    added = with_another_device(world, bea)
    world.relay.store.log.add_list(added)  # type: ignore[union-attr]
    world.run(7 * HOUR_S)  # Bea does nothing at all
    for phone in (ann, bea):
        assert Warned(Cause.TRUST_LIST_WITHHELD, bea.own.account) in phone.news


def test_two_lists_of_one_version_in_the_log_are_named_to_their_account() -> None:
    world, _, bea = friends()
    other = first_device_list(bea.root, DeviceKeys.generate().device(0), now_ms=5)
    world.relay.store.log.add_list(other)  # type: ignore[union-attr]
    world.run(7 * HOUR_S)
    assert Warned(Cause.TRUST_LIST_FORKED, bea.own.account) in bea.news


def test_a_log_that_is_rolled_back_is_refused_when_the_relay_does_not_say_so() -> None:
    world, ann, bea = friends()
    older = copy.deepcopy(world.relay.store)
    world.second_device(bea)
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(60)
    assert older.log is not None
    older.log.admits = False
    world.relay.shown[ann.own.device] = older
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(60)
    assert Cause.TRUST_LOG_ROLLED_BACK in named(ann)
    (evidence,) = [fact for fact in ann.disk.of(KeepEvidence) if fact.cause is Cause.TRUST_LOG_ROLLED_BACK]
    assert evidence.ours is not None
    assert evidence.theirs is not None
    assert read_head(evidence.theirs).size < read_head(evidence.ours).size
    assert read_head(ann.disk.of(KeepLog)[0].head) == read_head(evidence.ours), "what was proven stays known"


def test_a_relay_restored_from_a_backup_says_so_and_the_log_goes_on() -> None:
    world, ann, bea = friends()
    yesterday = world.relay.backup()
    laptop = world.second_device(bea)
    ann.send("bea", text="before the fire")
    world.run(10)
    for phone in (bea, laptop):
        phone.stop()
    world.relay.restore(yesterday, with_lists=True)
    cem = world.person("cem")
    world.run(HOUR_S)
    for phone in (bea, laptop):
        phone.start()
    world.run(10)
    cem.send("ann", text="after the fire")
    ann.send("bea", text="also after")
    world.run(HOUR_S)
    assert Cause.TRUST_LOG_ROLLED_BACK in named(ann) | named(bea)
    for phone in world.phones:
        assert Cause.TRUST_LOG_SPLIT not in named(phone), "it forgot; it did not lie"
    assert {read_head(fact.head).epoch for phone in world.phones for fact in phone.disk.of(KeepLog)} == {1}
    assert "after the fire" in ann.texts
    assert "also after" in bea.texts


@pytest.mark.parametrize("is_placed", [False, True])
def test_a_handle_given_to_another_account_without_the_log_is_not_used(is_placed: bool) -> None:  # noqa: FBT001
    world, ann, _ = friends()
    eve = world.person("eve")
    cem = world.person("cem")
    world.run(2)
    shown, log = another_view(world)
    shown.handles["cem"] = eve.own.account
    if is_placed:  # what proves another handle
        log.handles["cem"] = log.handles["eve"]
    world.relay.shown[ann.own.device] = shown
    ann.send("cem", text="for cem alone")
    world.run(60)
    assert Cause.TRUST_HANDLE_NOT_LOGGED in named(ann)
    assert eve.texts == []
    assert cem.texts == []
    del world.relay.shown[ann.own.device]
    world.run(60)
    assert cem.texts == ["for cem alone"], "it waited for the truth"


def test_a_handle_given_to_another_account_in_the_log_is_named_to_its_owner_and_to_who_knows_it() -> None:
    world, ann, bea = friends()
    eve = world.person("eve")
    world.run(2)
    world.relay.store.handles["bea"] = eve.own.account
    world.relay.store.log.add_handle("bea", eve.own.account)  # type: ignore[union-attr]
    world.run(7 * HOUR_S)
    assert Warned(Cause.TRUST_HANDLE_MOVED, eve.own.account) in bea.news
    assert Cause.TRUST_CONTACT_CHANGED in named(ann)


def test_a_relay_that_showed_a_log_once_is_not_believed_without_one() -> None:
    world, ann, bea = friends()
    added = with_another_device(world, bea)
    world.relay.store.lists[bea.own.account].append(added)
    world.relay.store.log = None
    ann.crash()
    world.run(5)
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(60)
    assert Warned(Cause.TRUST_LIST_NOT_LOGGED, bea.own.account) in ann.news
    assert ann.engine.machines.roster.version(bea.own.account) == 1


def test_lines_that_do_not_lead_to_the_head_are_not_believed() -> None:
    world, ann, bea = friends()
    log = world.relay.store.log
    assert log is not None
    before = ann.disk.of(KeepLog)[0].read_size
    log.add_handle("secret", AccountId(b"x" * 16))
    line, entry = log.entries[-1]
    log.entries[-1] = (bytes(2) + line[2:], entry)  # hidden from whom it concerns
    bea.send("ann", text="look at the log")
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(60)
    assert Cause.TRUST_LOG_BROKEN in named(ann)
    assert ann.disk.of(KeepLog)[0].read_size == before


def test_an_entry_that_is_kept_from_whom_it_may_concern_is_named() -> None:
    world, _, bea = friends()
    log = world.relay.store.log
    assert log is not None
    log.add_handle("bea", AccountId(b"x" * 16))
    line, _ = log.entries[-1]
    log.entries[-1] = (line, msgspec.msgpack.encode("nothing to see"))
    world.run(7 * HOUR_S)
    assert Cause.TRUST_LOG_BROKEN in named(bea)


def test_a_relay_that_forgot_between_a_line_and_its_entry_is_not_accused_of_a_broken_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An answer does not say of which log it is: one that does not fit its line is asked for again, lines and all."""
    world, ann, bea = friends()
    log = world.relay.store.log
    assert log is not None
    log.add_handle("bea", AccountId(b"x" * 16))
    honest, answered = log.answer, []

    def answer(frame: Follow | Disclose | Remind) -> Followed | Disclosed | Reminded:
        if not isinstance(frame, Disclose):
            return honest(frame)
        answered.append(frame)
        of_another = [msgspec.msgpack.encode("of another log") for _ in frame.places]
        return Disclosed(frame.request, of_another) if len(answered) == 1 else honest(frame)

    monkeypatch.setattr(log, "answer", answer)
    world.run(7 * HOUR_S)
    assert len(answered) > 1
    assert Cause.TRUST_LOG_BROKEN not in named(ann) | named(bea)
    assert Cause.TRUST_HANDLE_MOVED in named(bea), "and the true entry was read"


def test_a_second_log_with_another_key_is_found_by_comparing() -> None:
    world, ann, bea = friends()
    shown, _ = another_view(world)
    shown.log = Log(SECOND_SEED, clock_ms=world.clock_ms)
    for lists in shown.lists.values():
        for signed in lists:
            shown.log.add_list(signed)
    for handle, account in shown.handles.items():
        shown.log.add_handle(handle, account)
    world.relay.shown[ann.own.device] = shown
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(HOUR_S)
    assert Cause.TRUST_LOG_ROLLED_BACK in named(ann), "all of the log it knew is gone"
    bea.carry_out(bea.engine.look_up(ann.own.account, now=bea.now))
    ann.send("bea", text="which log is yours?")
    world.run(HOUR_S)
    assert Cause.TRUST_LOG_SPLIT in named(bea)
