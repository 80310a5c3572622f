"""Damages a page under a relay or a device that has stopped, has it found and repaired, and lets everybody go on.

The damage hits one table at its root, which takes all of it, or one page drawn by lot. Then the product must refuse to
start, naming the file; `answerback repair` must save the rest; and the conversation must go on with nothing lost that
anybody else still has.
"""

import asyncio
import json
import sys
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from answerback.device.home import open_history
from answerback.relay.app import STORE_FILE
from answerback.storage.database import Database, open_database
from answerback.storage.durable import make_private_folder
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.vault import open_key
from tests.durability.power import PEOPLE
from tests.journey.processes import DAWDLE_S_MAX, Process, Town, town
from tests.storage.damage import PAGE_BYTES, pages, spoil

BEFORE, WAITING = 6, 6
"""Messages each way before the damage, and such as wait while the victim is away."""
LOTS_FROM_PAGE = 8
"""The first pages say what is in the file: without them nothing can be read, and that is another test."""
LOG = "log"
"""Not a table: the write-ahead log. Damage there ends it early, which nobody can see by the file alone."""
LOTS = 4
TABLES = {
    "relay": "envelope device mailbox device_list prekey handles store_name envelope_by_mailbox".split(),
    "reader": (
        "messages ratchets seen cursors relay streams seal_secrets device_lists seal_keys contacts copies sealed "
        "outgoing steps own_lists"
    ).split(),
    "sender": (
        "messages ratchets seen cursors relay streams seal_secrets device_lists seal_keys contacts copies sealed "
        "outgoing steps own_lists"
    ).split(),
}
"""What is damaged in the long version, at its root; beside it so many pages drawn by lot."""


@dataclass
class Outcome:
    """What became of the file and of the conversation."""

    victim: str
    where: str
    named: bool = False
    """Whether the start was refused with the file's name and the command that helps."""
    torn: dict[str, int | None] = field(default_factory=dict)
    promised: int = 0
    """Messages that wait for somebody to get them, and those sent afterwards."""
    lost: int = 0
    duplicated: int = 0
    unfinished: int = 0
    """Promises that the repair said it cannot keep."""


async def damage_and_count(folder: Path, *, victim: str, where: str, patience_s: float = DAWDLE_S_MAX) -> Outcome:
    """Damage one file between two lives and count what came of it."""
    outcome = Outcome(victim, where)
    make_private_folder(folder)
    async with town(folder) as place:
        for name in PEOPLE:
            await place.person(name)
            place.devices[name] = Process(["tests.durability.device_child", str(folder / name)])
            await place.devices[name].start()
        ada, bea = (place.devices[name] for name in PEOPLE)
        await _talk(ada, bea, "before", BEFORE)
        target, path = {
            "relay": (place.relay, folder / "relay" / STORE_FILE),
            "reader": (bea, folder / PEOPLE[1] / JOURNAL_FILE),
            "sender": (ada, folder / PEOPLE[0] / JOURNAL_FILE),
        }[victim]
        await _let_wait(place, victim)
        if where == LOG:
            await target.kill()
            _damage_log(path)
        else:
            await target.stop()
            _damage(path, where)
            outcome.named = await _is_named(target, path)
            told = await _repair(path.parent, is_relay=victim == "relay")
            outcome.torn, outcome.unfinished = told["torn"], len(told["unfinished"])
        await target.start()
        if victim != "reader":
            await bea.start()
        await _talk(ada, bea, "after", BEFORE)
        await _count(place, outcome, patience_s)
    return outcome


async def _talk(ada: Process, bea: Process, word: str, count: int) -> None:
    for sender, other, mark in ((ada, PEOPLE[1], "a"), (bea, PEOPLE[0], "b")):
        for number in range(count):
            await sender.tell(f"send {other}@example.org {word}-{mark}{number}")
    for receiver, mark in ((bea, "a"), (ada, "b")):
        for number in range(count):
            await receiver.hear(f"shown {word}-{mark}{number}")


async def _let_wait(place: Town, victim: str) -> None:
    """Have mail wait: at the relay for the reader, or, if it is the sender's turn, on the sender's disk."""
    ada, bea = (place.devices[name] for name in PEOPLE)
    if victim == "sender":
        await place.relay.stop()
    await bea.stop()
    for number in range(WAITING):
        await ada.tell(f"send bea@example.org waiting-a{number}")
        await ada.hear(f"saved waiting-a{number}")
    if victim == "sender":
        await ada.stop()
        await place.relay.start()
        return
    async with asyncio.timeout(DAWDLE_S_MAX):
        while not _are_accepted(place):  # noqa: ASYNC110 - others write it
            await asyncio.sleep(0.1)


def _are_accepted(place: Town) -> bool:
    with closing(open_history(place.folder / PEOPLE[0])) as history:
        copies = {copy.message: copy.stage for copy in history.load().copies}
        letters = [promise for promise in history.load().outgoing if promise.answered]
        return len(letters) >= WAITING and all(copies.get(letter.id, 0) >= 4 for letter in letters)


def _damage(path: Path, where: str) -> None:
    key = None if path.name == STORE_FILE else open_key(path.parent)
    if where.startswith("lot"):
        page = Random(where).randrange(LOTS_FROM_PAGE, pages(path))
    else:
        with closing(open_database(path, schema="relay" if key is None else "journal", key=key)) as database:
            page = _root(database, where)
    spoil(path, page)


def _damage_log(path: Path) -> None:
    """Spoil the log of a killed process: all commits from there on are as if never made.

    A device's at its beginning; a relay's, which holds everything since it began, towards its end.
    """
    log = path.with_name(path.name + "-wal")
    assert log.stat().st_size > 2 * PAGE_BYTES
    spoil(log, pages(log) * 4 // 5 if path.name == STORE_FILE else 1, offset=PAGE_BYTES // 2)


def _root(database: Database, name: str) -> int:
    found = database.row("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,))
    assert found is not None
    return int(found[0]) - 1


async def _is_named(target: Process, path: Path) -> bool:
    """Start it, as somebody would who knows nothing yet."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *target.words), stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(DAWDLE_S_MAX):
        _, said = await process.communicate()
    return process.returncode != 0 and all(
        word in said.decode() for word in ("StoreCorruptError", str(path), "answerback repair")
    )


async def _repair(folder: Path, *, is_relay: bool) -> dict[str, Any]:
    where = ["repair", "--data", str(folder)] if is_relay else ["--home", str(folder), "repair"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "answerback", *where, "--json"), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    told = json.loads(said)
    assert isinstance(told, dict)
    return told


async def _count(place: Town, outcome: Outcome, patience_s: float) -> None:
    bea = place.devices[PEOPLE[1]]
    due = {f"waiting-a{number}" for number in range(WAITING)} | {f"after-a{number}" for number in range(BEFORE)}
    with suppress(TimeoutError):  # counted below
        async with asyncio.timeout(patience_s):
            for text in due:
                await bea.hear(f"shown {text}")
    arrived = Counter(place.arrived(PEOPLE[1]))
    outcome.promised = len(due)
    outcome.lost = len(due - set(arrived))
    outcome.duplicated = sum(count - 1 for count in arrived.values())
