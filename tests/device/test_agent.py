"""Proves the agent's order: disk, then network, then person; and that it comes back, or says that it ended."""

import asyncio
import gc
from collections import deque
from pathlib import Path

import pytest

from answerback.core.effects import Arrived, Effect, LinkChanged, Progressed
from answerback.core.engine import Engine
from answerback.core.facts import Fact, KeepCopy, KeepMessage, KeepStep, RaiseStage
from answerback.device.agent import AgentEnded
from answerback.device.client import Client
from answerback.model.causes import Cause
from answerback.model.errors import PeerError, StorageError
from answerback.model.ids import EnvelopeId
from answerback.model.timeline import Stage
from answerback.transport.failures import Unreachable
from answerback.wire.frames import Hello, Pong, Resolve, Submit, Took
from tests.device.lines import Entry, Place, jumping

BEA = "bea@example.org"


def envelopes(entry: Entry) -> list[EnvelopeId]:
    thing = entry[2]
    return [envelope.id for envelope in thing.envelopes] if isinstance(thing, Submit) else []


def texts(client: Client) -> list[str]:
    return [kept.message.text for kept in reversed(client.messages())]


async def until_up(place: Place, owner: str) -> None:
    """Wait until somebody is connected and has given the relay all their keys."""
    await place.diary.until(lambda: any(isinstance(news, LinkChanged) for news in place.diary.of(owner, "news")))
    await place.diary.until(lambda: len(place.relay.store.prekeys) and place.lines.get(owner))


def nobody_left() -> None:
    """Nothing of an agent is left in this loop; what was forgotten unclosed warns when it is collected."""
    assert asyncio.all_tasks() == {asyncio.current_task()}
    gc.collect()


def test_disk_then_network_then_person(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _), place.living("bea") as (bea, _):
            sent = await ann.send(BEA, text="hi")
            told = await sent.delivered(timeout_s=60)
            assert told.stage is Stage.DELIVERED
            bea.read([bea.messages()[0].message])
            await sent.reached(Stage.READ, timeout_s=60)
        kept: dict[str, list[Fact]] = {"ann": [], "bea": []}
        submitted = told_of = 0
        for owner, kind, thing in place.diary.entries:
            facts = kept[owner]
            sealed = {fact.envelope for fact in facts if isinstance(fact, KeepCopy) and fact.sealed}
            match thing:
                case Submit():
                    assert sealed.issuperset(envelopes((owner, kind, thing)))
                    submitted += kind == "frame"
                case Progressed(message, device, step):
                    steps = [fact for fact in facts if isinstance(fact, KeepStep | RaiseStage)]
                    assert any((fact.message, fact.device, fact.step) == (message, device, step) for fact in steps)
                    told_of += 1
                case Arrived(message):
                    assert any(isinstance(fact, KeepMessage) and fact.message == message for fact in facts)
                    told_of += 1
            if kind == "disk":
                facts.append(thing)  # type: ignore[arg-type]
        assert submitted >= 3  # a message, its receipt, and word that it was read
        assert told_of >= 7

    jumping(run())


@pytest.mark.parametrize("unreadable", [0, 2])
def test_what_the_disk_refuses_leaves_this_process_in_no_way(tmp_path: Path, unreadable: int) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, disk), place.living("bea") as (bea, _):
            await (await ann.send(BEA, text="one")).delivered(timeout_s=60)
            before = list(place.diary.of("ann", "frame")), list(place.diary.of("ann", "news"))
            engine, line = ann.agent.engine, place.line("ann")
            disk.refusals, disk.unreadable = 1, unreadable
            with pytest.raises(StorageError, match="told to refuse"):
                await ann.send(BEA, text="refused")
            wait = ann.wait_of(ann.messages()[0].message.id, None)
            assert (wait.cause if wait else None) is (Cause.DEVICE_DISK_REFUSES if unreadable else None)
            await place.diary.until(lambda: line.closed)
            assert before == (place.diary.of("ann", "frame"), place.diary.of("ann", "news"))
            await place.diary.until(lambda: len(place.lines["ann"]) == 2)
            assert ann.agent.engine is not engine
            await (await ann.send(BEA, text="two")).delivered(timeout_s=60)
            assert texts(ann) == texts(bea) == ["one", "two"]
            assert ann.messages()[0].message.written_after == {ann.messages()[1].message.id}

    jumping(run())


