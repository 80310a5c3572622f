"""Proves that an agent is found when it answers, and that its going away is an error with a name."""

import json
import os
import socket
from pathlib import Path

import pytest

from answerback.faces.access import agent_at
from answerback.faces.place import Place, write_place
from answerback.faces.remote import AgentGone, Remote
from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError
from tests.faces.village import Person


def test_where_no_agent_answers_none_is_found(tmp_path: Path) -> None:
    assert Remote.find(tmp_path) is None
    write_place(tmp_path, Place(pid=1, socket=str(tmp_path / "gone.sock")))
    assert Remote.find(tmp_path) is None
    (tmp_path / "agent.json").write_text("{half")
    assert Remote.find(tmp_path) is None


def test_an_agent_in_this_process_is_borrowed(ann: Person) -> None:
    with agent_at(ann.home) as remote:
        found = Remote.find(ann.home)
        assert found is not None
        assert found.pid == os.getpid()
        assert found.is_borrowed
    with pytest.raises(AgentGone):
        remote.status()


class Answering:
    """A peer that says one thing, whatever it is asked."""

    def __init__(self, folder: Path, answer: bytes) -> None:
        import threading

        self.place = Place(pid=7, socket=str(folder / "s"))
        self._answer = answer
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(str(folder / "s"))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(self._answer)

    def close(self) -> None:
        self._thread.join()
        self._listening.close()


def answer(status: str, body: bytes) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", AgentGone),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", AgentGone),
        (answer("200 OK", b'{"id": 5}'), PeerError),
        (answer("500 Oops", b"<html>"), PeerError),
        (
            answer("400 Bad", json.dumps({"kind": "refused", "message": "no", "cause": "relay.busy"}).encode()),
            RefusedError,
        ),
    ],
)
def test_whatever_comes_back_is_an_answer_or_a_named_error(
    tmp_path: Path, said: bytes, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    peer = Answering(Path(), said)
    try:
        with pytest.raises(error) as raised:
            Remote(peer.place).status()
    finally:
        peer.close()
    if isinstance(raised.value, RefusedError):
        assert raised.value.cause is Cause.RELAY_BUSY
