"""Proves that a handle two accounts want stays or goes by the rules, that both are told, and that silence shows."""

import asyncio
from pathlib import Path

import pytest

from answerback.core.handle_book import HandleBook
from answerback.core.trust import Trust
from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge, unsettled
from tests.lab.simulation.stage import in_town

THREE_PEOPLE = 3
"""A seed whose town has somebody who knows the handle and is in no move."""


def claimed(folder: Path, draw: float) -> Town:
    """A town in which a handle is claimed, and its owner objects, gives it, or lets the week pass."""

    async def work(town: Town) -> Town:
        claims = Misfortunes(town).claims
        town.random.random = lambda: draw  # type: ignore[method-assign]
        await claims.play()
        del town.random.random
        await asyncio.sleep(4_000)
        if not town.chronicle.objections:
            assert list(unsettled(town)) == []
            judge(town, log="")
        return town

    return in_town(folder, work, seed=THREE_PEOPLE)


@pytest.mark.parametrize(("draw", "has_moved"), [(0.31, False), (0.5, True), (0.9, True)])
def test_a_claimed_handle_stays_or_goes_and_everybody_hears_of_it(
    draw: float,
    has_moved: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    town = claimed(tmp_path, draw)
    assert town.chronicle.faults["handle_claimed"] == 1
    assert bool(town.truth.moved) is has_moved
    assert town.chronicle.objections == []


def test_an_owner_who_is_told_nothing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HandleBook, "noticed", lambda *_: None)
    town = claimed(tmp_path, 0.31)
    assert any("was not told that its handle is leaving" in each for each in town.chronicle.objections)


def test_a_contact_who_follows_a_handle_in_silence_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trust, "resolved", lambda *_, **__: None)
    town = claimed(tmp_path, 0.5)
    assert any("another safety number, and nobody said so" in each for each in town.chronicle.objections)
    assert any("went before anybody agreed" in each for each in town.chronicle.objections)
