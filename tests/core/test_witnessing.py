"""Proves how a device holds its relay to its log, in small: what it asks, what it says, and what it spares."""

from answerback.core.effects import Warned
from answerback.core.log_facts import KeepEvidence, KeepLabel, KeepLog
from answerback.crypto.transparency import label_of, read_head
from answerback.model.causes import Cause
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
