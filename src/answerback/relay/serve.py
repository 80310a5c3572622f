"""Runs a whole relay: one process, one port, one folder, from its start-up line to its last farewell."""

import asyncio
import logging
import secrets
import shlex
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, unique
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from answerback.model.errors import StorageError, StoreCorruptError, UsageError
from answerback.model.handle import Handle, parse_handle
from answerback.model.ids import AccountId
from answerback.relay.app import STORE_FILE, RelayNode
from answerback.relay.blobs import BlobLimits
from answerback.relay.certificate import Certificate, CertificateFiles, hosts_of, own_certificate
from answerback.relay.codes import CODE_LIFETIME_MS, SECRET_BYTES
from answerback.relay.entrance import Entrance
from answerback.relay.handles import HandleLimits
from answerback.relay.http import HttpLimits, answer, http_runner
from answerback.relay.limits import RelayLimits
from answerback.relay.proving import ProvingLimits
from answerback.relay.rooms import HttpNeeds, HttpSide
from answerback.relay.routes import Given, Route, Serve
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.durable import create_file
from answerback.storage.lock import FolderLock
from answerback.transport.carriers.smpp import SmppSettings
from answerback.transport.mail import MailSettings, mail_code
from answerback.transport.push import Pusher, PushSettings, new_push_key
from answerback.transport.texted_codes import TextedCodes
from answerback.wire.connection import FRAMES_PATH
from answerback.wire.requests import PushKey

_log = logging.getLogger(__name__)
PORT_USUAL = 7443
BLOB_FOLDER: Final = "blobs"
CODES_KEY_FILE: Final = "codes.key"
PUSH_KEY_FILE: Final = "push.key"
PUSH_KEY_PATH: Final = "/v1/push"
NO_CONTACT: Final = "https://localhost"
CHECK_BYTES_MAX = 512 * 1024 * 1024
"""A store up to this size is read whole at every start, in about two seconds. In a larger one damage is found when what
is damaged is read."""
STOP_S_MAX = 5.0
"""How long a stop waits for requests that have begun."""


@unique
class Tls(Enum):
    """Whose certificate the relay shows."""

    OWN = "own"
    """One it made itself; devices know it by the pin in their invitation."""
    FILES = "files"
    """One the operator gives; devices trust its authority. Read again on SIGHUP."""
    NONE = "none"
    """None: behind a proxy on this machine that has one, or for trying out on loopback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """What an operator decides about one relay."""

    folder: Path
    host: str = "127.0.0.1"
    """Where to listen; devices elsewhere need an address that leads here."""
    port: int = PORT_USUAL
    tls: Tls = Tls.OWN
    certificate: CertificateFiles | None = None
    is_open: bool = False
    """Whether anybody may join; else only who is invited."""
    mail: MailSettings | None = None
    """Who carries codes; without it they are given to `on_code`, on the operator's terminal."""
    sms: SmppSettings | None = None
    """The same for codes to phone numbers."""
    public_url: str = ""
    """Where devices reach it, as `https://host:port`, if that is not where it listens."""
    push_contact: str = ""
    """Whom push services may write to about this relay: `mailto:…`; without it they are told its URL."""
    push_private: bool = False
    """Whether devices may be woken through push services on this machine or network."""
    calls: bool = True
    """Whether silent devices are called by datagram, from the same port number as UDP."""
    metrics_token: str = field(default="", repr=False)
    mail_road: RelayLimits = field(default_factory=RelayLimits)
    http: HttpLimits = field(default_factory=HttpLimits)
    blobs: BlobLimits = field(default_factory=BlobLimits)
    handles: HandleLimits = field(default_factory=HandleLimits)
    proving: ProvingLimits = field(default_factory=ProvingLimits)

    def __post_init__(self) -> None:
        if (self.tls is Tls.FILES) != (self.certificate is not None):
            raise UsageError("a certificate and its key are given with tls=files, and only then")
        if self.push_contact and not self.push_contact.startswith(("mailto:", "https://")):
            raise UsageError("push services are told mailto:… or https://… as a contact")
        if self.public_url and not self.public_url.startswith("https://"):
            raise UsageError("the public URL begins with https://: devices do not talk in clear")


@dataclass(frozen=True, slots=True)
class Ready:
    """A relay that takes connections."""

    url: str
    port: int
    pin: bytes
    """Empty if devices check the certificate in another way."""


