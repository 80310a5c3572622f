"""Proves the bind against the library's own centre, and its manners against one that has none."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import smpp34
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from answerback.model.errors import UsageError
from answerback.model.handle import Handle, parse_handle
from answerback.relay.certificate import own_certificate
from answerback.transport.carriers import pdus, smpp
from answerback.transport.carriers.pdus import packed
from answerback.transport.carriers.roads import (
    Incoming,
    Receipted,
    Refused,
    RoadClosed,
    RoadRefused,
    RoadUnsent,
    Submission,
    Taken,
)
from answerback.transport.carriers.smpp import SmppRoad, SmppSettings, numbered, open_smpp
from answerback.wire.delivery_receipts import DeliveryReceipt, MessageState
from answerback.wire.short_messages import Fragment
from tests.texts.running import RunningCentre, free_port

ANN = parse_handle("+49301234567")
HELLO = Submission(ANN, "hello €", 1, 0, 1, 258, b"t" * 16)


def settings(port: int, **more: object) -> SmppSettings:
    usual: dict[str, object] = {"host": "127.0.0.1", "port": port, "system_id": "answer", "password": "secret"}
    return SmppSettings(**usual | {"sender": "+4930111"} | more)  # type: ignore[arg-type]


@asynccontextmanager
async def impolite(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """Run a centre that binds anybody and then does what a test wants."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            bind = await pdus.read_pdu(reader)
            writer.write(packed(bind.command | pdus.RESPONSE, sequence=bind.sequence, body=b"c\0"))
            await talk(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in writers:
        writer.close()
    await server.wait_closed()


def test_the_librarys_own_centre_understands_us_and_we_it() -> None:
    async def story() -> None:
        server = smpp34.Server("127.0.0.1", port := free_port(), system_id="theirs")
        await server.start()
        opening = asyncio.create_task(open_smpp(settings(port)))
        esme = await server.next()
        road = await opening
        assert isinstance(esme, smpp34.Esme)
        submitting = asyncio.create_task(road.submit(HELLO))
        event = await server.next()
        assert isinstance(event, smpp34.SubmitSmEvent)
        assert (event.destination_addr, event.dest_addr_ton, event.dest_addr_npi) == ("49301234567", 1, 1)
        assert (event.source_addr, event.source_addr_ton) == ("4930111", 1)
        assert event.short_message == b"hello \x1be"
        assert event.registered_delivery == 1
        assert [(t.tag, t.value) for t in event.tlvs] == [(0x0204, b"\x01\x02")]
        event.accept("m1")
        assert await submitting == Taken("m1")
        delivering = asyncio.ensure_future(
            esme.deliver_sm("4930111", b"id:m1 stat:DELIVRD", source_addr="49301234567", esm_class=4)
        )
        events = road.events()
        receipted = await anext(events)
        assert isinstance(receipted, Receipted)
        assert receipted.receipt == DeliveryReceipt("m1", MessageState.DELIVERED)
        receipted.heard()
        assert (await delivering).is_success
        await road.close()
        await server.stop()

    asyncio.run(story())


def test_a_wrong_password_is_said_and_nobody_there_is_another_thing(tmp_path: Path) -> None:
    async def story() -> None:
        centre = RunningCentre(tmp_path)
        await centre.start()
        with pytest.raises(RoadRefused, match="the password is wrong"):
            await open_smpp(settings(centre.port, password="other"))
        centre.kill()
        with pytest.raises(RoadClosed, match="cannot be reached"):
            await open_smpp(settings(centre.port))

    asyncio.run(story())


def test_the_centre_hears_that_we_have_it_only_when_we_have() -> None:
    answers: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(smpp34.DeliverSm("4930", "1", b"hi", source_addr_ton=1, sequence_number=77).encode())
        while True:
            packet = await pdus.read_pdu(reader)
            answers.append(packet.sequence)

    async def story() -> None:
        async with impolite(talk) as port:
            road = await open_smpp(settings(port))
            event = await anext(road.events())
            assert isinstance(event, Incoming)
            assert (event.sender, event.fragment.text) == (Handle("4930"), "hi")
            await asyncio.sleep(0.1)
            assert answers == []
            event.heard()
            await asyncio.sleep(0.1)
            assert answers == [77]
            await road.close()

    asyncio.run(story())


def test_a_connection_that_ends_leaves_every_submission_unanswered_and_the_next_unsent() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await pdus.read_pdu(reader)
        writer.close()

    async def story() -> None:
        async with impolite(talk) as port:
            road = await open_smpp(settings(port))
            with pytest.raises(RoadClosed) as unanswered:
                await road.submit(HELLO)
            assert not isinstance(unanswered.value, RoadUnsent)
            with pytest.raises(RoadUnsent):
                await road.submit(HELLO)
            with pytest.raises(RoadClosed):
                await anext(road.events())
            await road.close()

    asyncio.run(story())


def test_a_quiet_centre_is_asked_and_left_if_it_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "QUIET_S", 0.1)
    monkeypatch.setattr(smpp, "ALIVE_S_MAX", 0.2)
    asked: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            packet = await pdus.read_pdu(reader)
            asked.append(packet.command)
            if len(asked) == 1:
                writer.write(packed(packet.command | pdus.RESPONSE, sequence=packet.sequence))

    async def story() -> None:
        async with impolite(talk) as port:
            road = await open_smpp(settings(port))
            with pytest.raises(RoadClosed, match="no longer answers"):
                await anext(road.events())
            await road.close()
        assert asked[:2] == [pdus.ENQUIRE_LINK, pdus.ENQUIRE_LINK]

    asyncio.run(story())


