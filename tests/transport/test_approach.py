"""Proves the way to a relay: which address, port, proxy and path an attempt takes, and what is remembered of it."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohappyeyeballs
import pytest
import uvloop
from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.errors import RefusedError
from answerback.model.paths import PathSeen
from answerback.relay.certificate import Certificate, own_certificate
from answerback.transport.approach import SILENT_MAX, Approach
from answerback.transport.dialling import Dialler
from answerback.transport.failures import Unreachable
from answerback.transport.names import AddressInfo
from answerback.transport.relay_http import RelayHttp
from tests.transport.lines import answering, greeting
from tests.transport.networks import Networks
from tests.transport.proxies import proxying

HOME, CAFE = b"home" * 2, b"cafe" * 2
HOST, PORT = "relay.example", 7443
WIFI = PathSeen("wlan0", HOME, is_metered=False, has_ipv4=True, has_ipv6=True)
SIX, FOUR = "2001:db8:9::9", "203.0.113.9"
BOTH_ADDRESSES = ("2001:db8:1::2/64", "10.1.0.2/24")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "nowhere.example")


def found(*hosts: str) -> Callable[[str], Coroutine[Any, Any, Sequence[str]]]:
    async def lookup(host: str) -> Sequence[str]:
        return hosts if host == HOST else ()

    return lookup


def played(story: Callable[[], Coroutine[Any, Any, None]], *, on: str = "asyncio") -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if on == "uvloop" else None) as runner:
        runner.run(asyncio.wait_for(story(), 30))


@dataclass
class Standing:
    peer: str

    def getpeername(self) -> tuple[str, int]:
        return (self.peer, PORT)

    def close(self) -> None:
        pass


def tried(monkeypatch: pytest.MonkeyPatch, *answering: str) -> list[list[str]]:
    """Write down what each attempt from now on goes to; only some addresses answer."""
    attempts: list[list[str]] = []

    async def start_connection(infos: list[AddressInfo], **_: object) -> Standing:
        hosts = [info[4][0] for info in infos]
        attempts.append(hosts)
        if not set(hosts) & set(answering):
            raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
        return Standing(next(host for host in hosts if host in answering))

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", start_connection)
    return attempts


def test_the_first_attempt_races_all_addresses_and_the_next_goes_to_the_one_that_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        way = Approach(f"https://{HOST}:{PORT}", lookup=found(SIX, FOUR))
        attempts = tried(monkeypatch, FOUR)
        for _ in range(2):
            assert (await way.reach()).address.host == FOUR
        assert attempts == [[SIX, FOUR], [FOUR]]

    played(story)


def test_a_probe_of_an_outage_is_one_address_and_each_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        way = Approach(f"https://{HOST}:{PORT}", lookup=found(SIX, FOUR))
        attempts = tried(monkeypatch, FOUR)
        await way.reach()
        attempts = tried(monkeypatch)
        for _ in range(SILENT_MAX + 3):
            with pytest.raises(Unreachable):
                await way.reach()
        assert all(len(attempt) == 1 for attempt in attempts)
        assert attempts[:SILENT_MAX] == [[FOUR]] * SILENT_MAX
        assert [SIX] in attempts[SILENT_MAX:]
        assert [FOUR] in attempts[SILENT_MAX:]

    played(story)


def test_a_path_that_leads_somewhere_else_races_again_and_one_that_got_its_name_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        way = Approach(f"https://{HOST}:{PORT}", lookup=found(SIX, FOUR))
        way.network_seen([replace(WIFI, network=b"")])
        attempts = tried(monkeypatch, FOUR)
        for network in (b"", HOME, HOME, CAFE):
            way.network_seen([replace(WIFI, network=network)])
            await way.reach("wlan0")
        assert attempts == [[SIX, FOUR], [FOUR], [FOUR], [FOUR, SIX]]
        way.network_seen([replace(WIFI, network=CAFE, has_ipv4=False)])
        attempts = tried(monkeypatch, SIX)
        await way.reach("wlan0")
        assert attempts == [[SIX]]
        await way.close()

    played(story)


def test_a_name_that_cannot_be_looked_up_is_the_cause() -> None:
    async def story() -> None:
        async def lookup(host: str) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        way = Approach(f"https://{HOST}:{PORT}", lookup=lookup)
        with pytest.raises(Unreachable) as failed:
            await way.reach()
        assert failed.value.cause is Cause.NETWORK_NAME_UNRESOLVED
        await way.close()

    played(story)


def test_a_race_in_which_each_fails_in_its_own_way_is_a_relay_that_does_not_answer(networks: Networks) -> None:
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))

    async def story() -> None:
        for hosts, cause in {
            (SIX, "10.1.0.1"): Cause.NETWORK_RELAY_UNREACHABLE,  # one has no route, the other refuses
            (SIX, FOUR): Cause.NETWORK_NO_PATH,
            ("10.1.0.1",): Cause.NETWORK_RELAY_UNREACHABLE,
        }.items():
            way = Approach(f"https://{HOST}:{PORT}", lookup=found(*hosts))
            with pytest.raises(Unreachable) as failed:
                await way.reach()
            assert failed.value.cause is cause
            await way.close()

    networks.play(story)


@pytest.mark.parametrize("host", ["xn--bcher-kva.example", "bücher.example", "RELAY.example"])
def test_a_relay_is_itself_however_its_name_is_written(host: str) -> None:
    async def story() -> None:
        async def lookup(host: str) -> Sequence[str]:
            return ["127.0.0.1"]

        async with answering(greeting) as url:
            port = int(url.rpartition(":")[2])
            assert await line_over(Approach(f"http://{host}:{port}", lookup=lookup)) == ("127.0.0.1", port)

    played(story)


# ---- real networks


@contextlib.asynccontextmanager
async def a_relay(networks: Networks, tmp_path: Path, host: str, port: int = PORT) -> AsyncIterator[Certificate]:
    certificate = Certificate(own_certificate(tmp_path, hosts=[host]))
    async with answering(greeting, certificate=certificate, at=networks.listening(host, port)):
        yield certificate


async def line_over(way: Approach, path: str = "") -> tuple[str, int]:
    """Dial and go on; give the relay's address as the socket has it."""
    line = await (await Dialler(way)(path)).proceed(None)
    host, port, *_ = line._socket.get_extra_info("peername")
    await line.close()
    return host, port


