"""Proves that the disk alone and an agent at work tell the same story."""

from collections.abc import Callable
from contextlib import closing

import pytest

from answerback.device.home import open_history
from answerback.faces.access import agent_at
from answerback.faces.ledger import Ledger
from answerback.model.errors import UsageError
from answerback.model.ids import message_id_text, parse_message_id
from tests.faces.village import Person, Village

TRIES_MAX = 20


def test_the_disk_and_the_agent_tell_the_same(somebody: Callable[[], Person], bea: Person) -> None:
    owner = somebody()
    owner.run("send", bea.handle, "one")
    with agent_at(owner.home) as remote, closing(open_history(owner.home)) as history:
        identity = history.identity()
        assert identity is not None
        ledger = Ledger(history, identity)
        assert [m.id for m in ledger.messages(limit=5)] == [m.id for m in remote.messages(limit=5)]
        assert ledger.devices() == remote.devices()
        disk, agent = ledger.status(), remote.status()
        assert (disk.handle, disk.device, disk.messages) == (agent.handle, agent.device, agent.messages)
        assert (disk.running, agent.running) == (False, True)


def test_a_draft_to_somebody_new_is_in_the_list_before_it_has_an_address(somebody: Callable[[], Person]) -> None:
    owner = somebody()
    sent = owner.told("send", "new@example.org", "hello", "--wait", "saved")
    (shown,) = owner.lines("inbox", "--offline")
    assert (shown["id"], shown["to"], shown["stage"]) == (sent["id"], ["new@example.org"], "queued")
    assert shown["cause"] == "network.agent_stopped"
    assert owner.told("status")["waiting"] == 1
    assert owner.told("why")["id"] == sent["id"]
    assert owner.told("why", sent["id"][-6:])["to"] == ["new@example.org"]


def test_what_people_see_of_an_id_finds_the_message(somebody: Callable[[], Person], bea: Person) -> None:
    owner = somebody()
    first, second = (owner.told("send", bea.handle, text)["id"] for text in ("one", "two"))
    for part in (first[-8:], first[-8:][:6], first[-5:], first):
        assert owner.told("why", part)["id"] == first
    unclear = owner.run("why", first[:4])
    assert unclear.exit_code == 2
    assert "2 messages" in unclear.stderr
    assert second != first


def test_without_an_open_message_the_newest_is_told(somebody: Callable[[], Person], bea: Person) -> None:
    owner = somebody()
    nothing = owner.run("why")
    assert (nothing.exit_code, "nothing was sent" in nothing.stderr.lower()) == (2, True)
    owner.run("send", bea.handle, "one")
    newest = owner.told("send", bea.handle, "two")["id"]
    bea.run("inbox")
    owner.run("inbox")
    told = owner.told("why")
    assert (told["id"], told["answered"]) == (newest, True)


def test_what_another_device_of_mine_wrote_does_not_wait_here(
    somebody: Callable[[], Person], town: Village, bea: Person
) -> None:
    owner = somebody()
    tablet = town.linked(owner)
    sent = owner.told("send", bea.handle, "from the other one")
    # Our own devices are not waited for: the copy for the tablet leaves with this call to the relay or the next.
    (shown,) = next(lines for _ in range(TRIES_MAX) if (owner.run("inbox"), lines := tablet.lines("inbox"))[1])
    assert (shown["id"], shown["mine"], shown["stage"], shown["cause"]) == (sent["id"], True, None, None)
    assert "written on another device of yours" in tablet.run("inbox", "--offline").stdout
    told = tablet.told("why", sent["id"])
    assert (told["copies"], told["wait"]) == ([], None)
    assert "its whole road is known there" in tablet.run("why", sent["id"]).stdout
    assert tablet.run("why").exit_code == 2


def test_a_failed_message_keeps_its_reason(somebody: Callable[[], Person]) -> None:
    owner = somebody()
    owner.run("send", "nobody@example.org", "hello")
    told = owner.told("why")
    assert (told["stage"], told["final"]) == ("failed", True)
    assert told["failure"]["cause"] == "recipient.handle_unknown"
    assert told["wait"] is None
    assert owner.lines("inbox", "--offline")[0]["cause"] == "recipient.handle_unknown"


def test_an_id_nobody_knows_is_said_so(ann: Person) -> None:
    with closing(open_history(ann.home)) as history:
        identity = history.identity()
        assert identity is not None
        ledger = Ledger(history, identity)
        unknown = message_id_text(parse_message_id("0193f2c4-8d1e-7a52-b33d-9f7138402644"))
        with pytest.raises(UsageError, match="no message"):
            ledger.why(unknown)
        with pytest.raises(UsageError, match="no message"):
            ledger.unread(up_to=parse_message_id(unknown))
