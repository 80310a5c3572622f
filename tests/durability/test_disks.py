"""Full and read-only disks: refused before anything is acknowledged, in plain words, and well again by itself."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.durability.disks import Refusing, fill, make_room, refused_start, set_read_only, small_disk
from tests.durability.power import PEOPLE
from tests.journey.processes import Process, Town, free_port

pytestmark = pytest.mark.timeout(300)
"""Whoever was refused comes back when the relay said, half a minute later."""
RELAY_BYTES = 80 * 1024 * 1024
"""The relay keeps 64 MiB free for taking mail out."""
PATIENCE_ROUNDS = 3
DEVICE_BYTES = 8 * 1024 * 1024
LONG = "x" * 8_000
SENT = 12
"""More than a journal's log has room for when nothing more can be had."""


@contextlib.asynccontextmanager
async def village(folder: Path, *, refusing: str = "") -> AsyncIterator[Town]:
    """A relay and two devices that have met; one of them on a disk that can become read-only."""

    def process(name: str, words: list[str]) -> Process:
        if name == refusing:
            return Refusing(words, folder=folder / name, log=folder / f"{name}.log")
        return Process(words)

    relay = process("relay", ["tests.durability.relay_child", str(folder / "relay"), str(free_port())])
    place = Town(folder, relay)
    await relay.start()
    try:
        for name in PEOPLE:
            await place.person(name)
            place.devices[name] = process(name, ["tests.durability.device_child", str(folder / name)])
            await place.devices[name].start()
        await exchange(place, "hello")
        yield place
    finally:
        for device in place.devices.values():
            await device.stop()
        await relay.stop()


async def exchange(place: Town, word: str) -> None:
    """Both write to each other."""
    ada, bea = (place.devices[name] for name in PEOPLE)
    await ada.tell(f"send bea@example.org {word}-to-bea")
    await bea.tell(f"send ada@example.org {word}-to-ada")
    await bea.hear(f"shown {word}-to-bea")
    await ada.hear(f"shown {word}-to-ada")


async def send(place: Town, word: str, *, sender: str = "ada", padding: str = "") -> list[str]:
    """Have one of them write some to the other."""
    texts = [f"{word}{number}{padding}" for number in range(SENT)]
    (other,) = set(PEOPLE) - {sender}
    for text in texts:
        await place.devices[sender].tell(f"send {other}@example.org {text}")
    return texts


async def refused(device: Process) -> str:
    """Wait until its disk refuses one message, which then is not promised. A log that has room takes a few before."""
    told = await device.hear("refused ")
    assert f"saved {told.split()[1]}" not in device.said[: device.said.index(told)]
    return told


def confirmed(place: Town) -> set[str]:
    """What ada was told bea's device has."""
    answered = [line for line in place.devices["ada"].said if line.startswith("answered ")]
    return {line.removeprefix("answered ") for line in answered}


async def heard(device: Process, line: str) -> None:
    """Wait as long as the relay may have told a device to wait, and as it then takes."""
    for _ in range(PATIENCE_ROUNDS - 1):
        with contextlib.suppress(TimeoutError):
            await device.hear(line)
            return
    await device.hear(line)


async def all_shown_once(place: Town, texts: list[str]) -> None:
    for text in texts:
        await heard(place.devices["bea"], f"shown {text}")
    assert [Counter(place.arrived("bea"))[text] for text in texts] == [1] * len(texts)


# ---- full ----------------------------------------------------------------------------------------------------------


def test_a_full_relay_refuses_says_why_and_takes_all_when_there_is_room_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with village(tmp_path) as place:
            fill(tmp_path / "relay")
            texts = await send(place, "full")
            await place.devices["ada"].hear(f"cause {texts[0]} relay.store_full")  # others may wait behind it, untried
            assert not {f"shown {text}" for text in texts} & set(place.devices["bea"].said)
            make_room(tmp_path / "relay")
            await all_shown_once(place, texts)
            await exchange(place, "after")

    with small_disk(tmp_path / "relay", size_bytes=RELAY_BYTES):
        asyncio.run(run())


def test_a_full_device_refuses_before_it_promises_and_promises_when_there_is_room_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with village(tmp_path) as place:
            fill(tmp_path / "ada")
            texts = await send(place, "full")
            told = await refused(place.devices["ada"])
            assert "StoreFullError" in told
            assert "no space is left" in told
            make_room(tmp_path / "ada")
            await all_shown_once(place, texts)
            await exchange(place, "after")

    with small_disk(tmp_path / "ada", size_bytes=DEVICE_BYTES):
        asyncio.run(run())


def test_a_full_device_confirms_nothing_it_could_not_keep(tmp_path: Path) -> None:
    async def run() -> None:
        async with village(tmp_path) as place:
            fill(tmp_path / "bea")
            await send(place, "own", sender="bea", padding=LONG)
            await refused(place.devices["bea"])
            texts = await send(place, "full")
            for text in texts:
                await place.devices["ada"].hear(f"saved {text}")
            assert confirmed(place) <= set(place.arrived("bea"))
            make_room(tmp_path / "bea")
            await all_shown_once(place, texts)
            await exchange(place, "after")

    with small_disk(tmp_path / "bea", size_bytes=DEVICE_BYTES):
        asyncio.run(run())


# ---- read-only -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["relay", "ada"])
def test_on_a_read_only_disk_nothing_starts_and_it_says_so(who: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with village(tmp_path) as place:
            target = place.relay if who == "relay" else place.devices[who]
            await target.stop()
            set_read_only(tmp_path / who, on=True)
            said = await refused_start(target)
            assert "StorageError" in said
            assert "Read-only file system" in said
            set_read_only(tmp_path / who, on=False)
            await target.start()
            await exchange(place, "after")

    with small_disk(tmp_path / who, size_bytes=RELAY_BYTES):
        asyncio.run(run())


def test_a_relay_whose_disk_becomes_read_only_accepts_nothing_until_it_can_keep_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with village(tmp_path, refusing="relay") as place:
            assert isinstance(place.relay, Refusing)
            place.relay.flag.touch()
            texts = await send(place, "read-only")
            await place.devices["ada"].hear(f"cause {texts[0]} relay.faulty")
            assert not {f"shown {text}" for text in texts} & set(place.devices["bea"].said)
            place.relay.flag.unlink()
            await all_shown_once(place, texts)

    asyncio.run(run())


@pytest.mark.parametrize("who", PEOPLE)
def test_a_device_whose_disk_becomes_read_only_promises_and_confirms_nothing_until_it_can(
    who: str, tmp_path: Path
) -> None:
    async def run() -> None:
        async with village(tmp_path, refusing=who) as place:
            target = place.devices[who]
            assert isinstance(target, Refusing)
            target.flag.touch()
            texts = await send(place, "read-only")
            if who == "bea":
                await send(place, "own", sender="bea")
            told = await refused(target)
            assert "journal.db" in told
            assert confirmed(place) <= set(place.arrived("bea"))
            target.flag.unlink()
            await all_shown_once(place, texts)

    asyncio.run(run())
