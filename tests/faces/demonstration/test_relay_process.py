"""Proves that a killed relay comes back at the same place, as the same relay."""

import asyncio
from pathlib import Path

from answerback.faces.demonstration.relay_process import RelayProcess, kill_every


def test_a_relay_killed_again_and_again_keeps_its_port_and_its_pin(tmp_path: Path) -> None:
    async def story() -> None:
        relay = RelayProcess(tmp_path)
        await relay.start()
        port, pin = relay.port, relay.pin
        assert port
        assert len(pin) == 32
        assert relay.invite()
        killing = asyncio.create_task(kill_every(relay, interval_s=0.2))
        async with asyncio.timeout(20):
            while relay.kills < 2:  # noqa: ASYNC110 - it counts, and tells nobody
                await asyncio.sleep(0.02)
        killing.cancel()
        await asyncio.wait([killing])
        if not relay.alive:
            await relay.start()
        assert (relay.port, relay.pin) == (port, pin)
        await relay.stop()
        assert not relay.alive

    asyncio.run(story())
