"""A real relay with its own certificate in this very loop, and people who registered there."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from answerback.device.registering import Relay, register, request_code
from answerback.model.handle import Handle, parse_handle
from answerback.relay.certificate import Certificate, own_certificate
from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate, RelayLimits
from answerback.relay.serve import Ready, RelaySettings, run_relay
from answerback.storage.durable import make_private_folder
from answerback.storage.identity import Identity
from answerback.storage.vault import KeySource

HURRIED = HttpLimits(costly_rate=Rate(per_s=100.0, burst=1000))
"""All people of a test come from one address within a second."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Town:
    """A relay that runs, and the folder of everybody around it."""

    folder: Path
    relay: Relay
    codes: "asyncio.Queue[tuple[str, str]]" = field(default_factory=asyncio.Queue)

    async def code(self, handle: Handle) -> str:
        """Ask for a code and read it, as its owner would."""
        assert await request_code(self.relay, handle) > 0
        async with asyncio.timeout(20):
            sent_to, code = await self.codes.get()
        assert sent_to == handle.text
        return code

    async def register(self, name: str, *, handle: str = "", code: str = "", relay: Relay | None = None) -> Identity:
        """Register somebody in a folder of their name."""
        whose = parse_handle(handle or f"{name}@example.org")
        return await register(
            self.folder / name,
            relay or self.relay,
            whose,
            code=code or await self.code(whose),
            device_name=f"{name}'s phone",
            source=KeySource.FILE,
            now_ms=now_ms(),
        )

    async def person(self, name: str) -> Path:
        """Somebody who has registered."""
        await self.register(name)
        return self.folder / name


@contextlib.asynccontextmanager
async def town(folder: Path, *, limits: RelayLimits | None = None, port: int = 0) -> AsyncIterator[Town]:
    """Run a relay until the block ends."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    ready: asyncio.Future[Ready] = loop.create_future()
    place = Town(folder, Relay("", None))

    def keep(handle: Handle, code: str) -> None:
        place.codes.put_nowait((handle.text, code))

    settings = RelaySettings(
        folder=folder / "relay", port=port, is_open=True, http=HURRIED, mail_road=limits or RelayLimits()
    )
    running = loop.create_task(run_relay(settings, on_ready=ready.set_result, on_code=keep, stop=stop))
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    place.relay = Relay(ready.result().url, ready.result().pin)
    try:
        yield place
    finally:
        stop.set()
        await asyncio.wait_for(running, 30)


@contextlib.asynccontextmanager
async def middleman(folder: Path, relay: Relay) -> AsyncIterator[Relay]:
    """Somebody between a device and its relay, who shows a certificate of their own and passes everything on."""
    make_private_folder(folder)
    certificate = Certificate(own_certificate(folder, hosts=["127.0.0.1"]))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    parts = urlsplit(relay.url)
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, here = await asyncio.open_connection(parts.hostname, parts.port, ssl=trusting)
        for way in (pass_on(reader, here), pass_on(there, writer)):
            task = asyncio.create_task(way)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=certificate.context)
    try:
        yield Relay(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", certificate.pin)
    finally:
        server.close()
        await asyncio.gather(*tasks)
