"""A person is asked before anything leaves the encryption, sees what it costs, and finds every step said truly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from answerback.core.facts import KeepContact
from answerback.device import client as client_module
from answerback.faces.access import agent_at
from answerback.faces.output import Exit
from answerback.model.ids import AccountId
from answerback.model.texts import CarrierWord, TextArrived, TextStage
from answerback.storage.journal import Journal
from answerback.storage.vault import open_key
from answerback.transport.ports import Ports
from tests.device.test_couriers import StandIn
from tests.faces.village import Person

NUMBER = "+49301234567"
BEA = AccountId(b"b" * 16)


class Told(StandIn):
    """A carrier whose words a test says, for all the agents that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[CarrierWord | TextArrived] = []

    async def words(self) -> AsyncIterator[CarrierWord | TextArrived]:
        while True:
            while self.said:
                yield self.said[0]
                del self.said[0]
            await asyncio.sleep(0.01)


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What every agent of this test is given."""
    told = Told()

    def ports(*given: Any, **more: Any) -> Ports:  # noqa: ANN401 - as the class takes them
        return Ports(*given, **(more | {"carriers": (told,)}))

    monkeypatch.setattr(client_module, "Ports", ports)
    return told


@pytest.fixture
def ada(somebody: Callable[[], Person], carrier: Told) -> Person:
    """Somebody who knows a contact by number, whose devices nobody can reach."""
    person = somebody()
    journal = Journal.open(person.home, key=open_key(person.home, passphrase=None, stretch=lambda *_: b""))
    journal.commit([KeepContact(NUMBER, BEA), KeepContact("bea.away@example.org", BEA)])
    journal.close()
    assert carrier.orders == []
    return person


@contextlib.contextmanager
def at_work(person: Person) -> Iterator[None]:
    with agent_at(person.home):
        yield


def until(holds: Callable[[], bool]) -> None:
    import time

    end_s = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def sent(person: Person, text: str, *options: str) -> str:
    result = person.run("send", NUMBER, text, "--wait", "saved", "--json", *options)
    assert result.exit_code in (0, Exit.UNDER_WAY), result.output
    import json

    return str(json.loads(result.stdout)["id"])


def test_nothing_is_so_until_somebody_chooses(ada: Person) -> None:
    told = ada.told("fallback", NUMBER)
    assert (told["choice"], told["agreed_by"]) == ("never", None)
    assert "never: messages wait" in ada.run("fallback", NUMBER).stdout
    assert ada.run("fallback", "+4930999").exit_code == Exit.USAGE
    assert ada.run("fallback", NUMBER, "after").exit_code == Exit.USAGE
    assert ada.run("fallback", NUMBER, "ask", "5").exit_code == Exit.USAGE


def test_without_a_person_and_without_consent_nobody_agrees(ada: Person, carrier: Told) -> None:
    result = ada.run("fallback", NUMBER, "after", "10")
    assert result.exit_code == Exit.CONSENT
    assert "leaves the end-to-end encryption" in result.stderr
    assert ada.told("fallback", NUMBER)["choice"] == "never", "what was so before is so again"
    message = sent(ada, "where are you?")
    with at_work(ada):
        assert ada.run("consent", message[-8:], "yes").exit_code == Exit.REFUSED, "never is never"
        assert ada.told("fallback", NUMBER, "ask")["choice"] == "ask"
        result = ada.run("consent", message[-8:], "yes")
        assert result.exit_code == Exit.CONSENT
    assert carrier.orders == []


def test_a_yes_is_shown_kept_and_followed_to_the_phone(ada: Person, carrier: Told) -> None:
    message = sent(ada, "where are you?")
    with at_work(ada):
        ada.told("fallback", NUMBER, "ask")
        result = ada.run("consent", message[-8:], "yes", "--consent")
        assert result.exit_code == 0, result.output
        assert "0.07 EUR" in result.stderr
        until(lambda: bool(carrier.orders))
        (order,) = carrier.orders
        for stage in (TextStage.HANDED, TextStage.SENT, TextStage.DELIVERED):
            carrier.said.append(CarrierWord(order.number, stage, "sms", 1))
        until(lambda: not carrier.said)
        life = ada.told("why", message)
        (aside,) = life["asides"]
        assert [step["stage"] for step in aside["steps"]] == ["ordered", "handed", "sent", "delivered"]
        assert (aside["sentence"], aside["cost"], aside["to"]) == ("SMS delivered", "0.07 EUR", NUMBER)
        assert life["stage"] == "queued", "of the encrypted one nothing is claimed by it"
        drawn = ada.run("why", message).stdout
        for words in ("SMS delivered", "sent as SMS", "not encrypted", "the carrier says that the phone has it"):
            assert words in drawn
        again = sent(ada, "and now?")
        assert ada.run("consent", again[-8:], "yes").exit_code == 0, "agreed to once"
    agreed = ada.told("fallback", NUMBER)
    assert agreed["agreed_by"].endswith("at the command line")
    assert "agreed" in ada.run("fallback", NUMBER).stdout
    assert len(carrier.orders) == 2


def test_after_minutes_is_agreed_to_at_once_and_taken_back_by_never(ada: Person) -> None:
    with at_work(ada):
        told = ada.told("fallback", NUMBER, "after", "10", "--consent", "--note-files")
        assert (told["choice"], told["after_s"], told["file_noted"]) == ("after", 600.0, True)
        assert told["agreed_by"] is not None
        assert told["carriers"] == {"sms": "0.07 EUR"}
        assert ada.told("fallback", NUMBER, "never")["agreed_by"] is None


def test_what_is_private_says_so_and_never_goes(ada: Person, carrier: Told) -> None:
    message = sent(ada, "between us", "--private")
    with at_work(ada):
        ada.told("fallback", NUMBER, "ask", "--consent")
        result = ada.run("consent", message[-8:], "yes")
        assert result.exit_code == Exit.REFUSED
        assert "marked private" in result.stderr
        assert ada.told("why", message)["private"] is True
        assert "Private: it never leaves" in ada.run("why", message).stdout
        shown = [each for each in ada.lines("inbox", "--offline") if each["id"] == message]
        assert shown[0]["private"] is True
    assert carrier.orders == []


def test_a_text_that_came_is_marked_wherever_it_is_shown(ada: Person, carrier: Told) -> None:
    from answerback.model.handle import Handle

    with at_work(ada):
        carrier.said.append(TextArrived(Handle(NUMBER), "at the station", "sms", b"arrival"))
        until(lambda: not carrier.said)
        (shown,) = [each for each in ada.lines("inbox", "--offline") if each["text"] == "at the station"]
        assert (shown["carrier"], shown["unproven"], shown["mine"]) == ("sms", True, False)
        assert "by SMS, not encrypted, sender not proven" in ada.run("inbox", "--offline").stdout
        assert "nobody proved who sent it" in ada.run("why", shown["id"]).stdout
        ada.run("inbox", "--offline", "--mark-read")


def test_a_no_is_kept(ada: Person, carrier: Told) -> None:
    message = sent(ada, "where are you?")
    with at_work(ada):
        ada.told("fallback", NUMBER, "ask", "--consent")
        result = ada.run("consent", message[-8:], "no")
        assert result.exit_code == Exit.USAGE, "nothing was offered yet"
        assert ada.run("consent", message[-8:]).exit_code == Exit.USAGE, "nobody is here to answer"
    assert carrier.orders == []