def test_mail_the_disk_refuses_is_not_acknowledged_and_comes_again(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _), place.living("bea") as (bea, disk):
            await (await ann.send(BEA, text="one")).delivered(timeout_s=60)
            disk.refuses = lambda facts: any(isinstance(fact, KeepMessage) for fact in facts)
            disk.refusals = 3
            took = len([frame for frame in place.diary.of("bea", "frame") if isinstance(frame, Took)])
            sent = await ann.send(BEA, text="two")
            await place.diary.until(lambda: disk.refusals == 0)
            assert took == len([frame for frame in place.diary.of("bea", "frame") if isinstance(frame, Took)])
            assert texts(bea) == ["one"]
            await sent.delivered(timeout_s=600)
            assert texts(bea) == ["one", "two"]
            assert len([news for news in place.diary.of("bea", "news") if isinstance(news, Arrived)]) == 2

    jumping(run())


def test_beside_a_line_that_falls_silent_another_one_is_opened_and_nobody_is_told_of_a_loss(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _), place.living("bea"):
            await (await ann.send(BEA, text="one")).delivered(timeout_s=60)
            first = place.line("ann")
            first.mute = True
            await (await ann.send(BEA, text="two")).delivered(timeout_s=600)
            await place.diary.until(lambda: first.closed)
            assert len(place.lines["ann"]) == 2
            assert not place.line("ann").closed
            happened = [(what, thing) for whose, what, thing in place.diary.entries if whose == "ann"]
            opened, closed = happened.index(("open", place.line("ann"))), happened.index(("closed", first))
            assert opened < closed, "the silent one is kept until there is another"
            assert [news for news in place.diary.of("ann", "news") if isinstance(news, LinkChanged)] == [
                LinkChanged(connected=True, cause=None)
            ]

    jumping(run())


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (Unreachable(Cause.NETWORK_NO_PATH), Cause.NETWORK_NO_PATH),
        (PeerError("nonsense"), Cause.RELAY_FAULTY),
        (None, Cause.NETWORK_CONNECTION_LOST),
    ],
)
def test_the_end_of_a_line_has_its_cause_and_is_not_the_last(
    tmp_path: Path, error: Exception | None, cause: Cause
) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _):
            await until_up(place, "ann")
            line = place.line("ann")
            line.end(error)
            await place.diary.until(
                lambda: LinkChanged(connected=False, cause=cause) in place.diary.of("ann", "news") and line.closed
            )
            await place.diary.until(lambda: len(place.lines["ann"]) == 2)
            await place.diary.until(lambda: ann.status().connected)

    jumping(run())


