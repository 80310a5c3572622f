"""Reads recordings of real links in the Mahimahi format.

Each line is a millisecond since the start, in whole numbers, at which one packet of 1500 bytes could cross; a number
that comes twice means two packets. Where the recording ends it begins again, and its last line is the length of one
round. The format is described in the manual page of `mm-link` (Mahimahi); bytes are counted, not packets, so one
opportunity may carry several small ones.
"""

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import islice, pairwise
from operator import gt
from pathlib import Path

from answerback.lab.schedule import BITS_PER_BYTE, PACKET_BYTES, Outage, Outages
from answerback.model.errors import UsageError

OUTAGE_MIN_S = 1.0
"""A gap from here on is told as "no signal": shorter ones are how a slow radio always looks."""

RECORDING_BYTES_MAX = 64 * 1024 * 1024
"""Bound on a file: about an hour at 20 Mbit/s; the recordings in use have 0.1 to 5 MiB."""

MOMENT_MS_MAX = 7 * 24 * 3600 * 1000
"""Bound on a line: nobody replays more than a week, so a larger number is a broken file (or another unit)."""

BATCH_BYTES = 1 << 20
"""Lines are read in batches of this size: a file need not fit in memory twice."""

RATE_WINDOW_S = 1.0
"""The rate of a recording is counted over this window: shorter ones show single packets, not a rate."""

LINE_SHOWN_BYTES = 20
"""So much of a bad line is shown: it may be a picture, and no good line is longer."""

_DIGITS = b"0123456789"
_PLAIN = _DIGITS + b"\r\n"
_MS = 1000


@dataclass(frozen=True, slots=True)
class Recording:
    """A schedule as it was once measured, which repeats at its end."""

    moments_ms: "array[int]"
    outages: Outages = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the gaps once; the stretch before the first line is also the gap between two rounds."""
        assert self.moments_ms, "a recording has at least one line"
        assert self.moments_ms[-1] > 0, "a recording lasts"
        gaps = [Outage(0.0, self.moments_ms[0] / _MS)] if self.moments_ms[0] >= OUTAGE_MIN_S * _MS else []
        gap_ms_min = int(OUTAGE_MIN_S * _MS)
        gaps += [
            Outage(before / _MS, after / _MS)
            for before, after in pairwise(self.moments_ms)
            if after - before >= gap_ms_min
        ]
        object.__setattr__(self, "outages", Outages(self.moments_ms[-1] / _MS, tuple(gaps)))

    def capacity_bytes(self, before_s: float) -> float:
        """How many bytes could have crossed strictly before a moment."""
        # Rounded to a nanosecond: 0.831 * 1000 must not fall behind the opportunity at 831 ms.
        before_ms = round(before_s * _MS, 6)
        if before_ms <= 0:
            return 0.0
        rounds = math.ceil(before_ms / self.moments_ms[-1]) - 1
        index = bisect_left(self.moments_ms, before_ms - rounds * self.moments_ms[-1])
        return float((rounds * len(self.moments_ms) + index) * PACKET_BYTES)

    def reach_s(self, capacity_bytes: float) -> float:
        """The first moment by which so many bytes could have crossed."""
        if capacity_bytes <= 0:
            return 0.0
        rounds, index = divmod(math.ceil(capacity_bytes / PACKET_BYTES) - 1, len(self.moments_ms))
        return (rounds * self.moments_ms[-1] + self.moments_ms[index]) / _MS

    def rate_bps(self, at_s: float) -> float:
        """Bits per second in the window around a moment."""
        start_s = max(at_s - RATE_WINDOW_S / 2, 0.0)
        crossed = self.capacity_bytes(start_s + RATE_WINDOW_S) - self.capacity_bytes(start_s)
        return crossed * BITS_PER_BYTE / RATE_WINDOW_S


def read_recording(path: Path) -> Recording:
    """Read one direction of a link; a file that is not a recording is refused with the line at fault."""
    try:
        if not path.is_file():
            raise UsageError(f"There is no recording {path}.")
        size_bytes = path.stat().st_size
        if size_bytes > RECORDING_BYTES_MAX:
            raise UsageError(f"Recording {path} has {size_bytes} bytes; at most {RECORDING_BYTES_MAX} are read.")
        moments_ms = _read_moments(path)
    except OSError as error:
        raise UsageError(f"Recording {path} cannot be read: {error.strerror}.") from error
    if not moments_ms:
        raise UsageError(f"Recording {path} is empty; a line for each packet is expected.")
    if moments_ms[-1] == 0:
        raise UsageError(f"Recording {path} ends at millisecond 0; it must last, to be repeated.")
    return Recording(moments_ms)


def _read_moments(path: Path) -> "array[int]":
    moments_ms: array[int] = array("Q")
    with path.open("rb") as lines:
        while batch := lines.readlines(BATCH_BYTES):
            known = len(moments_ms)
            try:
                _take_batch(batch, into=moments_ms)
            except (ValueError, OverflowError):
                # Only now is it worth looking at each line: a good file is never read twice.
                last_ms = moments_ms[known - 1] if known else 0
                fault = _find_fault(batch, line_first=known + 1, last_ms=last_ms)
                raise UsageError(f"Recording {path}, {fault}.") from None
    return moments_ms


def _take_batch(batch: list[bytes], *, into: "array[int]") -> None:
    """Append a batch of good lines; anything else is a ValueError or an OverflowError."""
    # int() would also take "+5", "1_000" and spaces, which other readers of the format do not.
    if b"".join(batch).translate(None, _PLAIN):
        raise ValueError
    known = len(into)
    into.extend(map(int, batch))
    start = max(known - 1, 0)
    if into[-1] > MOMENT_MS_MAX or any(map(gt, islice(into, start, None), islice(into, start + 1, None))):
        raise ValueError


def _find_fault(batch: list[bytes], *, line_first: int, last_ms: int) -> str:
    """Say which line of a bad batch is at fault, and how."""
    for line, content in enumerate(batch, line_first):
        text = content.rstrip(b"\r\n")
        shown = ascii(text[:LINE_SHOWN_BYTES].decode("ascii", "replace"))
        if not text:
            return f"line {line}: it is blank; a whole number of milliseconds is expected"
        if text.startswith(b"-") and text[1:].isdigit():
            return f"line {line}: {shown} is negative; milliseconds since the start are expected"
        if text.translate(None, _DIGITS) or len(text) > LINE_SHOWN_BYTES:
            return f"line {line}: {shown} is not a whole number of milliseconds"
        moment_ms = int(text)
        if moment_ms > MOMENT_MS_MAX:
            return f"line {line}: {moment_ms} ms is more than a week; at most {MOMENT_MS_MAX} is read"
        if moment_ms < last_ms:
            return f"line {line}: {moment_ms} comes after {last_ms}; the moments must not decrease"
        last_ms = moment_ms
    raise AssertionError("a bad batch has a line at fault")
