"""Takes connections from the system, and begins each when the turnstile says so: TLS, then whatever is served.

Theory. A connection that waits is a socket of the system and nothing else: no TLS, no protocol, no task. Whoever hangs
up meanwhile costs a look and no handshake. While nobody waits a connection begins the moment it comes.
"""

import asyncio
import logging
import os
import socket
import ssl
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from answerback.model.errors import UsageError
from answerback.relay.metrics import EntranceMetrics
from answerback.relay.turnstile import Turnstile

BACKLOG = 4_096
"""Connections that the system may keep before we take them; Linux lets no more wait by default (somaxconn)."""
TLS_HELLO_S_MAX = 15.0
"""How long a TLS handshake may take: three round trips on the worst link we know, and no more for a scanner."""
TURN_S = 0.005
"""How often the turnstile turns while somebody waits: a few handshakes each time."""
LOOK_S = 0.02
"""How often it is looked how late the loop is while nobody waits and somebody begins: a few times a handshake."""
AGAIN_S = 0.5
"""After the system would give no connection, for want of files: there may be some again soon."""
COUNT_S = 0.1
"""Between two counts of those that are served: counting costs as much as there are."""
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_ESTABLISHED = 1  # struct tcp_info of <linux/tcp.h>: tcpi_state, the first byte
_HEARD = struct.Struct("=52xI")  # tcpi_last_data_recv, in ms

_log = logging.getLogger(__name__)


class Entrance:
    """Where devices and browsers come in."""

    def __init__(
        self,
        serve: Callable[[], asyncio.BaseProtocol],
        *,
        tls: ssl.SSLContext | None,
        served_count: Callable[[], int],
        connections_max: int,
        metrics: EntranceMetrics,
    ) -> None:
        self._serve = serve
        self._tls = tls
        self._served_count = served_count
        self._connections_max = connections_max
        self._metrics: Final = metrics
        self.turnstile: Final = Turnstile()
        self._waiting: dict[int, socket.socket] = {}
        self._number = 0
        self._counted, self._since_counted, self._counted_s = 0, 0, -COUNT_S
        self._beginning = 0
        self._listening: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._turning: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._listening[0].getsockname()[1])

    async def open(self, host: str, port: int) -> None:
        """Listen on every address a host stands for; raise UsageError where that is not possible."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, _, _, _, address in dict.fromkeys(found):
                self._listening.append(_listening(family, address))
        except OSError as error:
            self.close()
            # asyncio wraps the system's words in its own; those of a name that is not found have a negative number.
            why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise UsageError(f"cannot listen on {host}:{port}: {why}") from error
        for listening in self._listening:
            self._spawn(self._accept(listening))

    def close(self) -> None:
        """Take no more connections, and let those go that still wait."""
        for task in list(self._tasks):
            task.cancel()
        for listening in self._listening:
            listening.close()
        for waiting in self._waiting.values():
            waiting.close()
        self._waiting.clear()

    def look(self) -> None:
        """Tell whoever watches how long the line is."""
        self._metrics.waiting.set(len(self._waiting))
        self._metrics.wait_s.set(self.turnstile.wait_s if self._waiting else 0.0)
        self._metrics.capacity_per_s.set(self.turnstile.capacity_per_s)

    # ---- arriving --------------------------------------------------------------------------------------------------

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connected, _ = await loop.sock_accept(listening)
            except ConnectionError:
                continue  # it was gone before it was here
            except OSError as error:
                _log.error("no connection can be taken for now: %s", error)
                await asyncio.sleep(AGAIN_S)
                continue
            self._arrived(connected)

    def _arrived(self, connected: socket.socket) -> None:
        now_s = asyncio.get_running_loop().time()
        if not self._has_room(now_s):
            connected.close()  # a connection too many: closed before a word is read, which costs least
            self._metrics.turned_away.inc()
            return
        self._number += 1
        self._waiting[self._number] = connected
        self.turnstile.arrive(self._number, now_s=now_s - _age_s(connected))
        self._turn(lag_s=None)
        if self._turning is None:
            self._turning = self._spawn(self._keep_turning())

    def _has_room(self, now_s: float) -> bool:
        if now_s - self._counted_s >= COUNT_S:
            self._counted, self._since_counted, self._counted_s = self._served_count(), 0, now_s
        return self._counted + self._since_counted + self._beginning + len(self._waiting) < self._connections_max

    # ---- beginning -------------------------------------------------------------------------------------------------

    async def _keep_turning(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting or self._beginning:
            pause_s = TURN_S if self._waiting else LOOK_S
            due_s = loop.time() + pause_s
            await asyncio.sleep(pause_s)
            self._turn(lag_s=max(loop.time() - due_s, 0.0))
        self._turning = None

    def _turn(self, *, lag_s: float | None) -> None:
        now_s = asyncio.get_running_loop().time()
        left = self.turnstile.turn(now_s=now_s, lag_s=lag_s)
        while left > 0 and (number := self.turnstile.begin(now_s=now_s)) is not None:
            connected = self._waiting.pop(number)
            if _is_there(connected):
                left -= 1
                self.turnstile.began()
                self._beginning += 1
                self._metrics.begun.inc()
                self._spawn(self._begin(connected))
            else:
                connected.close()
                self._metrics.gone.inc()
        for number in self.turnstile.forget(now_s=now_s):
            self._waiting.pop(number).close()
            self._metrics.gone.inc()

    async def _begin(self, connected: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._serve, connected, ssl=self._tls, ssl_handshake_timeout=TLS_HELLO_S_MAX if self._tls else None
            )
        except OSError as error:  # TLS's own errors are some of these; scanners and broken links make them all day
            _log.debug("a connection did not begin: %s", error)
            self._metrics.failed.inc()
            connected.close()
        finally:
            self._beginning -= 1
            self._since_counted += 1

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.settimeout(0)
    except OSError:
        listening.close()
        raise
    return listening


def _age_s(connected: socket.socket) -> float:
    """Say how long ago a connection said its first word, where the system tells: it may have waited there already."""
    if _TCP_INFO is None:
        return 0.0
    try:
        found = connected.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _HEARD.size)
    except OSError:
        return 0.0
    return float(_HEARD.unpack(found)[0]) / 1000 if len(found) == _HEARD.size else 0.0


def _is_there(connected: socket.socket) -> bool:
    """Say whether the other side has not hung up, where the system tells."""
    if _TCP_INFO is None:
        return True
    with suppress(OSError):
        return connected.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 1)[0] == _ESTABLISHED
    return False
