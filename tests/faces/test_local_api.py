"""Proves that the agent answers its own person only, and what a request may ask."""

import http.client
import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from aiohttp import web

from answerback.faces import local_api
from answerback.faces.access import agent_at
from answerback.faces.borrowed import BorrowedAgent
from answerback.faces.place import Place, read_place
from answerback.faces.remote import Remote
from answerback.faces.told import SendAsked
from tests.faces.village import Person


@contextmanager
def on_a_port(person: Person, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """An agent on a system without Unix sockets."""
    monkeypatch.setattr(local_api, "has_unix_sockets", lambda: False)
    agent = BorrowedAgent(person.home, None)
    try:
        yield agent.start()
    finally:
        agent.stop()


def asked(place: Place, headers: dict[str, str]) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", place.port or 0, timeout=10)) as connection:
        connection.request("GET", "/v1/status", headers=headers)
        return connection.getresponse().status


def test_the_socket_is_private_and_gone_with_the_agent(ann: Person) -> None:
    with agent_at(ann.home):
        place = read_place(ann.home)
        assert place is not None
        assert place.socket is not None
        assert stat.S_IMODE(Path(place.socket).stat().st_mode) == 0o600
        assert stat.S_IMODE((ann.home / "agent.json").stat().st_mode) == 0o600
    assert read_place(ann.home) is None


def test_on_a_port_only_the_token_opens_and_no_page_may_ask(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_port(ann, monkeypatch) as place:
        token = {"Authorization": f"Bearer {place.token}"}
        assert place.socket is None
        assert asked(place, token) == 200
        assert asked(place, {}) == 401
        assert asked(place, {"Authorization": "Bearer guess"}) == 401
        assert asked(place, {**token, "Host": "evil.example"}) == 421
        assert asked(place, {**token, "Origin": "http://127.0.0.1"}) == 403
        assert Remote(place).status().handle == ann.handle
        assert str(place.token) not in repr(place)


def test_another_person_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport = SimpleNamespace(get_extra_info=lambda name: ours)
        request = cast("web.Request", SimpleNamespace(transport=transport))
        assert local_api._is_own(request)
        monkeypatch.setattr(os, "getuid", lambda: 4242)
        assert local_api._is_own(request) is (os.geteuid() == 0)  # the system's root may; anybody else may not


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/messages?limit=0", None),
        ("GET", "/v1/messages?limit=many", None),
        ("GET", "/v1/reached?message=abcdef&stage=arrived", None),
        ("POST", "/v1/send", {"to": "bea"}),
        ("POST", "/v1/send", {"to": ["bea@example.org"], "text": "x", "colour": "red"}),
        ("POST", "/v1/send", {"to": []}),
        ("POST", "/v1/read", {"up_to": "x"}),
        ("POST", "/v1/link/confirm", {"yes": True}),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_in_words(
    ann: Person, method: str, path: str, body: dict[str, object] | None
) -> None:
    from answerback.model.errors import UsageError

    with agent_at(ann.home) as remote, pytest.raises(UsageError):
        remote._ask(method, path, object, body=body)


def test_news_come_as_lines_and_begin_with_the_connection(somebody: Callable[[], Person], bea: Person) -> None:
    owner = somebody()
    with agent_at(owner.home) as remote:
        remote.caught_up(timeout_s=10)
        events = remote.events()
        first = next(events)
        assert (first.event, first.connected) == ("link", True)
        sent = remote.send(SendAsked([bea.handle], "hi"))
        stages = [
            next(e for e in events if e.event == "progressed" and e.device and e.stage == s).stage for s in STAGES
        ]
        assert stages == list(STAGES)
        assert remote.reached(sent.id, "accepted", timeout_s=10).stage == "accepted"
        assert json.dumps(remote.status().handle) == f'"{owner.handle}"'


STAGES = ("sealed", "sent", "accepted")
