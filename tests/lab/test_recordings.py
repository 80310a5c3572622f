"""Recordings are read as Mahimahi reads them, and broken ones name the line at fault."""

from pathlib import Path

import pytest

from answerback.lab.recordings import MOMENT_MS_MAX, Recording, read_recording
from answerback.lab.schedule import Outage
from answerback.model.errors import UsageError


def recorded(folder: Path, content: bytes) -> Recording:
    path = folder / "link.down"
    path.write_bytes(content)
    return read_recording(path)


def test_each_line_is_an_opportunity_and_a_repeated_one_is_two(tmp_path: Path) -> None:
    recording = recorded(tmp_path, b"5\n5\n9\r\n20")
    assert list(recording.moments_ms) == [5, 5, 9, 20]
    assert recording.capacity_bytes(0.006) == 3000
    assert recording.reach_s(3001) == 0.009


def test_a_recording_begins_again_at_its_last_line(tmp_path: Path) -> None:
    recording = recorded(tmp_path, b"5\n20\n")
    assert [recording.reach_s(1500 * count) for count in (1, 2, 3, 4)] == [0.005, 0.020, 0.025, 0.040]
    assert recording.capacity_bytes(0.041) == 6000


def test_gaps_of_a_second_are_outages_also_the_one_before_the_first_line(tmp_path: Path) -> None:
    recording = recorded(tmp_path, b"1500\n1600\n4000\n4100\n")
    assert recording.outages.stretches == (Outage(0.0, 1.5), Outage(1.6, 4.0))
    assert recording.outages.at(4.2) == Outage(4.1, 5.6)


def test_the_rate_is_counted_over_the_second_around_a_moment(tmp_path: Path) -> None:
    recording = recorded(tmp_path, b"".join(b"%d\n" % ms for ms in range(6, 6001, 6)))
    assert recording.rate_bps(3.0) == pytest.approx(2_000_000, rel=0.02)
    assert recording.rate_bps(0.0) == pytest.approx(2_000_000, rel=0.02)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"0\n0\n", "ends at millisecond 0"),
        (b"1\n2\nthree\n", "line 3: 'three' is not a whole number"),
        (b"1\n-2\n", "line 2: '-2' is negative"),
        (b"1\n\n3\n", "line 2: it is blank"),
        (b"1\n7\n5\n", "line 3: 5 comes after 7"),
        (b"1\n+2\n", r"line 2: '\+2' is not a whole number"),
        (b"1\n1_0\n", "line 2: '1_0' is not a whole number"),
        (b"1\n 2\n", "line 2: ' 2' is not a whole number"),
        (b"1.5\n", "line 1: '1.5' is not a whole number"),
        (b"\x89PNG\r\n\x1a\n", "line 1: .* is not a whole number"),
        (b"1\n" + b"9" * 5000, "line 2: '9{20}' is not a whole number"),
        (b"%d\n" % (MOMENT_MS_MAX + 1), "line 1: .* is more than a week"),
        (b"1\n2\r3\n", "line 2: .* is not a whole number"),
    ],
)
def test_a_file_that_is_no_recording_is_refused_with_the_line_at_fault(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        recorded(tmp_path, content)


def test_the_line_at_fault_is_counted_over_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answerback.lab.recordings.BATCH_BYTES", 64)
    with pytest.raises(UsageError, match="line 1000: 3 comes after 999"):
        recorded(tmp_path, b"".join(b"%d\n" % ms for ms in range(1, 1000)) + b"3\n")


def test_a_folder_a_missing_file_and_a_huge_file_are_no_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path, tmp_path / "none.down"):
        with pytest.raises(UsageError, match="There is no recording"):
            read_recording(path)
    monkeypatch.setattr("answerback.lab.recordings.RECORDING_BYTES_MAX", 3)
    with pytest.raises(UsageError, match="has 4 bytes; at most 3"):
        recorded(tmp_path, b"1\n2\n")
