"""Tells what a device sent while its network was in trouble: attempts, packets and bytes, stretch by stretch."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import msgspec

from answerback.lab.links import Link
from answerback.lab.packets.roads import Traffic
from answerback.lab.packets.scenarios import Trouble
from answerback.lab.schedule import Outages

MINUTE_S: Final = 60.0


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of trouble on one path, in seconds since the beginning; a moment, where both ends are the same."""

    path: int
    start_s: float
    end_s: float
    announced: bool
    """Whether the system tells of its end."""
    recorded: bool
    """Whether its end is that of a gap in the link's own schedule, and not of the scenario."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What the device sent in a stretch."""

    stretch: Stretch
    attempts: int
    packets: int
    bytes: int
    packets_first_minute: int
    packets_a_minute_after: float


def stretches_of(
    troubles: Iterable[Trouble], links: Iterable[Link], *, from_s: float, lasted_s: float
) -> list[Stretch]:
    """Gather the troubles of a scenario and those of the links, those that overlap as one."""
    found = [
        Stretch(path=each.path, start_s=each.start_s, end_s=each.end_s, announced=each.announced, recorded=False)
        for each in troubles
        if each.end_s <= lasted_s
    ]
    for path, link in enumerate(links):
        for outages in (link.up.outages, link.down.outages):
            found += _recorded(outages, path=path, from_s=from_s, lasted_s=lasted_s)
    return _joined(found)


def reach(traffic: Traffic, stretch: Stretch, *, from_s: float) -> Reach:
    """Count what the device sent on a path in a stretch."""

    def within(start_s: float, end_s: float) -> tuple[int, int]:
        return (
            bisect_left(traffic.at_s, start_s + from_s),
            bisect_left(traffic.at_s, end_s + from_s),
        )

    first, last = within(stretch.start_s, stretch.end_s)
    minute_first, minute_last = within(stretch.start_s, min(stretch.start_s + MINUTE_S, stretch.end_s))
    rest_s = stretch.end_s - stretch.start_s - MINUTE_S
    in_minute = minute_last - minute_first
    begun = [at_s for at_s in traffic.attempts_s if stretch.start_s <= at_s - from_s < stretch.end_s]
    return Reach(
        stretch=stretch,
        attempts=len(begun),
        packets=last - first,
        bytes=sum(traffic.sizes_bytes[first:last]),
        packets_first_minute=in_minute,
        packets_a_minute_after=round((last - first - in_minute) * MINUTE_S / rest_s, 1) if rest_s > 0 else 0.0,
    )


def _recorded(outages: Outages, *, path: int, from_s: float, lasted_s: float) -> list[Stretch]:
    found: list[Stretch] = []
    at_s: float | None = from_s
    while at_s is not None and at_s < from_s + lasted_s:
        outage = outages.at(at_s)
        if outage is not None and outage.end_s <= from_s + lasted_s:
            start_s = max(outage.start_s - from_s, 0.0)
            end_s = outage.end_s - from_s
            found.append(Stretch(path=path, start_s=start_s, end_s=end_s, announced=False, recorded=True))
        at_s = outages.next_edge_s(at_s)
    return found


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    joined: list[Stretch] = []
    for each in sorted(stretches, key=lambda stretch: (stretch.path, stretch.start_s, stretch.end_s)):
        before = joined[-1] if joined else None
        if before is None or before.path != each.path or each.start_s > before.end_s:
            joined.append(each)
            continue
        last = each if each.end_s > before.end_s else before
        joined[-1] = Stretch(
            path=each.path,
            start_s=before.start_s,
            end_s=last.end_s,
            announced=last.announced,
            recorded=last.recorded,
        )
    return joined
