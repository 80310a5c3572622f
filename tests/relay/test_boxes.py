"""Proves that two devices meet in a box, that the first word counts, and that boxes cannot fill the relay."""

import asyncio
import secrets
from pathlib import Path

import pytest

from answerback.relay import boxes
from answerback.relay.boxes import BOX_LIFETIME_S, WAITING_PER_ADDRESS_MAX, Boxes
from answerback.relay.http import Refusal
from answerback.wire.requests import BOX_BYTES_MAX
from tests.relay.standing import standing

BOX = b"b" * 16


def test_the_first_write_wins_and_the_same_again_is_no_error() -> None:
    held = Boxes()
    assert held.put(BOX, 0, b"one", now_s=0)
    assert not held.put(BOX, 0, b"one", now_s=1)
    with pytest.raises(Refusal) as refused:
        held.put(BOX, 0, b"other", now_s=2)
    assert refused.value.status == 409
    assert held.get(BOX, 0, now_s=3) == b"one"


def test_a_box_lives_ten_minutes_from_its_first_write() -> None:
    held = Boxes()
    held.put(BOX, 0, b"one", now_s=0)
    held.put(BOX, 1, b"two", now_s=BOX_LIFETIME_S - 1)
    assert held.get(BOX, 1, now_s=BOX_LIFETIME_S - 0.1) == b"two"
    assert held.get(BOX, 1, now_s=BOX_LIFETIME_S) is None
    assert held.put(BOX, 0, b"anew", now_s=BOX_LIFETIME_S)


def test_the_number_of_boxes_is_bounded_and_room_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "BOXES_MAX", 2)
    held = Boxes()
    for name in (b"1", b"2"):
        held.put(name * 16, 0, b"x", now_s=0)
    with pytest.raises(Refusal) as refused:
        held.put(b"3" * 16, 0, b"x", now_s=1)
    assert refused.value.status == 503
    assert held.put(b"1" * 16, 1, b"y", now_s=1), "a linking that has begun goes on"
    assert held.put(b"3" * 16, 0, b"x", now_s=BOX_LIFETIME_S)


def test_whoever_waits_gets_the_slot_as_soon_as_it_is_filled(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            path = f"{relay.url}/v1/boxes/{secrets.token_hex(16)}/1"

            async def look() -> tuple[int, bytes]:
                async with relay.web.get(path, params={"wait_s": 25}) as response:
                    return response.status, await response.read()

            async with relay.web.get(path) as response:
                assert response.status == 204
            waiting = [asyncio.create_task(look()) for _ in range(3)]
            async with asyncio.timeout(10):
                while relay.side.boxes.waiting_count < 3:  # noqa: ASYNC110  # the relay needs no event for it
                    await asyncio.sleep(0.01)
                async with relay.web.put(path, data=b"sealed") as response:
                    assert response.status == 201
                assert await asyncio.gather(*waiting) == [(200, b"sealed")] * 3
            async with relay.web.put(path, data=b"sealed") as response:
                assert response.status == 200
            async with relay.web.put(path, data=b"forged") as response:
                assert response.status == 409

    asyncio.run(run())


def test_whoever_waited_and_is_gone_keeps_nobody_from_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "LOOK_S", 0.05)

    async def run() -> None:
        async with standing(tmp_path) as relay:
            path = f"{relay.url}/v1/boxes/{secrets.token_hex(16)}/1"

            async def look() -> None:
                async with relay.web.get(path, params={"wait_s": 25}):
                    pass

            waiting = [asyncio.create_task(look()) for _ in range(WAITING_PER_ADDRESS_MAX)]
            async with asyncio.timeout(10):
                while relay.side.boxes.waiting_count < WAITING_PER_ADDRESS_MAX:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)
                async with relay.web.get(path, params={"wait_s": 25}) as response:
                    assert response.status == 503, "there are too many"
                for task in waiting:
                    task.cancel()
                while relay.side.boxes.waiting_count:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.01)

    asyncio.run(run())


@pytest.mark.parametrize("path", ["..%2f..%2fetc/0", "A" * 32 + "/0", "ab/0", "0" * 32 + "/4", "0" * 32 + "/-1"])
def test_a_box_of_another_shape_is_no_box(tmp_path: Path, path: str) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay, relay.web.put(f"{relay.url}/v1/boxes/{path}", data=b"x") as response:
            assert response.status == 404
            assert (await response.json())["cause"] == "message.file_missing"

    asyncio.run(run())


def test_a_box_takes_nothing_large_and_an_address_few_boxes(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            statuses = []
            for _ in range(9):
                path = f"{relay.url}/v1/boxes/{secrets.token_hex(16)}/0"
                async with relay.web.put(path, data=b"x") as response:
                    statuses.append(response.status)
            assert statuses == [201] * 8 + [429]

    async def large() -> None:
        async with standing(tmp_path / "other") as relay:
            path = f"{relay.url}/v1/boxes/{secrets.token_hex(16)}/0"
            async with relay.web.put(path, data=bytes(BOX_BYTES_MAX + 1)) as response:
                assert response.status == 413

    asyncio.run(run())
    asyncio.run(large())


def test_an_odd_wait_is_refused_and_a_long_one_shortened(tmp_path: Path) -> None:
    async def run() -> None:
        async with standing(tmp_path) as relay:
            for text in ("-1", "1.5", "nan", "９", "999"):
                async with relay.web.get(f"{relay.url}/v1/boxes/{'0' * 32}/0", params={"wait_s": text}) as response:
                    assert response.status == 400

    asyncio.run(run())
