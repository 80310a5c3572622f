"""Proves that a stage has a relay that lets its town in, and leaves nothing behind."""

import asyncio
from dataclasses import replace

from answerback.faces.benchmarking.correspondent import Correspondent
from answerback.faces.benchmarking.stage import Stage, connect_all


async def _set() -> tuple[int, int, dict[str, object]]:
    async with Stage.set(3, tls=True) as stage:
        devices = [Correspondent(resident) for resident in stage.town.residents]
        failed = await connect_all(devices, stage.address)
        strangers = [Correspondent(resident) for resident in stage.town.residents]
        nowhere = replace(stage.address, tls=None)  # a relay with TLS lets nobody in without
        refused = await connect_all(strangers, nowhere)
        for device in devices:
            device.close()
        return failed, refused, dict(stage.surroundings(sealed=False))


def test_everybody_is_let_in_and_who_fails_is_counted() -> None:
    failed, refused, said = asyncio.run(_set())
    assert (failed, refused) == (0, 3)
    p50, p99 = said["disk_sync_ms_p50"], said["disk_sync_ms_p99"]
    assert isinstance(p50, float)
    assert isinstance(p99, float)
    assert 0 <= p50 <= p99
    assert (said["tls"], said["sealed"], said["synchronous"]) == (True, False, "FULL")
