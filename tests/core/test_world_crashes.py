"""Proves that a crash at any moment, of a phone or of the relay, leaves every promise kept or never made."""

import pytest

from answerback.model.timeline import Stage
from tests.core.world import STEP_S, Phone, Strike, World


def two_phones() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


@pytest.mark.parametrize("strike", Strike, ids=lambda strike: strike.name.lower())
@pytest.mark.parametrize("whose", ["sender", "reader"])
def test_a_crash_within_any_change_loses_no_message_and_doubles_none(strike: Strike, whose: str) -> None:
    for change in range(10):
        world, ann, bea = two_phones()
        victim = ann if whose == "sender" else bea
        ann.send("bea", text="before")
        victim.fuse = change, strike
        world.run(1)
        ann.send("bea", text="after")
        world.run(STEP_S)
        victim.crash()
        world.run_until(world.settled, at_most_s=120.0)
        promised = [message.text for message in ann.disk.messages.values()]
        assert bea.texts == promised, change
        assert promised[0] == "before"
        assert ann.stage(ann.message("before").id, bea) is Stage.DELIVERED


def test_a_crash_before_the_commit_means_nothing_was_promised_and_nothing_left() -> None:
    world, ann, bea = two_phones()
    ann.fuse = 0, Strike.BEFORE_COMMIT
    identity = ann.send("bea", text="never")
    world.run(30)
    assert not ann.disk.promised(identity)
    assert bea.texts == []


def test_a_crash_right_after_the_commit_keeps_the_promise() -> None:
    world, ann, bea = two_phones()
    ann.fuse = 0, Strike.BEFORE_NETWORK
    ann.send("bea", text="kept")
    world.run(30)
    assert bea.texts == ["kept"]


def test_a_phone_that_crashes_all_the_time_still_gets_its_mail() -> None:
    world, ann, bea = two_phones()
    for number in range(10):
        ann.send("bea", text=str(number))
        bea.fuse = number % 5, list(Strike)[number % 4]
        world.run(0.4)
        ann.fuse = number % 3, list(Strike)[number % 4]
    bea.fuse = ann.fuse = None
    world.run_until(world.settled, at_most_s=120.0)
    promised = [message.text for message in ann.disk.messages.values() if message.author == ann.own.account]
    assert sorted(bea.texts) == sorted(promised)


def test_a_relay_that_crashes_before_its_commit_gets_everything_again() -> None:
    world, ann, bea = two_phones()
    world.relay.holds_commits = True
    identity = ann.send("bea", text="again")
    world.run(1)
    assert ann.stage(identity, bea) is Stage.SENT
    world.relay.holds_commits = False
    world.relay.crash()
    world.run(5)
    assert bea.texts == ["again"]
    assert ann.told(identity).count(Stage.ACCEPTED) == 1


@pytest.mark.parametrize("loss", ["last second", "all mail", "older copy"])
def test_mail_that_the_relay_accepted_and_lost_is_noticed_and_sent_again(loss: str) -> None:
    world, ann, bea = two_phones()
    older = world.relay.backup()
    bea.stop()
    identity = ann.send("bea", text="accepted")
    world.run(0.9)
    assert ann.stage(identity, bea) is Stage.ACCEPTED
    if loss == "last second":
        world.relay.lose_last(1.0)
    elif loss == "all mail":
        world.relay.lose_mailboxes()
    else:
        world.relay.restore(older)
    assert not world.relay.box(bea.own.device).rows
    world.run(5)
    assert len(world.relay.box(bea.own.device).rows) == 1
    bea.start()
    world.run(5)
    assert bea.texts == ["accepted"]
    assert ann.stage(identity, bea) is Stage.DELIVERED


def test_a_lost_receipt_is_given_again() -> None:
    world, ann, bea = two_phones()
    ann.send("bea", text="met")
    world.run(2)
    ann.stop()
    world.run(1)
    bea_row = len(bea.texts)
    ann.start()
    world.run(2)
    identity = ann.send("bea", text="receipt lost")
    world.run_until(lambda: "receipt lost" in bea.texts, at_most_s=5.0)
    ann.stop()
    world.run(2)
    world.relay.lose_mailboxes()
    ann.start()
    world.run_until(world.settled, at_most_s=120.0)
    assert bea_row == 1
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert bea.texts.count("receipt lost") == 1


def test_a_receipt_nobody_could_open_is_given_again() -> None:
    """The story that was never settled: bytes a relay remembers as taken are not handed over a second time."""
    world, ann, bea = two_phones()
    identity = ann.send("bea", text="hello")
    world.run_until(lambda: bea.texts == ["hello"], at_most_s=5.0)
    world.relay.box(ann.own.device).rows.clear()
    bea.cut()
    ann.crash()
    bea.to_relay.clear()
    world.relay.box(ann.own.device).rows.clear()
    world.run_until(world.settled, at_most_s=1800.0)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    assert bea.texts == bea.shown == ["hello"]
