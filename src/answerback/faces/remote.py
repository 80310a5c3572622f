"""Asks the agent that runs on this device what the SDK would be asked, over its local interface.

It is written with what Python brings, and waits for each answer: a command that finds an agent at work need not load
an event loop, a web library, a database and the encryption.
"""

import contextlib
import http.client
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from answerback.faces.handles_told import CodeSentTold, HandleAsked, HandlesTold
from answerback.faces.place import Place, read_place
from answerback.faces.told import (
    CodeTold,
    ConsentAsked,
    ContactAsked,
    ContactTold,
    DeviceNamed,
    DeviceTold,
    EventTold,
    FallbackAsked,
    FallbackTold,
    HistoryAsked,
    LinkTold,
    MessageTold,
    ReadAsked,
    RegisterAsked,
    RevokeAsked,
    SendAsked,
    SentTold,
    StatusTold,
    TimelineTold,
    Trouble,
    WishAsked,
)
from answerback.faces.troubles import error_of
from answerback.model.errors import AnswerbackError, PeerError

ANSWER_S_MAX = 30.0
"""An agent answers from memory and its own disk; only sealing a large file takes longer than a moment."""
FILE_S_MAX = 600.0
_T = TypeVar("_T")


class AgentGone(AnswerbackError):
    """The agent on this device ended while it was being asked."""