async def run_relay(
    settings: RelaySettings,
    *,
    on_ready: Callable[[Ready], None],
    on_code: Callable[[Handle, str], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Run a relay until SIGTERM, SIGINT or `stop`; raise StorageError if its store breaks."""
    stop = stop or asyncio.Event()
    runners: list[web.AppRunner] = []
    async with AsyncExitStack() as stack:  # ends from the bottom up: each line below needs those above it
        lock = FolderLock(settings.folder)
        stack.callback(lock.release)
        certificate = _certificate(settings)
        stack.push_async_callback(_clean_up, runners)  # cuts what is left once the mail road has said its farewells
        pusher = _pusher(settings)
        stack.push_async_callback(pusher.close)
        node = RelayNode(
            settings.folder, limits=settings.mail_road, account_of_handle=_account_of_handle, pusher=pusher
        )
        with _advised(settings.folder):
            await node.begin()
            stack.push_async_callback(node.end)
            if (settings.folder / STORE_FILE).stat().st_size <= CHECK_BYTES_MAX:
                node.database.check()
        side = _http_side(settings, node, on_code=on_code, stack=stack)
        side.add(_push_key_route(pusher.public_key))
        stack.push_async_callback(side.close, within_s=STOP_S_MAX)
        runners.append(http_runner(side.application))
        await runners[0].setup()
        entrance = _entrance(settings, runners[0], node, certificate)
        await entrance.open(settings.host, settings.port)
        if settings.calls:
            await node.open_calls(settings.host, entrance.port)
        stack.callback(entrance.close)
        tending = asyncio.create_task(side.tend())
        stack.push_async_callback(_end, tending)
        stack.enter_context(_signals(stop, certificate))
        on_ready(_ready(settings, entrance.port, certificate))
        await _until_first(stop, node.broken, tending)
    if node.broken.done():
        raise StorageError("the store broke; what was accepted is on the disk, and the next start begins there")


def _http_side(
    settings: RelaySettings, node: RelayNode, *, on_code: Callable[[Handle, str], None], stack: AsyncExitStack
) -> HttpSide:
    reader = open_database(settings.folder / STORE_FILE, schema="relay", read_only=True)
    stack.callback(reader.close)
    side = HttpSide(
        HttpNeeds(
            database=node.database,
            reader=reader,
            group=node.group,
            blob_folder=settings.folder / BLOB_FOLDER,
            secret=_secret(settings.folder),
            is_open=settings.is_open,
            courier=_Courier(settings, on_code),
            device_of_token=node.device_of_token,
            registry=node.metrics.registry,
            http_limits=settings.http,
            blob_limits=settings.blobs,
            metrics_token=settings.metrics_token,
            put_list=node.put_list,
            handle_limits=settings.handles,
            proving_limits=settings.proving,
            is_here=node.is_here,
            tell=node.tell,
            gate_of=node.gate_of,
        )
    )
    side.door.long_lived.add(FRAMES_PATH)
    side.add(frames_route(node.frames))
    node.remember_notices(side.handles.store.notices())
    return side


def frames_route(serve: Serve) -> Route:
    """Name the route of the mail road."""
    return Route(
        method="GET",
        path=FRAMES_PATH,
        words="Begin a WebSocket for mail: docs/protocol.md.",
        serve=serve,
        gives={101: Given(words="It is a WebSocket now.")},
        refuses=frozenset({400}),
    )


def _push_key_route(key: str) -> Route:
    return Route(
        method="GET",
        path=PUSH_KEY_PATH,
        words="Say what push services know this relay by.",
        serve=pusher_key(key),
        gives={200: Given(PushKey)},
        also_head=True,
    )


@contextmanager
def _advised(folder: Path) -> Iterator[None]:
    """Say what helps where the store is damaged."""
    try:
        yield
    except StoreCorruptError as error:
        command = f"answerback repair --data {shlex.quote(str(folder))}"
        raise StoreCorruptError(f"{error}; `{command}` saves what can be read of it") from error


class _Courier:
    """Codes by mail and by text message where there is a server for them, all others to the operator's terminal."""

    def __init__(self, settings: RelaySettings, on_code: Callable[[Handle, str], None]) -> None:
        self._mail = settings.mail
        self._texts = TextedCodes(settings.sms) if settings.sms is not None else None
        self._on_code = on_code

    async def __call__(self, handle: Handle, code: str) -> None:
        """Carry one code."""
        if self._mail is not None and "@" in handle.text:
            await mail_code(self._mail, handle=handle, code=code, minutes=CODE_LIFETIME_MS // 60_000)
        elif self._texts is not None and "@" not in handle.text:
            await self._texts.send(handle=handle, code=code, minutes=CODE_LIFETIME_MS // 60_000)
        else:
            self._on_code(handle, code)


async def _clean_up(runners: list[web.AppRunner]) -> None:
    for runner in runners:
        await runner.cleanup()


def _entrance(
    settings: RelaySettings, runner: web.AppRunner, node: RelayNode, certificate: Certificate | None
) -> Entrance:
    served = runner.server
    assert served is not None
    node.entrance = Entrance(
        served,
        tls=certificate.context if certificate else None,
        served_count=lambda: len(served.connections),
        connections_max=settings.mail_road.connections_max,
        metrics=node.metrics.entrance,
    )
    return node.entrance


@contextmanager
def _signals(stop: asyncio.Event, certificate: Certificate | None) -> Iterator[None]:
    """Stop on SIGTERM and SIGINT, read the certificate again on SIGHUP; where there are such signals."""
    loop = asyncio.get_running_loop()
    handlers: dict[str, Callable[[], None]] = {"SIGTERM": stop.set, "SIGINT": stop.set}
    if certificate is not None:
        handlers["SIGHUP"] = lambda: _reload(certificate)
    known = [(getattr(signal, name), handler) for name, handler in handlers.items() if hasattr(signal, name)]
    set_here: list[signal.Signals] = []
    for number, handler in known:
        try:
            loop.add_signal_handler(number, handler)
        except (NotImplementedError, RuntimeError, ValueError):
            continue  # Windows' loop has none, and only a main thread may: whoever runs us there sets `stop`
        set_here.append(number)
    try:
        yield
    finally:
        for number in set_here:
            loop.remove_signal_handler(number)


def _reload(certificate: Certificate) -> None:
    try:
        certificate.reload()
    except UsageError as error:
        _log.error("the old certificate stays in use: %s", error)
    else:
        _log.info("= the certificate was read again")


async def _until_first(stop: asyncio.Event, broken: "asyncio.Future[None]", tending: "asyncio.Task[None]") -> None:
    stopped = asyncio.create_task(stop.wait())
    watched: set[asyncio.Future[Any]] = {stopped, broken, tending}
    await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    await _end(stopped)
    if tending.done():
        tending.result()  # it only ends by an error nobody foresaw: end the relay with it rather than half a relay


async def _end(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait([task])


def _certificate(settings: RelaySettings) -> Certificate | None:
    match settings.tls:
        case Tls.NONE:
            return None
        case Tls.FILES:
            assert settings.certificate is not None
            return Certificate(settings.certificate)
        case Tls.OWN:
            return Certificate(own_certificate(settings.folder, hosts=hosts_of(settings.host)))


def _pusher(settings: RelaySettings) -> Pusher:
    path = settings.folder / PUSH_KEY_FILE
    if not path.exists():
        create_file(path, new_push_key())
    contact = settings.push_contact or settings.public_url or NO_CONTACT
    return Pusher(PushSettings(key=path.read_bytes(), contact=contact, allows_private=settings.push_private))


def pusher_key(key: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer whoever asks what push services know this relay by."""

    async def answer_key(_request: web.Request) -> web.Response:
        return answer(PushKey(key))

    return answer_key


def _secret(folder: Path) -> bytes:
    path = folder / CODES_KEY_FILE
    if not path.exists():
        create_file(path, secrets.token_bytes(SECRET_BYTES))
    return path.read_bytes()


def _account_of_handle(database: Database, handle: str) -> AccountId | None:
    try:
        return AccountStore(database).account_of(parse_handle(handle).text)
    except UsageError:
        return None  # what is no handle is nobody's


def _ready(settings: RelaySettings, port: int, certificate: Certificate | None) -> Ready:
    scheme = "https" if certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    pin = certificate.pin if certificate and settings.tls is Tls.OWN else b""
    return Ready(settings.public_url or f"{scheme}://{host}:{port}", port, pin)