def test_a_family_that_leads_nowhere_costs_a_quarter_of_a_second_and_only_once(
    networks: Networks, tmp_path: Path
) -> None:
    networks.cable("wlan0", *BOTH_ADDRESSES, world=("2001:db8:1::1/64", "10.1.0.1/24", f"{FOUR}/32"))
    networks.route("wlan0", "10.1.0.1")
    networks.route("wlan0", "2001:db8:1::1")  # there a packet to the relay's IPv6 address is dropped

    async def story() -> None:
        async with a_relay(networks, tmp_path, FOUR) as certificate:
            way = Approach(f"https://{HOST}:{PORT}", pin=certificate.pin, lookup=found(SIX, FOUR))
            for _ in range(2):
                assert await line_over(way) == (FOUR, PORT)
            assert way.known == (FOUR, SIX)
            assert way.is_direct

    networks.play(story)


def test_a_relay_with_an_ipv4_address_is_reached_from_a_network_that_has_only_ipv6(
    networks: Networks, tmp_path: Path
) -> None:
    translated = "64:ff9b::cb00:7109"  # 203.0.113.9 behind the well-known prefix
    networks.cable("wlan0", "2001:db8:1::2/64", world=("2001:db8:1::1/64", f"{translated}/128"))
    networks.route("wlan0", "2001:db8:1::1")

    async def lookup(host: str) -> Sequence[str]:
        return {"ipv4only.arpa": ["64:ff9b::c000:aa"], HOST: [FOUR]}[host]

    async def story() -> None:
        async with a_relay(networks, tmp_path, translated) as certificate:
            for host in (FOUR, HOST):
                way = Approach(f"https://{host}:{PORT}", pin=certificate.pin, lookup=lookup)
                way.network_seen([PathSeen("wlan0", HOME, is_metered=False, has_ipv4=False, has_ipv6=True)])
                assert await line_over(way, "wlan0") == (translated, PORT)

    networks.play(story)


def test_each_path_has_its_own_connection_and_requests_and_files_can_take_one_too(
    networks: Networks, tmp_path: Path
) -> None:
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24", f"{FOUR}/32"), number=1)
    networks.cable("wwan0", "10.2.0.2/24", world=("10.2.0.1/24",), number=2)
    networks.route("wlan0", "10.1.0.1", metric=100)
    networks.route("wwan0", "10.2.0.1", metric=600)

    async def story() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=[FOUR]))
        seen: list[str] = []

        async def told(request: web.Request) -> web.Response:
            seen.append(request.remote or "")
            return web.Response(status=404)

        application = web.Application()
        application.router.add_get("/v1/health", told)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        listener = networks.listening(FOUR, PORT)
        await web.SockSite(runner, listener, ssl_context=certificate.context).start()
        way = Approach(f"https://{FOUR}:{PORT}", pin=certificate.pin)
        for path in ("", "wlan0", "wwan0"):
            reached = await way.reach(path)
            seen.append(reached.socket.getsockname()[0])
            reached.close()
            async with RelayHttp(way.url, pin=certificate.pin, path=path, approach=way) as http:
                with pytest.raises(RefusedError):
                    await http.health()
        assert seen == ["10.1.0.2", "10.1.0.2", "10.1.0.2", "10.1.0.2", "10.2.0.2", "10.2.0.2"]
        await runner.cleanup()

    networks.play(story)


