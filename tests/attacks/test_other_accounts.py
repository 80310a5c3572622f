"""Proves that a registered device reads and changes nothing of another account, by any route or frame."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from answerback.crypto.identity import DeviceKeys, Purpose, RootKey, first_device_list, next_device_list
from answerback.model.devices import PreKey
from answerback.model.message import Lane
from answerback.relay.routes import Proof
from answerback.wire.codec import encode
from answerback.wire.frames import (
    Announce,
    Announced,
    Challenge,
    ClientFrame,
    Deliver,
    Farewell,
    Hello,
    Publish,
    Published,
    Resume,
    Submit,
    Subscribe,
    Taken,
    TakeOver,
    Took,
    Welcome,
)
from tests.relay.drive import Drive
from tests.relay.residents import NOW_MS, Resident, envelope, residents
from tests.relay.standing import Standing, standing

ANN_HANDLE, BEN_HANDLE = "ann@example.org", "ben@example.org"
BLOB = "ab" * 16
PIECE = b"p" * 16_384
HERS = "SELECT * FROM handles UNION ALL SELECT hex(id), device, stored_bytes FROM blobs"

# ---- routes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Try:
    """What Ben asks with his own token about what is Ann's."""

    method: str
    path: str
    body: bytes = b""
    allowed: tuple[int, ...] = ()
    """Statuses that give him nothing of hers."""


TRIES = (
    Try("GET", "/v1/handles", allowed=(200,)),  # his own
    Try("POST", "/v1/handles", json.dumps({"handle": ANN_HANDLE, "code": "000000"}).encode(), (403,)),
    Try("POST", "/v1/handles/remove", json.dumps({"handle": ANN_HANDLE}).encode(), (200,)),  # says his own
    Try("POST", "/v1/handles/answer", json.dumps({"handle": ANN_HANDLE, "give": True}).encode(), (200,)),
    Try("HEAD", f"/v1/blobs/{BLOB}", allowed=(404,)),
    Try("GET", f"/v1/blobs/{BLOB}", allowed=(404,)),
    Try("PUT", f"/v1/blobs/{BLOB}?offset=16384&total=40000", PIECE, (404, 409)),
    Try("GET", "/v1/files", allowed=(400,)),  # its frames name blobs only, and go the way of the three above
)


async def joined(relay: Standing, handle: str) -> dict[str, str]:
    root, keys = RootKey.generate(), DeviceKeys.generate()
    signed = first_device_list(root, keys.device(1), now_ms=1)
    assert (await relay.create(handle, await relay.code_for(handle), signed))[0] == 201
    return relay.token(keys.device_id)


