"""Lists the six pieces of work, and what runs each: ours, and the other servers' scripts."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.beside.records import OURS

PEERS = (
    "prosody",
    "prosody-nomam",
    "ejabberd-sqlite",
    "ejabberd-nomam",
    "mosquitto-nodelay",
    "mosquitto-save",
    "mosquitto-default",
)
"""Debian's three, each as it is fast and as it keeps most; `synapse-sqlite` wants a Python of its own."""
ARCHIVES = frozenset({"prosody", "ejabberd-sqlite", "ejabberd", "prosody-sqlite"})
"""Who keeps an archive that a device may ask for what it was never handed."""
SHIPPED_LIMITS = "default"
"""Variants with their distribution's limits: a backlog shows what these do, nothing else."""
SLOW = frozenset({"synapse-sqlite", "synapse-pg"})
"""A backlog, thousands of accounts or a silence take these longer than everything else together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much of everything."""

    seconds: float
    backlog: int
    kill_s: float
    connections: int
    clients: int
    silent_s: float


FULL = Scale(seconds=8, backlog=20_000, kill_s=6, connections=5_000, clients=1_000, silent_s=30)
SHORT = Scale(seconds=2, backlog=1_000, kill_s=2, connections=300, clients=100, silent_s=8)
"""For trying out: its figures mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process to be measured."""

    work: str
    who: str
    case: str = ""
    case_from: str = ""
    """The name of the figure that says which case it is, where one process measures several."""
    command: tuple[str, ...]
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One piece of work."""

    name: str
    runs: Callable[[Path, Sequence[str], Scale], list[Run]]
    mostly_waits: bool = False
    """Whether several may run at once without disturbing each other."""


def _ours(work: str, *arguments: object, variant: str = "", module: str = OURS, case_from: str = "") -> Run:
    command = (sys.executable, "-m", module, *map(str, arguments))
    return Run(work=work, who=f"{OURS} {variant}".strip(), case_from=case_from, command=command, is_ours=True)


def _theirs(work: str, script: Path, server: str, *arguments: object, case: str = "") -> Run:
    command = (sys.executable, str(script), "--server", server, *map(str, arguments))
    return Run(work=work, who=server, case=case, command=command, is_ours=False)


def _variants(work: str, words: Sequence[object], *variants: str) -> list[Run]:
    return [_ours(work, "bench", *words, "--json", *variant.split(), variant=variant) for variant in ("", *variants)]


def _unlimited(servers: Sequence[str]) -> list[str]:
    return [server for server in servers if not server.endswith(SHIPPED_LIMITS)]


def _one_each(servers: Sequence[str]) -> list[str]:
    """One variant of each server, the first that is not its archive, where the archive has no part in the work."""
    plain = sorted(_unlimited(servers), key=lambda server: server in ARCHIVES)
    return list({server.split("-")[0]: server for server in reversed(plain)}.values())[::-1]


def _quick(servers: Sequence[str]) -> list[str]:
    return [server for server in servers if server not in SLOW]


def _online(peers: Path, servers: Sequence[str], scale: Scale) -> list[Run]:
    words = ["throughput", "--pairs", 50, "--window", 16, "--seconds", scale.seconds, "--rate", 200]
    ours = _variants("online", words, "--receipt-each", "--receipt-each --tls", "--receipt-each --sealed")
    script = peers / "w1_online.py"
    return ours + [_theirs("online", script, each, "--secs", scale.seconds) for each in _unlimited(servers)]


def _offline(peers: Path, servers: Sequence[str], scale: Scale) -> list[Run]:
    ours = _variants("offline", ["drain", "--count", scale.backlog, "--window", 500], "--sealed")
    words = ["--n", scale.backlog, "--maxs", 60.0]
    return ours + [_theirs("offline", peers / "w2_offline.py", each, *words) for each in _quick(servers)]


def _killed(peers: Path, servers: Sequence[str], scale: Scale) -> list[Run]:
    words = ["--seconds", scale.kill_s, "--rate", 1000]
    ours = _ours("killed", *words, module="tests.journey.acknowledged", case_from="reader")
    return [ours] + [
        _theirs("killed", peers / "w3_durable.py", each, *_kill(scale, each, online), case=case)
        for each in _unlimited(servers)
        for online, case in enumerate(("offline", "online", "half-open"))
        if not (case == "half-open" and each in SLOW)  # their adapter has no such connection
    ]


def _kill(scale: Scale, server: str, online: int) -> list[object]:
    return ["--secs", scale.kill_s, "--online", online, *(["--mam", 1] if server in ARCHIVES else [])]


def _idle(peers: Path, servers: Sequence[str], scale: Scale) -> list[Run]:
    ours = _variants("idle", ["idle", "--connections", scale.connections], "--tls")
    script = peers / "w4_memory.py"
    return ours + [_theirs("idle", script, each, "--n", scale.connections) for each in _quick(_one_each(servers))]


def _crowd(peers: Path, servers: Sequence[str], scale: Scale) -> list[Run]:
    ours = _variants("crowd", ["storm", "--clients", scale.clients, "--messages", 3], "--tls")
    script = peers / "w5_storm.py"
    words = ["--n", scale.clients, "--m", 3]
    return ours + [_theirs("crowd", script, each, *words) for each in _quick(_one_each(servers))]


def _silence(peers: Path, servers: Sequence[str], scale: Scale) -> list[Run]:
    found: list[Run] = []
    for side in ("recv", "send"):
        for told, mode in ((False, "passive"), (True, "reconnect")):
            case, words = f"{side} {mode}", ["--silent", scale.silent_s, "--side", side]
            ours = _ours("silence", *words, *(["--told"] if told else []), module="benchmarks.black_hole")
            found.append(Run(work=ours.work, who=ours.who, case=case, command=ours.command, is_ours=True))
            found += [
                _theirs("silence", peers / "w6_halfopen.py", each, *words, "--mode", mode, case=case)
                for each in _quick(_one_each(servers))
            ]
    return found


WORKS = {
    work.name: work
    for work in (
        Work(name="online", runs=_online),
        Work(name="offline", runs=_offline),
        Work(name="killed", runs=_killed),
        Work(name="idle", runs=_idle),
        Work(name="crowd", runs=_crowd),
        Work(name="silence", runs=_silence, mostly_waits=True),
    )
}
"""By name, in the order of the other servers' scripts, w1 to w6."""
