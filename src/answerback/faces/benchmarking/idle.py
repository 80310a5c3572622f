"""Silence: what a connected device that says nothing costs a relay."""

import asyncio
import time

from answerback.faces.benchmarking.correspondent import Correspondent
from answerback.faces.benchmarking.figures import Figures
from answerback.faces.benchmarking.stage import Stage, connect_all

CALM_S = 5.0
"""Before memory is read: what was needed only to connect has been given back by then."""


async def idle(*, connections: int, calm_s: float = CALM_S, tls: bool) -> Figures:
    """Measure the relay's memory without and with so many devices that are here and silent."""
    async with Stage.set(connections, tls=tls) as stage:
        before = await stage.relay.cost()
        devices = [Correspondent(resident) for resident in stage.town.residents]
        began_s = time.perf_counter()
        failed = await connect_all(devices, stage.address)
        connect_s = time.perf_counter() - began_s
        await asyncio.sleep(calm_s)
        after = await stage.relay.cost()
        await asyncio.sleep(calm_s)
        later = await stage.relay.cost()
        for device in devices:
            device.close()
        connected = max(connections - failed, 1)
        found: Figures = {
            "bench": "idle",
            "connections": connections - failed,
            "failed": failed,
            "kb_per_connection": round((after.rss_bytes - before.rss_bytes) / 1024 / connected, 1),
            "rss_before_mb": round(before.rss_bytes / 2**20, 1),
            "rss_after_mb": round(after.rss_bytes / 2**20, 1),
            "connect_per_s": round(connections / connect_s),
            "relay_cpu_s_per_s_idle": round((later.cpu_s - after.cpu_s) / max(calm_s, 1e-9), 3),
        }
        return found | stage.surroundings(sealed=False)
