"""The relay on real sockets and a real disk: what it acknowledged survives its death."""

import asyncio
import contextlib
import logging
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import EnvelopeId
from answerback.relay.app import STORE_FILE, RelayNode
from answerback.storage.database import open_database
from answerback.wire.codec import encode, resume_header
from answerback.wire.frames import (
    FRAME_BYTES_MAX,
    Accepted,
    Challenge,
    Farewell,
    Ping,
    Pong,
    Submit,
    Welcome,
)
from tests.relay.client import at_home, connected
from tests.relay.residents import Resident, envelope, move_in

ROOT = Path(__file__).resolve().parents[2]
KILLS = 15


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(story)


@contextlib.asynccontextmanager
async def relay(folder: Path, people: list[Resident]) -> AsyncIterator[RelayNode]:
    node = RelayNode(folder)
    await node.start("127.0.0.1", 0)
    await node.group.call(lambda: move_in(node.database, people))
    try:
        yield node
    finally:
        await node.stop()


def test_a_message_goes_from_one_device_to_another(tmp_path: Path, people: list[Resident]) -> None:
    async def story() -> None:
        async with (
            relay(tmp_path, people) as node,
            at_home(node.port, people[0]) as ann,
            at_home(node.port, people[1]) as ben,
        ):
            letter = envelope(people[1], "hello")
            await ann.say(Submit([letter]))
            accepted = await ann.hear_a(Accepted)
            assert [(entry.id, entry.away_s) for entry in accepted.entries] == [(letter.id, 0)]
            (delivered,) = await ben.take(1)
            assert [entry.sealed for entry in delivered.entries] == [letter.sealed]

    run(story())


def test_a_stopping_relay_answers_what_it_was_given_and_says_farewell(tmp_path: Path, people: list[Resident]) -> None:
    async def story() -> None:
        node = RelayNode(tmp_path)
        await node.start("127.0.0.1", 0)
        await node.group.call(lambda: move_in(node.database, people))
        async with at_home(node.port, people[0]) as ann:
            assert ann.welcome is not None
            assert node.device_of_token(ann.welcome.token) == people[0].device
            await ann.say(Submit([envelope(people[1], "last words")]))
            await ann.say(Ping(1))
            await ann.hear_a(Pong)  # so the submission before it has been read
            stopping = asyncio.create_task(node.stop())
            heard = [await ann.hear(), await ann.hear()]
            assert [type(frame) for frame in heard] == [Accepted, Farewell]
            assert isinstance(heard[1], Farewell)
            assert heard[1].cause == Cause.RELAY_STOPPING.value
            assert await ann.hear() is None
            await stopping

    run(story())


@pytest.mark.parametrize(
    "data", [b"gibberish", encode(["Hello", 1]), encode(["Nonsense"]), b"", encode(["Took", [[9, 1]]])]
)
def test_what_is_no_frame_ends_the_connection_with_a_reason(
    tmp_path: Path, people: list[Resident], data: bytes
) -> None:
    async def story() -> None:
        async with relay(tmp_path, people) as node, at_home(node.port, people[0]) as ann:
            await ann.websocket.send_bytes(data)
            assert (await ann.hear_a(Farewell)).cause == Cause.RELAY_INCOMPATIBLE.value
            assert await ann.hear() is None

    run(story())


def test_text_and_frames_that_are_too_large_end_the_connection(tmp_path: Path, people: list[Resident]) -> None:
    async def story() -> None:
        async with relay(tmp_path, people) as node:
            async with connected(node.port) as client:
                await client.websocket.send_str("hello")
                await client.hear_a(Challenge)
                assert (await client.hear_a(Farewell)).cause == Cause.RELAY_INCOMPATIBLE.value
            async with at_home(node.port, people[0]) as ann:
                await ann.websocket.send_bytes(bytes(FRAME_BYTES_MAX + 1))
                assert await ann.hear() is None

    run(story())


