"""Runs one relay: sockets to the exchange, the exchange's effects to sockets and store, on one event loop.

The store works in a thread of its own (`GroupCommit`); everything else happens here, one input at a time.
"""

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import SystemRandom
from typing import Final, assert_never

from aiohttp import web
from prometheus_client import CollectorRegistry

from answerback.model.causes import Cause
from answerback.model.devices import DeviceList, Signed
from answerback.model.errors import PeerError, StoreFullError
from answerback.model.ids import ID_BYTES, AccountId, DeviceId
from answerback.relay.call_line import CallLine
from answerback.relay.effects import Ask, Close, Effect, Listen, Moment, Note, Send
from answerback.relay.entrance import BACKLOG, Entrance
from answerback.relay.exchange import Exchange
from answerback.relay.limits import RelayLimits
from answerback.relay.link import Link
from answerback.relay.metrics import RelayMetrics
from answerback.relay.push import Pushes, PushRoad
from answerback.relay.resumption import TICKET_KEY_BYTES, TicketKeys
from answerback.relay.switchboard import Address
from answerback.storage.database import Database, open_database
from answerback.storage.durable import create_file
from answerback.storage.group_commit import Committed, GroupCommit
from answerback.storage.handle_store import NoticeRow
from answerback.storage.push_store import PushStore
from answerback.storage.relay_commands import PutList
from answerback.storage.relay_store import LEAP_MAX, HandleLookup, RelayStore
from answerback.storage.turns import Turns
from answerback.transport.chunks import Gate
from answerback.transport.sockets import hold_little
from answerback.wire.codec import decode_client_frame, encode, read_resume_header
from answerback.wire.connection import FRAMES_PATH, RESUME_HEADER
from answerback.wire.flight import Flight
from answerback.wire.frames import FRAME_BYTES_MAX, Resume

STORE_FILE = "relay.db"
NO_CONNECTION = 0
"""The number of no connection: there is nobody to answer."""
LOG_SEED_BYTES = 32
TICKET_KEY_FILE = "tickets.key"
STOP_S_MAX = 10.0
"""How long a stop may wait for commits and farewells; then what is left is cut, and nothing accepted is lost by it."""
RING_S_MIN = 0.01
"""Calls due within this are made together."""
TICK_S = 0.5
"""How often the clock is looked at."""

_log = logging.getLogger(__name__)


def _nobody(_db: Database, _handle: str) -> AccountId | None:
    return None


