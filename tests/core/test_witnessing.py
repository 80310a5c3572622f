"""Proves how a device holds its relay to its log, in small: what it asks, what it says, and what it spares."""

import pytest

from answerback.core.effects import Warned
from answerback.core.log_facts import KeepEvidence, KeepLabel, KeepLog
from answerback.core.witnessing import LOOK_S
from answerback.crypto.transparency import label_of, read_head
from answerback.model.causes import Cause
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.wire.frames import HandleNotice
from tests.core.log import Log
from tests.core.world import Phone, World


def pair() -> tuple[World, Phone, Phone, Log]:
    log = Log()
    world = World(log=log)
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(5)
    return world, ann, bea, log


def test_a_relay_without_a_log_is_asked_nothing_about_one() -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(5)
    assert bea.texts == ["hello"]
    assert ann.disk.of(KeepLog) == ()
    assert ann.engine.machines.transparency.head is None


def test_a_handle_that_was_looked_up_is_watched_by_its_label_from_then_on() -> None:
    _, ann, _, _ = pair()
    assert ann.disk.of(KeepLabel) == (KeepLabel("bea", label_of("bea")),)
    ann.crash()
    assert ann.engine.machines.transparency.labels == {"bea": label_of("bea")}


def test_the_same_accusation_is_made_once() -> None:
    world, ann, bea, _ = pair()
    for _ in range(3):
        effects = ann.engine._witnessing.withheld(bea.own.account, 7, now=ann.now)
        ann.carry_out(effects)
    assert ann.news.count(Warned(Cause.TRUST_LIST_WITHHELD, bea.own.account)) == 1
    assert len(ann.disk.of(KeepEvidence)) == 1
    world.run(1)


def test_a_head_that_a_contact_names_is_proven_by_one_question() -> None:
    world, ann, bea, log = pair()
    cem = world.person("cem")
    world.run(2)
    bea.send("cem", text="hello")
    world.run(5)
    newest = read_head(bea.disk.of(KeepLog)[0].head)
    assert newest.size == len(log.entries)
    assert cem.texts == ["hello"]
    world.run(700)
    bea.send("ann", text="what is new")
    world.run(5)
    assert read_head(ann.disk.of(KeepLog)[0].head).size == newest.size, "she has learned of it"
    assert not ann.engine.machines.transparency.heard
    assert not ann.disk.of(KeepEvidence)


def test_a_quiet_device_reads_the_log_a_few_times_a_day_and_no_oftener() -> None:
    world, ann, _, _ = pair()
    world.run(60)
    before = ann.sent_frames
    world.run(24 * 3600)
    assert 3 <= ann.sent_frames - before <= 6


PHONE = "+4915112345678"
EVE = AccountId(b"e" * 16)
OURS = HandleNotice(PHONE, HandleState.OURS, AccountId(b""), 7)


def tell(phone: Phone, notice: HandleNotice) -> None:
    """The relay tells a phone of a handle of its account."""
    line = phone.engine.machines.path.line
    assert line is not None
    phone.carry_out(phone.engine.received(line, notice, now=phone.now))


def moved_for(phone: Phone) -> list[Warned]:
    return [news for news in phone.news if isinstance(news, Warned) and news.cause is Cause.TRUST_HANDLE_MOVED]


def own_phone_number() -> tuple[World, Phone, Log]:
    """Ann has added a number to the handle she is registered with, and her phone has read the log since."""
    world, ann, _, log = pair()
    log.add_handle(PHONE, ann.own.account)
    tell(ann, OURS)
    world.run(LOOK_S + 60)
    assert moved_for(ann) == []
    return world, ann, log


@pytest.mark.parametrize("to", [EVE, AccountId(b"")])
def test_every_handle_of_ones_own_is_watched_in_the_log(to: AccountId) -> None:
    world, ann, log = own_phone_number()
    log.add_handle(PHONE, to)
    world.run(LOOK_S + 60)
    assert moved_for(ann) == [Warned(Cause.TRUST_HANDLE_MOVED, to or None)]


