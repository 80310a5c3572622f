"""What every HTTP route shares: who asks, how much at once, and how a refusal is said.

A request passes `Door.middleware` first. Whatever a room raises becomes a `RefusalBody` with a fitting status; what
nobody foresaw is answered by aiohttp with a bare 500, logged here at the relay and never shown to the client.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter

from answerback.model.causes import Cause
from answerback.model.errors import PeerError, RefusedError, StorageError, StoreFullError, TrustError, UsageError
from answerback.relay.addresses import Buckets, Network, Presence, asking_address, grouped
from answerback.relay.limits import Rate
from answerback.transport.odd_requests import server_log
from answerback.wire.requests import Body, RefusalBody, encode_json

_log = logging.getLogger(__name__)

KEEPALIVE_S = 20
"""How long a connection may be silent, and how long the head of a request may take (slowloris)."""
HEAD_BYTES_MAX = 8 * 1024
HEADERS_MAX = 64
LINGER_S = 2.0
"""How long what is left of a refused body is read, so that the other side can read the refusal."""
CUT_S_MAX = 1.0
"""How long connections may take to close at the relay's end; what is cut is asked again."""
BODY_GRACE_S = 10.0
BODY_BYTES_PER_S_MIN = 4 * 1024
"""Half of a 64 kbit/s link; whoever sends slower holds memory for nothing."""
READ_BYTES = 64 * 1024
STOPPED_MS = 3_000
"""What whoever meets a stopping relay is told: a restart takes about that."""

STATUS = {
    Cause.ACCOUNT_NOT_REGISTERED: 401,
    Cause.ACCOUNT_DEVICE_REVOKED: 401,
    Cause.ACCOUNT_INVITATION_NEEDED: 403,
    Cause.ACCOUNT_CODE_WRONG: 403,
    Cause.ACCOUNT_CODE_EXPIRED: 403,
    Cause.ACCOUNT_PHRASE_WRONG: 403,
    Cause.ACCOUNT_PHRASE_VOID: 403,
    Cause.ACCOUNT_HANDLE_TAKEN: 409,
    Cause.ACCOUNT_HANDLE_LOCKED: 409,
    Cause.ACCOUNT_HANDLES_FULL: 409,
    Cause.ACCOUNT_RATE_LIMITED: 429,
    Cause.MESSAGE_FILE_MISSING: 404,
    Cause.MESSAGE_TOO_LARGE: 413,
    Cause.RELAY_BUSY: 503,
    Cause.RELAY_STOPPING: 503,
    Cause.RELAY_STORE_FULL: 507,
    Cause.RELAY_FAULTY: 500,
    Cause.RELAY_INCOMPATIBLE: 400,
    Cause.TRUST_SIGNATURE_WRONG: 400,
}
SAFE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How much the relay does over HTTP at once, and for one address."""

    requests_max: int = 256
    """At once, in all: with a piece of 1 MiB each this bounds memory to 256 MiB."""
    requests_per_address_max: int = 32
    """At once: an office behind one address, but not all of the relay."""
    rate: Rate = field(default_factory=lambda: Rate(per_s=50.0, burst=200))
    """A 100 MiB file in pieces takes a hundred requests."""
    costly_rate: Rate = field(default_factory=lambda: Rate(per_s=20 / 3600, burst=20))
    """Codes asked for and tried: with 25 tries an hour for a handle, this bounds who tries many handles."""
    trusted_proxies: tuple[Network, ...] = ()
    """Whose `X-Forwarded-For` is believed; nobody's, unless the operator says so."""


class Refusal(RefusedError):
    """A refusal that knows when trying again may help, and a status where its cause's own does not fit."""

    def __init__(self, cause: Cause, message: str = "", *, retry_after_ms: int = -1, status: int = 0) -> None:
        super().__init__(cause, message)
        self.retry_after_ms = retry_after_ms
        self.status = status or STATUS.get(cause, 400)
        self.headers: dict[str, str] = {}
        """What stands in the answer beside the body."""


class Door:
    """Lets requests in, as many as there is room for, and says every refusal the same way."""

    def __init__(self, limits: HttpLimits, *, registry: CollectorRegistry) -> None:
        self._limits = limits
        self._requests = Buckets(limits.rate)
        self._costly = Buckets(limits.costly_rate)
        self._present = Presence(each_max=limits.requests_per_address_max, all_max=limits.requests_max)
        self._is_closed = False
        self._left = asyncio.Event()
        """Set whenever nobody is inside; only waited for once nobody may come in."""
        self.long_lived: set[str] = set()
        """Routes that keep their own count of who is there, and for long: the frames."""
        self._answers = Counter("answerback_http_answers", "HTTP answers", ["route", "status"], registry=registry)

    async def close(self, *, within_s: float) -> None:
        """Let nobody in any more, and return when the last one has left, or after a while."""
        self._is_closed = True
        self._left.clear()
        if self._present.count:
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._left.wait()

    def address(self, request: web.Request) -> str:
        """Name the group of addresses that asks."""
        peer = request.remote or ""
        forwarded = request.headers.getall("X-Forwarded-For", [])
        return grouped(asking_address(peer, forwarded_for=forwarded, trusted=self._limits.trusted_proxies))

    def charge(self, request: web.Request, *, tokens: float = 1.0) -> None:
        """Count a costly request against its address; raise a Refusal if there were too many."""
        _refuse_if_waiting(self._costly.take(self.address(request), now_s=time.monotonic(), tokens=tokens))

    @contextmanager
    def _place(self, request: web.Request) -> Iterator[None]:
        if self._is_closed:
            raise Refusal(Cause.RELAY_STOPPING, "the relay stops", retry_after_ms=STOPPED_MS)
        address = self.address(request)
        _refuse_if_waiting(self._requests.take(address, now_s=time.monotonic()))
        if not self._present.enter(address):
            raise Refusal(Cause.RELAY_BUSY, "too many requests at once", retry_after_ms=1_000)
        try:
            yield
        finally:
            self._present.leave(address)
            if not self._present.count:
                self._left.set()

    def middleware(self) -> Middleware:
        """Give the function that aiohttp calls for each request; it wants a plain function, not a method."""

        @web.middleware
        async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._let_in(request, handler)

        return let_in

    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "none"
        try:
            if route in self.long_lived:
                return await handler(request)
            if "Content-Encoding" in request.headers:
                raise Refusal(Cause.RELAY_INCOMPATIBLE, "compressed requests are not taken", status=415)
            with self._place(request):
                response = await handler(request)
        except web.HTTPException as error:
            response = said(_refusal_of_aiohttp(error))
        except (RefusedError, PeerError, UsageError, TrustError, StorageError) as error:
            response = said(refusal_of(error))
        self._answers.labels(route, str(response.status)).inc()
        return response


