"""Speaks to the proxy a network demands, over a connection that already stands: HTTP CONNECT or SOCKS5.

The environment names it, as for other programs: `HTTPS_PROXY` (for a relay without TLS `HTTP_PROXY`), else `ALL_PROXY`,
and `NO_PROXY` names the hosts that are reached without; where it names none, the settings of macOS and Windows do. A
relay on this very machine is never asked of a proxy.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy as Speaker

from answerback.model.causes import Cause
from answerback.model.errors import UsageError
from answerback.transport.failures import Unreachable

_PORTS: Final = {"http": 80, "socks5": 1080, "socks5h": 1080}
_AUTHENTICATION_WANTED: Final = 407
PROXY_S_MAX = 15
"""How long a proxy may take to reach the relay: as long as we would."""


class ProxyKind(Enum):
    """What is spoken with it."""

    HTTP = ProxyType.HTTP
    SOCKS5 = ProxyType.SOCKS5


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy."""

    kind: ProxyKind
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)


class ProxyRefused(Unreachable):
    """The proxy answered, and does not let us through."""


def proxy_for(url: str) -> Proxy | None:
    """Tell which proxy leads to an address. Raises `UsageError` for one that cannot be spoken to."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    settings = getproxies()
    said = settings.get(parts.scheme) or settings.get("all")
    if not said or _is_here(host) or proxy_bypass(host):
        return None
    return read_proxy(said)


def read_proxy(said: str) -> Proxy:
    """Read a proxy's address. Raises `UsageError`."""
    try:
        parts = urlsplit(said if "://" in said else f"http://{said}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"the proxy in the environment has no address that can be read: {error}") from error
    if parts.scheme not in _PORTS or not host:
        raise UsageError(f"a proxy is http://… or socks5://…, not {parts.scheme}://{host or ''}")
    kind = ProxyKind.HTTP if parts.scheme == "http" else ProxyKind.SOCKS5
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(kind, host, port or _PORTS[parts.scheme], user, password)


async def pass_through(standing: socket.socket, proxy: Proxy, *, host: str, port: int) -> None:
    """Have the proxy at the other end of a connection lead on to a relay. Raises `ProxyRefused` or `OSError`.

    The name is looked up by the proxy: on such a network often nobody else can.
    """
    speaker = Speaker(
        proxy_type=proxy.kind.value,
        host=proxy.host,
        port=proxy.port,
        username=proxy.user or None,
        password=proxy.password or None,
        rdns=True,
        forward=_Standing(standing),
        loop=asyncio.get_running_loop(),
    )
    try:
        await speaker.connect(dest_host=host, dest_port=port, timeout=PROXY_S_MAX)
    except ProxyError as error:
        raise ProxyRefused(_cause(error), f"the proxy {proxy.host}:{proxy.port} says: {error}") from error


class _Standing(Speaker):
    """What leads to the proxy, as a proxy before it would: a connection that stands already."""

    def __init__(self, standing: socket.socket) -> None:
        super().__init__(ProxyType.HTTP, "", 0, loop=asyncio.get_running_loop())
        self._standing: Final = standing

    async def connect(
        self,
        dest_host: str,  # noqa: ARG002
        dest_port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - its port, not ours
        **_: Any,  # noqa: ANN401
    ) -> socket.socket:
        """Give it."""
        return self._standing


def _cause(error: ProxyError) -> Cause:
    if error.error_code == _AUTHENTICATION_WANTED:
        return Cause.NETWORK_CAPTIVE  # somebody at this network has to be told who we are
    return Cause.NETWORK_RELAY_UNREACHABLE


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
