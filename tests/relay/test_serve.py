"""Proves a relay's whole life: it says where it is, serves, holds its folder alone, and stops when told to."""

import asyncio
import base64
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop

from answerback.model.causes import Cause
from answerback.model.errors import StoreLockedError, UsageError
from answerback.model.handle import Handle, parse_handle
from answerback.relay.certificate import CertificateFiles, own_certificate, pin_of
from answerback.relay.invitations import make_invitation
from answerback.relay.limits import RelayLimits
from answerback.relay.serve import Ready, RelaySettings, Tls, run_relay
from answerback.storage.account_store import AccountStore
from answerback.storage.database import open_database
from answerback.transport.carriers.smpp import SmppSettings
from answerback.transport.failures import Unreachable
from answerback.transport.relay_http import RelayHttp
from answerback.wire.codec import decode_relay_frame
from answerback.wire.connection import FRAMES_PATH
from answerback.wire.frames import Challenge, Farewell
from tests.relay.standing import first_list
from tests.texts.running import RunningCentre

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def running(settings: RelaySettings, codes: "asyncio.Queue[str] | None" = None) -> AsyncIterator[Ready]:
    """Run a relay in this loop until the block ends."""
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()

    def on_code(_handle: Handle, code: str) -> None:
        if codes is not None:
            codes.put_nowait(code)

    task = asyncio.create_task(run_relay(settings, on_ready=ready.set_result, on_code=on_code, stop=stop))
    watched: set[asyncio.Future[Any]] = {task, ready}
    await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    yield ready.result()
    stop.set()
    await asyncio.wait_for(task, 20)


def test_a_code_for_a_phone_number_goes_by_text_message_and_to_no_terminal(tmp_path: Path) -> None:
    async def run() -> None:
        centre = RunningCentre(tmp_path)
        await centre.start()
        shown: asyncio.Queue[str] = asyncio.Queue()
        sms = SmppSettings(host=HOST, port=centre.port, system_id="answer", password="secret", sender="Relay")
        settings = RelaySettings(folder=tmp_path / "relay", host=HOST, port=free_port(), is_open=True, sms=sms)
        try:
            async with running(settings, shown) as ready, RelayHttp(ready.url, pin=ready.pin) as relay:
                handle = parse_handle("+49 30 1234567")
                await relay.request_code(handle)
                async with asyncio.timeout(20):
                    while not centre.rows():  # noqa: ASYNC110 - another process's store wakes nobody
                        await asyncio.sleep(0.05)
                ((destination, body),) = centre.rows()
                assert destination == "49301234567"
                account = await relay.create_account(handle, code=body[:6].decode(), first_list=first_list())
                assert len(account.account) == 16
                assert shown.empty()
                await relay.request_code(parse_handle("ann@example.org"))
                assert len(await asyncio.wait_for(shown.get(), 10)) == 6
        finally:
            centre.kill()

    asyncio.run(run())


def test_an_invited_person_joins_over_tls_with_nothing_but_the_link(tmp_path: Path) -> None:
    async def run() -> None:
        codes: asyncio.Queue[str] = asyncio.Queue()
        settings = RelaySettings(folder=tmp_path, host=HOST, port=free_port())
        async with running(settings, codes) as ready:
            link = make_invitation(settings)
            assert link.pin == ready.pin
            assert link.url == ready.url
            async with RelayHttp(link.url, pin=link.pin) as relay:
                handle = parse_handle("ann@example.org")
                await relay.request_code(handle, invitation=link.token)
                code = await asyncio.wait_for(codes.get(), 10)
                signed = first_list()
                account = await relay.create_account(handle, code=code, first_list=signed, invitation=link.token)
                assert len(account.account) == 16
                assert (await relay.health()).well

    asyncio.run(run())


def test_a_relay_with_another_certificate_is_not_spoken_to(tmp_path: Path) -> None:
    async def run() -> None:
        settings = RelaySettings(folder=tmp_path, host=HOST, port=0, is_open=True)
        async with running(settings) as ready:
            for pin in (b"x" * 32, b""):
                async with RelayHttp(ready.url, pin=pin) as relay:
                    with pytest.raises(Unreachable) as failed:
                        await relay.health()
                    assert failed.value.cause is Cause.TLS_UNTRUSTED

    asyncio.run(run())