def test_an_attempt_that_fails_has_its_cause_and_is_not_the_last(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        causes = (Cause.TLS_UNTRUSTED, Cause.NETWORK_NAME_UNRESOLVED)
        place.failing["ann"] = deque(Unreachable(cause) for cause in causes)
        async with place.living("ann") as (ann, _):
            await place.diary.until(lambda: ann.status().connected)
            told = [news for news in place.diary.of("ann", "news") if isinstance(news, LinkChanged)]
            assert [news.cause for news in told] == [*causes, None]
            assert ann.status().wasted_attempts == 2

    jumping(run())


def test_frames_of_a_line_that_ended_never_go_out_on_another(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _), place.living("bea"):
            await (await ann.send(BEA, text="first")).delivered(timeout_s=60)
            old = place.line("ann")
            old.taking.clear()
            promised = [await ann.send(BEA, text=str(number)) for number in range(3)]
            await place.diary.until(lambda: any(isinstance(frame, Submit) for frame in old.offered))
            promised += [await ann.send(BEA, text=str(number)) for number in range(3, 6)]
            old.end(Unreachable(Cause.NETWORK_CONNECTION_LOST))
            for sent in promised:
                await sent.delivered(timeout_s=600)
            new = place.line("ann")
            assert new is not old
            assert isinstance(new.sent[0], Hello)
            submitted = [identity for frame in new.sent for identity in envelopes(("", "", frame))]
            assert len(submitted) == len(set(submitted)) == 6
            old.taking.set()  # and what the old one still held goes nowhere
            await ann.agent.stop()
            assert not any(isinstance(frame, Submit) and frame in new.sent for frame in old.sent)

    jumping(run())


def test_sent_is_told_only_when_the_system_has_the_bytes(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _), place.living("bea"):
            await (await ann.send(BEA, text="first")).delivered(timeout_s=60)
            place.relay.holds_commits = True
            line = place.line("ann")
            line.taking.clear()
            sent = await ann.send(BEA, text="hi")
            await place.diary.until(lambda: isinstance(line.offered[-1], Submit))
            told = ann.timeline(sent.id)
            assert told is not None
            assert [copy.stage for copy in told.copies] == [Stage.SEALED]
            line.taking.set()
            reached = await sent.reached(Stage.SENT, timeout_s=60)
            assert reached.stage is Stage.SENT
            progress = [(kind, thing) for owner, kind, thing in place.diary.entries if owner == "ann"]
            taken = progress.index(("frame", line.sent[-1]))
            said = [
                place
                for place, (_, thing) in enumerate(progress)
                if isinstance(thing, Progressed) and thing.message == sent.id and thing.step.stage is Stage.SENT
            ]
            assert said
            assert min(said) > taken

    jumping(run())


@pytest.mark.parametrize("verb", ["received", "wake", "send"])
def test_a_defect_ends_the_agent_and_nobody_waits_for_ever(
    tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object, **__: object) -> list[Effect]:
        raise ZeroDivisionError

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # it is logged already
        place = Place(tmp_path)
        async with place.living("ann") as (ann, disk):
            await place.diary.until(lambda: ann.status().connected)
            line = place.line("ann")
            line.mute = True  # so that the handle is not looked up, and the silence wakes the engine
            sent = await ann.send(BEA, text="kept")
            waiting: list[asyncio.Task[object]] = [
                asyncio.create_task(sent.delivered()),
                asyncio.create_task(anext(aiter(ann.received()))),  # type: ignore[arg-type]
            ]
            await place.diary.until(lambda: isinstance(line.sent[-1], Resolve))
            monkeypatch.setattr(Engine, verb, defect)
            line.end(None) if verb == "wake" else line.coming.put_nowait(Pong(1, 1))
            if verb == "send":
                with pytest.raises(ZeroDivisionError):
                    await ann.send(BEA, text="hi")
            for task in waiting:
                with pytest.raises(AgentEnded, match="ZeroDivisionError"):
                    await asyncio.wait_for(task, 60)
            assert isinstance(ann.agent.failure, ZeroDivisionError)
            await place.diary.until(lambda: line.closed)
            with pytest.raises(AgentEnded):
                await ann.send(BEA, text="hi")
            assert [draft.id for draft in disk.load().drafts] == [sent.id]
        nobody_left()

    jumping(run())


def test_who_waits_for_an_agent_that_is_stopped_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("bea"):
            pass  # she is there, and answers nothing
        async with place.living("ann") as (ann, _):
            sent = await ann.send(BEA, text="hi")
            waiting = asyncio.create_task(sent.delivered())
            await place.diary.until(lambda: ann.status().connected)
        with pytest.raises(AgentEnded, match="told to"):
            await waiting
        nobody_left()

    jumping(run())


def test_a_stop_leaves_nothing_behind_wherever_it_comes(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        for turns in range(12):  # in the middle of opening, greeting, publishing
            async with place.living(f"ann{turns}") as (ann, _):
                await ann.send(BEA, text="hi")
                for _ in range(turns):
                    await asyncio.sleep(0)
            nobody_left()
            assert all(line.closed for lines in place.lines.values() for line in lines)
        async with place.living("cid"):
            await until_up(place, "cid")
            place.line("cid").end(None)
            await asyncio.sleep(0)  # in the middle of closing
        nobody_left()
        assert place.line("cid").closed

    jumping(run())
