"""A person's own agent: its local interface, the files it reads at its start, and its journal with changed bytes."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Final
from unittest import mock

import msgspec
from aiohttp import web

from answerback.core.facts import KeepDeviceKeys, KeepDeviceList
from answerback.crypto import linking as link_codes
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.device.client import Client
from answerback.faces.local_api import BODY_BYTES_MAX, LocalApi
from answerback.faces.place import PLACE_FILE, Place, read_place
from answerback.faces.told import SentTold, Trouble
from answerback.model.causes import Cause
from answerback.model.errors import StorageError, UsageError
from answerback.model.handle import Handle
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.layout import DEVICE_FILE, JOURNAL_FILE, KEY_FILE, SALT_FILE
from answerback.storage.vault import KeySource, create_key, open_key
from answerback.transport.failures import Unreachable
from answerback.transport.odd_requests import server_log
from answerback.transport.ports import Dialled, Ports
from tests.fuzz.doorstep import Alarm, Doorstep, Doorway
from tests.fuzz.draw import Script
from tests.fuzz.http_targets import ODD_EXPECT, answers_of, loop_and_folder, request
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target
from tests.fuzz.text_targets import cheap_stretch
from tests.fuzz.wire_targets import JSON_WORDS

PORT: Final = 7443
TOKEN: Final = "token-of-this-agent"
HONEST_EVERY: Final = 200
PROMISES_MAX: Final = 400
"""Beyond that the device begins anew: thousands of promises that wait would only make every change slower."""
WAITS: Final = ("/v1/reached", "/v1/caught-up", "/v1/link")
PASSPHRASE: Final = "correct horse"


def registered(folder: Path, *, key: bytes | None) -> Journal:
    """A device's journal as registration leaves it."""
    root, keys = RootKey(b"\1" * 32), DeviceKeys.generate()
    journal = Journal.open(folder, key=key)
    signed = first_device_list(root, keys.device(1), now_ms=1)
    journal.commit([KeepDeviceKeys(keys.pickle(b"p" * 32)), KeepDeviceList(root.account_id, 1, signed)])
    journal.keep_identity(
        Identity(
            account=root.account_id,
            device=keys.device_id,
            device_name="laptop",
            handle=Handle("ann@example.org"),
            relay_url="http://127.0.0.1:1",
            relay_pin=None,
            root_seed=root.seed,
            pickle_key=b"p" * 32,
            registered_ms=1,
        )
    )
    return journal


async def _no_road(path: str) -> Dialled:
    raise Unreachable(Cause.NETWORK_NO_PATH)


# ---- the local interface -------------------------------------------------------------------------------------------


