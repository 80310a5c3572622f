"""Proves that a new device gets the whole history, byte for byte and once, whoever is stopped on the way."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from answerback.core.effects import Arrived
from answerback.core.facts import KeepMessage
from answerback.core.handover import NO_DIGEST, Wanted
from answerback.device.client import Client
from answerback.device.handover import PAGE_BYTES, page_of
from answerback.device.home import open_history
from answerback.model.ids import AccountId, MessageId, conversation_id
from answerback.model.message import TEXT_BYTES_MAX, Message, Urgency
from answerback.model.notes import HistoryState
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage
from answerback.storage.history import ARRIVAL_MAX, History
from answerback.wire.codec import encode
from tests.device.relays import town
from tests.device.test_linking import arrived, link, online
from tests.device.test_own_devices import until

BEA = AccountId(b"b" * 16)


def invent(client: Client, count: int, *, text_bytes: int = 300) -> None:
    """Fill a device's journal with messages of years."""
    own = client.identity
    facts = []
    for number in range(count):
        author, others = (own.account, BEA) if number % 2 else (BEA, own.account)
        message = Message(
            MessageId(number.to_bytes(16, "big")),
            conversation_id(frozenset((own.account, BEA))),
            author,
            own.device,
            frozenset((others,)),
            f"message {number} " + "x" * text_bytes,
            None,
            Urgency.NORMAL,
            Stamp(1_700_000_000_000 + number, 0),
            frozenset(),
            1_800_000_000_000,
        )
        facts.append(KeepMessage(message, 1_700_000_000_000 + number))
    client.journal.commit(facts)


def whole(history: History) -> list[bytes]:
    """Everything there is to read, in the order of arrival, as bytes."""
    kept = history.messages(limit=1_000_000)
    return [
        encode(
            (
                *(item.message.id, item.message.author, item.message.author_device, item.message.text),
                *(sorted(item.message.recipients), item.message.stamp, item.message.expires_ms, item.arrived_wall_ms),
                sorted(item.message.written_after),
                [(step.device, *_plain(step.step)) for step in history.steps(item.message.id) if item.mine],
            )
        )
        for item in kept
    ]


def _plain(step: object) -> tuple[object, ...]:
    return tuple(getattr(step, name) for name in ("stage", "evidence", "wall_ms", "cause", "attempt"))


def state_of(client: Client, *, giving: bool) -> HistoryState | None:
    held = client.agent.engine.handover.given if giving else client.agent.engine.handover.taken
    return next(iter(held.values())).state if held else None


def test_the_whole_history_arrives_behind_what_is_new_and_nobody_is_called_for_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("bea")) as bea,
            Client.open(await place.person("ann")) as phone,
        ):
            invent(phone, 500)
            await (await phone.send("bea@example.org", text="a true one")).delivered(timeout_s=60)
            device, _ = await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "laptop") as laptop:
                await online(laptop)
                told: list[object] = []
                stop = laptop.agent.listen(told.append)
                assert phone.offer_history(device.id) == 501
                await until(lambda: state_of(phone, giving=True) is HistoryState.DONE, within_s=60)
                assert state_of(laptop, giving=False) is HistoryState.DONE
                stop()
                assert not [news for news in told if isinstance(news, Arrived)], "history is new to nobody"
                assert whole(laptop.journal) == whole(phone.journal)
                assert all(kept.arrival < 0 for kept in laptop.messages(limit=1_000))
                sent = next(kept for kept in laptop.messages(limit=1_000) if kept.message.text == "a true one")
                timeline, theirs = laptop.timeline(sent.message.id), phone.timeline(sent.message.id)
                assert timeline is not None
                assert theirs is not None
                assert timeline.stage is theirs.stage
                # Contacts came along: it can write to bea by name at once, and what is new stands first.
                assert laptop.agent.engine._departure.contacts["bea@example.org"] == bea.identity.account
                await (await bea.send("ann@example.org", text="new")).delivered(timeout_s=60)
                await arrived(laptop, "new")
                assert laptop.messages(limit=1)[0].message.text == "new"

    asyncio.run(run())


def file_of(client: Client, text: str) -> bytes | None:
    """What the file of a message holds on this device, once it is here."""
    for kept in client.messages():
        if kept.message.text == text and kept.message.attachment is not None:
            path = client.journal.setting(f"file.{kept.message.attachment.blob.hex()}")
            return Path(path).read_bytes() if path else None
    return None


