"""A person's words find the link they mean, or say which words would."""

import dataclasses
from pathlib import Path

import pytest

from answerback.lab.links import NAMES, RECORDING_DELAY_S, Link, Signal, generate_link, parse_link
from answerback.lab.schedule import Piece, Rates
from answerback.model.errors import UsageError


def written(folder: Path, name: str, text: str = "5\n10\n") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_a_seed_are_one_link(name: str) -> None:
    assert parse_link(f" {name} ", seed=3) == generate_link(name, seed=3)
    assert name == "good" or parse_link(name, seed=3) != parse_link(name, seed=4)
    assert parse_link(name).name == name


def test_good_has_nothing_but_20_ms() -> None:
    link = parse_link("good")
    assert {link.delay_at(at_s) for at_s in (0.0, 1.3, 4000.0)} == {0.020}
    assert (link.loss, link.resets_s, link.next_change_s(0.0)) == (0.0, (), None)


def test_two_recordings_are_up_and_down(tmp_path: Path) -> None:
    up, down = written(tmp_path, "a.up"), written(tmp_path, "b.down", "7\n9\n")
    link = parse_link(f"{up},{down}")
    assert (link.up.reach_s(1), link.down.reach_s(1)) == (0.005, 0.007)
    assert (link.name, link.delay_s) == ("a.up,b.down", RECORDING_DELAY_S)


def test_a_stem_finds_both_recordings(tmp_path: Path) -> None:
    written(tmp_path, "bus.up")
    written(tmp_path, "bus.down", "7\n9\n")
    link = parse_link(str(tmp_path / "bus"))
    assert (link.name, link.up.reach_s(1), link.down.reach_s(1)) == ("bus", 0.005, 0.007)


def test_a_missing_way_up_is_played_from_the_way_down_and_said(tmp_path: Path) -> None:
    written(tmp_path, "bus.down")
    link = parse_link(str(tmp_path / "bus"))
    assert link.up is link.down
    assert "bus.up is missing, so bus.down is used for both directions" in link.description


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "A link is needed: known are good, tunnel"),
        ("tunel", "There is no link 'tunel'.*known are good, tunnel, train, lift, crowd"),
        ("a,b,c", "exactly UP,DOWN"),
        ("a,", "exactly UP,DOWN"),
        ("a,b", "There is no recording a"),
        ("nowhere/bus.down", "Leave .up or .down away"),
    ],
)
def test_what_is_no_link_is_refused_with_what_would_be(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse_link(text)


def test_a_way_up_alone_is_not_a_recording(tmp_path: Path) -> None:
    written(tmp_path, "bus.up")
    with pytest.raises(UsageError, match="needs at least the way down"):
        parse_link(str(tmp_path / "bus"))


def test_the_signal_is_told_for_each_direction_and_every_change_is_announced() -> None:
    up = Rates((Piece(1.0, 8e3), Piece(2.0, 0.0), Piece(7.0, 8e3)))
    down = Rates((Piece(2.0, 8e3), Piece(2.0, 0.0), Piece(6.0, 8e3)))
    link = Link("two", "", up, down, delay_s=0.0, resets_s=(4.5,))
    changes_s = [0.0]
    while len(changes_s) < 7:
        change_s = link.next_change_s(changes_s[-1])
        assert change_s is not None
        changes_s.append(change_s)
    assert changes_s == [0.0, 1.0, 2.0, 3.0, 4.0, 4.5, 11.0]
    assert [link.signal_at(at_s) for at_s in changes_s[:5]] == [
        Signal.PRESENT,
        Signal.UPLINK_LOST,
        Signal.LOST,
        Signal.DOWNLINK_LOST,
        Signal.PRESENT,
    ]


def test_delay_slides_between_its_steps_and_begins_again() -> None:
    link = dataclasses.replace(parse_link("good"), wobble_s=(0.0, 1.0))
    assert [round(link.delay_at(at_s), 3) for at_s in (0.0, 0.25, 0.5, 0.75, 1.0)] == [0.02, 0.52, 1.02, 0.52, 0.02]
