"""Runs one measurement in a process, a folder and a network of its own, and reads what it prints.

Theory. A network namespace of its own means: loopback only, no port taken by anybody else, and a firewall rule that
touches nobody else. Making one needs root, or a kernel that lets people make namespaces (`unshare --map-root-user`).
"""

import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.beside.records import Record
from benchmarks.beside.works import Run

ROOT = Path(__file__).resolve().parents[2]
RUN_S_MAX = 600.0
"""The slowest of all takes four minutes; what takes longer hangs."""
LOOK_S = 1.0
"""How long to look at what others do with the machine."""
SYNCS, SYNC_BYTES = 50, 4096
_ALONE = 'ip link set lo up && exec "$@"'


def measure(run: Run, *, turn: int) -> list[Record]:
    """Look at the machine, then run one measurement."""
    return _measured(run, turn=turn, others_cores=_others_cores(), disk_sync_ms=_disk_sync_ms())


def measure_together(runs: Sequence[Run], *, turn: int, at_once: int) -> list[Record]:
    """Run measurements that mostly wait, several at once; the machine is looked at once, before all of them."""
    others_cores, disk_sync_ms = _others_cores(), _disk_sync_ms()
    with ThreadPoolExecutor(at_once) as pool:
        done = pool.map(
            lambda run: _measured(run, turn=turn, others_cores=others_cores, disk_sync_ms=disk_sync_ms), runs
        )
        return [record for records in done for record in records]


def _measured(run: Run, *, turn: int, others_cores: float, disk_sync_ms: float) -> list[Record]:
    began, began_s = dt.datetime.now(dt.UTC), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="beside-", ignore_cleanup_errors=True) as folder:
        found, broke = _lines(run, Path(folder))
    took_s = time.monotonic() - began_s
    return [
        Record(
            work=run.work,
            who=run.who,
            case=str(line.get(run.case_from, run.case)),
            turn=turn,
            began=began.isoformat(timespec="seconds"),
            took_s=round(took_s, 1),
            others_cores=round(others_cores, 2),
            disk_sync_ms=round(disk_sync_ms, 2),
            found=line,
            broke=broke,
        )
        for line in found or [{}]
    ]


def _lines(run: Run, folder: Path) -> tuple[list[Mapping[str, object]], str]:
    """Run it; give every line of JSON it printed, or why there is none."""
    environment = {**os.environ, "TMPDIR": str(folder), "PEERS_RUN": str(folder / "peers")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [*_alone(), *run.command],
            cwd=ROOT if run.is_ours else folder,  # they write a file of results where they stand
            env=environment,
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [], f"more than {RUN_S_MAX:.0f} s"
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if found:
        return found, ""
    return [], (done.stderr.strip().splitlines() or ["no word"])[-1][:200]


def _alone() -> list[str]:
    if sys.platform != "linux":
        raise SystemExit("network namespaces are Linux's: this runs nowhere else")
    mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *mapped, "--net", "--", "sh", "-c", _ALONE, "sh"]


def _others_cores() -> float:
    """Say how many cores are busy while nothing of ours runs."""
    before = _idle_s()
    began_s = time.monotonic()
    time.sleep(LOOK_S)
    idle_s, wall_s = _idle_s() - before, time.monotonic() - began_s
    return max(0.0, (os.cpu_count() or 1) - idle_s / wall_s)


def _idle_s() -> float:
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return (int(first[4]) + int(first[5])) / os.sysconf("SC_CLK_TCK")  # idle, and waiting for a disk


def _disk_sync_ms() -> float:
    took: list[float] = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(SYNC_BYTES))
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - began_s))
    return statistics.median(took)
