"""Says how the relay is: to people, to whoever watches it, and to itself by a real write."""

import asyncio
import hmac
import importlib.metadata
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from answerback.model.causes import Cause
from answerback.model.errors import StorageError, StoreFullError
from answerback.relay.addresses import is_loopback
from answerback.relay.http import Refusal, answer
from answerback.relay.routes import Given, Proof, Route, Serve
from answerback.wire.requests import Health

FRESH_S = 1.0
"""How long an answer is given again: whoever asks often must not make the relay write often."""
MARK_BYTES = 8
WRITE_S_MAX = 10.0
"""A store that takes longer to write eight bytes is not well, whatever it says later."""
_BEARER = re.compile(r"Bearer (\S{1,256})", re.IGNORECASE)

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Answerback relay</title>
<link rel="stylesheet" href="/page.css"></head>
<body><main>
<h1>Answerback relay</h1>
<p>This is a relay for <strong>Answerback</strong>, a messenger whose messages answer back: it tells you on which device
a message has arrived, or why it has not.</p>
<p>The relay keeps sealed envelopes until they are fetched. It has no key to open them.</p>
<p>There is nothing to log in to here. To join, ask whoever runs this relay for an invitation and open it with the
Answerback app or command.</p>
<p>For whoever runs it: <a href="/v1/health">is it well?</a></p>
</main></body>
</html>
"""
STYLE = """:root { color-scheme: light dark; font: 1.1rem/1.6 system-ui, sans-serif }
main { max-width: 34rem; margin: 12vh auto; padding: 0 1.2rem }
h1 { font-size: 1.5rem }
"""

Beat = Callable[[bytes], Awaitable[bytes]]
"""Writes a mark durably and reads it back."""


class HealthRoutes:
    """Health, metrics and the page at the root."""

    def __init__(self, *, beat: Beat, registry: CollectorRegistry, metrics_token: str = "") -> None:
        self._beat = beat
        self._registry = registry
        self._metrics_token = metrics_token
        self._began_s = time.monotonic()
        self._asked = asyncio.Lock()
        self._said: tuple[float, Health] | None = None

    def routes(self) -> list[Route]:
        """Name the routes."""
        health = {200: Given(Health), 503: Given(Health, words="It is not well.")}
        metrics = {200: Given(media="text/plain")}
        return [
            _route("/", "Tell people what this is.", self.page, {200: Given(media="text/html")}),
            _route("/page.css", "Make that page pleasant to read.", self.style, {200: Given(media="text/css")}),
            _route("/v1/health", "Say how the relay is.", self.health, health),
            _route("/metrics", "Give Prometheus its numbers.", self.metrics, metrics, Proof.OPERATOR),
        ]

    async def page(self, _request: web.Request) -> web.Response:
        """Tell people what this is."""
        return web.Response(text=PAGE, content_type="text/html")

    async def style(self, _request: web.Request) -> web.Response:
        """Make the page pleasant to read."""
        return web.Response(text=STYLE, content_type="text/css")

    async def health(self, _request: web.Request) -> web.Response:
        """Say how the relay is; the status says it too, for whoever only looks at that."""
        async with self._asked:
            if self._said is None or time.monotonic() - self._said[0] >= FRESH_S:
                self._said = (time.monotonic(), await self._look())
        health = self._said[1]
        return answer(health, status=200 if health.well else 503)

    async def _look(self) -> Health:
        began_s = time.monotonic()
        store = await self._store_state()
        return Health(
            well=store == "writable",
            version=_version(),
            uptime_s=int(time.monotonic() - self._began_s),
            store=store,
            store_ms=round(1000 * (time.monotonic() - began_s), 1),
            waiting=self._number("answerback_entrance_waiting"),
            strain=self._number("answerback_strain"),
            calls=self._number("answerback_calls_total"),
            called_heard=self._number("answerback_called_devices_heard_total"),
            pushes_failed=self._number("answerback_pushes_failed_total"),
        )

    def _number(self, name: str) -> int:
        return int(self._registry.get_sample_value(name) or 0)

    async def _store_state(self) -> str:
        mark = secrets.token_bytes(MARK_BYTES)
        try:
            async with asyncio.timeout(WRITE_S_MAX):
                found = await self._beat(mark)
        except TimeoutError:
            return "slow"
        except StoreFullError:
            return "full"
        except StorageError:
            return "broken"
        return "writable" if found == mark else "forgetful"

    async def metrics(self, request: web.Request) -> web.Response:
        """Give Prometheus its numbers: to this machine, or, if there is a token, to whoever has it."""
        if not self._may_read_metrics(request):
            raise Refusal(Cause.ACCOUNT_NOT_REGISTERED, "metrics are for this relay's operator", status=403)
        text = generate_latest(self._registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    def _may_read_metrics(self, request: web.Request) -> bool:
        if self._metrics_token:
            match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
            return match is not None and hmac.compare_digest(match[1].encode(), self._metrics_token.encode())
        # A proxy on this machine connects from it too: what it passes on comes from elsewhere.
        is_passed_on = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
        return is_loopback(request.remote or "") and not is_passed_on


def _route(path: str, words: str, serve: Serve, gives: Mapping[int, Given], proof: Proof = Proof.NOTHING) -> Route:
    refuses = frozenset({403} if proof is Proof.OPERATOR else ())
    return Route(
        method="GET", path=path, words=words, serve=serve, gives=gives, refuses=refuses, proof=proof, also_head=True
    )


def _version() -> str:
    try:
        return importlib.metadata.version("answerback")
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # run from a checkout
