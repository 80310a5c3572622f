"""Measures, packet by packet in virtual time, what urgent texts suffer beside a bulk transfer and what the bulk gets.

    python -m benchmarks.urgent_beside_bulk --steady 0.8 --places --recordings FOLDER
    python -m benchmarks.urgent_beside_bulk --render      tables and picture from what was measured before

A text is sent every half second on average, and there is always bulk to send. Every rule meets the same link, the same
losses and the same texts, so that a text's delay can be compared with what it would have been without any bulk. A link
is measured whole, or for its first `--seconds`. What was measured before of the same link is replaced.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from answerback.lab.links import NAMES, RECORDING_DELAY_S, Link, generate_link, parse_link
from answerback.lab.schedule import BITS_PER_BYTE, Piece, Rates, Schedule
from answerback.wire.flight import Flight
from benchmarks.beside_bulk import showing
from benchmarks.beside_bulk.records import Figures, Measured, read, write
from benchmarks.beside_bulk.rivals import FixedStretch, RateTimesDelay
from benchmarks.beside_bulk.road import Bottleneck, Clock
from benchmarks.beside_bulk.senders import UNSENT_BYTES_MAX, Alone, Bounded, OneConnection, Seen, Sender

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "urgent_beside_bulk.json"
PAGE = ROOT / "docs" / "scheduling.md"
PICTURE = ROOT / "docs" / "pictures" / "urgent-beside-bulk.svg"
URGENT_EVERY_S = 0.5
URGENT_FROM_S = 5.0
"""Texts count from here on: what a rule needs to get to know a link is shown by the links that change."""
BULK_FROM_S = 0.5
TAIL_S = 30.0
"""Played on after the last text, so that nearly all of them arrive; one that does not counts as this late."""
GREEDY = "low water"
RULES: dict[str, Callable[[Clock, Bottleneck, Bottleneck], Sender]] = {
    "alone": Alone,
    "one queue": lambda *way: OneConnection(*way, overtakes=False, unsent_bytes_max=None),
    "priority": lambda *way: OneConnection(*way, overtakes=True, unsent_bytes_max=None),
    GREEDY: lambda *way: OneConnection(*way, overtakes=True, unsent_bytes_max=UNSENT_BYTES_MAX),
    "half a second": lambda *way: Bounded(*way, control=FixedStretch()),
    "rate × delay": lambda *way: Bounded(*way, control=RateTimesDelay()),
    "rate × delay + 0.1 s": lambda *way: Bounded(*way, control=RateTimesDelay(chunks_more=2)),
    "ours": lambda *way: Bounded(*way, control=Flight()),
}


def main() -> None:
    """Measure what was asked for, keep it, and show it."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steady", nargs="*", default=[], metavar="MBIT[:DELAY_S]", help="links of one rate")
    asked.add_argument("--places", action="store_true", help="the links that come with Answerback")
    asked.add_argument("--recordings", type=Path, help="a folder of recordings")
    asked.add_argument("--only", default="", help="only links whose name has this in it")
    asked.add_argument("--seconds", type=float, default=600.0, help="of each link, at most")
    asked.add_argument("--results", type=Path, default=RESULTS)
    asked.add_argument("--render", action="store_true", help="only write tables and picture")
    chosen = asked.parse_args()
    for link, is_up in _links(chosen):
        name = f"{link.name} {'up' if is_up else 'down'}"
        if chosen.only in name:
            measured = measure(name, link, is_up=is_up, seconds=chosen.seconds)
            write(chosen.results, [*(each for each in read(chosen.results) if each.link != name), measured])
            print(showing.lines(measured), flush=True)
    if chosen.render:
        measured_all = read(chosen.results)
        PICTURE.write_text(showing.svg(measured_all), encoding="utf-8")
        PAGE.write_text(showing.renewed(PAGE.read_text(encoding="utf-8"), measured_all), encoding="utf-8")


def measure(name: str, link: Link, *, is_up: bool, seconds: float) -> Measured:
    """Play all rules on one direction of one link."""
    schedule = link.up if is_up else link.down
    length_s = min(seconds, schedule.outages.period_s)
    seen = {rule: play(link, make, is_up=is_up, length_s=length_s) for rule, make in RULES.items()}
    alone, greedy = seen["alone"], seen[GREEDY]
    mean_bps = schedule.capacity_bytes(length_s) * BITS_PER_BYTE / length_s
    figures = {rule: _figures(each, alone, greedy, length_s=length_s) for rule, each in seen.items()}
    return Measured(name, length_s, mean_bps, len(alone.urgent), figures)


def play(link: Link, make: Callable[[Clock, Bottleneck, Bottleneck], Sender], *, is_up: bool, length_s: float) -> Seen:
    """Play one rule on one direction of a link."""
    clock = Clock()
    up = Bottleneck(clock, link, link.up, random=Random(1))
    down = Bottleneck(clock, link, link.down, random=Random(2))
    sender = make(clock, *((up, down) if is_up else (down, up)))
    texts, at_s = Random(3), URGENT_FROM_S
    while at_s < length_s:
        clock.at(at_s, sender.urgent)
        at_s += texts.expovariate(1 / URGENT_EVERY_S)
    clock.at(BULK_FROM_S, sender.begin)
    clock.run(length_s)
    sender.seen.bulk_bytes_then = sender.seen.bulk_bytes
    clock.run(length_s + TAIL_S)
    return sender.seen


def _figures(seen: Seen, alone: Seen, greedy: Seen, *, length_s: float) -> Figures:
    late_s = {number: seen.urgent.get(number, TAIL_S) for number in alone.urgent}
    added_s = [late_s[number] - alone.urgent[number] for number in alone.urgent]
    share = seen.bulk_bytes_then / greedy.bulk_bytes_then if greedy.bulk_bytes_then else 0.0
    return Figures(
        urgent_s=(_part(list(late_s.values()), 0.5), _part(list(late_s.values()), 0.99)),
        added_s=(_part(added_s, 0.5), _part(added_s, 0.9), _part(added_s, 0.99)),
        bulk_bps=seen.bulk_bytes_then * BITS_PER_BYTE / (length_s - BULK_FROM_S),
        bulk_share=share,
    )


def _part(values: list[float], part: float) -> float:
    return sorted(values)[min(int(part * len(values)), len(values) - 1)] if values else 0.0


def _links(chosen: argparse.Namespace) -> Iterator[tuple[Link, bool]]:
    for text in chosen.steady:
        mbps, _, delay = text.partition(":")
        schedule: Schedule = Rates((Piece(3600.0, float(mbps) * 1e6),))
        delay_s = float(delay or RECORDING_DELAY_S)
        yield Link(f"steady {mbps} Mbit/s, {2 * delay_s:g} s", "One rate.", schedule, schedule, delay_s=delay_s), True
    for name in NAMES if chosen.places else ():
        yield generate_link(name), True
        yield generate_link(name), False
    if chosen.recordings is not None:
        for down in sorted(chosen.recordings.glob("*.down")):
            link = parse_link(str(down.with_suffix("")))
            yield link, False
            if down.with_suffix(".up").is_file():
                yield link, True


if __name__ == "__main__":
    main()
