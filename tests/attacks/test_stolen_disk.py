"""Proves what a copied folder, a log and a printed object do not tell: what people wrote, to whom, with which keys."""

import asyncio
import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.device.client import Client
from answerback.device.home import open_journal
from answerback.storage.vault import open_key
from tests.device.relays import Town, town

TEXT, NAME, INSIDE = "CANARY-in-a-text", "CANARY-in-a-name.txt", b"CANARY-in-a-file" * 4096
CANARY = b"CANARY"
RECEIVED = "received"


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


async def talk(place: Town, tmp_path: Path) -> None:
    """Ann writes and sends a file; Ben was away and answers. The folders are looked at while both are open, too."""
    ann, ben = await place.person("ann"), await place.person("ben")
    secret_file = tmp_path / "outside" / NAME
    secret_file.parent.mkdir()
    secret_file.write_bytes(INSIDE)
    async with Client.open(ben):
        await asyncio.sleep(0)
    async with Client.open(ann) as writes:
        sent = await writes.send("ben@example.org", text=TEXT, file=secret_file)
        assert leaking(tmp_path / "ann") == []
        async with Client.open(ben) as reads:
            await sent.delivered(timeout_s=60)
            await (await reads.send("ann@example.org", text=TEXT)).delivered(timeout_s=60)
            assert leaking(tmp_path / "ann") == leaking(tmp_path / "ben") == []


def leaking(folder: Path) -> list[str]:
    """Files with a canary in them or in their name, but for received files, which lie open by design."""
    return [
        path.name
        for path in files(folder)
        if RECEIVED not in path.relative_to(folder).parts and (CANARY in path.read_bytes() or "CANARY" in path.name)
    ]


def test_neither_folders_nor_logs_hold_what_people_wrote_or_any_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with town(tmp_path) as place:
            await talk(place, tmp_path)

    asyncio.run(story())
    said = caplog.text
    for name in ("ann", "ben"):
        folder = tmp_path / name
        assert leaking(folder) == []
        journal = open_journal(folder)
        identity = journal.identity()
        assert identity is not None
        secrets = [identity.root_seed or b"", identity.pickle_key, open_key(folder)]
        secrets += [kept.secret for kept in journal.load().seal_secrets]
        journal.close()
        for secret in secrets:
            assert secret.hex() not in said
            assert repr(secret) not in said
            kept_in = [path.name for path in files(folder) if secret in path.read_bytes()]
            assert kept_in == [], "a key lies on the disk in the clear"
        assert repr(identity.pickle_key) not in repr(identity)
        assert all(not stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files(folder))
        assert not stat.S_IMODE(folder.stat().st_mode) & 0o077
    assert "CANARY" not in said
    assert leaking(tmp_path / "relay") == []
    assert "ann@example.org" not in said


def test_nothing_an_agent_holds_shows_texts_handles_or_keys_when_it_is_printed(tmp_path: Path) -> None:
    async def story() -> str:
        async with town(tmp_path) as place:
            ann = await place.person("ann")
            async with Client.open(ann) as client:
                sent = await client.send("ben@example.org", text=TEXT)
                engine = client.agent.engine
                draft = engine._departure.drafts.get(sent.id)
                everything = (engine.machines, engine._departure, draft, client.identity, client.journal.load())
                return repr(everything)

    shown = asyncio.run(story())
    identity_journal = open_journal(tmp_path / "ann")
    identity = identity_journal.identity()
    memory = identity_journal.load()
    identity_journal.close()
    assert identity is not None
    for secret in (identity.root_seed, identity.pickle_key, *(kept.secret for kept in memory.seal_secrets)):
        assert repr(secret) not in shown
    assert "CANARY" not in shown
    assert "ben@example.org" not in shown