def test_our_manners_towards_what_the_centre_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[int, int, int]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(packed(pdus.ENQUIRE_LINK, sequence=5))
        writer.write(packed(0x102, sequence=6))  # alert_notification: nothing of ours
        writer.write(packed(pdus.DELIVER_SM, sequence=7, body=b"\xff"))
        writer.write(packed(pdus.UNBIND, sequence=8))
        while True:
            packet = await pdus.read_pdu(reader)
            heard.append((packet.command, packet.sequence, packet.status))

    async def story() -> None:
        async with impolite(talk) as port:
            road = await open_smpp(settings(port))
            with pytest.raises(RoadClosed, match="goodbye"):
                await anext(road.events())
            await asyncio.sleep(0.05)
            await road.close()

    asyncio.run(story())
    assert heard == [
        (pdus.ENQUIRE_LINK | pdus.RESPONSE, 5, 0),
        (pdus.GENERIC_NACK, 6, pdus.INVALID_COMMAND),
        (pdus.DELIVER_SM | pdus.RESPONSE, 7, pdus.SYSTEM_ERROR),
        (pdus.UNBIND | pdus.RESPONSE, 8, 0),
    ]


def test_a_refusal_says_whether_it_is_for_good(tmp_path: Path) -> None:
    async def refused(status: int) -> object:
        centre = RunningCentre(tmp_path, refuse={"49301234567": status})
        await centre.start()
        road: SmppRoad = await open_smpp(settings(centre.port))
        answer = await road.submit(HELLO)
        await road.close()
        centre.kill()
        return answer

    fast, busy, wrong = (asyncio.run(refused(status)) for status in (pdus.THROTTLED, pdus.SYSTEM_ERROR, 0x0B))
    assert isinstance(fast, Refused)
    assert (fast.too_fast, fast.is_temporary) == (True, True)
    assert isinstance(busy, Refused)
    assert (busy.too_fast, busy.is_temporary) == (False, True)
    assert isinstance(wrong, Refused)
    assert (wrong.too_fast, wrong.is_temporary) == (False, False)


def test_over_tls_the_centre_must_show_a_certificate_we_trust(tmp_path: Path) -> None:
    certificate = own_certificate(tmp_path, hosts=["127.0.0.1"])
    asked: list[object] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            bind = await pdus.read_pdu(reader)
            asked.append(bind)
            writer.write(packed(bind.command | pdus.RESPONSE, sequence=bind.sequence, body=b"c\0"))
            await pdus.read_pdu(reader)
        writer.close()

    async def story() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(RoadClosed, match="CERTIFICATE_VERIFY_FAILED"):
            await open_smpp(settings(port, tls=True))
        assert asked == [], "no password goes to a stranger"
        trusting = ssl.create_default_context(cafile=str(certificate.certificate))
        trusting.check_hostname = False  # our own certificates are known by their pin
        road = await open_smpp(settings(port, tls=True, ssl_context=trusting))
        await road.close()
        server.close()

    asyncio.run(story())
    assert len(asked) == 1


def test_ids_that_receipts_write_in_decimal_are_written_so_everywhere() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        packet = await pdus.read_pdu(reader)
        writer.write(packed(packet.command | pdus.RESPONSE, sequence=packet.sequence, body=b"1F\0"))

    async def story() -> None:
        async with impolite(talk) as port:
            road = await open_smpp(settings(port, decimal_receipts=True))
            assert await road.submit(HELLO) == Taken("31")
            await road.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("address", "kind", "handle"),
    [
        ("49301234567", 1, "+49301234567"),
        ("+49301234567", 0, "+49301234567"),
        ("49301234567", 0, "+49301234567"),
        ("12345", 0, "12345"),
        ("MyBank", 5, "MyBank"),
    ],
)
def test_an_address_is_a_handle_where_it_is_a_number(address: str, kind: int, handle: str) -> None:
    assert numbered(address, kind=kind) == Handle(handle)


def test_a_part_may_be_named_by_parameters_instead_of_a_header() -> None:
    tlvs = {0x020C: b"\x00\x07", 0x020E: b"\x02", 0x020F: b"\x01"}
    assert smpp._sar(Fragment("a"), tlvs) == Fragment("a", 7, 2, 0)
    assert smpp._sar(Fragment("a"), {}) == Fragment("a")


@pytest.mark.parametrize("wrong", [{"system_id": "x" * 16}, {"password": "ninechars"}, {"sender": "ü"}])
def test_what_the_protocol_cannot_say_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        settings(1, **wrong)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(settings(1))
    assert "hello" not in repr(HELLO)


@given(st.lists(st.binary(max_size=80) | st.sampled_from([pdus.DELIVER_SM, pdus.ENQUIRE_LINK, 0x103]), max_size=6))
@settings_of(max_examples=60, deadline=None)
def test_whatever_a_centre_says_the_road_ends_in_a_sentence(said: list[bytes | int]) -> None:
    packets = [
        packed(each, sequence=1) if isinstance(each, int) else packed(pdus.DELIVER_SM, sequence=2, body=each)
        for each in said
    ]
    stream = b"".join(packets) + b"".join(each for each in said if isinstance(each, bytes))

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(stream)
        writer.close()

    async def story() -> None:
        async with impolite(talk) as port:
            road = await open_smpp(settings(port))
            with pytest.raises(RoadClosed):
                await heard_to_the_end(road)
            await road.close()

    asyncio.run(story())


async def heard_to_the_end(road: SmppRoad) -> None:
    async for event in road.events():
        event.heard()
