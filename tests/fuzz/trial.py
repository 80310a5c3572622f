"""Tries inputs one by one, within bounds of time and memory, and writes down what went wrong.

Theory. What is being tried, and how far the trial has come, lies in a file that is mapped into memory: so whoever
watches can tell a hang from work, and has the offending input also when the process is gone.
"""

import hashlib
import json
import mmap
import re
import signal
import struct
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from tests.fuzz.target import BrokenPromise, Probe, Target

INPUT_BYTES_MAX = 4 * 1024 * 1024
FINDINGS_MAX = 10
"""Different ones of one target; enough to begin with."""
HANG_S_MAX = 15.0
"""For one input, in Python code; what hangs outside Python is ended by whoever watches."""
ARM_EVERY_S = 1.0
"""The alarm is set again now and then only: it costs more than the fastest decoder."""
_HEAD: Final = struct.Struct("<QQQQ")  # inputs, tries, slowest in µs, length of the input that is being tried
_NOISE = re.compile(r"[0-9a-f]{8,}|\d+|'.*'|\".*\"")


class TookTooLong(BrokenPromise):
    """One input took longer than any may."""


class Board:
    """What the watcher and the tried process both see."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_HEAD.size + INPUT_BYTES_MAX))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)

    def begin(self, inputs: int, tries: int, slowest_us: int, data: bytes) -> None:
        """Say what is tried now."""
        _HEAD.pack_into(self._map, 0, inputs, tries, slowest_us, len(data))
        self._map[_HEAD.size : _HEAD.size + len(data)] = data

    def read(self) -> tuple[int, int, int]:
        """How far it has come: inputs, tries, and the slowest of them in µs."""
        inputs, tries, slowest_us, _ = _HEAD.unpack_from(self._map, 0)
        return inputs, tries, slowest_us

    def tried(self) -> bytes:
        """The input that is being tried, or was when the process ended."""
        length = _HEAD.unpack_from(self._map, 0)[3]
        return self._map[_HEAD.size : _HEAD.size + length]


@dataclass(frozen=True, slots=True)
class Finding:
    """One input that does what no input may."""

    target: str
    error: str
    story: str
    data: bytes = field(repr=False)

    def write(self, folder: Path) -> Path:
        """Keep it where it can be replayed from."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.target}-{hashlib.sha256(self.data).hexdigest()[:12]}.input"
        head = json.dumps({"target": self.target, "error": self.error, "story": self.story})
        path.write_bytes(head.encode() + b"\n" + self.data)
        return path


def read_finding(path: Path) -> Finding:
    """Read what `write` kept."""
    head, _, data = path.read_bytes().partition(b"\n")
    return Finding(data=data, **json.loads(head))


class Trial:
    """One target under trial."""

    def __init__(
        self,
        target: Target,
        probe: Probe,
        board: Board,
        folder: Path,
        *,
        hang_s: float = HANG_S_MAX,
        findings_max: int = FINDINGS_MAX,
    ) -> None:
        """Without a bound on hangs (0) the alarm is left to whoever else uses it."""
        self._target: Final = target
        self._probe: Final = probe
        self._board: Final = board
        self._folder: Final = folder
        self._hang_s: Final = hang_s
        self._findings_max: Final = findings_max
        self._outcomes: set[str] = set()
        self.findings: dict[str, Path] = {}
        self.inputs = 0
        self.tries = 0
        self.refused = 0
        self.slowest_s = 0.0
        self._armed_s = 0.0
        self.on_new: Callable[[bytes], None] = lambda _data: None
        if hang_s:
            signal.signal(signal.SIGALRM, _alarm)

    @property
    def is_hopeless(self) -> bool:
        """Whether so much was found that going on shows nothing more."""
        return len(self.findings) >= self._findings_max

    def attempt(self, data: bytes) -> None:
        """Try one input."""
        if len(data) > INPUT_BYTES_MAX:
            data = data[:INPUT_BYTES_MAX]
        self._board.begin(self.inputs, self.tries, int(self.slowest_s * 1e6), data)
        self.tries += 1
        began_s = time.perf_counter()
        if self._hang_s and began_s - self._armed_s > min(ARM_EVERY_S, self._hang_s / 4):
            self._armed_s = began_s
            signal.setitimer(signal.ITIMER_REAL, self._hang_s)
        outcome = self._outcome(data)
        took_s = time.perf_counter() - began_s
        if took_s > self.slowest_s:
            took_s = self._slow(data, took_s)
        if outcome not in self._outcomes:
            self._outcomes.add(outcome)
            self.on_new(data)

    def finish(self) -> None:
        """Say the last figures."""
        if self._hang_s:
            signal.setitimer(signal.ITIMER_REAL, 0)
        self._board.begin(self.inputs, self.tries, int(self.slowest_s * 1e6), b"")

    def _outcome(self, data: bytes) -> str:
        try:
            self.inputs += self._probe.run(data)
        except self._probe.refusals as error:
            self.inputs += 1
            self.refused += 1
            return _NOISE.sub("…", f"{type(error).__name__} {error}"[:80])
        except Exception as error:  # noqa: BLE001 - any other error is what this looks for
            self.inputs += 1
            return self._found(error, data)
        return "taken"

    def _slow(self, data: bytes, took_s: float) -> float:
        """Believe that an input is slow only if it is slow again: the machine has other work, too."""
        if took_s > self._target.input_s_max:
            began_s = time.perf_counter()
            self._outcome(data)
            took_s = min(took_s, time.perf_counter() - began_s)
            if took_s > self._target.input_s_max:
                self._found(TookTooLong(f"{took_s:.1f} s, twice; at most {self._target.input_s_max} s"), data)
        self.slowest_s = max(self.slowest_s, took_s)
        return took_s

    def _found(self, error: Exception, data: bytes) -> str:
        story = "".join(traceback.format_exception(error))
        place = [frame for frame in traceback.extract_tb(error.__traceback__) if "answerback" in frame.filename]
        where = f" at {Path(place[-1].filename).name}:{place[-1].lineno}" if place else ""
        kind = _NOISE.sub("…", f"{type(error).__name__}{where}" + (f" {error}"[:60] if not where else ""))
        if kind not in self.findings and not self.is_hopeless:
            said = f"{type(error).__name__}: {error}"[:300]
            self.findings[kind] = Finding(self._target.name, said, story, data).write(self._folder)
        return f"FOUND {kind}"


def _alarm(_number: int, _frame: FrameType | None) -> None:
    raise TookTooLong("nothing came of it in time")