def http_runner(application: web.Application, *, keepalive_s: float = KEEPALIVE_S) -> web.AppRunner:
    """Serve an application within our limits on heads, and on how long anything may take."""
    return web.AppRunner(
        application,
        access_log=None,
        logger=server_log("answerback.relay.requests"),
        keepalive_timeout=keepalive_s,
        lingering_time=LINGER_S,
        shutdown_timeout=CUT_S_MAX,
        max_line_size=HEAD_BYTES_MAX,
        max_field_size=HEAD_BYTES_MAX,
        max_headers=HEADERS_MAX,
        handle_signals=False,
    )


async def add_safe_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Keep browsers from doing anything with an answer but show it; runs on every answer before it is sent."""
    response.headers["Server"] = "Answerback"  # not which library, and which version of it
    for name, value in SAFE_HEADERS.items():
        response.headers.setdefault(name, value)


def refusal_of(error: Exception) -> Refusal:
    """Say an error of ours in words for the other side; what is wrong inside the relay stays inside."""
    match error:
        case Refusal():
            return error
        case RefusedError(cause=cause):
            return Refusal(cause, str(error))
        case StoreFullError():
            _log.error("no space is left: %s", error)
            return Refusal(Cause.RELAY_STORE_FULL, "the relay has no space left", retry_after_ms=60_000)
        case StorageError():
            _log.error("the store failed: %s", error)
            return Refusal(Cause.RELAY_FAULTY, "the relay's store has a problem", retry_after_ms=10_000)
        case TrustError():
            return Refusal(Cause.TRUST_SIGNATURE_WRONG, str(error))
        case _:
            return Refusal(Cause.RELAY_INCOMPATIBLE, str(error))


def said(refusal: Refusal) -> web.Response:
    """Write a refusal as an answer."""
    body = RefusalBody(refusal.cause.value, str(refusal), refusal.retry_after_ms)
    response = answer(body, status=refusal.status)
    response.headers.update(refusal.headers)
    if refusal.retry_after_ms >= 0:
        response.headers["Retry-After"] = str(-(-refusal.retry_after_ms // 1000))
    return response


def answer(body: Body, *, status: int = 200) -> web.Response:
    """Write an answer as JSON."""
    return web.Response(body=encode_json(body), status=status, content_type="application/json")


async def read_body(request: web.Request, *, bytes_max: int) -> bytes:
    """Read a whole body: not more than allowed, not slower than the slowest link we serve."""
    declared = request.content_length
    if declared is not None and declared > bytes_max:
        raise too_large(declared, bytes_max)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_GRACE_S + bytes_max / BODY_BYTES_PER_S_MIN):
            while part := await request.content.read(READ_BYTES):
                body += part
                if len(body) > bytes_max:
                    raise too_large(len(body), bytes_max)
    except TimeoutError as error:
        raise Refusal(Cause.NETWORK_STALLED, "the body came too slowly", status=408, retry_after_ms=0) from error
    except (ConnectionError, web.RequestPayloadError) as error:
        raise Refusal(Cause.NETWORK_CONNECTION_LOST, "the body broke off", retry_after_ms=0) from error
    return bytes(body)


def too_large(size_bytes: int, bytes_max: int) -> Refusal:
    """Refuse a body, closing the connection rather than reading it to its end."""
    return Refusal(Cause.MESSAGE_TOO_LARGE, f"the body has {size_bytes} bytes; at most {bytes_max} allowed")


def _refuse_if_waiting(wait_s: float) -> None:
    if wait_s:
        raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "too many requests", retry_after_ms=int(wait_s * 1000) + 1)


def _refusal_of_aiohttp(error: web.HTTPException) -> Refusal:
    cause = Cause.MESSAGE_FILE_MISSING if error.status == web.HTTPNotFound.status_code else Cause.RELAY_INCOMPATIBLE
    refusal = Refusal(cause, error.reason.lower(), status=error.status)
    refusal.headers = {name: error.headers[name] for name in ("Allow",) if name in error.headers}  # RFC 9110 §15.5.6
    return refusal