def test_no_route_gives_or_changes_what_is_another_accounts(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            ann, ben = await joined(relay, ANN_HANDLE), await joined(relay, BEN_HANDLE)
            begun = f"{relay.url}/v1/blobs/{BLOB}?offset=0&total=40000"
            async with relay.web.put(begun, data=PIECE, headers=ann) as response:
                assert response.status == 200
            before = relay.database.rows(HERS)
            for each in TRIES:
                url = relay.url + each.path
                async with relay.web.request(each.method, url, data=each.body or None, headers=ben) as response:
                    said = await response.read()
                    assert response.status in each.allowed, (each, response.status, said)
                    assert ANN_HANDLE.encode() not in said, each
                    assert PIECE[:64] not in said, each
            assert before == relay.database.rows(HERS)

    asyncio.run(run())


def test_every_route_that_asks_for_a_devices_token_is_tried_here(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            asked = {
                (route.method, route.path.partition("{")[0].rstrip("/"))
                for route in relay.side.routes
                if route.proof is Proof.DEVICE
            }
            tried = {(each.method, each.path.partition("?")[0].removesuffix(BLOB).rstrip("/")) for each in TRIES}
            assert asked == tried

    asyncio.run(run())


# ---- frames ------------------------------------------------------------------------------------------------------

ABOUT_OURSELVES = {Took, TakeOver, Subscribe, Submit, Publish, Announce, Hello, Resume}
"""Frames that change something: each is about the device that says it, by what it has proven, or signed; all below."""
OPEN_TO_ALL = {"LookUp", "Resolve", "Claim", "Inquire", "Ping", "Pace", "Follow", "Disclose", "Remind"}
"""What they ask is everybody's to know (the last three: of the log), or only the connection's own; the threat model
lists it."""


@pytest.fixture(scope="module")
def people() -> list[Resident]:
    return residents(2)


def test_every_frame_is_tried_here_or_gives_what_everybody_may_know() -> None:
    names = {frame.__name__ for frame in get_args(ClientFrame)}
    assert names == {frame.__name__ for frame in ABOUT_OURSELVES} | OPEN_TO_ALL


def test_another_devices_mailbox_is_opened_by_its_own_signature_only(tmp_path: Path, people: list[Resident]) -> None:
    ann, ben = people
    drive = Drive(tmp_path, people)
    sender = drive.enter(ben)
    drive.say(sender, Submit([envelope(ann, "for ann")]))
    drive.settle()
    liar = drive.connect()
    said = ben.hello(drive.heard_a(liar, Challenge))
    drive.say(liar, Hello(said.wire, ann.device, said.signature, []))
    drive.settle()
    assert drive.heard_a(liar, Farewell).cause == "account.not_registered"
    assert (drive.heard(liar, Welcome), drive.heard(liar, Deliver)) == ([], [])


def test_another_devices_ticket_does_not_open_its_mailbox(tmp_path: Path, people: list[Resident]) -> None:
    ann, ben = people
    drive = Drive(tmp_path, people)
    ticket = drive.heard_a(drive.enter(ben), Welcome).ticket
    resume = ben.resume(ticket, life=1)
    number = drive.return_with(
        Resume(resume.wire, ann.device, resume.ticket, resume.clock_ms, resume.taken, resume.life, resume.proof)
    )
    assert drive.heard(number, Welcome) == []
    assert len(drive.heard(number, Challenge)) == 1


@pytest.mark.parametrize("frame", [Took, TakeOver])
def test_what_one_device_has_taken_is_not_forgotten_for_another(
    tmp_path: Path, people: list[Resident], frame: type[Took] | type[TakeOver]
) -> None:
    ann, ben = people
    drive = Drive(tmp_path, people)
    number = drive.enter(ben)
    drive.say(number, Submit([envelope(ann, "for ann")]))
    drive.settle()
    drive.say(number, frame([Taken(lane, (1 << 53) - 1) for lane in Lane]))
    drive.settle()
    (delivery,) = drive.heard_a(drive.enter(ann), Deliver).entries
    assert delivery.sealed == envelope(ann, "for ann").sealed


@pytest.mark.parametrize("frame", [Took, TakeOver])
def test_what_one_device_has_taken_is_not_forgotten_for_another_that_is_here(
    tmp_path: Path, people: list[Resident], frame: type[Took] | type[TakeOver]
) -> None:
    """She has it in hand and has not said that it is on her disk: it must come again with her next connection."""
    ann, ben = people
    drive = Drive(tmp_path, people)
    number, hers = drive.enter(ben), drive.enter(ann)
    drive.say(number, Submit([envelope(ann, "for ann")]))
    drive.settle()
    assert drive.heard(hers, Deliver)
    drive.say(number, frame([Taken(lane, (1 << 53) - 1) for lane in Lane]))
    drive.settle()
    (delivery,) = drive.heard_a(drive.enter(ann), Deliver).entries
    assert delivery.sealed == envelope(ann, "for ann").sealed


def test_a_device_list_of_another_account_is_not_taken(tmp_path: Path, people: list[Resident]) -> None:
    ann, ben = people
    drive = Drive(tmp_path, people)
    number = drive.enter(ben)
    stolen = next_device_list(ann.root, ann.signed, (ben.keys.device(NOW_MS),), NOW_MS)
    drive.say(number, Announce(1, stolen))
    drive.settle()
    assert drive.heard_a(number, Announced).cause == "trust.signature_wrong"
    assert drive.heard(drive.enter(ann), Welcome)


def test_keys_of_another_device_are_not_published(tmp_path: Path, people: list[Resident]) -> None:
    ann, ben = people
    drive = Drive(tmp_path, people)
    number = drive.enter(ben)
    body = encode(PreKey(ann.device, b"\7" * 32, fallback=False))
    drive.say(number, Publish(1, [ben.keys.sign(Purpose.PREKEY, body)], None, None))
    drive.settle()
    assert drive.heard(number, Published) == []
    assert drive.heard_a(number, Farewell).cause == "trust.signature_wrong"


def test_a_device_is_woken_only_where_it_said_itself(tmp_path: Path, people: list[Resident]) -> None:
    ann, ben = people
    drive = Drive(tmp_path, people)
    drive.say(drive.enter(ben), Subscribe("https://push.example/v1/ben"))
    drive.settle()
    assert drive.exchange.knocking.name_of(ann.device) == b""
    assert drive.exchange.knocking.name_of(ben.device) != b""
