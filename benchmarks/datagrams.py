"""Measures what the relay's datagrams cost it: CPU for each, by what it is, and memory for each device.

The relay's line for datagrams and its machines run in a child process, on uvloop as in use, with the bound on their
number lifted. The parent sends over loopback, as fast as answers come or, where nothing is answered, as fast as it can:
what the child did not read is not counted. CPU is what the child was charged between two reports of its own.

    python -m benchmarks.datagrams [--json FILE]

prints a table. Linux only.
"""

import argparse
import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final
from unittest import mock

import uvloop

from answerback.crypto.datagrams import DatagramEnd, Side
from answerback.model.ids import DeviceId
from answerback.relay import call_line, switchboard
from answerback.relay.app import RING_S_MIN
from answerback.relay.call_line import CallLine
from answerback.relay.calls import Calls
from answerback.relay.limits import Rate
from answerback.wire.datagrams import DATAGRAM_BYTES, Ask, There

HOST: Final = "127.0.0.1"
DEVICES: Final = 20_000
WINDOW: Final = 64
MEASURE_S: Final = 3.0
CROWD_S: Final = 30.0
BATCH: Final = 2_000
ANSWER_S_MAX: Final = 0.2
UNBOUNDED: Final = Rate(burst=1e12, per_s=1e12)


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of datagram."""

    kind: str
    read_per_s: float
    cpu_us: float
    """For each one read."""


def secret(number: int) -> bytes:
    """Give a device's secret."""
    return number.to_bytes(32, "big")


# ---- the relay's side ----------------------------------------------------------------------------------------------


async def serve() -> None:
    """Answer datagrams; for each line on standard input say what was read, and the CPU time."""
    calls = Calls(is_connected=lambda _: True, is_owed=lambda _: False, random_bytes=os.urandom)
    calls.is_on = True
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began_s = time.process_time()
    for number in range(DEVICES):
        calls.welcomed(DeviceId(number.to_bytes(16, "big")), secret(number), now_s=time.monotonic())
    enrolled_us = 1e6 * (time.process_time() - began_s) / DEVICES
    bytes_each = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / DEVICES
    line = CallLine(lambda data, address: calls.datagram(data, address, now_s=time.monotonic()))
    await line.open(HOST, 0)
    print(json.dumps({"port": line.port, "enrolled_us": enrolled_us, "bytes_each": bytes_each}), flush=True)
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def report() -> None:
        if not sys.stdin.readline():
            loop.remove_reader(sys.stdin)
            over.set_result(None)
            return
        fates = {fate.value: count for fate, count in calls.tally.fates.items()}
        print(json.dumps({"cpu_s": time.process_time(), "fates": fates}), flush=True)

    loop.add_reader(sys.stdin, report)
    await over
    line.close()


def child() -> None:
    """Be the relay's side."""
    with mock.patch.object(call_line, "DATAGRAMS", UNBOUNDED), mock.patch.object(switchboard, "QUESTIONS", UNBOUNDED):
        uvloop.run(serve())


def crowd() -> tuple[float, float]:
    """Let all devices fall silent at once; give the share of a core that calling them takes, and the longest step."""
    calls = Calls(is_connected=lambda _: True, is_owed=lambda _: True, random_bytes=os.urandom)
    calls.is_on = True
    now_s, devices = 0.0, [DeviceId(number.to_bytes(16, "big")) for number in range(DEVICES)]
    for number, device in enumerate(devices):
        calls.welcomed(device, secret(number), now_s=now_s)
        end = DatagramEnd(secret(number), side=Side.DEVICE)
        token = 0
        for _ in range(2):
            said = calls.datagram(end.seal(Ask(token), way=0)[1], number, now_s=now_s)
            assert said is not None
            there = end.open(said, way=0).words
            assert isinstance(there, There)
            token = there.token
    owing = [(device, now_s) for device in devices]
    began_s, longest_s = time.process_time(), 0.0
    while now_s < CROWD_S:
        step_s = time.perf_counter()
        calls.wake(lambda: owing, now_s=now_s)
        longest_s = max(longest_s, time.perf_counter() - step_s)
        now_s = max(calls.wake_at_s(now_s=now_s), now_s + RING_S_MIN)
    return (time.process_time() - began_s) / CROWD_S, longest_s


