"""A relay's HTTP side on loopback, with a real store and without the mail road, for tests."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from answerback.crypto.identity import DeviceKeys, Purpose, RootKey
from answerback.model.devices import DeviceList, Signed
from answerback.model.handle import Handle
from answerback.model.ids import DeviceId
from answerback.relay.accounts import Courier
from answerback.relay.blobs import BlobLimits
from answerback.relay.http import KEEPALIVE_S, HttpLimits, http_runner
from answerback.relay.limits import Rate
from answerback.relay.rooms import HttpNeeds, HttpSide
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database, open_database
from answerback.storage.group_commit import GroupCommit
from answerback.storage.handle_store import NoticeRow
from answerback.storage.relay_store import RelayStore
from answerback.wire.codec import encode

ROOMY = HttpLimits(rate=Rate(burst=100_000, per_s=10_000), costly_rate=Rate(burst=100_000, per_s=10_000))


@dataclass
class Standing:
    """A relay that stands: where it is, what it sent, and whose tokens it knows."""

    url: str
    web: aiohttp.ClientSession
    database: Database
    registry: CollectorRegistry
    side: HttpSide
    codes: "asyncio.Queue[tuple[Handle, str]]"
    tokens: dict[bytes, DeviceId] = field(default_factory=dict)
    told: list[NoticeRow] = field(default_factory=list)
    """What devices are told of their handles."""

    async def code_for(self, handle: str, **more: str) -> str:
        """Ask for a code and return it, as its owner would read it."""
        async with self.web.post(self.url + "/v1/codes", json={"handle": handle, **more}) as response:
            assert response.status == 202, await response.text()
        async with asyncio.timeout(10):
            sent_to, code = await self.codes.get()
        assert sent_to.text == handle
        return code

    async def create(self, handle: str, code: str, signed: Signed, **more: object) -> tuple[int, dict[str, Any]]:
        """Ask for an account; return status and body."""
        body = {"handle": handle, "code": code, "list": listed(signed), **more}
        async with self.web.post(self.url + "/v1/accounts", json=body) as response:
            return response.status, await response.json()

    def token(self, device: bytes = b"") -> dict[str, str]:
        """Let a device in; return the header that proves it."""
        token = secrets.token_bytes(32)
        self.tokens[token] = DeviceId(device or secrets.token_bytes(16))
        return {"Authorization": f"Bearer {token.hex()}"}

    def metric(self, name: str, **labels: str) -> float:
        """Read one number."""
        return self.registry.get_sample_value(name, labels) or 0.0


def listed(signed: Signed) -> list[str]:
    """Write a signed list as JSON has it."""
    return [base64.b64encode(part).decode() for part in (signed.body, signed.signature)]


def first_list(root: RootKey | None = None) -> Signed:
    """Make a new account's first device list."""
    root = root or RootKey.generate()
    keys = DeviceKeys.generate()
    devices = DeviceList(root.account_id, root.public_key, 1, b"", (keys.device(1),), 1)
    return root.sign(Purpose.DEVICE_LIST, encode(devices))


@asynccontextmanager
async def standing(
    folder: Path,
    *,
    is_open: bool = True,
    limits: HttpLimits = ROOMY,
    blob_limits: BlobLimits | None = None,
    courier: Courier | None = None,
    metrics_token: str = "",
    keepalive_s: float = KEEPALIVE_S,
    port: int = 0,
    tokens: dict[bytes, DeviceId] | None = None,
) -> AsyncIterator[Standing]:
    """Run the HTTP side until the block ends."""
    codes: asyncio.Queue[tuple[Handle, str]] = asyncio.Queue()
    known = tokens if tokens is not None else {}
    told: list[NoticeRow] = []

    async def keep(handle: Handle, code: str) -> None:
        codes.put_nowait((handle, code))

    database = open_database(folder / "relay.db", schema="relay")
    reader = open_database(folder / "relay.db", schema="relay", read_only=True)
    store = RelayStore(database, new_name=b"n" * 16, account_of_handle=lambda db, h: AccountStore(db).account_of(h))
    group = GroupCommit(store, lambda _committed: None, on_broken=lambda: None)
    registry = CollectorRegistry()
    side = HttpSide(
        HttpNeeds(
            database=database,
            reader=reader,
            group=group,
            blob_folder=folder / "blobs",
            secret=b"s" * 32,
            is_open=is_open,
            courier=courier or keep,
            device_of_token=known.get,
            tell=told.extend,
            registry=registry,
            http_limits=limits,
            blob_limits=blob_limits or BlobLimits(),
            metrics_token=metrics_token,
        )
    )
    runner = http_runner(side.application, keepalive_s=keepalive_s)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    tending = asyncio.create_task(side.tend())
    try:
        async with aiohttp.ClientSession() as session:
            host, actual = runner.addresses[0][:2]
            yield Standing(f"http://{host}:{actual}", session, database, registry, side, codes, known, told)
    finally:
        tending.cancel()
        with suppress(asyncio.CancelledError):
            await tending
        await runner.cleanup()
        await group.stop()
        reader.close()
        database.close()
