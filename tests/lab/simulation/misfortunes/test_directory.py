"""Proves that each lie about the directory is named to whom it concerns and outlived, and that silence is noticed."""

import asyncio
from pathlib import Path

import pytest

from answerback.core.witnessing import LOOK_S, Witnessing
from answerback.lab.simulation.faults import FAULTS
from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge, unsettled
from tests.lab.simulation.misfortunes.stage import write
from tests.lab.simulation.stage import in_town

KINDS = tuple(FAULTS["lies of the directory"])


def lied_to(folder: Path, kind: str) -> Town:
    """A town in which everybody has written once, and then the relay tells this lie and is honest again."""

    async def work(town: Town) -> Town:
        directory = Misfortunes(town).directory
        write(town)
        directory.kinds = lambda: [getattr(directory, kind)]  # type: ignore[method-assign]
        await directory.play()
        assert town.office.views == {}
        assert not town.office.is_stubborn
        write(town)
        await asyncio.sleep(LOOK_S + 4_000)  # a handle that is back is read of in the log
        if not town.chronicle.objections:
            assert list(unsettled(town)) == []
            judge(town, log="")
        return town

    return in_town(folder, work)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lie_about_the_directory_is_told_named_and_outlived(kind: str, tmp_path: Path) -> None:
    town = lied_to(tmp_path, kind)
    assert town.chronicle.faults[kind] == 1
    assert town.truth.directory_lied
    assert any(told for told in town.truth.warned.values())
    assert town.chronicle.objections == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_lie_that_no_device_names_is_objected_to(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Witnessing, "_accuse", lambda *_, **__: [])
    town = lied_to(tmp_path, kind)
    assert {objection.split(":")[0] for objection in town.chronicle.objections} == {"named"}
