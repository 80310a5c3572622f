"""A push service in this process: takes what a relay sends it, over TLS on loopback, and opens it as a phone would."""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import http_ece
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from answerback.relay.certificate import own_certificate
from answerback.wire.frames import Subscribe

PATIENCE_S = 20.0


@dataclass
class Pushed:
    """One push as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class PushService:
    """What came, and what is answered."""

    url: str = ""
    tls: ssl.SSLContext | None = None
    pushed: list[Pushed] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    """Given one after the other; then 201."""
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"sixteen bytes..."
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def subscription(self, name: str = "phone", *, sealed: bool = True) -> Subscribe:
        """What a device would be given here."""
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return Subscribe(f"{self.url}/{name}", *((point, self.auth) if sealed else (b"", b"")))

    def opened(self, pushed: Pushed) -> bytes:
        """Open a push as the device would (RFC 8291)."""
        found: bytes = http_ece.decrypt(pushed.body, private_key=self.key, auth_secret=self.auth, version="aes128gcm")
        return found

    def claims(self, pushed: Pushed) -> dict[str, object]:
        """What the relay's signature says (RFC 8292)."""
        token = pushed.headers["Authorization"].removeprefix("vapid t=").partition(",")[0]
        claims = token.split(".")[1]
        found: dict[str, object] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return found

    async def until(self, count: int) -> list[Pushed]:
        """Wait until so many have come."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.pushed) < count:
                self._more.clear()
                await self._more.wait()
        return self.pushed

    async def take(self, request: web.Request) -> web.Response:
        """Take one push."""
        self.pushed.append(Pushed(request.path, dict(request.headers), await request.read()))
        self._more.set()
        return self.answers.pop(0) if self.answers else web.Response(status=201)


@contextlib.asynccontextmanager
async def push_service(folder: Path) -> AsyncIterator[PushService]:
    """Serve on loopback, with a certificate of its own that its users trust."""
    files = own_certificate(folder, hosts=["127.0.0.1"])
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_tls.load_cert_chain(files.certificate, files.key)
    service = PushService(tls=ssl.create_default_context(cafile=str(files.certificate)))
    application = web.Application()
    application.add_routes([web.post("/{name}", service.take)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_tls)
    await site.start()
    service.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()
