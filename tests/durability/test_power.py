"""Power lost at any moment of a relay or a device: what was acknowledged is there, once, and the store opens."""

import asyncio
from pathlib import Path

import pytest

from tests.durability.lives import Life, Tally, Words, device_lives, examine, relay_life
from tests.durability.power import VICTIMS, cut_and_count

IMAGES = 60
"""A short version of what docs/proof.md gives the figures of."""


def found(tally: Tally) -> tuple[int, int, int, list[str]]:
    return tally.lost, tally.doubled, tally.damaged, tally.faults


def test_a_relay_that_loses_its_power_keeps_every_envelope_it_had_accepted(tmp_path: Path) -> None:
    life, mail = asyncio.run(relay_life(tmp_path, batches=20))
    assert life.adds_up(), "something was written past the recorder"
    tally = examine(life, tmp_path, count=IMAGES, seed=1, look=mail.look)
    assert tally.at_risk > IMAGES // 2
    assert tally.acknowledged > IMAGES
    assert found(tally) == (0, 0, 0, [])


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Life, Words]]:
    return asyncio.run(device_lives(tmp_path_factory.mktemp("town"), messages=8))


def test_a_device_that_loses_its_power_keeps_what_it_promised_showed_and_confirmed(
    lives: list[tuple[Life, Words]], tmp_path: Path
) -> None:
    for life, words in lives:
        assert life.adds_up(), "something was written past the recorder"
        tally = examine(life, tmp_path, count=IMAGES, seed=2, look=words.look)
        assert tally.at_risk > IMAGES // 2
        assert tally.acknowledged > IMAGES
        assert found(tally) == (0, 0, 0, [])


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_a_relay_that_syncs_less_is_seen_to_lose(synchronous: str, tmp_path: Path) -> None:
    life, mail = asyncio.run(relay_life(tmp_path, batches=10, synchronous=synchronous))
    assert examine(life, tmp_path, count=IMAGES, seed=1, look=mail.look).lost > 0


def test_a_disk_that_swallows_syncs_is_seen_to_lose(tmp_path: Path) -> None:
    life, mail = asyncio.run(relay_life(tmp_path, batches=10, keeps_promises=False))
    assert examine(life, tmp_path, count=IMAGES, seed=1, look=mail.look).lost > 0
    everybody = asyncio.run(device_lives(tmp_path / "town", messages=4, keeps_promises=False))
    assert all(examine(life, tmp_path, count=IMAGES, seed=2, look=words.look).lost > 0 for life, words in everybody)


@pytest.mark.parametrize("victim", VICTIMS)
def test_whoever_loses_its_power_in_mid_conversation_goes_on_with_it(victim: str, tmp_path: Path) -> None:
    outcome = asyncio.run(cut_and_count(tmp_path, victim=victim, cuts=3, seed=5))
    assert outcome.saved > 0
    assert outcome.files > 0
    assert (outcome.lost, outcome.lost_files, outcome.duplicated, outcome.unanswered) == (0, 0, 0, 0)
