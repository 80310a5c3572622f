"""The emulator: a process that reads packets from network devices and writes them again when they have crossed.

`python -m answerback.lab.packets.emulating` is told its job in one line of JSON, then `begin` and `end`, a line each;
it answers in lines of JSON. It does nothing else, so that nothing else makes packets late, and it ends when its
standard input does.
"""

import ctypes
import gc
import os
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from answerback.lab.links import Link, parse_link
from answerback.lab.packets.accuracy import Accuracy, accuracy_of
from answerback.lab.packets.addresses import OUTSIDE, OUTSIDE_BITS, PORTAL, RELAY, packed
from answerback.lab.packets.border import Stop
from answerback.lab.packets.datagrams import IPV4
from answerback.lab.packets.netlink import Netlink
from answerback.lab.packets.reaching import Reach, reach, stretches_of
from answerback.lab.packets.roads import Road, Way
from answerback.lab.packets.scenarios import Happening, Plot, Wish, find_scenario

BATCH = 64
"""Packets read from one device at a time: more would let those wait that are due meanwhile."""

PACKET_BYTES_READ = 65_535
LINE_BYTES_MAX = 65_536
SLEEP_S_MAX = 0.5
"""A look at nothing costs little, and nothing can be forgotten for longer."""

_SET_TIMER_SLACK = 29
_SLACK_NS = 1000
"""Linux lets a sleeper wake 50 µs late to save energy; a microsecond is as exact as we can read."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What an emulator is told: descriptors it has inherited, and what to play."""

    tuns: list[int]
    indexes: list[int]
    control: int
    """Talks rtnetlink in the device's namespace."""
    far_tun: int
    far_index: int
    far_control: int
    links: list[str]
    """One for each path: a name, or UP,DOWN."""
    scenario: str
    seed: int
    outage_s: float | None
    outages: int
    pace: float
    queue_bytes_max: int
    drops_gaps: bool
    from_s: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an emulator says at the end."""

    lasted_s: float
    accuracy: Accuracy
    attempts: int
    up_packets: int
    up_bytes: int
    down_packets: int
    down_bytes: int
    drops: dict[str, int]
    rebindings: int
    reaches: list[Reach]


class Emulator:
    """The loop, and what it plays."""

    def __init__(self, job: Job) -> None:
        """Set the interfaces up; a good link is played until the run begins."""
        now_s = time.monotonic()
        self._job: Final = job
        wish = Wish(seed=job.seed, outage_s=job.outage_s, outages=job.outages, pace=job.pace)
        self._plot: Final[Plot] = find_scenario(job.scenario).plot(wish)
        self._links: Final[list[Link]] = [parse_link(text, seed=job.seed) for text in job.links]
        near = Netlink(socket.socket(fileno=job.control))
        self._roads: Final = [
            Road(number, tun=tun, index=index, netlink=near, now_s=now_s)
            for number, (tun, index) in enumerate(zip(job.tuns, job.indexes, strict=True))
        ]
        self._by_tun: Final = {road.tun: road for road in self._roads}
        for road in self._roads:
            road.connect()
        connect_far(Netlink(socket.socket(fileno=job.far_control)), job.far_index)
        self._ahead: list[Happening] = []
        self._began_s = now_s
        self._pause_s_max = 0.0
        self._strays = 0
        """Packets for an address that no path has any more."""

    def run(self) -> None:
        """Carry packets until told to end."""
        words = sys.stdin.fileno()
        waiting = [words, self._job.far_tun, *self._by_tun]
        while True:
            wake_s = self._wake_s()
            readable, _, _ = select.select(waiting, [], [], max(wake_s - time.monotonic(), 0.0))
            woke_s = time.monotonic()
            for number in readable:
                if number in self._by_tun:
                    self._read_near(self._by_tun[number])
                elif number == self._job.far_tun:
                    self._read_far()
                elif not self._obey(os.read(number, LINE_BYTES_MAX)):
                    return
            self._let_happen()
            self._deliver()
            self._pause_s_max = max(self._pause_s_max, time.monotonic() - min(woke_s, wake_s))

    def _obey(self, word: bytes) -> bool:
        if word == b"begin\n":
            self._begin()
        elif word == b"end\n":
            answer({"event": "report", **msgspec.to_builtins(self._report())})
        return bool(word)

    def _begin(self) -> None:
        now_s = self._began_s = time.monotonic()
        job = self._job
        for road, link in zip(self._roads, self._links, strict=True):
            road.begin(
                link,
                shares=self._plot.shares if road.number == 0 else self._plot.shares[:1],
                seed=job.seed,
                queue_bytes_max=job.queue_bytes_max,
                drops_gaps=job.drops_gaps,
                from_s=job.from_s,
                now_s=now_s,
            )
        self._ahead = sorted(self._plot.happenings, key=lambda happening: happening.at_s)
        self._pause_s_max, self._strays = 0.0, 0
        answer({"event": "begun", "at_s": now_s})

    def _wake_s(self) -> float:
        moments = [at_s for way in self._ways() if (at_s := way.next_at_s()) is not None]
        if self._ahead:
            moments.append(self._began_s + self._ahead[0].at_s)
        return min([*moments, time.monotonic() + SLEEP_S_MAX])

    def _ways(self) -> Iterator[Way]:
        for road in self._roads:
            yield road.up
            yield road.down

    def _read_near(self, road: Road) -> None:
        for packet in packets(road.tun):
            now_s = time.monotonic()
            if packet[0] >> 4 == IPV4:  # what the system tries on its own in IPv6 has nowhere to go
                road.traffic.take(packet, at_s=now_s - road.up.origin_s)
                road.up.offer(packet, now_s=now_s)

    def _read_far(self) -> None:
        for packet in packets(self._job.far_tun):
            now_s = time.monotonic()
            for road in self._roads:
                if packet[16:20] == road.border.translation.outside:
                    inward = road.border.inward(packet, at_s=now_s)
                    if inward is not None:
                        road.down.offer(inward, now_s=now_s)
                    break
            else:
                self._strays += packet[0] >> 4 == IPV4

    def _let_happen(self) -> None:
        now_s = time.monotonic()
        while self._ahead and self._began_s + self._ahead[0].at_s <= now_s:
            happening = self._ahead.pop(0)
            self._roads[happening.path].do(happening.deed, now_s=now_s)
            answer({"event": "happened", "at_s": now_s, "what": repr(happening.deed)})

    def _deliver(self) -> None:
        for road in self._roads:
            for arrival in road.down.bottleneck.due(time.monotonic() - road.down.origin_s):
                road.write(arrival.item)
                road.down.wrote(arrival, now_s=time.monotonic())
            for arrival in road.up.bottleneck.due(time.monotonic() - road.up.origin_s):
                outward = road.border.outward(arrival.item, at_s=time.monotonic())
                if outward is not None:
                    os.write(self._job.far_tun, outward)
                road.up.wrote(arrival, now_s=time.monotonic())

    def _drops(self) -> dict[str, int]:
        found: Counter[str] = Counter({Stop.UNMAPPED.value: self._strays})
        for road in self._roads:
            found.update(road.drops())
        return dict(+found)

    def _report(self) -> Report:
        lasted_s, from_s = time.monotonic() - self._began_s, self._job.from_s
        stretches = stretches_of(self._plot.troubles, self._links, from_s=from_s, lasted_s=lasted_s)
        ups = [road.up.bottleneck.tally for road in self._roads]
        downs = [road.down.bottleneck.tally for road in self._roads]
        return Report(
            lasted_s=round(lasted_s, 3),
            accuracy=accuracy_of(
                [way.meter for way in self._ways()], until_s=from_s + lasted_s, pause_s_max=self._pause_s_max
            ),
            attempts=sum(len(road.traffic.attempts_s) for road in self._roads),
            up_packets=sum(tally.offered for tally in ups),
            up_bytes=sum(tally.offered_bytes for tally in ups),
            down_packets=sum(tally.offered for tally in downs),
            down_bytes=sum(tally.offered_bytes for tally in downs),
            drops=self._drops(),
            rebindings=sum(road.border.translation.rebindings for road in self._roads),
            reaches=[reach(self._roads[each.path].traffic, each, from_s=from_s) for each in stretches],
        )


def packets(tun: int) -> Iterator[bytes]:
    """Read what is there, up to a batch."""
    for _ in range(BATCH):
        try:
            yield os.read(tun, PACKET_BYTES_READ)
        except OSError:  # nothing more to read, or the interface is down
            return


def connect_far(netlink: Netlink, index: int) -> None:
    """Give the far side its addresses, and the way to all paths."""
    netlink.set_link(index, up=True)
    for address in (RELAY, PORTAL):
        netlink.add_address(index, packed(address))
    netlink.add_route(index, target=OUTSIDE, target_bits=OUTSIDE_BITS, source=packed(RELAY))


def answer(said: object) -> None:
    """Say one line."""
    sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
    sys.stdout.buffer.flush()


def quicken() -> str:
    """Have this process woken as soon as it can be; say how far the system went along."""
    ctypes.CDLL(None).prctl(_SET_TIMER_SLACK, _SLACK_NS, 0, 0, 0)
    gc.disable()  # nothing here makes cycles, and a collection is a pause
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        return "ordinary"
    return "real time"


def main() -> None:
    """Be the emulator."""
    answer({"event": "started"})
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as words:  # what comes after is not read ahead
        job = msgspec.json.decode(words.readline(), type=Job)
    emulator = Emulator(job)
    answer({"event": "ready", "priority": quicken()})
    emulator.run()


if __name__ == "__main__":
    main()
