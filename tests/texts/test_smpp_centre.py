"""Proves with a real centre, which is killed in the middle, that no text is lost and none is sent twice."""

import asyncio
from pathlib import Path

import pytest

from answerback.core.texting import Pace
from answerback.device import texting
from answerback.model.texts import TextStage
from answerback.wire.short_messages import in_gsm, short_messages
from tests.texts.office import office, smpp
from tests.texts.running import RunningCentre

COUNT = 500


@pytest.fixture(autouse=True)
def _quick_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texting, "AGAIN_S", 0.05)
    monkeypatch.setattr(texting, "AGAIN_S_MAX", 0.2)


async def five_hundred(folder: Path, *, is_asked: bool) -> tuple[RunningCentre, dict[int, TextStage]]:
    """Send 500 texts through one bind; the centre is killed twice, at the two worst moments."""
    centre = RunningCentre(folder, answers_questions=is_asked, die_after_taking=120)
    await centre.start()
    try:
        async with office(folder, smpp(centre.port, is_asked=is_asked)) as desk:
            await asyncio.gather(*(desk.send(number, f"text {number}") for number in range(COUNT)))
            await centre.died()
            await centre.start(die_after_taking=0, die_before_taking=150)
            await centre.died()
            await centre.start(die_before_taking=0)
            await desk.until(lambda: desk.count(TextStage.DELIVERED) + desk.count(TextStage.IN_DOUBT) == COUNT)
            if is_asked:
                await desk.until(lambda: desk.count(TextStage.DELIVERED) == COUNT)
            else:
                await asyncio.sleep(0.5)
            return centre, {number: word.stage for number, word in desk.last.items()}
    finally:
        centre.kill()


def text_of(number: int) -> bytes:
    body = in_gsm(f"text {number}")
    assert body is not None
    return body


def test_five_hundred_with_receipts_and_two_kills_are_each_taken_once(tmp_path: Path) -> None:
    centre, stages = asyncio.run(five_hundred(tmp_path, is_asked=True))
    times = centre.times()
    assert sorted(times.values()) == [1] * COUNT, "0 sent twice"
    assert {body for _, body in times} == {text_of(number) for number in range(COUNT)}, "0 lost"
    assert set(stages.values()) == {TextStage.DELIVERED}


def test_a_centre_that_cannot_be_asked_leaves_doubt_and_never_a_second_text(tmp_path: Path) -> None:
    centre, stages = asyncio.run(five_hundred(tmp_path, is_asked=False))
    times = centre.times()
    assert set(times.values()) == {1}, "0 sent twice"
    taken = {body for _, body in times}
    for number, stage in stages.items():
        assert (text_of(number) in taken) == (stage is TextStage.DELIVERED), number
    in_doubt = [number for number, stage in stages.items() if stage is TextStage.IN_DOUBT]
    assert 1 <= len(in_doubt) <= 20, "at most what the window held, twice"


def test_the_agent_that_is_stopped_and_started_sends_nothing_twice(tmp_path: Path) -> None:
    async def story() -> RunningCentre:
        centre = RunningCentre(tmp_path, answer_delay_s=0.02)
        await centre.start()
        try:
            async with office(tmp_path, smpp(centre.port)) as desk:
                for number in range(30):
                    await desk.send(number, f"text {number}")
            async with office(tmp_path, smpp(centre.port)) as desk:
                for number in range(40):
                    await desk.send(number, f"text {number}")  # the first thirty are known
                await desk.until(lambda: desk.count(TextStage.DELIVERED) == 40)
        finally:
            centre.kill()
        return centre

    assert sorted(asyncio.run(story()).times().values()) == [1] * 40


