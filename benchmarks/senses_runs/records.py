"""What a run has shown, as it is kept: no path and no name of a machine is in it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.senses_runs.cases import Case

RUN_S_MAX = 400.0
KEPT = (
    "lasted_s sent lost duplicated delay urgent recoveries urgent_up_ms file_s attempts up_packets up_bytes drops "
    "priority"
).split()
OF_A_TROUBLE = "stretch up_s down_s urgent_gap_up_s urgent_gap_down_s attempts packets packets_first_minute".split()


@dataclass(frozen=True, slots=True)
class Record:
    """One run."""

    key: str
    part: str
    place: str
    scenario: str
    policy: str
    seed: int
    load: float
    """How many programs wanted this machine's two processors in the last minute of the run."""
    late_ms: float
    """By how much the emulator was late with the latest packet of a hundred."""
    broke: str = ""
    found: dict[str, Any] = field(default_factory=dict)


def play(case: Case) -> Record:
    """Run the lab once."""
    words = [sys.executable, "-m", "answerback", *case.command()]
    run = subprocess.run(words, capture_output=True, timeout=RUN_S_MAX, check=False)
    known = (case.key, case.part, case.place, case.scenario, case.policy, case.seed, round(os.getloadavg()[0], 1))
    try:
        found = json.loads(run.stdout)
    except json.JSONDecodeError:
        return Record(*known, 0.0, broke=run.stderr.decode(errors="replace").strip()[-300:] or f"{run.returncode}")
    found["recoveries"] = [{name: each[name] for name in OF_A_TROUBLE} for each in found["recoveries"]]
    return Record(*known, found["accuracy"]["late_ms_p99"], found={name: found[name] for name in KEPT})


def read(path: Path) -> dict[str, Record]:
    """Read what was done, by its key."""
    if not path.exists():
        return {}
    return {each["key"]: Record(**each) for each in json.loads(path.read_text(encoding="utf-8"))}


def write(path: Path, records: dict[str, Record]) -> None:
    """Keep what was done; a run that is ended meanwhile leaves what was there."""
    beside = path.with_suffix(".part")
    lines = ",\n".join(json.dumps(asdict(each)) for each in records.values())
    beside.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    beside.replace(path)
