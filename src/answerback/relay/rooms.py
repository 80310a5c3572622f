"""Puts the rooms of the relay's HTTP side together: one application, one list of background work."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from answerback.model.errors import StorageError
from answerback.model.ids import DeviceId
from answerback.relay.accounts import AccountRoutes, Accounts, Courier, Errands, Listed
from answerback.relay.blobs import BlobLimits, BlobRoutes, BlobShelf, sweep_for_ever
from answerback.relay.boxes import BoxRoutes
from answerback.relay.file_line import FileLines, GateOf, own_gate
from answerback.relay.handle_routes import HandleRoutes
from answerback.relay.handle_turns import HandleTurns, Teller
from answerback.relay.handles import HandleLimits, Handles
from answerback.relay.health import HealthRoutes
from answerback.relay.http import Door, HttpLimits, add_safe_headers
from answerback.relay.openapi import OPENAPI_PATH, described
from answerback.relay.proving import Proving, ProvingLimits
from answerback.relay.recovering import PutList, RecoveryRoutes
from answerback.relay.routes import Given, Proof, Route
from answerback.relay.tokens import DeviceOfToken
from answerback.storage.account_store import AccountStore
from answerback.storage.blobs import BlobObjects, BlobRows, sweep_strays
from answerback.storage.database import Database
from answerback.storage.group_commit import GroupCommit
from answerback.storage.handle_store import HandleStore
from answerback.storage.relay_directory import newest_list, put_first_list, put_list
from answerback.storage.turns import Turns
from answerback.wire.files import FILES_PATH

_log = logging.getLogger(__name__)
FORGET_EVERY_S = 300.0
PASS_ON_EVERY_S = 20.0
"""How late a handle may be that was waited for for a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpNeeds:
    """What the HTTP side is given."""

    database: Database
    """Changed in the thread of `group` only."""
    reader: Database
    """The same file, opened for reading: a read on the event loop must not wait for a commit."""
    group: GroupCommit
    blob_folder: Path
    secret: bytes = field(repr=False)
    """Keys the hashes of one-time codes; not in the database."""
    is_open: bool
    courier: Courier
    device_of_token: DeviceOfToken
    registry: CollectorRegistry
    http_limits: HttpLimits
    blob_limits: BlobLimits
    metrics_token: str = field(default="", repr=False)
    put_list: PutList | None = None
    """Keeps a device list as the mail road does; without one nobody recovers here."""
    handle_limits: HandleLimits = field(default_factory=HandleLimits)
    proving_limits: ProvingLimits = field(default_factory=ProvingLimits)
    is_here: Callable[[DeviceId], bool] = lambda _device: False
    """Whether a device is connected now."""
    tell: Teller = lambda _notices: None
    """Tells the devices that are connected what became of their handles."""
    gate_of: GateOf = own_gate
    """What bounds the files on their way to a device: its mail's flight, where mail is carried as well."""