class LocalRequests:
    """Says raw bytes to an agent's local interface, and looks whether the person is still served."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lives = 0
        self._count = 0
        self.stack = AsyncExitStack()
        self.alarm = Alarm()

    async def open(self) -> None:
        """Run an agent without a relay."""
        self._lives += 1
        folder = self._folder / f"device-{self._lives}"
        self.stack = AsyncExitStack()
        self.client = await self.stack.enter_async_context(
            Client(folder, registered(folder, key=None), ports=Ports(_no_road))
        )
        api = LocalApi(self.client, on_stop=lambda: None)
        api._place = Place(pid=1, port=PORT, token=TOKEN)
        app = web.Application(middlewares=[api._guard], client_max_size=BODY_BYTES_MAX)
        app.add_routes(api._routes())
        log = server_log("answerback.agent.requests")
        runner = web.AppRunner(app, access_log=None, logger=log, handler_cancellation=True)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        self.alarm.listen(self.stack)
        self.step = Doorstep(runner, self.alarm)

    async def run(self, data: bytes) -> int:
        """Say bytes, and see what is answered."""
        way = self.step.connect()
        way.protocol.data_received(data)
        if not await self.step.until(way, lambda: bool(way.said) or self._waits(way)):
            raise BrokenPromise("a whole request was not answered")
        await self.step.leave(way)
        for status, head, body in answers_of(bytes(way.said)):
            if status != 500 or not ODD_EXPECT.search(data):
                self._check(status, head, body)
        self._count += 1
        if self._count % HONEST_EVERY == 0:
            await self._honest()
        if len(self.client.agent.engine._departure.drafts) > PROMISES_MAX:
            await self.stack.aclose()
            await self.open()
        return 1

    @staticmethod
    def _waits(way: Doorway) -> bool:
        asked = way.protocol._current_request
        return asked is None or not asked._payload.is_eof() or asked.path in WAITS

    @staticmethod
    def _check(status: int, head: bytes, body: bytes) -> None:
        if status >= 500:
            raise BrokenPromise(f"status {status}: {body[:80]!r}")
        if status >= 400 and b"application/json" in head:
            msgspec.json.decode(body, type=Trouble)
        if b"Traceback" in body:
            raise BrokenPromise("a traceback was shown")

    async def _honest(self) -> None:
        """What is promised now is on the disk."""
        way = self.step.connect()
        way.protocol.data_received(_local("POST", "/v1/send", b'{"to":["bea@example.org"],"text":"honest"}'))
        await self.step.until(way, lambda: bool(way.said))
        answers = answers_of(bytes(way.said))
        await self.step.leave(way)
        if not answers or answers[0][0] != 200:
            raise BrokenPromise(f"an honest message was not taken: {answers[:1]}")
        sent = msgspec.json.decode(answers[0][2], type=SentTold)
        if not any(draft.id.hex() == sent.id.replace("-", "") for draft in self.client.journal.load().drafts):
            raise BrokenPromise("what was promised is not on the disk")


def _local(method: str, path: str, body: bytes = b"") -> bytes:
    own = request(method, path, body=body, head=(f"Authorization: Bearer {TOKEN}",))
    return own.replace(b"Host: relay.example", f"Host: 127.0.0.1:{PORT}".encode())


LOCAL_SEEDS: Final = (
    *(
        _local("GET", path)
        for path in ("/v1/status", "/v1/devices", "/v1/messages?limit=5", "/v1/timeline", "/v1/events")
    ),
    _local("GET", "/v1/timeline?message=0193f2c4-8d1e-7a52-8000-000000000001"),
    _local("GET", "/v1/reached?message=0193f2c4&stage=accepted&timeout_s=1"),
    _local("GET", "/v1/caught-up?timeout_s=1"),
    _local("POST", "/v1/send", b'{"to":["bea@example.org"],"text":"hi","urgent":true,"ttl_s":60,"file":null}'),
    _local("POST", "/v1/send", b'{"to":["+49301234567"],"text":"hi","file":"/dev/null"}'),
    _local("POST", "/v1/read", b'{"up_to":"0193f2c4-8d1e-7a52-8000-000000000001"}'),
    _local("POST", "/v1/stop"),
    _local("POST", "/v1/link"),
    _local("POST", "/v1/link/confirm", b'{"yes":true}'),
)
LOCAL_WORDS: Final = (
    *JSON_WORDS,
    *(
        b"limit=" + b"9" * 5_000,
        b"limit=0",
        b"limit=-1",
        "limit=٣".encode(),
        b"timeout_s=" + b"9" * 4_400,
        b"stage=READ",
    ),
    *(b'"file":"a\\u0000b"', b'"file":"/dev/zero"', b'"file":"' + b"a" * 5_000 + b'"', b'"ttl_s":-1', b'"ttl_s":1e300'),
    *(b'"ttl_s":99999999999999999999', b"Origin: x\r\n", b"Bearer \xff\xfe", b"Host: x", b'"to":[' + b'"a@b",' * 999),
    *(
        b"\xff",
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"message=%ff%00",
    ),
)


@contextmanager
def _open_local() -> Iterator[Probe]:
    with loop_and_folder() as (loop, folder), mock.patch.object(link_codes, "argon2id", cheap_stretch):
        requests = LocalRequests(folder)
        loop.run(requests.open())
        yield Probe(lambda data: loop.run(requests.run(data)), LOCAL_SEEDS, (), LOCAL_WORDS)
        loop.run(requests.stack.aclose())


# ---- files ---------------------------------------------------------------------------------------------------------

FILES: Final = (PLACE_FILE, DEVICE_FILE, SALT_FILE, KEY_FILE)


@contextmanager
def _open_files() -> Iterator[Probe]:
    with tempfile.TemporaryDirectory(prefix="answerback-fuzz-") as made:
        folder = Path(made)
        for source in (KeySource.FILE, KeySource.PASSPHRASE):
            create_key(folder / source.value, source=source, passphrase=PASSPHRASE, stretch=cheap_stretch)
        place = folder / "place"
        place.mkdir()
        whole = {
            place / PLACE_FILE: b'{"pid":5,"socket":"/run/agent.sock","port":7443,"token":"secret"}',
            **{path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()},
        }
        paths = list(whole)

        def run(data: bytes) -> int:
            path = paths[data[0] % len(paths)] if data else paths[0]
            path.write_bytes(data[1:])
            try:
                if path.name == PLACE_FILE:
                    read_place(place)
                elif open_key(path.parent, passphrase=PASSPHRASE, stretch=cheap_stretch) is None:
                    raise BrokenPromise("a key that is none")
            finally:
                path.write_bytes(whole[path])
                path.chmod(0o600)
            return 1

        seeds = [bytes([number]) + content for number, content in enumerate(whole.values())]
        yield Probe(run, seeds, (StorageError, UsageError), JSON_WORDS)


KEY: Final = b"k" * 32
PAGE_BYTES_MIN: Final = 512
"""A file without one page is a journal whose making was interrupted: it is begun again."""


@contextmanager
def _open_journal() -> Iterator[Probe]:
    with tempfile.TemporaryDirectory(prefix="answerback-fuzz-") as made:
        folder = Path(made)
        registered(folder / "whole", key=KEY).close()
        whole = (folder / "whole" / JOURNAL_FILE).read_bytes()
        known = Journal.open(folder / "whole", key=KEY)
        memory = known.load()
        known.close()
        yield Probe(lambda data: _read_changed(folder, whole, memory, data), [b"\0\1\2\3", bytes(40)], (StorageError,))


def _read_changed(folder: Path, whole: bytes, memory: object, data: bytes) -> int:
    script, changed = Script(data), bytearray(whole)
    while not script.is_over and changed:
        match script.below(6):
            case 0:
                del changed[script.below(len(changed)) :]
            case 1:
                changed += script.blob(script.below(5_000))
            case _:
                changed[script.below(min(len(changed), 1 << 20))] ^= 1 + script.below(255)
    place = folder / f"changed-{time.monotonic_ns()}"
    shutil.copytree(folder / "whole", place)
    try:
        (place / JOURNAL_FILE).write_bytes(changed)
        journal = Journal.open(place, key=KEY)
        try:
            if len(changed) >= PAGE_BYTES_MIN and journal.load() != memory:
                raise BrokenPromise("a journal with changed bytes was believed")
        finally:
            journal.close()
    finally:
        shutil.rmtree(place)
    return 1


AGENT_TARGETS = (
    Target(
        name="local-api",
        what="raw bytes at an agent's local interface",
        open=_open_local,
        shape=Shape.BYTES,
        weight=6,
        input_s_max=6.0,
    ),
    Target(
        name="files",
        what="agent.json, device.json, passphrase.json, the key's file",
        open=_open_files,
        shape=Shape.BYTES,
        weight=2,
    ),
    Target(
        name="journal",
        what="an encrypted journal with changed bytes",
        open=_open_journal,
        shape=Shape.STORY,
        weight=0.3,
        input_s_max=6.0,
        story_bytes=30,
    ),
)