class Remote:
    """An agent at work on this device."""

    def __init__(self, place: Place) -> None:
        self._place: Final = place

    @classmethod
    def find(cls, folder: Path) -> "Remote | None":
        """Find the agent of a device; none if none answers."""
        place = read_place(folder)
        if place is None:
            return None
        remote = cls(place)
        try:
            with contextlib.closing(_Connection(place, timeout_s=ANSWER_S_MAX)) as connection:
                connection.connect()
        except OSError:
            return None  # its word outlived it
        return remote

    @property
    def pid(self) -> int:
        """Which process it is."""
        return self._place.pid

    @property
    def is_borrowed(self) -> bool:
        """Whether it runs in this very process, and ends with it."""
        return self._place.pid == os.getpid()

    # ---- questions

    def status(self) -> StatusTold:
        """How this device stands."""
        return self._ask("GET", "/v1/status", StatusTold)

    def devices(self) -> list[DeviceTold]:
        """The devices of this account."""
        return self._ask("GET", "/v1/devices", list[DeviceTold])

    def messages(self, *, limit: int) -> list[MessageTold]:
        """The newest messages, in conversation order."""
        return self._ask("GET", f"/v1/messages?limit={limit}", list[MessageTold])

    def why(self, part: str | None) -> TimelineTold:
        """What became of a message."""
        query = "?" + urlencode({"message": part}) if part is not None else ""
        return self._ask("GET", f"/v1/timeline{query}", TimelineTold)

    def fallback(self, contact: str) -> FallbackTold:
        """What becomes of messages to a contact that do not get through."""
        return self._ask("GET", "/v1/fallback?" + urlencode({"contact": contact}), FallbackTold)

    def reached(self, message: str, stage: str, *, timeout_s: int) -> TimelineTold:
        """Wait until a message has come so far, or until the time is over."""
        query = urlencode({"message": message, "stage": stage, "timeout_s": timeout_s})
        return self._ask("GET", f"/v1/reached?{query}", TimelineTold, timeout_s=timeout_s + ANSWER_S_MAX)

    def caught_up(self, *, timeout_s: int) -> StatusTold:
        """Wait until what waited at the relay is here and answered, or until the time is over."""
        return self._ask("GET", f"/v1/caught-up?timeout_s={timeout_s}", StatusTold, timeout_s=timeout_s + ANSWER_S_MAX)

    # ---- deeds

    def send(self, asked: SendAsked) -> SentTold:
        """Promise a message; it is on the disk when this returns."""
        return self._ask("POST", "/v1/send", SentTold, body=asked, timeout_s=FILE_S_MAX if asked.file else ANSWER_S_MAX)

    def read(self, *, up_to: str) -> list[str]:
        """Tell the authors that what arrived up to this message was read."""
        return self._ask("POST", "/v1/read", list[str], body=ReadAsked(up_to))

    def choose(self, asked: WishAsked) -> StatusTold:
        """Say how eager the device is to be."""
        return self._ask("POST", "/v1/mode", StatusTold, body=asked)

    def name_device(self, name: str) -> list[DeviceTold]:
        """Call this device otherwise."""
        return self._ask("POST", "/v1/devices/name", list[DeviceTold], body=DeviceNamed(name))

    def offer_history(self, device: str) -> list[DeviceTold]:
        """Offer all messages to another device of the account."""
        return self._ask("POST", "/v1/devices/history", list[DeviceTold], body=HistoryAsked(device))

    def revoke_device(self, device: str, *, keep_root: bool) -> list[DeviceTold]:
        """Remove a device from the account."""
        asked = RevokeAsked(device, keep_root)
        return self._ask("POST", "/v1/devices/revoke", list[DeviceTold], body=asked, timeout_s=FILE_S_MAX)

    def register_again(self, asked: RegisterAsked) -> StatusTold:
        """Sign out and in again; returns when it is done, or when the time is over."""
        return self._ask("POST", "/v1/re-register", StatusTold, body=asked, timeout_s=asked.timeout_s + ANSWER_S_MAX)

    def choose_fallback(self, asked: FallbackAsked) -> FallbackTold:
        """Say what becomes of messages to a contact that do not get through."""
        return self._ask("POST", "/v1/fallback", FallbackTold, body=asked)

    def answer(self, asked: ConsentAsked) -> TimelineTold:
        """Say yes or no to one message's other way."""
        return self._ask("POST", "/v1/consent", TimelineTold, body=asked)

    def handles(self) -> HandlesTold:
        """The handles of this account."""
        return self._ask("GET", "/v1/handles", HandlesTold)

    def handle_code(self, handle: str) -> CodeSentTold:
        """Have a one-time code sent to a handle."""
        return self._ask("POST", "/v1/handles", CodeSentTold, body=HandleAsked("code", handle))

    def change_handle(self, asked: HandleAsked) -> HandlesTold:
        """Do one thing with a handle."""
        return self._ask("POST", "/v1/handles", HandlesTold, body=asked)

    def stop(self) -> None:
        """Ask the agent to end."""
        self._ask("POST", "/v1/stop", type(None))

    def confirm_link(self, *, yes: bool) -> None:
        """Answer the device that asks to be linked."""
        self._ask("POST", "/v1/link/confirm", type(None), body={"yes": yes})

    def contact(self, asked: ContactAsked, *, path: str = "") -> ContactTold:
        """Look at a contact's key, or do something about it: `/scan`, `/agree`, `/forget`."""
        return self._ask("POST", f"/v1/contact{path}", ContactTold, body=asked, timeout_s=2 * ANSWER_S_MAX)

    def say(self, asked: ContactAsked) -> None:
        """Say whether both short codes are the same."""
        self._ask("POST", "/v1/contact/say", type(None), body=asked)

    # ---- what comes as it happens

    def events(self) -> Iterator[EventTold]:
        """All news from now on."""
        return self._lines("GET", "/v1/events", EventTold)

    def compare(self, asked: ContactAsked) -> Iterator[CodeTold]:
        """Compare a short code, turn by turn."""
        return self._lines("POST", "/v1/contact/code", CodeTold, body=asked)

    def link(self) -> Iterator[LinkTold]:
        """Link a device, turn by turn."""
        return self._lines("POST", "/v1/link", LinkTold)

    # ---- private

    def _ask(
        self, method: str, path: str, kind: type[_T], *, body: object = None, timeout_s: float = ANSWER_S_MAX
    ) -> _T:
        with self._response(method, path, body=body, timeout_s=timeout_s) as response:
            content = response.read()
        try:
            return msgspec.json.decode(content, type=kind)
        except msgspec.MsgspecError as error:
            raise PeerError(f"the agent (process {self.pid}) is of another version: {error}") from error

    def _lines(self, method: str, path: str, kind: type[_T], *, body: object = None) -> Iterator[_T]:
        with self._response(method, path, body=body, timeout_s=None) as response:
            while line := response.readline():
                if line.strip():
                    yield msgspec.json.decode(line, type=kind)

    @contextlib.contextmanager
    def _response(
        self, method: str, path: str, *, body: object, timeout_s: float | None
    ) -> Iterator[http.client.HTTPResponse]:
        connection = _Connection(self._place, timeout_s=timeout_s)
        headers = {"Authorization": f"Bearer {self._place.token}"} if self._place.token else {}
        content = msgspec.json.encode(body) if body is not None else None
        try:
            connection.request(method, path, body=content, headers=headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                raise _error(response)
            yield response
        except (OSError, http.client.HTTPException) as error:
            raise AgentGone(f"the agent (process {self.pid}) went away in the middle of an answer") from error
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket, or over loopback where there is none."""

    def __init__(self, place: Place, *, timeout_s: float | None) -> None:
        super().__init__("127.0.0.1", place.port or 80, timeout=timeout_s)
        self._path: Final = place.socket

    def connect(self) -> None:
        """Open it."""
        if self._path is None:
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.fsencode(self._path))


def _error(response: http.client.HTTPResponse) -> AnswerbackError:
    try:
        trouble = msgspec.json.decode(response.read(), type=Trouble)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return PeerError(f"the agent answered {response.status} {response.reason}")
    return error_of(trouble.kind, trouble.message, trouble.cause)
