"""Measures which server stack carries WebSocket and HTTP on one port for the least CPU and memory.

Every candidate of `websocket_candidates.py` runs alone in a child process and answers the same raw client. CPU is what
the kernel charged the child, so it means more than messages a second, which the client and other programs of the
machine share. Linux only (/proc). Needs uvloop, the `openssl` command and, for the candidate that uses it: aiohttp,
granian, httptools, picows, starlette, uvicorn, websockets. What is not installed is said and left out.

    python benchmarks/websocket_stacks.py [candidate ...]

prints one JSON line a candidate, then a table.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import importlib.util
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, cast

import uvloop
from websocket_candidates import CANDIDATES, HOST, Listen

MESSAGE_BYTES: Final = 1_700  # one sealed copy, padded
BATCH_SIZE: Final = 16  # messages in one frame of a batch
ACTIVE_COUNT: Final = 50  # connections that echo
WINDOW: Final = 16  # frames each of them keeps on the way
IDLE_COUNT: Final = 5_000  # the relay's goal for one small machine
RECONNECT_COUNT: Final = 1_000  # devices that come back at once
UPLOAD_BYTES: Final = 10 * 1024 * 1024
MEASURE_S: Final = 2.0
PATIENCE_S: Final = 60.0
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
CLOSE_FRAME: Final = 0x88  # the first byte of a final frame that closes
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
UPGRADE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Device(asyncio.BufferedProtocol):
    """A raw client: counts echoed bytes instead of parsing them, so it is never the bottleneck."""

    _room = bytearray(256 * 1024)  # shared: nothing is kept between two reads

    def __init__(self, payload_bytes: int) -> None:
        """Prepare one masked frame (a mask of zeros is a mask) and know the size of its echo."""
        size = payload_bytes.to_bytes(2, "big")
        self._frame = b"\x82\xfe" + size + bytes(4) + bytes(payload_bytes)
        self._echo_bytes = 4 + payload_bytes
        self._partial_bytes = 0
        self._upgraded = False
        self.keep_going = False
        self.farewell = False
        self.echo_count = 0
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade at once."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(UPGRADE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that nothing will come."""
        for waiter in (self.opened, self.answered):
            if not waiter.done():
                waiter.set_exception(exc or ConnectionError("the server closed the connection"))
                waiter.exception()  # seen: a closing client waits for nothing

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Lend the shared room."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Count whole echoes and answer each with the next frame."""
        if not self._upgraded:
            head = bytes(self._room[:nbytes])
            if not (head.startswith(b"HTTP/1.1 101") and head.endswith(b"\r\n\r\n")):
                self.transport.abort()
                return
            self._upgraded = True
            self.opened.set_result(None)
            return
        if not self._partial_bytes and self._room[0] == CLOSE_FRAME:
            self.farewell = True
            return
        whole, self._partial_bytes = divmod(self._partial_bytes + nbytes, self._echo_bytes)
        self.echo_count += whole
        if whole and not self.answered.done():
            self.answered.set_result(None)
        if whole and self.keep_going:
            self.send(whole)

    def send(self, count: int) -> None:
        """Send some frames in one write."""
        self.transport.write(self._frame * count)


