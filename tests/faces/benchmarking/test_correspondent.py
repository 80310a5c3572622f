"""Proves that a device under load is let in for what it can sign, and takes what it is handed once."""

import asyncio

import pytest

from answerback.faces.benchmarking.correspondent import Correspondent
from answerback.faces.benchmarking.roads import roads
from answerback.faces.benchmarking.stage import Stage
from answerback.faces.benchmarking.town import Resident
from answerback.model.envelope import Delivery, Envelope


async def _twice() -> tuple[list[int], int, int]:
    """Get two messages, vanish, come back: nothing that was taken comes again."""
    async with Stage.set(2, tls=False) as stage:
        author, reader = stage.town.residents
        there, _ = roads(author, reader, sealed=False)
        numbers: asyncio.Queue[int] = asyncio.Queue()
        accepted: asyncio.Queue[int] = asyncio.Queue()

        def take(entries: list[Delivery]) -> list[Envelope]:
            for entry in entries:
                numbers.put_nowait(there.unpack(entry.sealed)[0])
            return []

        sender = Correspondent(author, accepted=accepted.put_nowait)
        device = Correspondent(reader, delivered=take)
        await sender.connect(stage.address)
        first = await device.connect(stage.address)
        sender.submit([there.pack([1]), there.pack([2])])
        async with asyncio.timeout(20):
            got = [await numbers.get(), await numbers.get()]
            counted = await accepted.get()
            device.reset()
            second = await device.connect(stage.address)
            sender.submit([there.pack([3])])
            got.append(await numbers.get())
        sender.close()
        device.close()
        assert (first.waiting, counted) == (0, 2)
        return got, second.waiting, device.frames_taken


def test_what_was_taken_does_not_come_again() -> None:
    got, waiting, _ = asyncio.run(_twice())
    assert got == [1, 2, 3]
    assert waiting == 0


async def _impostor() -> dict[str, int]:
    async with Stage.set(2, tls=False) as stage:
        one, other = stage.town.residents
        impostor = Correspondent(Resident(other.keys, one.account, one.signed, one.devices))
        with pytest.raises(ConnectionResetError):
            await impostor.connect(stage.address)
        return impostor.refused


def test_a_device_is_not_let_in_with_another_devices_keys() -> None:
    assert sum(asyncio.run(_impostor()).values()) == 1
