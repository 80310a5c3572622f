"""Proves that the local interface takes only what can be done with a handle."""

import asyncio
import types
from pathlib import Path

import msgspec
import pytest

from answerback.faces.local_handles import HandleRoom
from answerback.model.errors import UsageError
from tests.device.test_client import offline


def asking(body: bytes) -> types.SimpleNamespace:
    async def read() -> bytes:
        return body

    return types.SimpleNamespace(path="/v1/handles", read=read)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"do": "sell", "handle": "a@b.c"}', b'{"do": "add", "handle": "no"}'])
def test_nonsense_is_refused_before_the_relay_is_asked(tmp_path: Path, body: bytes) -> None:
    with offline(tmp_path) as client, pytest.raises(UsageError):
        asyncio.run(HandleRoom(client).change(asking(body)))  # type: ignore[arg-type]


def test_a_region_is_kept_without_a_connection(tmp_path: Path) -> None:
    with offline(tmp_path) as client:
        said = asyncio.run(HandleRoom(client).change(asking(b'{"do": "region", "handle": "br"}')))  # type: ignore[arg-type]
        assert isinstance(said.body, bytes)
        assert msgspec.json.decode(said.body) == {"handles": [], "region": "BR"}
