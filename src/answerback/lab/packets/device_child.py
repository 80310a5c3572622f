"""One device of the product as a process of the lab, in its namespace: registers, sends, and says what arrives.

`python -m answerback.lab.packets.device_child PLACE FOLDER`; the orders are lines of JSON, see `_obey`.
"""

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from answerback.core.effects import Arrived, News
from answerback.device.client import Client
from answerback.device.registering import Relay, register, request_code
from answerback.lab.packets.speaking import Orders, enter_place, say
from answerback.model.handle import parse_handle
from answerback.model.message import Urgency
from answerback.storage.vault import KeySource


def _hear(news: News) -> None:
    if isinstance(news, Arrived):
        say("arrived", name=news.message.text, at_s=time.monotonic())


async def _enter(folder: Path, orders: Orders, order: dict[str, Any]) -> None:
    """Become an account's first device, as anybody would, with a code."""
    relay, handle = Relay(order["url"], bytes.fromhex(order["pin"])), parse_handle(order["handle"])
    await request_code(relay, handle)
    say("asked")
    told = await orders.next()
    assert told is not None, "the code never came"
    now_ms = time.time_ns() // 1_000_000
    await register(folder, relay, handle, code=told["code"], device_name="lab", source=KeySource.FILE, now_ms=now_ms)


async def _obey(client: Client, order: dict[str, Any]) -> None:
    match order["do"]:
        case "send":
            at_s = time.monotonic()
            urgency = Urgency.URGENT if order["urgent"] else Urgency.NORMAL
            budget = client.agent.engine.machines.urgent_budget
            lowered = budget.lowered
            await client.send(order["to"], text=order["name"], urgency=urgency)
            say("sent", name=order["name"], at_s=at_s, urgent=order["urgent"] and budget.lowered == lowered)
        case "file":
            await client.send(order["to"], text=order["name"], file=Path(order["path"]))
        case "status":
            status = client.status()
            say("status", attempts=status.attempts, wasted=status.wasted_attempts, connected=status.connected)
        case _:
            raise AssertionError(order)


async def live(folder: Path) -> None:
    """Be a device until there are no more orders."""
    orders = Orders()
    say("started")
    first = await orders.next()
    if first is None:
        return
    await _enter(folder, orders, first)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client.open(folder))
        stack.callback(client.agent.listen(_hear))
        say("ready")
        while (order := await orders.next()) is not None:
            await _obey(client, order)


if __name__ == "__main__":
    enter_place(sys.argv[1])
    asyncio.run(live(Path(sys.argv[2])))
