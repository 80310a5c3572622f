"""Proves that what a lying contact seals is believed by nobody, and that its reader goes on."""

import asyncio
from pathlib import Path

import pytest

from answerback.lab.simulation.forger import FORGED
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.verdict import judge
from tests.lab.simulation.misfortunes.stage import befalls, write
from tests.lab.simulation.stage import in_town


@pytest.mark.parametrize(
    "kind",
    [
        "contact_forges_a_slip",
        "contact_forges_a_post",
        "contact_forges_a_receipt",
        "contact_calls_for_nonsense",
        "contact_follows_nothing",
        "contact_begins_afresh",
    ],
)
def test_a_contact_lies_and_all_promises_are_kept(kind: str, tmp_path: Path) -> None:
    town = befalls(tmp_path, lambda misfortunes: getattr(misfortunes.contacts, kind), count=2)
    assert town.chronicle.faults[kind] == 2


def test_a_forgery_that_is_shown_is_objected_to(tmp_path: Path) -> None:
    async def work(town: Town) -> list[str]:
        write(town)
        await asyncio.sleep(30)
        town.truth.somebody_lied = True
        judge(town, log="")
        assert town.chronicle.objections == []
        town.villagers[0].disk.rows("UPDATE messages SET text = ?", (FORGED,))
        town.villagers[0].disk.rows("UPDATE device_lists SET signature = zeroblob(64)")
        town.villagers[0].disk.rows("UPDATE seal_keys SET signature = zeroblob(64)")
        judge(town, log="")
        return town.chronicle.objections

    told = " ".join(in_town(tmp_path, work))
    assert "shows what nobody may have written" in told
    assert "believes a list that nobody signed" in told
    assert "believes a seal key that its device did not sign" in told