class RelayNode:
    """One running relay's mail road."""

    def __init__(
        self,
        folder: Path,
        *,
        relay: bytes = b"",
        limits: RelayLimits | None = None,
        registry: CollectorRegistry | None = None,
        account_of_handle: HandleLookup = _nobody,
        pusher: Pushes | None = None,
    ) -> None:
        self._pusher = pusher
        self._push: PushRoad | None = None
        self._pushing: asyncio.Task[None] | None = None
        self._folder: Final = folder
        self._relay = relay
        self._limits = limits or RelayLimits()
        self._account_of_handle = account_of_handle
        self.metrics: Final = RelayMetrics(registry)
        self._links: dict[int, Link] = {}
        self._number = 0
        self._unanswered = 0
        self._commit_s = 0.0
        self.entrance: Entrance | None = None
        """Where connections come in, if it is known: what waits outside is a sign of strain."""
        self._is_store_well = True
        self._line: CallLine | None = None
        self._ringing: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # ---- a relay's life --------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Open the store and be ready for connections."""
        self.database = open_database(self._folder / STORE_FILE, schema="relay")
        self.store = RelayStore(
            self.database,
            lease_s=self._limits.lease_s,
            new_name=secrets.token_bytes(ID_BYTES),
            leap=secrets.randbelow(LEAP_MAX),
            log_seed=secrets.token_bytes(LOG_SEED_BYTES),
            account_of_handle=self._account_of_handle,
            free_bytes=lambda: shutil.disk_usage(self._folder).free,
        )
        self.exchange = Exchange(
            relay=self._relay or self.store.name,
            store=self.store.name,
            boot=secrets.token_bytes(ID_BYTES),
            limits=self._limits,
            random_bytes=secrets.token_bytes,
            chance=SystemRandom().random,
            ticket_keys=_ticket_keys(self._folder / TICKET_KEY_FILE),
            log_seed=self.store.log_seed,
        )
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the store has broken and the relay must end."""
        self.group = GroupCommit(self.store, self._committed, on_broken=self._store_broke)
        try:
            if self._pusher is not None:
                self._begin_to_push(self._pusher)
        except BaseException:  # a damaged store is found here first: its thread would keep the process alive
            await self.group.stop()
            self.database.close()
            raise
        self._ticker = asyncio.get_running_loop().create_task(self._tick())

    async def open_calls(self, host: str, port: int) -> bool:
        """Hear devices by datagram too, and call those that fall silent; false, with a line in the log, if not."""
        line = CallLine(self._datagram)
        try:
            await line.open(host, port)
        except OSError as error:
            _log.warning("= no device is heard or called by datagram: port %d for UDP: %s", port, error)
            return False
        self._line, self.exchange.calls.is_on = line, True
        self._ringing = asyncio.get_running_loop().create_task(self._ring(line))
        return True

    def _begin_to_push(self, pusher: Pushes) -> None:
        push = self._push = PushRoad(
            self.exchange.knocking,
            pusher,
            store=PushStore(self.database),
            turns=Turns(self.group, self.database),
            metrics=self.metrics.pushes,
        )
        push.remember(now_ms=_now().wall_ms)
        self._pushing = asyncio.get_running_loop().create_task(push.run())
        self._pushing.add_done_callback(_tell_of_defect)

    async def start(self, host: str, port: int) -> None:
        """Begin, and serve the mail road alone on a port of its own, without TLS."""
        await self.begin()
        application = web.Application()
        application.add_routes([web.get(FRAMES_PATH, self.frames)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_S_MAX)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=BACKLOG).start()

    @property
    def port(self) -> int:
        """The port that `start` listens on."""
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    async def end(self) -> None:
        """Commit what came in, answer it, send everybody away, and close the store."""
        for link in self._links.values():
            link.listen(on=False)
        await self._until(lambda: self._unanswered == 0)
        if self._line is not None and self._ringing is not None:
            self._ringing.cancel()
            self._line.close()
        if self._pushing is not None:
            self._pushing.cancel()
            await asyncio.wait([self._pushing])
        self._carry_out(self.exchange.stop(moment=_now()))
        await self._until(lambda: not self._links)
        for link in list(self._links.values()):
            link.cut()
        self._ticker.cancel()
        await self.group.stop()
        self.database.close()

    async def stop(self) -> None:
        """End a relay that was started."""
        await self.end()
        if self._runner is not None:
            await self._runner.cleanup()

    def device_of_token(self, token: bytes) -> DeviceId | None:
        """Tell which device a bearer token was given to in this run of the relay."""
        return self.exchange.device_of_token(token)

    def put_list(self, signed: Signed, devices: DeviceList) -> None:
        """Keep a list that came another way than on a device's connection, and end the devices that it leaves out."""
        self._carry_out([Ask(PutList(NO_CONNECTION, 0, signed, devices))])

    def is_here(self, device: DeviceId) -> bool:
        """Whether a device is connected now; asked from the store's thread, too."""
        return self.exchange.conversations.live(device) is not None

    def remember_notices(self, rows: Sequence[NoticeRow]) -> None:
        """Know what devices are to be told of their handles."""
        self.exchange.noticing.put(rows)

    def tell(self, rows: Sequence[NoticeRow]) -> None:
        """Tell the devices that are here what became of their handles."""
        self._carry_out(self.exchange.tell(rows))

    def gate_of(self, device: DeviceId) -> Gate:
        """Bound a device's files by the flight of its mail, as long as it is connected, and let mail go first."""
        own, mailboxes = Flight(), self.exchange.mailboxes

        def flight() -> Flight:
            hand_over = mailboxes.hand_over(device)
            return hand_over.flight if hand_over is not None else own

        def mail_waits() -> bool:
            hand_over = mailboxes.hand_over(device)
            return hand_over is not None and hand_over.has_mail

        def made_room() -> None:
            self._carry_out(mailboxes.made_room(device, moment=_now()))

        return Gate(flight, lambda: _now().now_s, mail_waits, made_room)

    # ---- inputs ----------------------------------------------------------------------------------------------------

    async def frames(self, request: web.Request) -> web.WebSocketResponse:
        """Carry one device's WebSocket from its upgrade to its end."""
        websocket = web.WebSocketResponse(compress=False, max_msg_size=FRAME_BYTES_MAX)
        try:
            await websocket.prepare(request)
        except ValueError as error:  # aiohttp foresees a key that is no base64, but not one that is no ASCII
            raise web.HTTPBadRequest(text="this is no WebSocket's key") from error
        hold_little(request.transport.get_extra_info("socket") if request.transport else None)
        self._number += 1
        number = self._number
        link = self._links[number] = Link(number, self, websocket, request.transport)
        try:
            self._carry_out(self.exchange.connected(number, _shown(request), moment=_now()))
            await link.run()
        finally:
            del self._links[number]
            self._stirred.set()
            self._carry_out(self.exchange.lost(number, moment=_now()))
        return websocket

    def heard(self, number: int, data: bytes) -> None:
        """Take one frame from a link."""
        try:
            frame = decode_client_frame(data)
        except PeerError as error:
            self.broke(number, str(error))
            return
        self._carry_out(self.exchange.heard(number, frame, len(data), moment=_now()))

    def broke(self, number: int, what: str) -> None:
        """Learn that something came that is no frame."""
        self._carry_out(self.exchange.broke(number, what, moment=_now()))

    def writable(self, number: int, *, on: bool) -> None:
        """Learn that a link's other side does not keep up, or does again."""
        self._carry_out(self.exchange.writable(number, on=on, moment=_now()))

    def _committed(self, committed: Committed) -> None:
        self._unanswered -= len(committed.batch)
        self._stirred.set()
        self._commit_s = max(self._commit_s, committed.commit_s)
        self.metrics.committed(committed)
        if committed.answers is not None:
            if not self._is_store_well:
                _log.warning("= the store keeps its promises again")
            self._is_store_well = True
            self._carry_out(self.exchange.learned(committed.batch, committed.answers, moment=_now()))
            return
        if self._is_store_well:
            _log.error("= the store fails: %s", committed.error)
        self._is_store_well = False
        cause = Cause.RELAY_STORE_FULL if isinstance(committed.error, StoreFullError) else Cause.RELAY_FAULTY
        self._carry_out(self.exchange.failed(committed.batch, cause, moment=_now()))

    def _store_broke(self) -> None:
        self._unanswered = 0
        self._stirred.set()
        if not self.broken.done():
            self.broken.set_result(None)
        for link in list(self._links.values()):
            link.cut()

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            lag_s = max(loop.time() - due_s, 0.0)
            self.metrics.loop_lag_s.set(lag_s)
            self._weigh(lag_s)
            self.metrics.queue_depth.set(self.group.depth)
            self.metrics.mailbox_rows.set(self.store.rows)
            self.metrics.mailbox_bytes.set(self.store.size_bytes)
            self.metrics.connections.set(self.exchange.conversations.count)
            self.metrics.devices.set(self.exchange.conversations.live_count)
            moment = _now()
            if moment.now_s >= self.exchange.wake_at_s(moment=moment):
                self._carry_out(self.exchange.wake(moment=moment))

    def _weigh(self, lag_s: float) -> None:
        admission, wait_s = self.exchange.admission, 0.0
        if self.entrance is not None:
            turnstile = self.entrance.turnstile
            wait_s = turnstile.wait_s if turnstile.waiting else 0.0
            admission.capacity_per_s = turnstile.capacity_per_s or admission.capacity_per_s
            self.entrance.look()
        admission.measured(lag_s=lag_s, commit_s=self._commit_s, wait_s=wait_s)
        self._commit_s = 0.0
        self.metrics.admitted(admission, now_s=_now().now_s)

    # ---- datagrams -------------------------------------------------------------------------------------------------

    def _datagram(self, data: bytes, address: Address) -> bytes | None:
        return self.exchange.calls.datagram(data, address, now_s=_now().now_s)

    async def _ring(self, line: CallLine) -> None:
        while True:
            moment = _now()
            line.send(self.exchange.ring(moment=moment))
            self.metrics.calls.show(self.exchange.calls.tally, pauses=line.pauses)
            await asyncio.sleep(max(self.exchange.calls.wake_at_s(now_s=moment.now_s) - moment.now_s, RING_S_MIN))

    # ---- effects ---------------------------------------------------------------------------------------------------

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        if self._push is not None and self.exchange.knocking.is_stirred:
            self.exchange.knocking.is_stirred = False
            self._push.stir()
        self.metrics.said(effects)
        for effect in effects:
            match effect:
                case Send():
                    link = self._links.get(effect.connection)
                    if link is not None:
                        link.send(encode(effect.frame))
                case Ask():
                    self._unanswered += 1
                    self.group.submit(effect.command)
                case Close():
                    link = self._links.get(effect.connection)
                    if link is not None:
                        link.close()
                case Listen():
                    link = self._links.get(effect.connection)
                    if link is not None:
                        link.listen(on=effect.on)
                case Note():
                    _write_down(effect)
                case _:
                    assert_never(effect)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S_MAX):
                while not is_so():
                    self._stirred.clear()
                    await self._stirred.wait()


def _tell_of_defect(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("! sleeping devices are no longer woken: a defect", exc_info=error)


def _shown(request: web.Request) -> Resume | None:
    text = request.headers.get(RESUME_HEADER)
    try:
        return read_resume_header(text) if text else None
    except PeerError:
        return None  # what cannot be read is no ticket: its device is asked to sign a challenge


def _ticket_keys(path: Path) -> TicketKeys:
    """Make this run's key, and find the one of the run before it, which then is gone from the disk."""
    earlier = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    keys = TicketKeys(secrets.token_bytes(TICKET_KEY_BYTES), earlier if len(earlier) == TICKET_KEY_BYTES else b"")
    create_file(path, keys.current)
    return keys


def _write_down(note: Note) -> None:
    cause = f" ({note.cause.value})" if note.cause else ""
    detail = f": {note.detail}" if note.detail else ""
    device = f" device {note.device.hex()[:8]}" if note.device else ""
    _log.info("= connection %d%s %s%s%s", note.connection, device, note.event.value, cause, detail)


def _now() -> Moment:
    return Moment(time.monotonic(), time.time_ns() // 1_000_000)
