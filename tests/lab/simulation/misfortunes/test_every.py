"""Proves that every misfortune has a listed name, and that each is drawn sooner or later."""

import asyncio
from pathlib import Path

from answerback.lab.simulation.faults import FAULTS, KINDS
from answerback.lab.simulation.misfortunes import Misfortunes
from answerback.lab.simulation.town import Town
from tests.lab.simulation.stage import in_town


def test_every_misfortune_is_on_the_list(tmp_path: Path) -> None:
    async def work(town: Town) -> set[str]:
        misfortunes = Misfortunes(town)
        return {kind.__name__ for kind in [*misfortunes.kinds(), *misfortunes.lie_kinds()]}

    injected = in_town(tmp_path, work)
    assert injected <= set(KINDS)
    elsewhere = {"lost_frames", "late_frames", "duplicated_frames", "reordered_frames"}
    elsewhere |= {"datagram_lost", "relay_called", "woke_and_told", "nobody_tells"}
    of_life = {
        *FAULTS["files"],
        *FAULTS["lies of the directory"],
        "handle_claimed",
        "months_offline",
        "device_revokes_itself",
        "long_outage",
    }
    of_life |= {"clock_wrong_at_first_start", "relay_clock_wrong_at_first_start"}
    assert set(KINDS) - injected - of_life == elsewhere


def test_backups_are_taken_before_things_go_wrong(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        misfortunes = Misfortunes(town)
        for _ in range(80):
            misfortunes.strike()
            await asyncio.sleep(1)
        assert sum(town.chronicle.faults.values()) > 20
        assert misfortunes.relay.copies or town.chronicle.faults["relay_loses_its_store"]
        misfortunes.heal()
        assert town.timers == []

    in_town(tmp_path, work)
