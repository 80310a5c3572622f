"""The far end of a rival as a process of the lab: takes its connections, and is at once the person it writes with.

`python -m answerback.lab.packets.stand_in_child PLACE HOST PORT`
"""

import asyncio
import sys
import time
from typing import Final

from answerback.lab.packets.rival_child import LINE_BYTES_MAX
from answerback.lab.packets.rivals import Exchange, as_bytes, from_bytes
from answerback.lab.packets.speaking import Orders, enter_place, say


class StandIn:
    """The server of one rival."""

    def __init__(self) -> None:
        self._exchange: Final = Exchange(lambda name: say("arrived", name=name, at_s=time.monotonic()))
        self._writer: asyncio.StreamWriter | None = None

    def send(self, name: str) -> None:
        """Promise a message, and say it on the newest connection."""
        say("sent", name=name, at_s=time.monotonic())
        line = self._exchange.write(name)
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(as_bytes(line))

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hear one connection to its end; the newest one is where things are said."""
        try:
            async for content in reader:
                line = from_bytes(content)
                if "hello" in line:
                    self._writer = writer
                    for waiting in self._exchange.reconnected():
                        writer.write(as_bytes(waiting))
                answer = self._exchange.hear(line)
                if answer is not None:
                    writer.write(as_bytes(answer))
        except OSError:
            return  # gone without a word
        finally:
            writer.close()


async def serve(*, host: str, port: int) -> None:
    """Serve until there are no more orders."""
    orders, stand_in = Orders(), StandIn()
    say("started")
    server = await asyncio.start_server(stand_in.receive, host, port, limit=LINE_BYTES_MAX)
    say("ready", port=server.sockets[0].getsockname()[1])
    while (order := await orders.next()) is not None:
        if order["do"] == "send":
            stand_in.send(order["name"])
    server.close()


if __name__ == "__main__":
    enter_place(sys.argv[1])
    asyncio.run(serve(host=sys.argv[2], port=int(sys.argv[3])))