def test_the_folder_is_for_one_relay_at_a_time_and_the_second_says_who_has_it(tmp_path: Path) -> None:
    async def run() -> None:
        settings = RelaySettings(folder=tmp_path, host=HOST, port=0, tls=Tls.NONE)
        async with running(settings):
            with pytest.raises(StoreLockedError, match=str(os.getpid())):
                async with running(settings):
                    pass
        async with running(settings):
            pass  # and the lock is free again

    asyncio.run(run())


def test_a_port_in_use_is_said_and_leaves_the_folder_free(tmp_path: Path) -> None:
    async def run() -> None:
        with socket.socket() as other:
            other.bind((HOST, 0))
            other.listen()
            taken = RelaySettings(folder=tmp_path, host=HOST, port=other.getsockname()[1], tls=Tls.NONE)
            with pytest.raises(UsageError, match="cannot listen"):
                async with running(taken):
                    pass
        async with running(RelaySettings(folder=tmp_path, host=HOST, port=0, tls=Tls.NONE)):
            pass

    asyncio.run(run())


def test_a_stop_sends_those_who_wait_for_a_box_away_at_once(tmp_path: Path) -> None:
    async def run() -> None:
        settings = RelaySettings(folder=tmp_path, host=HOST, port=0, tls=Tls.NONE)
        async with AsyncExitStack() as stack:
            async with running(settings) as ready:
                relay = await stack.enter_async_context(RelayHttp(ready.url))
                waiting = asyncio.create_task(relay.get_box(b"b" * 16, slot=0, wait_s=25))
                for _ in range(3):
                    await relay.health()
                began_s = time.monotonic()
            assert await waiting is None
            assert time.monotonic() - began_s < 20, "not the 25 seconds it asked for"

    asyncio.run(run())


def serve_in_child(folder: str, port: int, tls: str) -> None:
    """Run a relay in a process of its own; print a line when it is ready."""

    def on_ready(ready: Ready) -> None:
        print(ready.port, flush=True)

    settings = RelaySettings(folder=Path(folder), host=HOST, port=port, tls=Tls(tls), is_open=True)
    run = asyncio.run if sys.platform == "win32" else uvloop.run
    run(run_relay(settings, on_ready=on_ready, on_code=lambda _handle, code: print(code, flush=True)))


