"""Proves that a battery is read as Linux shows it, that only the machine's own counts, and that nonsense is nothing."""

from pathlib import Path

import pytest

from answerback.core.sensing import PowerSeen
from answerback.device.battery import battery_seen

UNKNOWN = PowerSeen(None, None)


def supply(folder: Path, name: str, **said: str) -> None:
    (folder / name).mkdir(parents=True)
    for file, text in said.items():
        (folder / name / file).write_text(f"{text}\n", encoding="ascii")


def battery(folder: Path, name: str, capacity: str, status: str, **more: str) -> None:
    supply(folder, name, type="Battery", capacity=capacity, status=status, **more)


def test_a_system_without_such_a_folder_and_a_machine_without_a_battery_know_nothing(tmp_path: Path) -> None:
    assert battery_seen(tmp_path / "nowhere") == UNKNOWN
    supply(tmp_path, "AC", type="Mains", online="1")
    assert battery_seen(tmp_path) == UNKNOWN


@pytest.mark.parametrize(
    ("status", "is_charging"),
    [("Charging", True), ("Full", True), ("Not charging", True), ("Discharging", False), ("Unknown", False)],
)
def test_a_battery_on_mains_is_charging_even_if_it_takes_no_more(
    tmp_path: Path, status: str, *, is_charging: bool
) -> None:
    battery(tmp_path, "BAT0", "42", status)
    assert battery_seen(tmp_path) == PowerSeen(0.42, is_charging)


def test_the_emptiest_counts_and_one_that_charges_is_enough(tmp_path: Path) -> None:
    battery(tmp_path, "BAT0", "80", "Charging")
    battery(tmp_path, "BAT1", "7", "Discharging")
    assert battery_seen(tmp_path) == PowerSeen(0.07, is_charging=True)


def test_the_battery_of_a_mouse_is_not_the_machines(tmp_path: Path) -> None:
    battery(tmp_path, "mouse", "3", "Discharging", scope="Device")
    assert battery_seen(tmp_path) == UNKNOWN
    battery(tmp_path, "BAT0", "50", "Discharging", scope="System")
    assert battery_seen(tmp_path) == PowerSeen(0.5, is_charging=False)


@pytest.mark.parametrize(("capacity", "level"), [("-5", 0.0), ("0", 0.0), ("100", 1.0), ("255", 1.0)])
def test_a_level_is_never_beyond_empty_or_full(tmp_path: Path, capacity: str, level: float) -> None:
    battery(tmp_path, "BAT0", capacity, "Discharging")
    assert battery_seen(tmp_path).battery == level


@pytest.mark.parametrize("capacity", ["", "half", "\u00b5"])
def test_what_is_no_number_is_nothing(tmp_path: Path, capacity: str) -> None:
    battery(tmp_path, "BAT0", "1", "Charging")
    (tmp_path / "BAT0" / "capacity").write_text(capacity, encoding="utf-8")
    assert battery_seen(tmp_path) == UNKNOWN


def test_a_battery_that_says_nothing_at_all_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "BAT0").mkdir()
    (tmp_path / "note").write_text("no folder", encoding="ascii")
    battery(tmp_path, "BAT1", "60", "Discharging")
    assert battery_seen(tmp_path) == PowerSeen(0.6, is_charging=False)
