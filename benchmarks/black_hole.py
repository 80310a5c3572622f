"""Measures how soon messages arrive after a network that swallowed everything for a while is back: real agents.

    unshare --net sh -c 'ip link set lo up && python -m benchmarks.black_hole --silent 30 --side recv'

Two agents, each with its journal on disk and end to end encrypted, over a relay in a process of its own with TLS, two
messages a second. After five seconds a firewall rule drops every packet of one of the two, both ways, and removes
itself later. Nobody tells the agents anything; with `--told` the cut-off one hears of the network's return at that
moment, as an operating system would say it.

Needs Linux, `nft`, and the right to set firewall rules: root, or `unshare --map-root-user --net`. Run it in a network
namespace of its own, as above, or the rule stands in yours.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from answerback.core.effects import Arrived
from answerback.device.client import Client, Sent
from answerback.device.registering import Relay, register, request_code
from answerback.model.handle import Handle, parse_handle
from answerback.model.timeline import Stage
from answerback.relay.serve import Ready, RelaySettings, run_relay
from answerback.storage.vault import KeySource

CUT_OFF_HOST, OTHER_HOST = "127.0.0.9", "127.0.0.1"
"""Both lead to the relay; the rule knows the first."""
EVERY_HOST = "0.0.0.0"
RULES = "table inet black_hole"
CHAIN = f"add {RULES}; add chain inet black_hole swallow {{ type filter hook input priority 0; }}"
DROP = "; ".join(f"add rule inet black_hole swallow ip {side} {CUT_OFF_HOST} drop" for side in ("saddr", "daddr"))
BEFORE_S = 5.0
EVERY_S = 0.5
TEXT = "x" * 200
START_S_MAX = 60.0
"""Many of these may start at once on a small machine."""
PATIENCE_S = 100.0
LINGER_S = 3.0
"""After everything is here: what comes twice comes now."""


@dataclass(slots=True)
class Seen:
    """What was sent and what arrived, and when."""

    sent_s: dict[str, float] = field(default_factory=dict)
    arrived_s: dict[str, float] = field(default_factory=dict)
    promises: list[Sent] = field(default_factory=list)
    duplicated: int = 0

    def take(self, text: str) -> None:
        """Write down an arrival."""
        self.duplicated += text in self.arrived_s
        self.arrived_s.setdefault(text, time.monotonic())


@dataclass(frozen=True, slots=True)
class Hole:
    """When the network was gone, and who was cut off."""

    side: str
    silent_s: float
    told: bool


async def measure(folder: Path, hole: Hole) -> dict[str, object]:
    """Send, cut one side off, mend it, and wait until everything is here."""
    async with _relay(folder / "relay") as relay:
        hosts = {"ada": OTHER_HOST, "bea": CUT_OFF_HOST} if hole.side == "recv" else {"ada": CUT_OFF_HOST}
        for name in ("ada", "bea"):
            await _join(relay, folder / name, name, hosts.get(name, OTHER_HOST))
        async with Client.open(folder / "ada") as ada, Client.open(folder / "bea") as bea:
            return await _converse(ada, bea, hole)


async def _converse(ada: Client, bea: Client, hole: Hole) -> dict[str, object]:
    seen, victim = Seen(), bea if hole.side == "recv" else ada
    stop_hearing = bea.agent.listen(lambda news: seen.take(news.message.text) if isinstance(news, Arrived) else None)
    await _first(ada, seen)
    _nft(CHAIN)
    sending = asyncio.create_task(_keep_sending(ada, seen))
    await asyncio.sleep(BEFORE_S)
    _nft(DROP)
    gone_s = time.monotonic()
    await asyncio.sleep(hole.silent_s)
    unanswered = sum(not _is(ada, promise, Stage.DELIVERED) for promise in seen.promises)
    untaken = sum(not _is(ada, promise, Stage.ACCEPTED) for promise in seen.promises)
    sending.cancel()
    missing = len(seen.sent_s) - len(seen.arrived_s)
    wasted = victim.status().wasted_attempts
    _nft(f"flush {RULES}")
    back_s = time.monotonic()
    if hole.told:
        victim.agent.change(lambda engine, now: engine.hint(now=now))
    await _settle(ada, seen)
    stop_hearing()
    in_silence = [text for text, sent_s in seen.sent_s.items() if sent_s >= gone_s]
    late = [s - back_s for s in seen.arrived_s.values() if s > back_s]
    return {
        "side": hole.side,
        "told": hole.told,
        "silent_s": hole.silent_s,
        "sent": len(seen.sent_s),
        "sent_in_silence": len(in_silence),
        "missing_at_return": missing,
        "said_undelivered_at_return": unanswered,
        "said_not_at_the_relay_at_return": untaken,
        "lost": len(seen.sent_s) - len(seen.arrived_s),
        "dup": seen.duplicated,
        "first_after_recovery_s": round(min(late), 2) if late else None,
        "all_after_recovery_s": round(max(late), 2) if late else None,
        "receipts_missing_at_end": sum(not _is(ada, promise, Stage.DELIVERED) for promise in seen.promises),
        "attempts_in_vain": wasted,
    }


async def _first(ada: Client, seen: Seen) -> None:
    """Have one message arrive, so that both are connected and know each other."""
    seen.sent_s["first"] = time.monotonic()
    seen.promises.append(await ada.send("bea@example.org", text="first"))
    await seen.promises[0].delivered(timeout_s=START_S_MAX)


async def _keep_sending(ada: Client, seen: Seen) -> None:
    while True:
        text = f"{len(seen.sent_s)} {TEXT}"
        seen.sent_s[text] = time.monotonic()
        seen.promises.append(await ada.send("bea@example.org", text=text))
        await asyncio.sleep(EVERY_S)


async def _settle(ada: Client, seen: Seen) -> None:
    """Wait until every message has been answered back."""
    with contextlib.suppress(TimeoutError):  # what is missing then is in the figures
        async with asyncio.timeout(PATIENCE_S):
            for promise in seen.promises:
                await promise.delivered()
    await asyncio.sleep(LINGER_S)


def _is(client: Client, promise: Sent, stage: Stage) -> bool:
    told = client.timeline(promise.id)
    return told is not None and told.stage >= stage


def _nft(rules: str) -> None:
    subprocess.run(["nft", rules], check=True)


# ---- the relay and its people ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Child:
    """A relay in a process of its own."""

    process: asyncio.subprocess.Process
    port: int = 0
    pin: bytes = b""

    async def hear(self, word: str) -> list[str]:
        """Wait for a line that begins with this word."""
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            while line := (await self.process.stdout.readline()).decode().split():
                if line[0] == word:
                    return line[1:]
        raise SystemExit("the relay under measurement has ended")


@contextlib.asynccontextmanager
async def _relay(folder: Path) -> AsyncIterator[_Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.black_hole", "--relay", str(folder), stdout=subprocess.PIPE
    )
    child = _Child(process)
    try:
        port, pin = await child.hear("ready")
        child.port, child.pin = int(port), bytes.fromhex(pin)
        yield child
    finally:
        process.terminate()
        await process.wait()


async def _join(child: _Child, folder: Path, name: str, host: str) -> None:
    relay, handle = Relay(f"https://{host}:{child.port}", child.pin), parse_handle(f"{name}@example.org")
    await request_code(relay, handle)
    _, code = await child.hear("code")
    now_ms = time.time_ns() // 1_000_000
    await register(folder, relay, handle, code=code, device_name=name, source=KeySource.FILE, now_ms=now_ms)


def _be_the_relay(folder: Path) -> None:
    def ready(found: Ready) -> None:
        print(f"ready {found.port} {found.pin.hex()}", flush=True)

    def code(handle: Handle, secret: str) -> None:
        print(f"code {handle.text} {secret}", flush=True)

    settings = RelaySettings(folder=folder, host=EVERY_HOST, port=0, is_open=True)
    asyncio.run(run_relay(settings, on_ready=ready, on_code=code))


def main() -> None:
    """Measure once and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--silent", type=float, default=30.0, help="seconds without a network")
    parser.add_argument("--side", choices=("recv", "send"), default="recv", help="who is cut off")
    parser.add_argument("--told", action="store_true", help="the one cut off hears of the network's return")
    parser.add_argument("--relay", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.relay is not None:
        _be_the_relay(chosen.relay)
        return
    with tempfile.TemporaryDirectory() as folder:
        hole = Hole(chosen.side, chosen.silent, chosen.told)
        print(json.dumps(asyncio.run(measure(Path(folder), hole))))


if __name__ == "__main__":
    main()