class HttpSide:
    """Accounts, boxes, blobs and health, ready to be served; whoever carries the mail adds its route."""

    def __init__(self, needs: HttpNeeds) -> None:
        self._database = needs.database
        self._turns = Turns(needs.group, needs.database)
        self._store = AccountStore(needs.database)
        self.door = Door(needs.http_limits, registry=needs.registry)
        proving = Proving(self._store, secret=needs.secret, limits=needs.proving_limits)
        self.handles = Handles(
            self._store, HandleStore(needs.database), proving, is_here=needs.is_here, limits=needs.handle_limits
        )
        self._handle_turns = HandleTurns(self._turns, self.handles, tell=needs.tell)
        self._accounts = Accounts(
            self._store, proving=proving, handles=self.handles, is_open=needs.is_open, keep_lists=self._keep_lists
        )
        self._errands = Errands(needs.courier, registry=needs.registry)
        rows, objects = BlobRows(needs.database), BlobObjects(needs.blob_folder)
        sweep_strays(rows, objects)
        self.shelf = BlobShelf(rows=rows, objects=objects, turns=self._turns, limits=needs.blob_limits)
        blobs = BlobRoutes(
            shelf=self.shelf,
            reader=BlobRows(needs.reader),
            objects=objects,
            device_of_token=needs.device_of_token,
            limits=needs.blob_limits,
        )
        self.lines = FileLines(
            shelf=self.shelf,
            reader=BlobRows(needs.reader),
            objects=objects,
            device_of_token=needs.device_of_token,
            limits=needs.blob_limits,
            gate_of=needs.gate_of,
        )
        accounts = AccountRoutes(
            self.door,
            turns=self._handle_turns,
            accounts=self._accounts,
            errands=self._errands,
            device_of_token=needs.device_of_token,
        )
        handles = HandleRoutes(
            self.door, turns=self._handle_turns, handles=self.handles, device_of_token=needs.device_of_token
        )
        health = HealthRoutes(beat=self._beat, registry=needs.registry, metrics_token=needs.metrics_token)
        self.boxes = BoxRoutes(self.door)
        self.application = web.Application(middlewares=[self.door.middleware()])
        self.routes: list[Route] = []
        """All that is served; the document of the interface is made of it."""
        for room in (accounts, handles, self.boxes, blobs, health):
            self.add(*room.routes())
        if needs.put_list is not None:
            recovery = RecoveryRoutes(self.door, turns=self._turns, database=needs.database, put_list=needs.put_list)
            self.add(*recovery.routes())
        self.add(self._files_route(), self._document_route())
        self.application.on_response_prepare.append(add_safe_headers)

    def add(self, *routes: Route) -> None:
        """Serve more routes."""
        self.routes += routes
        self.application.add_routes(route.definition for route in routes)

    async def tend(self) -> None:
        """Carry codes and tidy up until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._errands.run())
            group.create_task(sweep_for_ever(self.shelf))
            group.create_task(self._forget_for_ever())
            group.create_task(self._pass_on_for_ever())

    async def close(self, *, within_s: float) -> None:
        """Take no more requests, and return when those that have begun have ended, or after a while."""
        self.boxes.close()
        await self.lines.close()
        await self.door.close(within_s=within_s)

    async def _forget_for_ever(self) -> None:
        while True:
            try:
                await self._turns.take(self._forget_old)
            except StorageError as error:
                _log.error("old codes could not be forgotten: %s", error)
            await asyncio.sleep(FORGET_EVERY_S)

    async def _pass_on_for_ever(self) -> None:
        while True:
            try:
                await self._handle_turns.take(lambda: self.handles.pass_on_due(now_ms=_wall_ms()))
            except StorageError as error:
                _log.error("handles that are due could not move: %s", error)
            await asyncio.sleep(PASS_ON_EVERY_S)

    def _files_route(self) -> Route:
        return Route(
            method="GET",
            path=FILES_PATH,
            words="Begin a WebSocket for files: docs/protocol.md.",
            serve=self.lines.serve,
            gives={101: Given(words="It is a WebSocket now.")},
            refuses=frozenset({400, 401}),
            proof=Proof.DEVICE,
        )

    def _document_route(self) -> Route:
        async def document(_request: web.Request) -> web.Response:
            return web.Response(body=described(self.routes), content_type="application/json")

        return Route(
            method="GET",
            path=OPENAPI_PATH,
            words="Describe this interface: this very document (OpenAPI 3.1).",
            serve=document,
            gives={200: Given(media="application/json")},
        )

    async def _beat(self, mark: bytes) -> bytes:
        return await self._turns.take(lambda: self._store.beat(mark))

    def _forget_old(self) -> int:
        now_ms = _wall_ms()
        return self._accounts.forget_old(now_ms=now_ms) + self.handles.forget_old(now_ms=now_ms)

    def _keep_lists(self, lists: Sequence[Listed]) -> bool:
        (first, devices), *newer = lists
        if newest_list(self._database, devices.account).signed is not None:
            return False
        put_first_list(self._database, first, devices)
        for signed, following in newer:
            put_list(self._database, signed, following)
        return True


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