def test_neither_log_nor_metrics_show_content_tokens_or_whole_ids(
    tmp_path: Path, people: list[Resident], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with (
            relay(tmp_path, people) as node,
            at_home(node.port, people[0]) as ann,
            at_home(node.port, people[1]) as ben,
        ):
            await ann.say(Submit([envelope(people[1], "CANARY")]))
            await ben.take(1)
            await ann.hear_a(Accepted)
            assert ann.welcome is not None
            numbers = generate_latest(node.metrics.registry).decode()
            assert "answerback_envelopes_accepted_total 1.0" in numbers
            assert "answerback_envelopes_delivered_total 1.0" in numbers
            said = caplog.text + numbers
            for secret in ("CANARY", ann.welcome.token.hex(), repr(ann.welcome.token), people[0].device.hex()):
                assert secret not in said

    run(story())
    assert "opened" in caplog.text


async def spawned(folder: Path) -> tuple[asyncio.subprocess.Process, int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.relay.running",
        str(folder),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return process, int(await process.stdout.readline())


async def submit_until_killed(
    folder: Path, people: list[Resident], letters: list[Envelope], *, kill_after: int
) -> list[EnvelopeId]:
    """Submit letters one frame each, kill the relay after so many acknowledgements, give what was acknowledged."""
    process, port = await spawned(folder)
    accepted: list[EnvelopeId] = []
    async with at_home(port, people[0]) as ann:
        assert isinstance(ann.welcome, Welcome)

        async def submit() -> None:
            with contextlib.suppress(ConnectionError):
                for letter in letters:
                    await ann.say(Submit([letter]))

        submitting = asyncio.create_task(submit())
        while (frame := await ann.hear()) is not None:
            if isinstance(frame, Accepted):
                accepted += [entry.id for entry in frame.entries]
            if len(accepted) >= kill_after and process.returncode is None:
                process.kill()
                await process.wait()
        await submitting
    return accepted


def test_what_was_acknowledged_survives_kill_9_once(tmp_path: Path, people: list[Resident]) -> None:
    chance = random.Random(11)
    db = open_database(tmp_path / STORE_FILE, schema="relay")
    move_in(db, people)
    db.close()

    async def story() -> None:
        accepted: list[EnvelopeId] = []
        sealed: dict[EnvelopeId, bytes] = {}
        for kill in range(KILLS):
            letters = [envelope(people[1], f"{kill}.{i}", size_bytes=1_700) for i in range(300)]
            sealed |= {letter.id: letter.sealed for letter in letters}
            accepted += await submit_until_killed(tmp_path, people, letters, kill_after=chance.randrange(1, 250))
            assert len(accepted) == len(set(accepted))
        async with relay(tmp_path, []) as node, at_home(node.port, people[1]) as ben:
            assert ben.welcome is not None
            delivered = await ben.take(ben.welcome.waiting)
            found = [entry.sealed for frame in delivered for entry in frame.entries]
        assert len(found) == len(set(found)), "nothing is there twice"
        assert {sealed[identity] for identity in accepted} <= set(found), "everything acknowledged is there"
        assert [entry.position for frame in delivered for entry in frame.entries] == sorted(
            entry.position for frame in delivered for entry in frame.entries
        )
        assert len(accepted) >= KILLS

    run(story())


def test_a_backlog_is_delivered_after_a_restart_in_order(tmp_path: Path, people: list[Resident]) -> None:
    letters = [envelope(people[1], f"{i}", size_bytes=3_000) for i in range(1_000)]

    async def story() -> None:
        async with relay(tmp_path, people) as node, at_home(node.port, people[0]) as ann:
            for start in range(0, 1_000, 100):
                await ann.say(Submit(letters[start : start + 100]))
            count = 0
            while count < 1_000:
                count += len((await ann.hear_a(Accepted)).entries)
        async with relay(tmp_path, []) as node, at_home(node.port, people[1]) as ben:
            found = [entry.sealed for frame in await ben.take(1_000) for entry in frame.entries]
            assert found == [letter.sealed for letter in letters]
            await ben.say(Ping(1))
            assert (await ben.hear_a(Pong)).echo == 1

    run(story())


def test_a_ticket_brings_a_device_in_with_the_request_itself_also_after_a_restart(
    tmp_path: Path, people: list[Resident]
) -> None:
    ann = people[0]

    async def story() -> None:
        async with relay(tmp_path, people) as node, at_home(node.port, ann) as first:
            assert first.welcome is not None
            ticket = first.welcome.ticket
            shown = resume_header(ann.resume(ticket, life=1, clock_ms=first.welcome.clock_ms))
            async with connected(node.port, shown=shown) as second:
                assert isinstance(await second.hear(), Welcome), "before anything else is said"
            async with connected(node.port, shown=shown) as repeated:
                assert isinstance(await repeated.hear(), Challenge)
        node = RelayNode(tmp_path)
        await node.start("127.0.0.1", 0)
        shown = resume_header(ann.resume(ticket, life=2, clock_ms=first.welcome.clock_ms))
        async with connected(node.port, shown=shown) as third:
            assert isinstance(await third.hear(), Welcome)
        await node.stop()

    run(story())


@pytest.mark.parametrize("shown", ["nonsense", "!", "A" * 2_000])
def test_a_ticket_that_cannot_be_read_counts_as_none(tmp_path: Path, people: list[Resident], shown: str) -> None:
    async def story() -> None:
        async with relay(tmp_path, people) as node, connected(node.port, shown=shown) as client:
            assert isinstance(await client.hear(), Challenge)

    run(story())
