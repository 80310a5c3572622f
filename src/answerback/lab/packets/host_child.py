"""The far end of the lab as a process of its own: the relay, and the portal of a captive network.

`python -m answerback.lab.packets.host_child PLACE FOLDER HOST PORT [uncalled]`
"""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from answerback.lab.packets.addresses import PORTAL
from answerback.lab.packets.border import HTTP_PORT
from answerback.lab.packets.speaking import HERE, UNCALLED, Orders, enter_place, say
from answerback.model.handle import Handle
from answerback.relay.serve import Ready, RelaySettings, run_relay

PAGE = b"<!doctype html><title>Sign in</title><h1>Free Wi-Fi</h1><p>Accept our terms to go online."
HEAD_BYTES_MAX = 16 * 1024
HEAD_S_MAX = 10.0


async def _receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer any request as portals do: whoever is not asked for by name is sent to its page."""
    try:
        async with asyncio.timeout(HEAD_S_MAX):
            head = await reader.readuntil(b"\r\n\r\n")
        is_own = f"\r\nhost: {PORTAL}".encode() in head.lower()
        status = b"200 OK" if is_own else f"302 Found\r\nLocation: http://{PORTAL}/".encode()
        kind = b"Content-Type: text/html\r\nConnection: close\r\n"
        writer.write(b"HTTP/1.1 " + status + b"\r\n" + kind + f"Content-Length: {len(PAGE)}\r\n\r\n".encode() + PAGE)
        await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return  # no request, or nobody left to answer
    finally:
        writer.close()


async def host(place: str, folder: Path, *, address: str, port: int, calls: bool) -> None:
    """Be relay and portal until the parent has no more to say."""
    orders, stop = Orders(), asyncio.Event()
    say("started")

    def ready(found: Ready) -> None:
        say("ready", url=found.url, port=found.port, pin=found.pin.hex())

    def code(_handle: Handle, digits: str) -> None:
        say("code", code=digits)

    async def until_end() -> None:
        while await orders.next() is not None:
            pass
        stop.set()

    ending = asyncio.create_task(until_end())
    async with AsyncExitStack() as stack:
        if place != HERE:
            portal = await asyncio.start_server(_receive, PORTAL, HTTP_PORT, limit=HEAD_BYTES_MAX)
            await stack.enter_async_context(portal)
        settings = RelaySettings(folder=folder, host=address, port=port, is_open=True, calls=calls)
        await run_relay(settings, on_ready=ready, on_code=code, stop=stop)
    await ending


if __name__ == "__main__":
    enter_place(sys.argv[1])
    calls = UNCALLED not in sys.argv[5:]
    asyncio.run(host(sys.argv[1], Path(sys.argv[2]), address=sys.argv[3], port=int(sys.argv[4]), calls=calls))