# ---- the load ------------------------------------------------------------------------------------------------------


class Relay:
    """The child."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.datagrams", "--child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self._line()
        self.address = (HOST, int(self.first["port"]))

    def _line(self) -> dict[str, float]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))

    def report(self) -> tuple[float, int]:
        """Give the CPU seconds and the datagrams read so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        said = json.loads(json.dumps(self._line()))
        return float(said["cpu_s"]), sum(said["fates"].values())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def measure(relay: Relay, kind: str, batches: Callable[[int], list[bytes]], *, is_answered: bool) -> Cost:
    """Send batch after batch for a while; sealing them is not part of the time that is counted."""
    cpu_s = busy_s = 0.0
    read = number = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        device.connect(relay.address)
        device.settimeout(ANSWER_S_MAX)
        while busy_s < MEASURE_S:
            said = batches(number)
            number += 1
            before_cpu_s, before_read = relay.report()
            began_s = time.perf_counter()
            _exchange(device, said) if is_answered else _shout(device, said)
            busy_s += time.perf_counter() - began_s
            after_cpu_s, after_read = relay.report()
            cpu_s += after_cpu_s - before_cpu_s
            read += after_read - before_read
    return Cost(kind, round(read / busy_s), round(1e6 * cpu_s / read, 1))


def _exchange(device: socket.socket, said: list[bytes]) -> None:
    under_way = 0
    for data in said:
        device.send(data)
        under_way += 1
        if under_way >= WINDOW:
            under_way -= _came(device)
    while under_way > 0:
        under_way -= _came(device)


def _came(device: socket.socket) -> int:
    try:
        device.recv(DATAGRAM_BYTES)
    except TimeoutError:
        return WINDOW  # lost: as if all were answered
    return 1


def _shout(device: socket.socket, said: list[bytes]) -> None:
    for data in said:
        device.send(data)


def _same(batch: list[bytes], _number: int) -> list[bytes]:
    return batch


def costs(relay: Relay) -> list[Cost]:
    """Measure each kind of datagram."""
    ends = [DatagramEnd(secret(number), side=Side.DEVICE) for number in range(BATCH)]
    once = [end.seal(Ask(0), way=1)[1] for end in ends]
    forged = [data[:-1] + bytes([data[-1] ^ 1]) for data in (end.seal(Ask(0), way=2)[1] for end in ends)]
    strange = [os.urandom(DATAGRAM_BYTES) for _ in range(BATCH)]
    long = [os.urandom(1_400) for _ in range(BATCH)]
    found = [
        measure(relay, "a device's, answered", lambda _: [e.seal(Ask(0), way=0)[1] for e in ends], is_answered=True)
    ]
    measure(relay, "first time", lambda _: once, is_answered=False)
    for kind, batch in (("repeated", once), ("forged", forged), ("a stranger's", strange), ("too long", long)):
        found.append(measure(relay, kind, partial(_same, batch), is_answered=False))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    if arguments.child:
        child()
        return
    relay = Relay()
    found = costs(relay)
    relay.close()
    print("| datagram | read/s | CPU us each | share of a core at the bound |\n|---|---|---|---|")
    for cost in found:
        share = call_line.DATAGRAMS.per_s * cost.cpu_us / 1e6
        print(f"| {cost.kind} | {cost.read_per_s:,.0f} | {cost.cpu_us} | {share:.0%} |")
    enrolled = {key: round(relay.first[key], 1) for key in ("enrolled_us", "bytes_each")}
    print(f"a ticket: {enrolled['enrolled_us']} us of CPU, {enrolled['bytes_each']:,.0f} bytes")
    share, longest_s = crowd()
    print(f"{DEVICES:,} silent at once: {share:.1%} of a core, {1e3 * longest_s:.0f} ms at most at a time")
    crowded = {"crowd_share": round(share, 3), "crowd_longest_ms": round(1e3 * longest_s)}
    if arguments.json:
        figures = {"costs": [asdict(cost) for cost in found], **enrolled, **crowded}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