def test_a_handle_is_watched_also_after_a_restart() -> None:
    world, ann, log = own_phone_number()
    ann.crash()
    log.add_handle(PHONE, EVE)
    log.add_handle(PHONE, ann.own.account)  # and back, before anybody looks
    world.run(LOOK_S + 60)
    assert moved_for(ann) == [Warned(Cause.TRUST_HANDLE_MOVED, EVE)]


def test_what_the_relay_has_told_us_of_our_handle_is_no_accusation() -> None:
    world, ann, log = own_phone_number()
    tell(ann, HandleNotice(PHONE, HandleState.LEAVING, EVE, 8))
    tell(ann, HandleNotice(PHONE, HandleState.LEFT, EVE, 9))
    log.add_handle(PHONE, EVE)
    world.run(LOOK_S + 60)
    assert moved_for(ann) == []


def test_what_a_handle_was_before_it_was_ours_is_no_accusation() -> None:
    world, ann, _, log = pair()
    for account in (EVE, AccountId(b""), ann.own.account):
        log.add_handle(PHONE, account)
    tell(ann, OURS)
    world.run(LOOK_S + 60)
    assert moved_for(ann) == []
    log.add_handle(PHONE, EVE)
    world.run(LOOK_S + 60)
    assert moved_for(ann) == [Warned(Cause.TRUST_HANDLE_MOVED, EVE)]


def test_a_handle_that_was_taken_right_after_it_was_told_of_is_missed_once_the_log_was_read() -> None:
    world, ann, _, log = pair()
    log.add_handle(PHONE, ann.own.account)
    world.run(LOOK_S + 60)  # read before it is known to concern her
    tell(ann, OURS)
    log.add_handle(PHONE, EVE)
    world.run(LOOK_S + 60)
    assert moved_for(ann) == [Warned(Cause.TRUST_HANDLE_MOVED, EVE)]


def test_a_relay_that_forgot_an_account_is_not_said_to_show_a_false_list_of_it() -> None:
    world, ann, bea, log = pair()
    world.relay.store.lists.pop(bea.own.account)
    log.lists.clear()
    ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
    world.run(10)
    told = [news.cause for news in ann.news if isinstance(news, Warned)]
    assert told == [Cause.TRUST_LIST_WITHHELD]
    assert ann.engine.machines.roster.knows(bea.own.account), "what is known stays known"


def test_lines_that_were_asked_for_before_the_relay_forgot_are_no_lie() -> None:
    world, ann, bea, _ = pair()
    log = world.relay.store.log = Log(epoch=1)  # as one that was restored, and was shown a newer head by somebody
    for phone in (bea, ann):
        for signed in world.relay.store.lists[phone.own.account]:
            log.add_list(signed)
    ann.crash()  # in each run the first question is for lines
    world.run(10)
    told = [news.cause for news in ann.news if isinstance(news, Warned)]
    assert told == [Cause.TRUST_LOG_ROLLED_BACK]
    log.add_handle("stranger", EVE)
    world.run(2 * LOOK_S + 60)
    (kept,) = ann.disk.of(KeepLog)
    assert (kept.read_size, read_head(kept.head).epoch) == (len(log.entries), 1), "and it is read on"


def test_what_waited_for_a_word_goes_once_the_log_says_that_the_handle_is_back() -> None:
    world, ann, bea, log = pair()
    ann.crash()  # so that she asks again whose the handle is
    world.run(5)
    store = world.relay.store
    store.handles["bea"] = EVE
    log.add_handle("bea", EVE)
    ann.send("bea", text="to the one who had it")
    world.run(60)
    ann.send("bea", text="this waits")
    world.run(60)
    assert "this waits" not in bea.texts
    store.handles["bea"] = bea.own.account
    log.add_handle("bea", bea.own.account)
    world.run(LOOK_S + 60)
    assert "this waits" in bea.texts
    assert ann.engine.machines.trust.changes == ()
