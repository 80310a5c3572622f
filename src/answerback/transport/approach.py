"""The way to a relay as far as TCP, and TLS upon it: which address, which port, through which proxy, over which path.

Theory. What an attempt needs is known before it begins, so that an attempt is one packet and its answer. The first on a
path races all addresses, a quarter of a second apart (RFC 8305), since nobody knows yet which family works here. From
then on an attempt goes to one address: the one that answered last or, when that one has been silent for a few times,
the next. A path that leads somewhere else begins anew.

Every connection of a device is dialled here, for frames, files and requests alike. aiohttp takes no socket that stands
already; but its connectors say where a connection comes from, and ours says: from here.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohappyeyeballs
import aiohttp
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from answerback.model.causes import Cause
from answerback.model.paths import ANY_PATH, PathSeen
from answerback.transport.binding import bind_to
from answerback.transport.failures import Unreachable, unreachable
from answerback.transport.names import Address, AddressInfo, Lookup, Names
from answerback.transport.port_choice import FALLBACK_PORT, PortChoice
from answerback.transport.proxies import Proxy, pass_through, proxy_for

if TYPE_CHECKING:
    from aiohttp.tracing import Trace

RACE_S: Final = 0.25
"""Between two addresses of a race: RFC 8305's connection attempt delay."""
GOODBYE_S_MAX = 0.5
"""TLS says goodbye and waits for an answer; on a path that is dead there is none."""
SILENT_MAX = 3
"""Attempts one address may leave unanswered before the next one is tried."""
_PORTS: Final = {"https": 443, "http": 80}

Sources = Callable[[str], Iterable[str]]
"""The addresses a path has of its own, needed where an interface cannot be bound itself."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A TCP connection that stands, to the relay or to the proxy before it."""

    socket: socket.socket
    path: str
    address: Address
    port: int
    """The relay's, also behind a proxy."""
    network: bytes

    def close(self) -> None:
        """Let go of it at once."""
        self.socket.close()


@dataclass(slots=True)
class _Place:
    network: bytes = b""
    has_ipv4: bool = True
    has_ipv6: bool = True
    is_new: bool = True
    good: str = ""
    silent: int = 0