@contextmanager
def child(folder: Path, *, tls: str = "none") -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Run a relay in a process of its own until the block ends."""
    words = f"from tests.relay.test_serve import serve_in_child; serve_in_child({str(folder)!r}, 0, {tls!r})"
    process = subprocess.Popen([sys.executable, "-c", words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_relay_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with child(tmp_path) as (process, _):
        process.send_signal(number)
        assert process.wait(20) == 0


def test_accounts_survive_kill_9(tmp_path: Path) -> None:
    async def join(port: int, process: "subprocess.Popen[str]") -> None:
        async with RelayHttp(f"http://{HOST}:{port}") as relay:
            handle = parse_handle("ann@example.org")
            await relay.request_code(handle)
            assert process.stdout is not None
            code = process.stdout.readline().strip()
            await relay.create_account(handle, code=code, first_list=first_list())
            process.kill()

    with child(tmp_path) as (process, port):
        asyncio.run(join(port, process))
    database = open_database(tmp_path / "relay.db", schema="relay")
    assert AccountStore(database).account_of("ann@example.org") is not None
    database.close()


def test_frames_and_requests_share_one_port_and_a_stop_says_farewell(tmp_path: Path) -> None:
    async def run() -> None:
        settings = RelaySettings(folder=tmp_path, host=HOST, port=0, tls=Tls.NONE)
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            async with running(settings) as ready:
                device = await session.ws_connect(ready.url + FRAMES_PATH)
                assert isinstance(decode_relay_frame(await device.receive_bytes(timeout=10)), Challenge)
                async with session.get(ready.url + "/v1/health") as response:
                    assert response.status == 200
                began_s = time.monotonic()
            assert time.monotonic() - began_s < 8, "a stop does not wait for silent devices"
            farewell = decode_relay_frame(await device.receive_bytes(timeout=10))
            assert isinstance(farewell, Farewell)
            assert farewell.cause == Cause.RELAY_STOPPING.value

    asyncio.run(run())


def test_a_browser_is_told_what_push_services_know_the_relay_by_and_it_stays_the_same(tmp_path: Path) -> None:
    async def key_of(settings: RelaySettings) -> bytes:
        async with running(settings) as ready, aiohttp.ClientSession() as session:
            async with session.get(f"{ready.url}/v1/push", ssl=aiohttp.Fingerprint(ready.pin)) as response:
                said = (await response.json())["key"]
            return base64.urlsafe_b64decode(said + "=" * (-len(said) % 4))

    async def run() -> None:
        settings = RelaySettings(folder=tmp_path, host=HOST, port=free_port())
        key = await key_of(settings)
        assert (len(key), key[0]) == (65, 4)
        assert await key_of(settings) == key
        assert (tmp_path / "push.key").stat().st_mode & 0o077 == 0

    asyncio.run(run())


def test_a_new_certificate_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    def shown_pin(port: int) -> bytes:
        return pin_of(ssl.get_server_certificate((HOST, port)).encode())

    with child(tmp_path / "relay", tls="own") as (process, port):
        old = CertificateFiles(tmp_path / "relay" / "relay.crt", tmp_path / "relay" / "relay.key")
        assert shown_pin(port) == pin_of(old.certificate.read_bytes())
        new = own_certificate(make_folder(tmp_path / "new"), hosts=[HOST])
        old.key.write_bytes(new.key.read_bytes())
        old.certificate.write_bytes(new.certificate.read_bytes())
        process.send_signal(signal.SIGHUP)
        until_s = time.monotonic() + 20
        while shown_pin(port) != pin_of(new.certificate.read_bytes()):
            assert time.monotonic() < until_s
        assert process.poll() is None


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_connection_too_many_is_closed_and_the_others_stay(tmp_path: Path) -> None:
    async def run() -> None:
        settings = RelaySettings(
            folder=tmp_path, host=HOST, port=0, tls=Tls.NONE, mail_road=RelayLimits(connections_max=1)
        )
        async with running(settings) as ready, RelayHttp(ready.url) as first:
            assert (await first.health()).well
            async with RelayHttp(ready.url) as second:
                with pytest.raises(Unreachable) as failed:
                    await second.health()
                assert failed.value.cause is Cause.NETWORK_CONNECTION_LOST
            assert (await first.health()).well

    asyncio.run(run())


@pytest.mark.parametrize(
    "odd",
    [
        {"tls": Tls.FILES},
        {"certificate": CertificateFiles(Path("a"), Path("b"))},
        {"public_url": "http://relay.example"},
        {"push_contact": "operator@relay.example"},
    ],
)
def test_settings_that_contradict_themselves_are_refused(tmp_path: Path, odd: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RelaySettings(folder=tmp_path, **odd)


def test_datagrams_are_heard_on_the_same_port_number(tmp_path: Path) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            ready = await stack.enter_async_context(
                running(RelaySettings(folder=tmp_path, host=HOST, port=0, tls=Tls.NONE))
            )
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.sendto(b"nothing of ours", (HOST, ready.port))
            counted = 'answerback_datagrams_total{fate="unknown"} 1.0'
            async with asyncio.timeout(20):
                while counted not in await (await session.get(ready.url + "/metrics")).text():
                    pass

    asyncio.run(run())


def test_a_relay_that_is_told_not_to_call_leaves_the_port_for_datagrams_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(RelaySettings(folder=tmp_path, host=HOST, port=0, tls=Tls.NONE, calls=False)) as ready:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.bind((HOST, ready.port))

    asyncio.run(run())


def test_a_port_for_datagrams_that_is_taken_is_said_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind((HOST, 0))
            settings = RelaySettings(folder=tmp_path, host=HOST, port=other.getsockname()[1], tls=Tls.NONE)
            async with running(settings) as ready, RelayHttp(ready.url) as relay:
                assert (await relay.health()).well
        assert f"port {ready.port} for UDP" in caplog.text

    asyncio.run(run())
