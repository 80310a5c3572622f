"""Knows the addresses a host was last seen at, so that nobody who dials has to wait for a name server.

Theory. A name server is one more thing that may be out of reach, and its silence lasts for seconds. So a lookup is
waited for once, the first time; from then on what is known is used, and looked up again beside the dialling: after a
failure, after the network changed, and when it is old. A lookup that fails takes nothing away. The surprising part: an
IPv4 address is no address on a network that has only IPv6. There it is asked what prefix stands for IPv4 here, by the
one name whose IPv4 addresses everybody knows (RFC 7050), and the address is written behind it (RFC 6052).
"""

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

OLD_AFTER_S = 600.0
"""A relay that moves says so in its name; ten minutes is how long most names may be kept."""
FAILED_AGAIN_S = 30.0
"""While nothing answers, a lookup is a packet or two each time: no more often than this."""
LOOKUP_S_MAX = 10.0
"""What a name server takes at most: resolvers ask two of them, for five seconds each."""
LOCAL: Final = {"localhost": ("127.0.0.1", "::1")}
"""What no name server has to be asked (RFC 6761)."""
NAT64_NAME: Final = "ipv4only.arpa"
_NAT64_KNOWN: Final = (ipaddress.IPv4Address("192.0.0.170"), ipaddress.IPv4Address("192.0.0.171"))
_PREFIX_BITS: Final = (96, 64, 56, 48, 40, 32)
_SKIPPED_BYTE: Final = 8
"""RFC 6052: the ninth byte of an address is always nought."""

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to."""

    host: str
    """An IP address, an IPv6 one perhaps with its zone."""
    port: int

    @property
    def is_ipv6(self) -> bool:
        """Of which family it is."""
        return ":" in self.host

    @property
    def family(self) -> socket.AddressFamily:
        """The family, as sockets say it."""
        return socket.AF_INET6 if self.is_ipv6 else socket.AF_INET

    @property
    def info(self) -> AddressInfo:
        """The same, as `getaddrinfo` says it."""
        host, _, zone = self.host.partition("%")
        if not self.is_ipv6:
            return (self.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, self.port))
        scope = _scope(zone)
        return (self.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, self.port, 0, scope))


Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""Asks for the addresses of a host, as text. Raises `OSError`."""


class Names:
    """The addresses of one host."""

    def __init__(self, host: str, *, lookup: Lookup | None = None, now_s: Callable[[], float] = time.monotonic) -> None:
        self.host: Final = host
        self._lookup: Final = lookup or system_lookup
        self._now_s: Final = now_s
        self.learned: Callable[[], None] = lambda: None
        """Called when other addresses became known."""
        self._known: tuple[str, ...] = (host,) if _is_literal(host) else LOCAL.get(host, ())
        self._prefixes: tuple[ipaddress.IPv6Network, ...] = ()
        self._looked_s: float | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """What is known now, the one that answered last first."""
        return self._known

    async def addresses(self, port: int, *, ipv4: bool = True, ipv6: bool = True) -> tuple[Address, ...]:
        """Give what is known; only who has nothing at all waits. Raises `OSError`.

        On a path without IPv4, an IPv4 address is given behind the prefixes that stand for it there.
        """
        while not self._known:
            await self._waited_for(self._begin())
        self._refresh(OLD_AFTER_S)
        hosts = [host for host in self._known if (ipv6 if ":" in host else ipv4)]
        if not hosts and ipv6:
            hosts = await self._translated()
        if not hosts:
            hosts = list(self._known)  # the system says why it cannot
        return tuple(Address(host, port) for host in hosts)

    def answered(self, host: str) -> None:
        """Have one address stand first from now on."""
        if host in self._known:
            self._known = (host, *(other for other in self._known if other != host))

    def failed(self) -> None:
        """Look the host up again, beside: what is known did not answer."""
        self._refresh(FAILED_AGAIN_S)

    def moved(self) -> None:
        """Look it up again, beside: another network may give other addresses, and has other prefixes."""
        self._prefixes = ()
        if self._known:
            self._refresh(0.0)

    async def close(self) -> None:
        """Stop looking up."""
        looking, self._looking = self._looking, None
        if looking is not None and not looking.done():
            looking.cancel()
            await asyncio.wait([looking])

    # ---- private

    def _refresh(self, after_s: float) -> None:
        if _is_literal(self.host):
            return
        if self._looked_s is None or self._now_s() - self._looked_s >= after_s:
            self._begin()

    def _begin(self) -> "asyncio.Task[None]":
        if self._looking is None or self._looking.done():
            self._looked_s = self._now_s()
            self._looking = asyncio.get_running_loop().create_task(self._look(), name="name lookup")
            self._looking.add_done_callback(_note)
        return self._looking

    async def _look(self) -> None:
        async with asyncio.timeout(LOOKUP_S_MAX):
            found = await self._lookup(self.host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, f"{self.host} has no address")
        kept = [host for host in self._known if host in found]
        is_new = set(self._known) != set(found)
        self._known = (*kept, *(host for host in found if host not in kept))
        if is_new:
            self.learned()

    @staticmethod
    async def _waited_for(looking: "asyncio.Task[None]") -> None:
        # Who dials may be cancelled; the lookup goes on for whoever dials next.
        try:
            await asyncio.shield(looking)
        except TimeoutError as error:
            _unresolved(error)

    async def _translated(self) -> list[str]:
        if not self._prefixes:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(LOOKUP_S_MAX):
                    self._prefixes = prefixes_in(await self._lookup(NAT64_NAME))
        return [behind(prefix, host) for host in self._known if ":" not in host for prefix in self._prefixes]


async def system_lookup(host: str) -> Sequence[str]:
    """Ask the system's resolver, in the order it prefers."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(_text(family, at) for family, _, _, _, at in found))


def prefixes_in(answers: Sequence[str]) -> tuple[ipaddress.IPv6Network, ...]:
    """Read from the IPv6 addresses of `ipv4only.arpa` behind which prefixes this network has IPv4."""
    found = []
    for answer in answers:
        if ":" not in answer:
            continue
        packed = ipaddress.IPv6Address(answer.partition("%")[0]).packed
        for bits in _PREFIX_BITS:
            prefix = ipaddress.IPv6Network((packed, bits), strict=False)
            if any(ipaddress.IPv6Address(behind(prefix, str(known))).packed == packed for known in _NAT64_KNOWN):
                found.append(prefix)
                break
    return tuple(dict.fromkeys(found))


def behind(prefix: ipaddress.IPv6Network, ipv4: str) -> str:
    """Write an IPv4 address behind a prefix (RFC 6052)."""
    packed = bytearray(prefix.network_address.packed)
    at = prefix.prefixlen // 8
    for byte in ipaddress.IPv4Address(ipv4).packed:
        at += at == _SKIPPED_BYTE
        packed[at] = byte
        at += 1
    return str(ipaddress.IPv6Address(bytes(packed)))


def _text(family: int, at: tuple[object, ...]) -> str:
    host = str(at[0])
    scope = at[3] if family == socket.AF_INET6 and len(at) > 3 else 0  # noqa: PLR2004  # host, port, flow, scope
    return f"{host}%{scope}" if scope and "%" not in host else host


def _scope(zone: str) -> int:
    if not zone:
        return 0
    return int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _note(looking: "asyncio.Task[None]") -> None:
    if not looking.cancelled():
        looking.exception()  # whoever waits is told; if nobody does, what is known goes on being used


def _unresolved(error: Exception) -> NoReturn:
    raise socket.gaierror(socket.EAI_AGAIN, "no name server answers") from error