class Approach:
    """The way to one relay."""

    def __init__(
        self,
        url: str,
        *,
        pin: bytes | None = None,
        sources: Sources = lambda _: (),
        fallback_port: int = FALLBACK_PORT,
        lookup: Lookup | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take no fallback as 0."""
        parts = urlsplit(url)
        self.url: Final = url.rstrip("/")
        self.host: Final = parts.hostname or ""
        self.is_sealed: Final = parts.scheme in ("https", "wss")
        self.sources = sources
        self._pin: Final = pin or b""
        self._lookup: Final = lookup
        # Without TLS nothing proves who answers at another port.
        fallback = fallback_port if self.is_sealed else 0
        self._ports: Final = PortChoice(parts.port or _PORTS.get(parts.scheme, 443), fallback, now_s=now_s)
        self._names: Final = Names(self.host, lookup=lookup, now_s=now_s)
        self._proxy: Proxy | None = proxy_for(url)
        self._proxy_names = self._names_of(self._proxy)
        self._places: dict[str, _Place] = {}

    def tell(self, learned: Callable[[], None]) -> None:
        """Have somebody called whenever other addresses of the relay become known."""
        self._names.learned = learned

    @property
    def known(self) -> tuple[str, ...]:
        """The addresses the next packet would go to, as far as they are known without asking."""
        return (self._proxy_names or self._names).known

    @property
    def own_port(self) -> int:
        """The relay's own, whichever leads there from here."""
        return self._ports.own

    @property
    def is_direct(self) -> bool:
        """Nobody stands between: the far end of a connection is the relay's own address."""
        return self._proxy is None

    def network_seen(self, paths: Iterable[PathSeen]) -> None:
        """Begin anew on each path that leads somewhere else now, and look the names up again."""
        places: dict[str, _Place] = {}
        paths = tuple(paths)
        # What was begun before anything had a name left by the path that the system prefers.
        first = paths[0].name if paths and all(path.name for path in paths) else None
        for path in paths:
            old = self._places.get(path.name) or (self._places.get(ANY_PATH) if path.name == first else None)
            stays = old is not None and old.network in (b"", path.network)
            place = places[path.name] = old if old is not None and stays else _Place()
            if (place.has_ipv4, place.has_ipv6) != (path.has_ipv4, path.has_ipv6):
                place.is_new, place.good = True, ""
            if stays and path.network and not place.network:
                self._ports.named(b"", path.network)
            place.network, place.has_ipv4, place.has_ipv6 = path.network, path.has_ipv4, path.has_ipv6
        moved = places.keys() != self._places.keys() or any(place.is_new for place in places.values())
        self._places = places
        self._ports.forget(b"")
        if moved:
            self._proxy = proxy_for(self.url)
            self._proxy_names = self._names_of(self._proxy)
            self._names.moved()

    async def prepare(self) -> None:
        """Look the name up, so that `known` is. Raises `Unreachable`."""
        names, proxy = self._proxy_names or self._names, self._proxy
        try:
            await names.addresses(proxy.port if proxy else self._ports.choose(b""))
        except (OSError, RuntimeError) as error:
            raise unreachable(error) from error

    async def reach(self, path: str = ANY_PATH) -> Reached:
        """Open one TCP connection over a path; to be cancelled is to close it at once. Raises `Unreachable`."""
        place = self._places.setdefault(path, _Place())
        network = place.network
        names, proxy = self._proxy_names or self._names, self._proxy
        port = self._ports.choose(network)
        try:
            known = await names.addresses(proxy.port if proxy else port, ipv4=place.has_ipv4, ipv6=place.has_ipv6)
            chosen = _chosen(place, known)
            place.is_new = False
            made = await self._connect(chosen, path)
        except (OSError, RuntimeError) as error:
            self._failed(place, network, names)
            if isinstance(error, OSError) and error.errno is None:  # a race in which each failed in a way of its own
                raise Unreachable(Cause.NETWORK_RELAY_UNREACHABLE, str(error)) from error
            raise unreachable(error) from error
        except asyncio.CancelledError:
            self._failed(place, network, names)
            raise
        peer = made.getpeername()[0]
        found = next((address for address in chosen if address.host.partition("%")[0] == peer), chosen[0])
        place.good, place.silent = found.host, 0
        names.answered(found.host)
        return Reached(made, path, found, port, network)

    async def proceed(self, reached: Reached, factory: Callable[[], ResponseHandler]) -> ResponseHandler:
        """Go on upon a connection: through the proxy, then TLS, and see that it is the relay.

        Raises what the libraries raise; the connection is closed then.
        """
        try:
            if self._proxy is not None:
                await pass_through(reached.socket, self._proxy, host=self.host, port=reached.port)
            transport, protocol = await asyncio.get_running_loop().create_connection(
                factory,
                sock=reached.socket,
                ssl=_tls(pinned=bool(self._pin)) if self.is_sealed else None,
                server_hostname=self.host if self.is_sealed else None,
                ssl_shutdown_timeout=GOODBYE_S_MAX if self.is_sealed else None,
            )
        except BaseException:
            reached.close()
            self._ports.failed(self._network_of(reached))
            raise
        if self._pin:
            try:
                aiohttp.Fingerprint(self._pin).check(transport)
            except aiohttp.ServerFingerprintMismatch:
                transport.abort()
                self._ports.failed(self._network_of(reached))
                raise
        self._ports.proved(self._network_of(reached), reached.port)
        return protocol

    def connector(self, path_of: Callable[[], str] = lambda: ANY_PATH, *, limit: int = 8) -> "RelayConnector":
        """Give aiohttp its connections to this relay, each over the path that is chosen when it is opened."""
        return RelayConnector(self, lambda: self.reach(path_of()), limit=limit)

    async def close(self) -> None:
        """Stop looking up names."""
        await self._names.close()
        if self._proxy_names is not None:
            await self._proxy_names.close()

    # ---- private

    def _network_of(self, reached: Reached) -> bytes:
        """Its name may have come while the connection was made."""
        place = self._places.get(reached.path)
        return reached.network or (place.network if place is not None else b"")

    def _names_of(self, proxy: Proxy | None) -> Names | None:
        return Names(proxy.host, lookup=self._lookup) if proxy is not None else None

    def _failed(self, place: _Place, network: bytes, names: Names) -> None:
        place.silent += 1
        self._ports.failed(network)
        names.failed()

    async def _connect(self, chosen: Sequence[Address], path: str) -> socket.socket:
        def make(info: AddressInfo) -> socket.socket:
            made = socket.socket(info[0], info[1], info[2])
            try:
                bind_to(made, path, addresses=self.sources(path))
            except BaseException:
                made.close()
                raise
            return made

        return await aiohappyeyeballs.start_connection(
            [address.info for address in chosen], happy_eyeballs_delay=RACE_S, socket_factory=make
        )


class RelayConnector(aiohttp.BaseConnector):
    """Gives aiohttp connections that were dialled elsewhere, to one relay and to nobody else."""

    def __init__(self, approach: Approach, reach: Callable[[], Awaitable[Reached]], *, limit: int) -> None:
        super().__init__(limit=limit)
        self._approach: Final = approach
        self._reach: Final = reach
        self._host: Final = URL(approach.url).host  # written as aiohttp writes hosts

    def close(self, *, abort_ssl: bool = True) -> Awaitable[None]:
        """Close all connections, those with TLS without waiting for a goodbye, as aiohttp's own does."""
        return super().close(abort_ssl=abort_ssl)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",  # noqa: ARG002 - aiohttp's
        timeout: aiohttp.ClientTimeout,  # noqa: ARG002, ASYNC109 - whoever asks has one around all of it
    ) -> ResponseHandler:
        if req.url.host != self._host:
            raise Unreachable(Cause.NETWORK_CAPTIVE, f"we were sent on to {req.url.host}, which is not the relay")
        return await self._approach.proceed(await self._reach(), self._factory)


def _chosen(place: _Place, known: Sequence[Address]) -> Sequence[Address]:
    if place.is_new:
        return known
    good = [address for address in known if address.host == place.good]
    if good and place.silent < SILENT_MAX:
        return good
    return [known[place.silent % len(known)]]


@cache
def _tls(*, pinned: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if pinned:  # the pin is checked after the handshake, and no authority is asked
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
