"""Small proxies for tests: they lead on, and write down whom they were asked for."""

import asyncio
import base64
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class StandIn:
    """One proxy at work."""

    host: str
    scheme: str
    port: int = 0
    password: str = ""
    asked: list[tuple[str, int]] = field(default_factory=list)
    allowed: frozenset[int] = frozenset(range(65536))
    leads: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    """Where somebody who asks for one address is led instead."""

    @property
    def url(self) -> str:
        user = f"me:{self.password}@" if self.password else ""
        return f"{self.scheme}://{user}{self.host}:{self.port}"


@contextlib.asynccontextmanager
async def proxying(scheme: str, *, host: str = "127.0.0.1", password: str = "") -> AsyncIterator[StandIn]:
    """Be a proxy: `http` for CONNECT, `socks5` for SOCKS5."""
    proxy = StandIn(host, scheme, password=password)
    greet = _http if scheme == "http" else _socks5

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            wanted = await greet(proxy, reader, writer)
            if wanted is not None:
                far_reader, far_writer = await asyncio.open_connection(*proxy.leads.get(wanted, wanted))
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        writer.close()

    server = await asyncio.start_server(serve, host)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()


async def _http(proxy: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, target, _ = head.split("\r\n")[0].split()
    assert method == "CONNECT"
    host, _, port = target.rpartition(":")
    wanted = (host.strip("[]"), int(port))
    proxy.asked.append(wanted)
    shown = base64.b64encode(f"me:{proxy.password}".encode()).decode()
    if proxy.password and f"Basic {shown}" not in head:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        return None
    if wanted[1] not in proxy.allowed:
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        return None
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    return wanted


async def _socks5(proxy: StandIn, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
    _, count = await reader.readexactly(2)
    offered = await reader.readexactly(count)
    if proxy.password:
        if 2 not in offered:
            writer.write(b"\x05\xff")
            return None
        writer.write(b"\x05\x02")
        user = await reader.readexactly((await reader.readexactly(2))[1])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        assert (user, password) == (b"me", proxy.password.encode())
        writer.write(b"\x01\x00")
    else:
        writer.write(b"\x05\x00")
    kind = (await reader.readexactly(4))[3]
    assert kind == 3, "the name is looked up by the proxy"
    host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
    (port,) = struct.unpack("!H", await reader.readexactly(2))
    proxy.asked.append((host, port))
    code = 0 if port in proxy.allowed else 2
    writer.write(b"\x05" + bytes([code]) + b"\x00\x01" + bytes(6))
    return (host, port) if code == 0 else None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()
    finally:
        writer.close()
