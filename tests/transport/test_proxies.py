"""Proves which proxy is spoken to, when, and that what comes after it is untouched."""

import asyncio
import socket

import pytest

from answerback.model.causes import Cause
from answerback.model.errors import UsageError
from answerback.transport.proxies import Proxy, ProxyKind, ProxyRefused, pass_through, proxy_for, read_proxy
from tests.transport.proxies import StandIn, proxying

RELAY = "https://relay.example:7443"
SETTINGS = ("https_proxy", "http_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "nowhere.example")  # so that no system's own settings are asked


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for(RELAY) is None
    monkeypatch.setenv("ALL_PROXY", "socks5://gate.example")
    assert proxy_for(RELAY) == Proxy(ProxyKind.SOCKS5, "gate.example", 1080)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:a%20word@gate.example:3128")
    assert proxy_for(RELAY) == Proxy(ProxyKind.HTTP, "gate.example", 3128, "me", "a word")
    assert proxy_for("http://relay.example") == Proxy(ProxyKind.SOCKS5, "gate.example", 1080)
    monkeypatch.setenv("HTTP_PROXY", "gate.example")
    assert proxy_for("http://relay.example") == Proxy(ProxyKind.HTTP, "gate.example", 80)


def test_a_host_that_is_named_is_reached_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://gate.example:3128")
    monkeypatch.setenv("no_proxy", "other.example,.relay.example,relay.example")
    assert proxy_for(RELAY) is None
    assert proxy_for("https://third.example") is not None


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_no_proxy_is_asked_for_this_very_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://gate.example:3128")
    assert proxy_for(f"https://{host}:7443") is None


@pytest.mark.parametrize("said", ["ftp://gate.example", "http://", "http://gate.example:port", "http://[gate"])
def test_a_proxy_nobody_can_speak_to_is_said_at_once(said: str) -> None:
    with pytest.raises(UsageError):
        read_proxy(said)


def test_a_password_is_not_shown() -> None:
    assert "word" not in repr(read_proxy("http://me:word@gate.example"))


async def passed(proxy: StandIn, host: str, port: int) -> socket.socket:
    standing = socket.socket()
    standing.settimeout(0)
    await asyncio.get_running_loop().sock_connect(standing, (proxy.host, proxy.port))
    try:
        await pass_through(standing, read_proxy(proxy.url), host=host, port=port)
    except BaseException:
        standing.close()
        raise
    return standing


@pytest.mark.parametrize("scheme", ["http", "socks5"])
@pytest.mark.parametrize("password", ["", "a word"])
def test_what_comes_after_the_proxy_is_the_relay(scheme: str, password: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"this is the relay: " + await reader.readline())
        writer.close()

    async def story() -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(echo, "127.0.0.1")
        async with server, proxying(scheme, password=password.replace(" ", "")) as proxy:
            port = server.sockets[0].getsockname()[1]
            proxy.leads["relay.example", 7443] = ("127.0.0.1", port)
            with await passed(proxy, "relay.example", 7443) as standing:
                await loop.sock_sendall(standing, b"hello\n")
                assert await loop.sock_recv(standing, 100) == b"this is the relay: hello\n"
            assert proxy.asked == [("relay.example", 7443)], "the name, not an address"

    asyncio.run(asyncio.wait_for(story(), 20))


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_refuses_is_told_from_a_network_that_is_silent(scheme: str) -> None:
    async def story() -> None:
        async with proxying(scheme) as proxy:
            proxy.allowed = frozenset({443})
            with pytest.raises(ProxyRefused) as refused:
                await passed(proxy, "relay.example", 7443)
            assert refused.value.cause is Cause.NETWORK_RELAY_UNREACHABLE

    asyncio.run(asyncio.wait_for(story(), 20))


def test_a_proxy_that_wants_a_password_says_so() -> None:
    async def story() -> None:
        async with proxying("http", password="right") as proxy:
            standing = socket.socket()
            standing.settimeout(0)
            await asyncio.get_running_loop().sock_connect(standing, (proxy.host, proxy.port))
            with standing, pytest.raises(ProxyRefused) as refused:
                await pass_through(
                    standing, Proxy(ProxyKind.HTTP, proxy.host, proxy.port), host="relay.example", port=7443
                )
            assert refused.value.cause is Cause.NETWORK_CAPTIVE

    asyncio.run(asyncio.wait_for(story(), 20))
