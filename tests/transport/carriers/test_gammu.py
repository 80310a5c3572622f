"""Proves with a stand-in for the command that a text goes in unseen, and what each exit code means."""

import asyncio
import sys
from pathlib import Path

import pytest

from answerback.model.errors import UsageError
from answerback.model.handle import parse_handle
from answerback.transport.carriers import gammu
from answerback.transport.carriers.gammu import GammuSettings, open_gammu
from answerback.transport.carriers.roads import Refused, RoadClosed, RoadUnsent, Submission, Taken

STAND_IN = """
import sys, time
open(sys.argv[1], "a").write(repr((sys.argv[3:], sys.stdin.read())) + "\\n")
if int(sys.argv[2]) < 0:
    time.sleep(60)
sys.exit(int(sys.argv[2]))
"""
HELLO = Submission(parse_handle("+49301234567"), "hello €", 1, 0, 1, 1, b"t" * 16)


def settings(tmp_path: Path, code: int) -> GammuSettings:
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    return GammuSettings(command=(sys.executable, "-X", "utf8", str(script), str(tmp_path / "said"), str(code)))


async def sent(tmp_path: Path, code: int) -> Taken | Refused:
    road = await open_gammu(settings(tmp_path, code))
    try:
        return await road.submit(HELLO)
    finally:
        await road.close()


def test_the_text_goes_in_by_standard_input(tmp_path: Path) -> None:
    assert asyncio.run(sent(tmp_path, 0)) == Taken("")
    said = eval((tmp_path / "said").read_text(encoding="utf-8"))
    assert said == (["sendsms", "TEXT", "+49301234567", "-autolen", "7"], "hello €")


@pytest.mark.parametrize("code", [2, 3, 102, 108])
def test_a_modem_that_was_never_spoken_to_is_no_doubt(tmp_path: Path, code: int) -> None:
    answer = asyncio.run(sent(tmp_path, code))
    assert isinstance(answer, Refused)
    assert answer.is_temporary


@pytest.mark.parametrize("code", [1, 4, 114, 127])
def test_every_other_end_leaves_doubt(tmp_path: Path, code: int) -> None:
    with pytest.raises(RoadClosed) as closed:
        asyncio.run(sent(tmp_path, code))
    assert not isinstance(closed.value, RoadUnsent)


def test_a_command_that_hangs_is_ended_and_leaves_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gammu, "ANSWER_S_MAX", 0.5)
    with pytest.raises(RoadClosed, match="did not end"):
        asyncio.run(sent(tmp_path, -1))


def test_no_command_is_said_at_once() -> None:
    with pytest.raises(RoadClosed, match="no command"):
        asyncio.run(open_gammu(GammuSettings(command=("no-such-gammu",))))
    with pytest.raises(UsageError):
        GammuSettings(command=())


def test_after_the_end_nothing_is_sent(tmp_path: Path) -> None:
    async def story() -> None:
        road = await open_gammu(settings(tmp_path, 0))
        await road.close()
        with pytest.raises(RoadUnsent):
            await road.submit(HELLO)
        with pytest.raises(RoadClosed):
            await anext(road.events())
        assert await road.ask(HELLO) is None
        assert not road.can_ask

    asyncio.run(story())
