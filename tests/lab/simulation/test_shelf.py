"""Proves that simulated pieces travel by the relay's own rules, and that what harms them is noticed."""

import asyncio
from pathlib import Path

import pytest

from answerback.lab.simulation.town import Town
from answerback.lab.simulation.villager import Villager
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError
from answerback.model.ids import BlobId
from answerback.transport.failures import Deferred, TokenStale, Unreachable
from tests.lab.simulation.stage import in_town

BLOB = BlobId(b"b" * 16)
CONTENT = bytes(range(256)) * 128


async def upload(who: Villager) -> int:
    assert who.agent is not None
    token = who.agent.engine.machines.token
    return await who.way.upload_piece(BLOB, CONTENT, offset=0, total_bytes=len(CONTENT), token=token)


async def download(who: Villager, *, end: int = len(CONTENT)) -> bytes:
    assert who.agent is not None
    token = who.agent.engine.machines.token
    return b"".join([part async for part in who.way.download_range(BLOB, start=0, end=end, token=token)])


def test_a_blob_arrives_and_one_that_the_disk_changed_is_missing(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author, reader = town.villagers[0], town.villagers[-1]
        assert await upload(author) == len(CONTENT)
        assert await upload(author) == len(CONTENT)  # it is there already, and says so
        assert await download(reader) == CONTENT
        with pytest.raises(RefusedError) as refused:
            await reader.way.download_range(
                BLOB, start=len(CONTENT), end=len(CONTENT) + 1, token=_token(reader)
            ).__anext__()
        assert refused.value.cause is Cause.RELAY_INCOMPATIBLE
        (name,) = town.office.objects.content
        town.office.objects.content[name] = bytes(len(CONTENT))
        with pytest.raises(RefusedError) as gone:
            await download(reader)
        assert gone.value.cause is Cause.MESSAGE_FILE_MISSING
        assert town.office.objects.content == {}

    in_town(tmp_path, work)


def test_what_goes_wrong_on_the_way_is_what_http_would_say(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author = town.villagers[0]
        for where in ("request", "answer"):
            author.way.breaks.append(where)
            with pytest.raises(Unreachable):
                await upload(author)
        town.office.objects.content.clear()
        town.office.crash()
        with pytest.raises(Unreachable):
            await upload(author)
        town.office.start()
        with pytest.raises(TokenStale):
            await upload(author)
        await asyncio.sleep(30)
        town.office.objects.is_full = True
        with pytest.raises(Deferred):
            await author.way.upload_piece(BlobId(b"c" * 16), CONTENT, offset=0, total_bytes=9**6, token=_token(author))

    in_town(tmp_path, work)


def _token(who: Villager) -> bytes:
    assert who.agent is not None
    return who.agent.engine.machines.token