@dataclass(frozen=True, slots=True)
class Echoed:
    """How fast echoes came back, and what each cost the server."""

    frames_per_s: float
    server_cpu_us: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What one candidate did."""

    candidate: str
    echo_per_s: int
    echo_cpu_us: float
    single_cpu_us: float
    batch_echo_per_s: int
    batch_echo_cpu_us: float
    tls_echo_per_s: int
    tls_echo_cpu_us: float
    idle_kb: float
    tls_idle_kb: float
    reconnect_s: float
    reconnect_cpu_s: float
    tls_reconnect_s: float
    stop_s: float
    says_goodbye: bool
    http_works: bool


class Served:
    """A candidate running in a child process."""

    def __init__(self, name: str, certificate: Path | None) -> None:
        """Start it on a port that was free a moment ago."""
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            self.port = int(probe.getsockname()[1])
        self.client_tls: ssl.SSLContext | None = None
        if certificate:
            self.client_tls = ssl.create_default_context(cafile=certificate)
        arguments = [sys.executable, __file__, "--serve", name, "--port", str(self.port)]
        self.child = subprocess.Popen([*arguments, *(["--certificate", str(certificate)] if certificate else [])])

    def cpu_s(self) -> float:
        """Return the CPU time that all its threads have used."""
        words = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS_PER_S

    def memory_bytes(self) -> int:
        """Return its resident memory."""
        return int(Path(f"/proc/{self.child.pid}/statm").read_text().split()[1]) * PAGE_BYTES

    async def open(self, count: int, payload_bytes: int = MESSAGE_BYTES) -> list[Device]:
        """Open connections all at once and wait until each is upgraded."""
        loop = asyncio.get_running_loop()
        name = "localhost" if self.client_tls else None

        async def one() -> Device:
            _, device = await loop.create_connection(
                lambda: Device(payload_bytes), HOST, self.port, ssl=self.client_tls, server_hostname=name
            )
            await device.opened
            return device

        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.gather(*(one() for _ in range(count)))

    async def close(self, devices: list[Device]) -> None:
        """Drop connections and let the server notice."""
        for device in devices:
            device.keep_going = False
            device.transport.abort()
        await asyncio.sleep(0.5)

    async def echo(self, payload_bytes: int, window: int = WINDOW) -> Echoed:
        """Keep all windows full for a while."""
        devices = await self.open(ACTIVE_COUNT, payload_bytes)
        for device in devices:
            device.keep_going = True
            device.send(window)
        await asyncio.sleep(0.5)  # buffers grow, branches warm up
        before, cpu_s, began_s = sum(d.echo_count for d in devices), self.cpu_s(), time.monotonic()
        await asyncio.sleep(MEASURE_S)
        echoes = sum(d.echo_count for d in devices) - before
        took_s, cpu_s = time.monotonic() - began_s, self.cpu_s() - cpu_s
        await self.close(devices)
        return Echoed(echoes / took_s, 1e6 * cpu_s / max(1, echoes))

    async def idle_kb(self) -> float:
        """Return what a connection costs in memory once it has carried a message and fallen silent."""
        before = self.memory_bytes()
        devices: list[Device] = []
        for _ in range(0, IDLE_COUNT, 250):
            devices += await self.open(250)
        for device in devices:
            device.send(1)
            await device.answered
        await asyncio.sleep(1)
        used = self.memory_bytes() - before
        await self.close(devices)
        return used / 1024 / IDLE_COUNT

    async def reconnect(self) -> tuple[float, float]:
        """Return the seconds, and the server's CPU seconds, until all devices are back at once."""
        cpu_s, began_s = self.cpu_s(), time.monotonic()
        devices = await self.open(RECONNECT_COUNT)
        took_s, cpu_s = time.monotonic() - began_s, self.cpu_s() - cpu_s
        await self.close(devices)
        return took_s, cpu_s

    def http_works(self) -> bool:
        """Return whether a GET and a long streamed PUT are answered on the same connection."""
        link = (
            http.client.HTTPSConnection("localhost", self.port, context=self.client_tls, timeout=10)
            if self.client_tls
            else http.client.HTTPConnection(HOST, self.port, timeout=10)
        )
        link.request("GET", "/health")
        up = link.getresponse().read() in (b'{"up": true}', b'{"up":true}')
        pieces = (bytes(64 * 1024) for _ in range(UPLOAD_BYTES // (64 * 1024)))
        link.request("PUT", "/blob", body=pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        whole = str(UPLOAD_BYTES).encode() in link.getresponse().read()
        link.close()
        return up and whole

    async def stop(self) -> tuple[float, bool]:
        """Ask it to stop; return the seconds it took, and whether every open connection was told."""
        devices = await self.open(ACTIVE_COUNT)
        began_s = time.monotonic()
        self.child.terminate()
        await asyncio.to_thread(self.child.wait, 15)
        return time.monotonic() - began_s, all(device.farewell for device in devices)


@asynccontextmanager
async def _served(name: str, certificate: Path | None) -> AsyncIterator[Served]:
    served = Served(name, certificate)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await served.close(await served.open(ACTIVE_COUNT))
                    break
                except ConnectionError:
                    await asyncio.sleep(0.1)
        yield served
    finally:
        served.child.kill()
        served.child.wait()


async def measure(name: str, certificate: Path) -> Figures:
    """Take all figures of one candidate."""
    async with _served(name, None) as plain:
        works = await asyncio.to_thread(plain.http_works)
        idle_kb = await plain.idle_kb()  # first: what a busy phase leaves in the allocator would hide it
        reconnect_s, reconnect_cpu_s = await plain.reconnect()
        echo = await plain.echo(MESSAGE_BYTES)
        single = await plain.echo(MESSAGE_BYTES, window=1)
        batch = await plain.echo(MESSAGE_BYTES * BATCH_SIZE)
        stop_s, goodbye = await plain.stop()
    async with _served(name, certificate) as secure:
        works = works and await asyncio.to_thread(secure.http_works)
        tls_idle_kb = await secure.idle_kb()
        tls_reconnect_s, _ = await secure.reconnect()
        tls_echo = await secure.echo(MESSAGE_BYTES)
    return Figures(
        candidate=name,
        echo_per_s=round(echo.frames_per_s),
        echo_cpu_us=round(echo.server_cpu_us, 1),
        single_cpu_us=round(single.server_cpu_us, 1),
        batch_echo_per_s=round(batch.frames_per_s * BATCH_SIZE),
        batch_echo_cpu_us=round(batch.server_cpu_us / BATCH_SIZE, 1),
        tls_echo_per_s=round(tls_echo.frames_per_s),
        tls_echo_cpu_us=round(tls_echo.server_cpu_us, 1),
        idle_kb=round(idle_kb, 1),
        tls_idle_kb=round(tls_idle_kb, 1),
        reconnect_s=round(reconnect_s, 2),
        reconnect_cpu_s=round(reconnect_cpu_s, 2),
        tls_reconnect_s=round(tls_reconnect_s, 2),
        stop_s=round(stop_s, 2),
        says_goodbye=goodbye,
        http_works=works,
    )


def _write_certificate(folder: Path) -> Path:
    certificate = folder / "localhost.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"]
    files = ["-keyout", str(certificate.with_suffix(".key")), "-out", str(certificate)]
    subprocess.run(["openssl", "req", "-x509", *key, *name, *files], check=True, capture_output=True)
    return certificate


def _print_table(rows: list[Figures]) -> None:
    names = [field.name for field in fields(Figures)]
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print("| " + " | ".join(str(getattr(row, name)) for name in names) + " |")


def _measure_all(names: list[str]) -> None:
    rows: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        certificate = _write_certificate(Path(folder))
        for name in names:
            missing = [word for word in CANDIDATES[name].packages if importlib.util.find_spec(word) is None]
            if missing:
                print(json.dumps({"candidate": name, "missing": missing}), flush=True)
                continue
            rows.append(uvloop.run(measure(name, certificate)))
            print(json.dumps(asdict(rows[-1])), flush=True)
    _print_table(rows)


def main() -> None:
    """Measure the named candidates, or all; or be one of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("candidates", nargs="*", metavar="candidate", help=", ".join(CANDIDATES))
    parser.add_argument("--serve", choices=list(CANDIDATES), help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--certificate", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.candidates) - set(CANDIDATES):
        parser.error(f"no such candidate: {', '.join(sorted(unknown))}")
    if arguments.serve:
        listen = Listen(port=arguments.port, certificate=arguments.certificate)
        uvloop.run(CANDIDATES[arguments.serve].serve(listen))
    else:
        _measure_all(arguments.candidates or list(CANDIDATES))


if __name__ == "__main__":
    main()