def test_the_files_of_a_history_come_too(tmp_path: Path) -> None:
    """Whoever wrote them, as long as the relay has them."""
    (tmp_path / "ours.jpg").write_bytes(b"ours" * 50_000)
    (tmp_path / "theirs.jpg").write_bytes(b"theirs" * 50_000)

    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("bea")) as bea,
            Client.open(await place.person("ann")) as phone,
        ):
            sent = await phone.send("bea@example.org", text="ours", file=tmp_path / "ours.jpg")
            await sent.delivered(timeout_s=60)
            await (await bea.send("ann@example.org", text="theirs", file=tmp_path / "theirs.jpg")).delivered(
                timeout_s=60
            )
            device, _ = await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "laptop") as laptop:
                phone.offer_history(device.id)
                await until(lambda: file_of(laptop, "theirs") is not None, within_s=60)
                await until(lambda: file_of(laptop, "ours") is not None, within_s=60)
                assert file_of(laptop, "theirs") == b"theirs" * 50_000
                assert file_of(laptop, "ours") == b"ours" * 50_000
                assert laptop.status().files_moving == 0
                life = phone.timeline(sent.id)
                assert life is not None
                assert life.stage is Stage.DELIVERED

    asyncio.run(run())


def test_what_also_comes_by_mail_is_one_message(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("bea")) as bea,
            Client.open(await place.person("ann")) as phone,
        ):
            await online(phone)
            device, _ = await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "laptop") as laptop:
                await (await bea.send("ann@example.org", text="by mail first")).delivered(timeout_s=60)
                phone.offer_history(device.id)
                await until(lambda: state_of(phone, giving=True) is HistoryState.DONE, within_s=60)
                texts = [kept.message.text for kept in laptop.messages()]
                assert texts.count("by mail first") == 1
                assert laptop.messages()[0].arrival > 0

    asyncio.run(run())


@pytest.mark.parametrize("stopped", ["giver", "taker", "both"])
def test_whoever_is_stopped_it_goes_on_from_there(tmp_path: Path, stopped: str) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            home = await place.person("ann")
            async with Client.open(home) as phone:
                invent(phone, 600, text_bytes=2_000)
                await online(phone)
                device, _ = await link(phone, tmp_path / "laptop")
            for turn in range(3):
                opened, other_opened = Client.open(home), Client.open(tmp_path / "laptop")
                one = await opened.__aenter__()
                other = await other_opened.__aenter__()
                if turn == 0:
                    one.offer_history(device.id)
                if turn < 2:
                    goal = 5 * (turn + 1)
                    await until(lambda: _number(other) >= goal, within_s=60)  # noqa: B023 - it is waited for here
                else:
                    await until(lambda: state_of(one, giving=True) is HistoryState.DONE, within_s=90)  # noqa: B023
                both = (opened, other_opened)
                first, second = both if stopped == "giver" else both[::-1]
                await first.__aexit__(None, None, None)
                if stopped != "both":
                    await asyncio.sleep(0.1)
                await second.__aexit__(None, None, None)
        with (
            contextlib.closing(open_history(home)) as mine,
            contextlib.closing(open_history(tmp_path / "laptop")) as theirs,
        ):
            assert whole(theirs) == whole(mine)

    def _number(client: Client) -> int:
        held = client.agent.engine.handover.taken
        return max((progress.number for progress in held.values()), default=0)

    asyncio.run(run())


def test_it_may_be_declined_and_then_nothing_is_sent(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            invent(phone, 10)
            await online(phone)
            device, _ = await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "laptop") as laptop:
                laptop.agent.engine.handover.is_welcome = False
                phone.offer_history(device.id)
                await until(lambda: state_of(phone, giving=True) is HistoryState.DECLINED, within_s=60)
                assert laptop.messages() == []

    asyncio.run(run())


def test_a_page_is_as_large_as_an_envelope_holds_however_long_the_history_is(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            invent(phone, 40, text_bytes=TEXT_BYTES_MAX - 20)
            cursor, count, number = ARRIVAL_MAX, 0, 1
            while True:
                page = page_of(phone.journal, Wanted(phone.identity.device, number, cursor))
                assert len(encode(page)) <= max(PAGE_BYTES, TEXT_BYTES_MAX) + 12 * 1024
                assert page.digest == NO_DIGEST
                count, cursor, number = count + len(page.messages), page.cursor, number + 1
                if page.is_last:
                    break
            assert count == 40

    asyncio.run(run())
