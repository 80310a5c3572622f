"""Opens what power cuts at any moment of one recorded life may have left, and looks for all that had been acknowledged.

    python -m tests.durability images --count 500

One relay and two devices live under the recorder, and one life gives any number of cuts: each is opened by the
product's own code. What counts as acknowledged at a moment is what somebody outside had been told before it.
"""

import asyncio
import copy
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from answerback.device.client import Client
from answerback.device.home import open_journal
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.relay.app import STORE_FILE
from answerback.storage.database import open_database
from answerback.storage.relay_store import RelayStore
from answerback.wire.frames import Accepted, Deliver, Submit, Taken, Took
from tests.durability.habits import SYNCHRONOUS_VARIABLE
from tests.durability.images import UNWATCHED, Disk, put_down
from tests.durability.power import FILE_BYTES, PEOPLE, Recorded, picture_in, recorded_town
from tests.durability.recorder import Entry, Kind, read_record, recorded
from tests.journey.processes import DAWDLE_S_MAX
from tests.relay.client import Client as Visitor
from tests.relay.client import at_home
from tests.relay.residents import envelope, move_in, residents

BATCH = 20
SEALED_BYTES = 900
_NEVER_NS = 1 << 63


@dataclass
class Tally:
    """What was found in the images of one life."""

    whose: str
    images: int = 0
    at_risk: int = 0
    """Images of moments at which something waited for its sync."""
    acknowledged: int = 0
    """Looked for, over all images."""
    lost: int = 0
    doubled: int = 0
    damaged: int = 0
    """Images that did not open, or whose check found fault."""
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Told:
    """Something somebody outside was told, and when."""

    when_ns: int
    word: str
    text: str


@dataclass
class Life:
    """The record of one process, and where its folder began."""

    whose: str
    disk: Disk
    entries: list[Entry]
    folder: Path
    """How its folder was in the end."""

    def adds_up(self) -> bool:
        """Whether the record, played to its end, gives the folder as it really is: nothing went by unseen."""
        found = {
            path.relative_to(self.folder).as_posix(): path.read_bytes() if path.is_file() else None
            for path in self.folder.rglob("*")
            if not path.name.endswith(UNWATCHED)
        }
        disk = copy.deepcopy(self.disk)
        for entry in self.entries:
            disk.learn(entry)
        return disk.whole() == found

    def moments(self, count: int, chance: Random) -> Iterator[tuple[int, dict[str, bytes | None], int]]:
        """Power cuts at some moments: when, what was left, how much was waiting for a sync."""
        chosen = Counter(chance.randint(0, len(self.entries)) for _ in range(count))
        for at in range(len(self.entries) + 1):
            when_ns = self.entries[at].when_ns if at < len(self.entries) else _NEVER_NS
            for _ in range(chosen[at]):
                yield when_ns, self.disk.cut(chance), self.disk.waiting
            if at < len(self.entries):
                self.disk.learn(self.entries[at])


def said(entries: Sequence[Entry]) -> list[Told]:
    """What a device said aloud, from its own record: in exactly this place."""
    found = []
    for entry in entries:
        if entry.kind is Kind.SAID:
            for line in filter(None, entry.data.decode().splitlines()):
                word, _, text = line.partition(" ")
                found.append(Told(entry.when_ns, word, text))
    return found


def examine(life: Life, scratch: Path, *, count: int, seed: int, look: Callable[[Path, int, Tally], None]) -> Tally:
    """Open so many images of a life and add up what is found."""
    tally = Tally(life.whose)
    for when_ns, image, waiting in life.moments(count, Random(seed)):
        folder = scratch / "image"
        shutil.rmtree(folder, ignore_errors=True)
        put_down(image, folder)
        tally.images += 1
        tally.at_risk += waiting > 0
        try:
            look(folder, when_ns, tally)
        except Exception as error:  # noqa: BLE001 - whatever a cut makes of the product is what is asked here
            tally.damaged += 1
            tally.faults.append(f"{type(error).__name__}: {error}")
    return tally


# ---- a relay -------------------------------------------------------------------------------------------------------


@dataclass
class Mail:
    """What the outside knows of a relay's mail."""

    accepted_ns: dict[EnvelopeId, int] = field(default_factory=dict)
    taken_ns: dict[EnvelopeId, int] = field(default_factory=dict)

    def look(self, folder: Path, when_ns: int, tally: Tally) -> None:
        """Find what had been accepted and not taken."""
        with closing(open_database(folder / STORE_FILE, schema="relay")) as database:
            RelayStore(database, new_name=bytes(16))
            database.check()
            assert database.rows("PRAGMA integrity_check") == [("ok",)]
            held = Counter(row[0] for row in database.rows("SELECT id FROM envelope"))
        due = {each for each, at_ns in self.accepted_ns.items() if at_ns < when_ns}
        due -= {each for each, at_ns in self.taken_ns.items() if at_ns < when_ns}
        tally.acknowledged += len(due)
        tally.lost += len(due - set(held))
        tally.doubled += sum(count - 1 for count in held.values())