def test_long_and_foreign_texts_arrive_as_they_were_written(tmp_path: Path) -> None:
    texts = ["a" * 161, "€" * 81, "ä€[]" * 60, "Привет, мир! " * 20, "🙂" * 36, "x" * 66 + "🙂" + "y" * 60]

    async def story() -> RunningCentre:
        centre = RunningCentre(tmp_path)
        await centre.start()
        try:
            async with office(tmp_path, smpp(centre.port)) as desk:
                for number, text in enumerate(texts):
                    await desk.send(number, text)
                await desk.until(lambda: desk.count(TextStage.DELIVERED) == len(texts))
                for esm_class, data_coding, body in centre.rows("esm_class, data_coding, body"):
                    centre.say(source="+4930777", body=body.hex(), esm_class=esm_class, data_coding=data_coding)
                await desk.until(lambda: len(desk.arrivals) == len(texts))
                assert [arrival.text for arrival in desk.arrivals] == texts
                assert {str(arrival.sender) for arrival in desk.arrivals} == {"+4930777"}
                assert [desk.last[n].parts for n in range(len(texts))] == [2, 2, 3, 4, 2, 2]
        finally:
            centre.kill()
        return centre

    centre = asyncio.run(story())
    assert len(centre.rows()) == sum(len(short_messages(text, reference=0)) for text in texts)


@pytest.mark.parametrize(
    "script",
    [
        {"receipts": "text", "echoes_reference": False},
        {"receipts": "tlv", "echoes_reference": False},
        {"receipt_first": True, "receipt_times": 3},
        {"receipt_first": True, "receipts": "text", "echoes_reference": False},
        {"throttle_every": 7},
        {"answer_delay_s": 0.05},
    ],
    ids=str,
)
def test_whatever_form_and_order_receipts_come_in_each_text_is_delivered_once(
    tmp_path: Path, script: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("answerback.core.texting.PAUSE_S", 0.05)

    async def story() -> RunningCentre:
        centre = RunningCentre(tmp_path, **script)
        await centre.start()
        try:
            async with office(tmp_path, smpp(centre.port, is_asked=False)) as desk:
                for number in range(40):
                    await desk.send(number, f"text {number}")
                await desk.until(lambda: desk.count(TextStage.DELIVERED) == 40)
        finally:
            centre.kill()
        return centre

    assert sorted(asyncio.run(story()).times().values()) == [1] * 40


@pytest.mark.parametrize("word", ["UNDELIV", "EXPIRED", "REJECTD"])
def test_a_text_that_the_network_gives_up_has_failed_in_its_words(tmp_path: Path, word: str) -> None:
    async def story() -> None:
        centre = RunningCentre(tmp_path, stat={"49301234567": word})
        await centre.start()
        try:
            async with office(tmp_path, smpp(centre.port)) as desk:
                await desk.send(1, "hello")
                told = await desk.until_stage(1, TextStage.FAILED)
                assert told.reason.startswith(f"the carrier says {word[:6]}")
                await desk.send(2, "hello", to="+4930999")
                await desk.until_stage(2, TextStage.DELIVERED)
        finally:
            centre.kill()

    asyncio.run(story())


def test_a_refused_text_has_failed_and_the_next_one_goes(tmp_path: Path) -> None:
    async def story() -> None:
        centre = RunningCentre(tmp_path, refuse={"4930555": 0x0B})
        await centre.start()
        try:
            async with office(tmp_path, smpp(centre.port)) as desk:
                await desk.send(1, "hello " * 60, to="+4930555")
                await desk.send(2, "hello")
                told = await desk.until_stage(1, TextStage.FAILED)
                assert "does not accept the recipient's number" in told.reason
                await desk.until_stage(2, TextStage.DELIVERED)
        finally:
            centre.kill()

    asyncio.run(story())


def test_a_centre_that_takes_and_does_not_answer_is_met_again_and_asked(tmp_path: Path) -> None:
    async def story() -> RunningCentre:
        centre = RunningCentre(tmp_path, silent_every=5, receipts="none")
        await centre.start()
        try:
            pace = Pace(answer_s=0.3)
            async with office(tmp_path, smpp(centre.port), pace=pace) as desk:
                for number in range(12):
                    await desk.send(number, f"text {number}")
                await desk.until(lambda: desk.count(TextStage.SENT) == 12)
        finally:
            centre.kill()
        return centre

    assert sorted(asyncio.run(story()).times().values()) == [1] * 12
