"""Proves that a plan refuses what cannot be played, and that a recording's longest gap is what is shown."""

from pathlib import Path

import pytest

from answerback.faces.demonstration.plan import SEND_S_MAX, Plan, choose_playing
from answerback.model.errors import UsageError


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """Two minutes with a packet every 10 ms, then 39 s of nothing up, then a minute more."""
    steady = [*range(0, 120_000, 10), *range(159_000, 220_000, 10)]
    (tmp_path / "ride.up").write_text("".join(f"{ms}\n" for ms in steady))
    (tmp_path / "ride.down").write_text("".join(f"{ms}\n" for ms in range(0, 220_000, 10)))
    return str(tmp_path / "ride")


def test_a_recording_is_played_from_before_its_longest_gap_and_fast_enough_to_see_its_end(recording: str) -> None:
    playing = choose_playing(Plan(link=recording))
    assert playing.speed == 2.0
    assert playing.from_s == pytest.approx(120 - 16, abs=0.2)
    assert playing.said == "played 2 times as fast, from 1:44 on"
    assert playing.longest_outage_s(until_s=300.0) == pytest.approx(39.0, abs=0.1)
    assert playing.longest_outage_s(until_s=130.0) == pytest.approx(10.0, abs=0.1)
    assert playing.longest_outage_s(until_s=110.0) == 0.0


def test_what_is_asked_for_is_what_is_played(recording: str) -> None:
    playing = choose_playing(Plan(link=recording, speed=1.0, from_s=0.0))
    assert (playing.speed, playing.from_s, playing.said) == (1.0, 0.0, "")
    tunnel = choose_playing(Plan(link="tunnel"))
    assert (tunnel.speed, tunnel.from_s) == (1.0, 0.0)
    assert choose_playing(Plan(link="good")).longest_outage_s(until_s=100.0) == 0.0


def test_many_messages_are_written_as_fast_as_few() -> None:
    assert Plan(messages=300).spacing_s * 300 == pytest.approx(SEND_S_MAX)
    assert Plan(messages=10).spacing_s == 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": 0},
        {"messages": 1_000_000},
        {"speed": 0.0},
        {"speed": 1000.0},
        {"from_s": -1.0},
        {"kill_relay_every_s": 0.1},
    ],
)
def test_what_cannot_be_played_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        Plan(**wrong)  # type: ignore[arg-type]


def test_an_unknown_link_is_refused() -> None:
    with pytest.raises(UsageError, match="moon"):
        choose_playing(Plan(link="moon"))