async def relay_life(
    folder: Path, *, batches: int, keeps_promises: bool = True, synchronous: str = ""
) -> tuple[Life, Mail]:
    """A relay that takes mail as fast as it comes, half of which is fetched."""
    ann, ben = residents(2)
    home, log, mail = folder / "relay", folder / "relay.log", Mail()
    with closing(open_database(home / STORE_FILE, schema="relay")) as database:
        move_in(database, [ann, ben])
    disk = Disk.of(home, keeps_promises=keeps_promises)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.durability.relay_child", str(home)),
        env=recorded(home, log) | ({SYNCHRONOUS_VARIABLE: synchronous} if synchronous else {}),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DAWDLE_S_MAX):
        port = int(await process.stdout.readline())
    async with at_home(port, ann) as sender, at_home(port, ben) as reader:
        taking = asyncio.create_task(_take(reader, mail, until=batches * BATCH // 2))
        for batch in range(batches):
            sent = [envelope(ben, f"{batch}-{number}", size_bytes=SEALED_BYTES) for number in range(BATCH)]
            await sender.say(Submit(sent))
            heard = 0
            while heard < BATCH:
                entries = (await sender.hear_a(Accepted)).entries
                now_ns = time.monotonic_ns()
                mail.accepted_ns |= {entry.id: now_ns for entry in entries}
                heard += len(entries)
        await taking
    process.kill()
    await process.wait()
    return Life("relay", disk, list(read_record(log)), home), mail


async def _take(reader: Visitor, mail: Mail, *, until: int) -> None:
    while len(mail.taken_ns) < until:
        entries = (await reader.hear_a(Deliver)).entries
        now_ns = time.monotonic_ns()
        mail.taken_ns |= {entry.id: now_ns for entry in entries}
        await reader.say(Took([Taken(Lane.NORMAL, entries[-1].position)]))


# ---- two devices ---------------------------------------------------------------------------------------------------


@dataclass
class Words:
    """What a device told a person, and what its confirmations told another device."""

    own: list[Told]
    others: list[Told]

    def look(self, folder: Path, when_ns: int, tally: Tally) -> None:
        """Find what had been promised, shown and confirmed."""
        before = [told for told in self.own if told.when_ns < when_ns]
        saved, shown, answered = (_texts(before, word) for word in ("saved", "shown", "answered"))
        shown |= _texts([told for told in self.others if told.when_ns < when_ns], "answered")
        with closing(open_journal(folder)) as journal:
            client = Client(folder, journal)  # as at a start: ratchets, promises and cursors are read back
            journal.check()
            kept = Counter(item.message.text for item in journal.messages(limit=100_000))
            drafts = {draft.id: draft.text for draft in journal.drafts()}
            waiting = {promise.letter.id for promise in client.agent.engine.machines.outbox} | set(drafts)
            texts = {item.message.text: item.message for item in journal.messages(limit=100_000)}
            for attachment in (message.attachment for message in texts.values() if message.id in waiting):
                if attachment is not None and client.staging.staged_bytes(attachment.blob) != attachment.sealed_bytes:
                    tally.lost += 1
                    tally.faults.append("a staged file is gone though its message waits")
        unkept = {text for text in saved - answered if text in texts and texts[text].id not in waiting}
        missing = (saved | shown) - set(kept) - set(drafts.values())
        tally.acknowledged += len(saved | shown)
        tally.lost += len(missing) + len(unkept - self._ended(before))
        tally.doubled += sum(count - 1 for count in kept.values())
        opened = sum(told.word == "opened" for told in before)
        received = folder / "files" / "received"
        whole = [path for path in received.glob("[!.]*") if path.stat().st_size == FILE_BYTES]
        tally.lost += max(0, opened - len(whole))

    def _ended(self, before: Sequence[Told]) -> set[str]:
        """A promise may be seen to end on the disk a moment before that is said."""
        last_ns = before[-1].when_ns if before else 0
        return _texts([told for told in self.own if told.when_ns >= last_ns], "answered")


def _texts(told: Sequence[Told], word: str) -> set[str]:
    return {each.text for each in told if each.word == word}


async def device_lives(folder: Path, *, messages: int, keeps_promises: bool = True) -> list[tuple[Life, Words]]:
    """Two devices that write to each other, with a file now and then."""
    picture = picture_in(folder)
    async with recorded_town(folder, seed=1, keeps_promises=keeps_promises) as place:
        devices = [device for device in place.devices.values() if isinstance(device, Recorded)]
        for device in devices:
            await device.start()
        for number in range(messages):
            for name, other in (PEOPLE, PEOPLE[::-1]):
                verb, tail = ("send", "") if number % 6 else ("file", f" {picture}")
                await place.devices[name].tell(f"{verb} {other}@example.org {name}{number:04d}{tail}")
                if number % 3 == 0:
                    await place.devices[name].hear(f"saved {name}{number:04d}")
        for name in PEOPLE:
            for number in range(messages):
                await place.devices[name].hear(f"answered {name}{number:04d}")
        for device in devices:
            await device.kill()
        records = [list(read_record(device.log)) for device in devices]
        words = [said(record) for record in records]
        return [
            (Life(name, device.disk, record, device.folder), Words(own, others))
            for name, device, record, own, others in zip(PEOPLE, devices, records, words, words[::-1], strict=True)
        ]
