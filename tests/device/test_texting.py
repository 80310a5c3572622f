"""Proves the shell around texts: disk before network, doubt only where there is some, words until they are taken."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from answerback.device import texting
from answerback.device.texting import CarrierTraits, Cut, TextCarrier
from answerback.model.errors import StorageError, UsageError
from answerback.model.handle import parse_handle
from answerback.model.texts import PartState, TextOrder, TextStage
from answerback.storage.text_ledger import LEDGER_FILE, TextLedger, open_ledger
from answerback.transport.carriers.roads import (
    Absent,
    Incoming,
    Receipted,
    Refused,
    Road,
    RoadClosed,
    RoadRefused,
    RoadUnsent,
    Submission,
    Taken,
)
from answerback.transport.ports import Carrier
from answerback.wire.delivery_receipts import DeliveryReceipt
from answerback.wire.short_messages import Fragment
from tests.texts.office import office

ANN = parse_handle("+49301234567")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AGAIN_S", 0.02), ("AGAIN_S_MAX", 0.05), ("DISK_AGAIN_S", 0.05), ("LAST_ANSWERS_S", 0.3)):
        monkeypatch.setattr(texting, name, value)


class ToyRoad:
    """A network that does what a test says, in this process."""

    def __init__(self, does: Callable[[Submission], Taken | Refused] = lambda s: Taken(f"c{s.number}")) -> None:
        self.can_ask = False
        self.does = does
        self.submitted: list[int] = []
        self.said: asyncio.Queue[Receipted | Incoming | None] = asyncio.Queue()
        self.closed = False

    async def submit(self, submission: Submission) -> Taken | Refused:
        if self.closed:
            raise RoadUnsent("closed")
        self.submitted.append(submission.number)
        return self.does(submission)

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:
        return None

    async def events(self) -> AsyncIterator[Receipted | Incoming]:
        while (event := await self.said.get()) is not None:
            yield event
        raise RoadClosed("it ended")

    async def close(self) -> None:
        self.closed = True
        self.said.put_nowait(None)


def opening(road: Road) -> Callable[[], "asyncio.Future[Road]"]:
    def open_it() -> "asyncio.Future[Road]":
        future = asyncio.get_running_loop().create_future()
        future.set_result(road)
        return future

    return open_it


def test_what_is_submitted_is_out_on_the_disk_by_then(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(submission: Submission) -> Taken:
        connection = sqlite3.connect(tmp_path / LEDGER_FILE)
        seen.extend(state for (state,) in connection.execute("SELECT state FROM parts"))
        connection.close()
        return Taken("c1")

    async def story() -> None:
        async with office(tmp_path, opening(ToyRoad(look))) as desk:
            carrier: Carrier = desk.carrier
            assert (carrier.name, carrier.price) == ("test", "")
            assert (carrier.is_confirming, carrier.is_encrypted) == (True, False)
            await desk.send(1, "hello")
            await desk.until_stage(1, TextStage.SENT)

    asyncio.run(story())
    assert seen == [PartState.OUT]


def test_a_disk_that_refuses_sends_nothing_and_then_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[int] = []
    keep, refusals = TextLedger.keep, iter([True, True])

    async def open_it() -> Road:
        road = ToyRoad()
        road.submitted = submitted
        return road

    def refusing(self: TextLedger, facts: object) -> None:
        if facts and next(refusals, False):
            raise StorageError("no space")
        keep(self, facts)  # type: ignore[arg-type]

    async def story() -> None:
        async with office(tmp_path, open_it) as desk:
            monkeypatch.setattr(TextLedger, "keep", refusing)
            await desk.send(1, "hello")
            await desk.until_stage(1, TextStage.SENT)

    asyncio.run(story())
    assert submitted == [1]


def test_a_number_is_one_order_for_ever(tmp_path: Path) -> None:
    road = ToyRoad()

    async def story() -> None:
        async with office(tmp_path, opening(road)) as desk:
            await desk.send(1, "hello")
            await desk.until_stage(1, TextStage.SENT)
            told = len(desk.words)
            await desk.send(1, "hello")
            await desk.until(lambda: len(desk.words) > told)
            assert desk.last[1].stage is TextStage.SENT
            with pytest.raises(UsageError, match="was another text"):
                await desk.send(1, "something else")
            with pytest.raises(UsageError):
                await desk.send(2, "")

    asyncio.run(story())
    assert road.submitted == [1]


def test_a_word_that_was_not_taken_is_told_after_a_restart_and_one_that_was_is_not(tmp_path: Path) -> None:
    def carrier_of(road: ToyRoad) -> tuple[TextCarrier, Callable[[], None]]:
        database = open_ledger(tmp_path, key=None)
        carrier = TextCarrier(CarrierTraits(name="t", kind="t"), database=database, open_road=opening(road))
        carrier.start()
        return carrier, database.close

    async def story() -> None:
        carrier, close = carrier_of(ToyRoad())
        words = carrier.words()
        for number in (1, 2):
            await carrier.submit(TextOrder(number, ANN, "hello"))
            await asyncio.sleep(0.1)
        first = await anext(words)
        second = await anext(words)  # the first is taken; this one is not
        assert [getattr(word, "number", 0) for word in (first, second)] == [1, 2]
        await words.aclose()  # type: ignore[attr-defined]
        await carrier.close()
        close()
        carrier, close = carrier_of(ToyRoad())
        words = carrier.words()
        assert await anext(words) == second
        await words.aclose()  # type: ignore[attr-defined]
        await carrier.close()
        close()

    asyncio.run(story())


def test_the_network_hears_that_we_have_a_text_only_when_it_is_on_the_disk(tmp_path: Path) -> None:
    on_disk: list[int] = []

    def heard() -> None:
        connection = sqlite3.connect(tmp_path / LEDGER_FILE)
        on_disk.extend(count for (count,) in connection.execute("SELECT count(*) FROM acknowledged"))
        connection.close()

    async def story() -> None:
        road = ToyRoad()
        async with office(tmp_path, opening(road)) as desk:
            road.said.put_nowait(Incoming(ANN, Fragment("half \ud83d and \0"), heard))
            await desk.until(lambda: bool(desk.arrivals))
            assert [arrival.text for arrival in desk.arrivals] == ["half ? and "]

    asyncio.run(story())
    assert on_disk == [1]


def test_what_was_handed_to_a_dead_connection_goes_by_the_next_and_is_not_in_doubt(tmp_path: Path) -> None:
    roads: list[ToyRoad] = []

    async def open_it() -> Road:
        road = ToyRoad()
        road.closed = not roads  # the first one is dead, and nobody knows yet
        roads.append(road)
        return road

    async def story() -> None:
        async with office(tmp_path, open_it) as desk:
            await desk.until(lambda: len(roads) == 1)
            await desk.send(1, "hello")
            await asyncio.sleep(0.05)
            roads[0].said.put_nowait(None)
            await desk.until_stage(1, TextStage.SENT)
            assert roads[1].submitted == [1]

    asyncio.run(story())


def test_a_stop_waits_a_moment_for_the_answer_under_way(tmp_path: Path) -> None:
    class Slow(ToyRoad):
        async def submit(self, submission: Submission) -> Taken | Refused:
            self.submitted.append(submission.number)
            await asyncio.sleep(0.15)
            return Taken("c1")

    async def story() -> None:
        slow = Slow()
        async with office(tmp_path, opening(slow)) as desk:
            await desk.send(1, "hello")
            await desk.until(lambda: bool(slow.submitted))
        async with office(tmp_path, opening(ToyRoad())) as desk:
            await desk.until_stage(1, TextStage.SENT)

    asyncio.run(story())


def test_who_is_not_let_in_says_so_and_does_not_ask_again_soon(tmp_path: Path) -> None:
    asked: list[int] = []

    async def open_it() -> Road:
        asked.append(1)
        raise RoadRefused("the password is wrong")

    async def story() -> None:
        async with office(tmp_path, open_it) as desk:
            await desk.until(lambda: desk.carrier.trouble == "the password is wrong")
            await asyncio.sleep(0.3)

    asyncio.run(story())
    assert asked == [1]


@pytest.mark.parametrize(("cut", "charged", "submissions"), [(Cut.HERE, 3, 3), (Cut.THERE, 3, 1), (Cut.NOWHERE, 1, 1)])
def test_what_is_charged_is_not_always_what_is_submitted(
    tmp_path: Path, cut: Cut, charged: int, submissions: int
) -> None:
    road = ToyRoad()

    async def story() -> None:
        async with office(tmp_path, opening(road), cut=cut) as desk:
            await desk.send(1, "a" * 400)
            word = await desk.until_stage(1, TextStage.SENT)
            assert word.parts == charged == desk.carrier.parts("a" * 400)

    asyncio.run(story())
    assert len(road.submitted) == submissions