def test_a_network_that_blocks_the_relays_port_is_left_through_the_webs_and_that_is_remembered(
    networks: Networks, tmp_path: Path
) -> None:
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))

    async def story() -> None:
        async with a_relay(networks, tmp_path, "10.1.0.1", 443) as certificate:
            way = Approach(f"https://10.1.0.1:{PORT}", pin=certificate.pin)
            way.network_seen([WIFI])
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await way.reach("wlan0")
            for _ in range(2):
                assert await line_over(way, "wlan0") == ("10.1.0.1", 443)
            way.network_seen([replace(WIFI, network=CAFE)])
            with pytest.raises(Unreachable):  # another network, where the own port may be open
                await way.reach("wlan0")
            way.network_seen([WIFI])
            assert await line_over(way, "wlan0") == ("10.1.0.1", 443)

    networks.play(story)


def test_a_stranger_at_the_webs_port_is_not_taken_for_the_relay(networks: Networks, tmp_path: Path) -> None:
    networks.cable("wlan0", "10.1.0.2/24", world=("10.1.0.1/24",))

    async def story() -> None:
        async with a_relay(networks, tmp_path, "10.1.0.1", 443):
            way = Approach(f"https://10.1.0.1:{PORT}", pin=b"x" * 32)
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await way.reach("wlan0")
            with pytest.raises(Unreachable) as failed:
                await line_over(way, "wlan0")
            assert failed.value.cause is Cause.TLS_UNTRUSTED
            with pytest.raises(Unreachable) as failed:  # and its own port is tried again
                await line_over(way, "wlan0")
            assert failed.value.cause is Cause.NETWORK_RELAY_UNREACHABLE

    networks.play(story)


@pytest.mark.parametrize("on", ["asyncio", "uvloop"])
@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_through_a_proxy_the_relay_is_reached_by_its_name_and_proves_to_be_the_relay(
    scheme: str, on: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        certificate = Certificate(own_certificate(tmp_path, hosts=["127.0.0.1"]))
        async with answering(greeting, certificate=certificate) as url, proxying(scheme, password="word") as proxy:
            port = int(url.rpartition(":")[2])
            proxy.leads[HOST, PORT] = proxy.leads[HOST, 443] = ("127.0.0.1", port)
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            way = Approach(f"https://{HOST}:{PORT}", pin=certificate.pin)
            assert not way.is_direct
            await line_over(way)
            assert proxy.asked == [(HOST, PORT)]
            proxy.allowed = frozenset({443})  # as most proxies have it
            other = Approach(f"https://{HOST}:{PORT}", pin=certificate.pin)
            for _ in range(2):
                with pytest.raises(Unreachable):
                    await line_over(other)
            await line_over(other)
            await line_over(other)
            assert proxy.asked[1:] == [(HOST, PORT), (HOST, PORT), (HOST, 443), (HOST, 443)]

    played(story, on=on)


def test_a_relay_that_sends_us_elsewhere_is_not_followed() -> None:
    async def story() -> None:
        async def elsewhere(request: web.Request) -> web.Response:
            raise web.HTTPFound("http://sign-in.example/")

        application = web.Application()
        application.router.add_get("/v1/frames", elsewhere)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        with pytest.raises(Unreachable) as failed:
            await line_over(Approach(f"http://127.0.0.1:{runner.addresses[0][1]}"))
        assert failed.value.cause is Cause.NETWORK_CAPTIVE
        await runner.cleanup()

    played(story)


def test_who_watches_is_told_when_the_relays_addresses_become_known() -> None:
    async def story() -> None:
        told: list[tuple[str, ...]] = []
        way = Approach(f"https://{HOST}:{PORT}", lookup=found("127.0.0.1"))
        way.tell(lambda: told.append(way.known))
        with pytest.raises(Unreachable):
            await way.reach("nothing0")
        assert told == [("127.0.0.1",)]
        await way.close()

    played(story)
