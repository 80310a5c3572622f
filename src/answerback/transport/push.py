"""Tells a push service that there is something for a device, and nothing else: Web Push, or plain UnifiedPush.

Theory. Whoever may name a URL that a server asks can make it ask anything near it. So only `https` is asked, only names
and addresses that the whole world can reach (looked at after the name is resolved, at the moment of connecting), no
redirect is followed, no proxy of the environment is used, no cookie kept and no answer read. What is said is the same
few bytes for every message and every device, sealed for the device where it gave keys (RFC 8291), with the relay's own
signature (VAPID, RFC 8292); how urgent it is, is all that the push service learns of the mail.
"""

import asyncio
import base64
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from http_ece import ECEException
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException

from answerback.model.errors import UsageError
from answerback.wire.frames import Subscribe

SAID: Final = b"answerback"
"""What every push says: there is something."""
TOPIC: Final = "mail"
"""A push service keeps one push of a topic: the newest takes the place of the one before (RFC 8030 §5.4)."""
ANSWER_S_MAX = 15.0
AT_ONCE_MAX = 32
"""Connections to push services, of all devices together …"""
AT_ONE_HOST_MAX = 8
"""… and to one service: most devices use one of three."""
NAMES_S = 60.0
VAPID_S = 6 * 3_600
"""How long a signature counts; RFC 8292 §2 allows a day."""
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """What an operator decides about waking devices."""

    key: bytes = field(repr=False)
    """The private key, as PEM, that push services know this relay by."""
    contact: str
    """Whom a push service may write to about it: `mailto:…` or `https://…`."""
    allows_private: bool = False
    """Whether push services may be on this machine or network: one that the operator runs beside the relay."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a push service said."""

    status: int
    """Of HTTP; 0 if it could not be reached."""
    retry_after_s: float = 0.0
    detail: str = ""


def new_push_key() -> bytes:
    """Make the key that push services will know a relay by, as PEM."""
    vapid = Vapid02()
    vapid.generate_keys()
    return bytes(vapid.private_pem())


def is_public(address: str) -> bool:
    """Whether an address is one the whole world can reach, also where it stands for another one."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inside = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _TRANSLATED:
            inside.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(each is not None and not _is_reachable(each) for each in inside):
            return False
    return _is_reachable(ip)


def check_endpoint(url: str, *, allows_private: bool) -> None:
    """Raise `UsageError` for what is never asked, as far as its text tells."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"a push endpoint is not a URL: {error}") from error
    if parts.scheme != "https" or not host or parts.username is not None or port == 0:
        raise UsageError("a push endpoint is https://host/…, without a name or password in it")
    is_address = ":" in host or host.rsplit(".", maxsplit=1)[-1].isdigit()
    if ":" in host:
        raise UsageError("a push endpoint names its host, or an IPv4 address")
    if is_address and not allows_private and not is_public(host):
        raise UsageError("a push endpoint is not on a private address")


class PublicNames(AbstractResolver):
    """Looks names up, and leaves out what only this network can reach."""

    def __init__(self, below: AbstractResolver | None = None) -> None:
        self._below = below or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the public addresses of a name; `OSError` if it has none."""
        found = [each for each in await self._below.resolve(host, port, family) if is_public(each["host"])]
        if not found:
            raise OSError(None, "a push endpoint's name leads to no public address")
        return found

    async def close(self) -> None:
        """Let go."""
        await self._below.close()


class Pusher:
    """Speaks to push services; one a relay."""

    def __init__(
        self,
        settings: PushSettings,
        *,
        tls: ssl.SSLContext | None = None,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._settings: Final = settings
        self._vapid: Final = Vapid02.from_pem(settings.key)
        self._vapid.conf["no-strict"] = True  # it knows fewer forms of addresses than there are; we check the contact
        self._tls = tls
        self._wall_s = wall_s
        self._session: aiohttp.ClientSession | None = None

    @property
    def public_key(self) -> str:
        """What push services know this relay by, as browsers want it (`applicationServerKey`)."""
        public: ec.EllipticCurvePublicKey = self._vapid.public_key
        point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return base64.urlsafe_b64encode(point).rstrip(b"=").decode()

    async def push(self, subscription: Subscribe, *, urgency: str, ttl_s: int) -> Answer:
        """Say that there is something; raises `UsageError` for an endpoint that is never asked, or impossible keys."""
        url = subscription.endpoint
        check_endpoint(url, allows_private=self._settings.allows_private)
        headers = {"TTL": str(ttl_s), "Urgency": urgency, "Topic": TOPIC, "Content-Type": "application/octet-stream"}
        headers |= self._signed(url)
        body = SAID
        if subscription.key:
            body = sealed_push(subscription)
            headers["Content-Encoding"] = "aes128gcm"
        session = self._opened()
        try:
            async with (
                asyncio.timeout(ANSWER_S_MAX),
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                return Answer(response.status, self._retry_after_s(response), response.reason or "")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(0, detail=type(error).__name__)

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            names = aiohttp.ThreadedResolver() if self._settings.allows_private else PublicNames()
            connector = aiohttp.TCPConnector(
                resolver=names,
                ssl=self._tls if self._tls is not None else True,
                limit=AT_ONCE_MAX,
                limit_per_host=AT_ONE_HOST_MAX,
                ttl_dns_cache=int(NAMES_S),
            )
            self._session = aiohttp.ClientSession(
                connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session

    def _signed(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        claims = {
            "aud": f"https://{parts.netloc}",
            "exp": int(self._wall_s()) + VAPID_S,
            "sub": self._settings.contact,
        }
        signed: dict[str, str] = self._vapid.sign(claims)
        return signed

    def _retry_after_s(self, response: aiohttp.ClientResponse) -> float:
        text = response.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        try:
            return max(parsedate_to_datetime(text).timestamp() - self._wall_s(), 0.0) if text else 0.0
        except ValueError:
            return 0.0


def sealed_push(subscription: Subscribe) -> bytes:
    """Seal what every push says for one device (RFC 8291); raises `UsageError` if its keys are none."""
    keys = {"p256dh": _text(subscription.key), "auth": _text(subscription.auth)}
    try:
        return bytes(WebPusher({"endpoint": subscription.endpoint, "keys": keys}).encode(SAID)["body"])
    except (WebPushException, ECEException, ValueError) as error:
        raise UsageError(f"a push subscription's keys are no keys: {error}") from error


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode()


def _is_reachable(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return ip.is_global and not ip.is_multicast
