"""Keeps every raw result of a run, and where and when it was measured."""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

OURS = "answerback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One measurement of one system, as it was found."""

    work: str
    who: str
    case: str
    """Which part of the work, where it has several; else empty."""
    turn: int
    """In which round, counted from 1."""
    began: str
    took_s: float
    others_cores: float
    """How many cores others kept busy in the second before."""
    disk_sync_ms: float
    """What a small durable write took just before (median)."""
    found: Mapping[str, object]
    broke: str
    """Why there is no result; empty if there is one."""

    @property
    def is_ours(self) -> bool:
        """Whether this is about Answerback."""
        return self.who.split(" ")[0] == OURS

    def number(self, name: str) -> float | None:
        """Read a figure; `name.1` is the second of a list or the entry `1` of a table."""
        value: object = self.found
        for part in name.split("."):
            if isinstance(value, list):
                value = value[int(part)] if int(part) < len(value) else None
            elif isinstance(value, Mapping):
                value = value.get(part)
        return float(value) if isinstance(value, int | float) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run: the machine, and everything measured on it."""

    machine: Mapping[str, object]
    records: tuple[Record, ...]

    def of(self, work: str) -> list[Record]:
        """All records of one work, in the order they were taken."""
        return [record for record in self.records if record.work == work]


def this_machine() -> dict[str, object]:
    """Say what the figures depend on."""
    return {
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
    }


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text(encoding="utf-8").splitlines() if found.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(path: Path, session: Session) -> None:
    """Write a run, one record a line, so that two runs can be compared line by line."""
    lines = ",\n".join("  " + json.dumps(asdict(record)) for record in session.records)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"machine": {json.dumps(session.machine)},\n"records": [\n{lines}\n]}}\n', encoding="utf-8")


def read(path: Path) -> Session:
    """Read a run."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Session(machine=kept["machine"], records=tuple(Record(**record) for record in kept["records"]))


def whos(records: Iterable[Record]) -> list[str]:
    """Everybody in these records, ours first, each once."""
    ordered = sorted(records, key=lambda record: not record.is_ours)  # stable: otherwise as they came
    return list(dict.fromkeys(record.who for record in ordered))
