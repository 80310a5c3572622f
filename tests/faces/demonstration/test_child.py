"""Proves that a child says when it is ready, can be killed and stopped, and that one that cannot start is told of."""

import asyncio
import os
from pathlib import Path

import pytest

from answerback.faces.demonstration.child import Child
from answerback.model.errors import StorageError


def test_a_child_is_started_killed_started_again_and_stopped(tmp_path: Path) -> None:
    async def story() -> None:
        child = Child("serve", "--data", str(tmp_path), "--port", "0", "--json")
        assert not child.alive
        port = (await child.start())["port"]
        assert port
        pid = child.pid
        assert pid
        await child.kill()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        again = Child("serve", "--data", str(tmp_path), "--port", str(port), "--json")
        assert (await again.start())["port"] == port
        assert again.pid != pid
        await again.stop()
        await again.ended()
        assert not again.alive
        await child.stop()

    asyncio.run(story())


def test_a_command_that_ends_at_once_is_an_error() -> None:
    async def story() -> None:
        child = Child("version")
        with pytest.raises(StorageError, match="ended before it was ready"):
            await child.start()
        await child.stop()

    asyncio.run(story())
