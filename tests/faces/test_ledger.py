"""Proves that the disk alone and an agent at work tell the same story."""

from collections.abc import Callable
from contextlib import closing

import pytest

from answerback.device.home import open_history
from answerback.faces.access import agent_at
from answerback.faces.ledger import Ledger
from answerback.model.errors import UsageError
from answerback.model.ids import message_id_text, parse_message_id
from tests.faces.village import Person


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
