"""Every input that once broke something, tried again: none of them does any more."""

from pathlib import Path

import pytest

from answerback.model.errors import StorageError, UsageError
from answerback.model.handle import parse_handle
from answerback.model.message import Lane
from answerback.storage.vault import KeySource, create_key, open_key
from answerback.wire.frames import Submit
from tests.fuzz.agent_targets import LOCAL_SEEDS, _local
from tests.fuzz.http_targets import request
from tests.fuzz.targets import find
from tests.fuzz.text_targets import cheap_stretch
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope, residents

_UPGRADING = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
UPGRADE = request("GET", "/v1/frames", head=_UPGRADING)
ONCE_FOUND = {
    "texts": (
        "+4٩301234567".encode(),  # a phone number that nobody else writes like that
        ("İ" * 64 + "@relay.example").encode(),  # a handle that grew when it was normalised
        b"smtp://user:pass@[2001:db8:x]/?from=relay@example.org",  # a ValueError
        b"recording-" + b"a" * 5_000,  # an OSError: no file has such a name
        b"recording\0",
        b"answerback://link?relay=https%3A%2F%2Frelay\xff.example&code=7K3M-9Q2X-B4TA-W8ZN",  # a UnicodeEncodeError
        b"answerback://link?relay=https%3A%2F%2Frelay.example&code=7K3M-9Q2X-B4TA-W8ZN&pin=+",  # no pin at all
        b"answerback://link?relay=https%3A%2F%2Frelay.example&code=7K3M-9Q2X-B4TA-W8ZN&pin=ab",
    ),
    "relay-http": (
        request("POST", "/v1/codes", body=b'{"handle":"ann@example.org"}')[:-9],  # a traceback: gone amid its body
        request("POST", "/v1/codes", body=b"\x1f\x8b\x08\xff", head=("Content-Encoding: gzip",)),  # a traceback
        request("GET", "/v1/frames", head=("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"))[
            :-2
        ]
        + b"Sec-WebSocket-Key: a2tra2tra2tra2tra2tra2\xff\xff\r\n\r\n",  # status 500
        request("POST", "/v1/codes", body=b"{}", head=("Expect: 100-cont",)).replace(
            b"100-", b"10\xaa-"
        ),  # a traceback
    ),
    "local-api": (
        _local("GET", "/v1/messages?limit=" + "9" * 5_000),  # a ValueError, status 500
        _local("POST", "/v1/send", b'{"to":["bea@example.org"],"text":"\xff"}'),  # a UnicodeDecodeError, status 500
        _local("POST", "/v1/send", b'{"to":["bea@example.org"],"file":"a\\u0000b"}'),  # a ValueError, status 500
        _local("POST", "/v1/send", b'{"to":["bea@example.org"]}')[:-5],  # a traceback: gone amid its body
        LOCAL_SEEDS[0].replace(b"Bearer ", b"Bearer \xff\xfe"),  # a UnicodeEncodeError, status 500
        LOCAL_SEEDS[0].replace(b"\r\nAuth", b"\r\xef\xbb\xbfAuth"),  # a traceback
    ),
}


@pytest.mark.parametrize("name", ONCE_FOUND)
def test_what_once_broke_a_door_is_refused_in_words(name: str) -> None:
    with find(name).open() as probe:
        for data in ONCE_FOUND[name]:
            assert probe.run(data) == 1


def test_a_handle_is_the_same_however_it_is_written() -> None:
    assert parse_handle("Ann@Example.org").text == "ann@example.org"
    for text in ("+4٩301234567", "İ" * 64 + "@relay.example"):
        with pytest.raises(UsageError):
            parse_handle(text)


@pytest.mark.parametrize("name", ["device.json", "passphrase.json"])
def test_a_file_that_is_no_text_is_called_damaged(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "device"
    create_key(folder, source=KeySource.PASSPHRASE, passphrase="words", stretch=cheap_stretch)
    path = folder / name
    path.write_bytes(path.read_bytes().replace(b'":"', b'\xec\xa9":"'))
    with pytest.raises(StorageError, match="damaged"):
        open_key(folder, passphrase="words", stretch=cheap_stretch)


def _relay(tmp_path: Path) -> tuple[Drive, Resident, Resident, Resident]:
    ann, bea, eve = people = residents(3)
    return Drive(tmp_path, people), ann, bea, eve


@pytest.mark.parametrize("before_s", [0.5, 30.0], ids=["while it is kept", "when its time is over"])
def test_what_is_accepted_again_with_more_time_is_kept_for_that_time(before_s: float, tmp_path: Path) -> None:
    relay, ann, bea, eve = _relay(tmp_path)
    hostile, honest = relay.enter(eve), relay.enter(ann)
    relay.say(hostile, Submit([envelope(bea, "precious", lane=Lane.NORMAL, lifetime_s=2)]))
    relay.settle()
    relay.pass_time(before_s)
    mail = envelope(bea, "precious", lane=Lane.NORMAL, lifetime_s=86_400)
    relay.say(honest, Submit([mail]))
    relay.settle()
    assert relay.accepted(honest) == [mail.id]
    relay.pass_time(3_600.0)
    relay.settle()
    assert relay.take_all(relay.enter(bea)) == [b"precious"]
