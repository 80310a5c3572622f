"""Measures how soon mail flows again after an outage: ours beside other ways, over recordings of real links.

    python -m benchmarks.network --traces FOLDER --json recovery.json --picture docs/pictures/recovery.png

FOLDER holds recordings in the Mahimahi format (NAME.down, perhaps NAME.up); without it the links that the package makes
itself are played. Everything happens in virtual time, packet by packet, on one core in a few minutes; one seed gives
the same figures on every machine. What is modelled and what is not stands in docs/network.md.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from answerback.lab.policies.path import Gap
from answerback.lab.policies.session import DOUBLING, LINEAR
from benchmarks.network_recovery import contenders, table
from benchmarks.network_recovery.cases import HALF_MINUTE_S, Place, announced, called, gaps, holes, places
from benchmarks.network_recovery.figures import (
    beyond,
    dominated_by,
    dominated_on_average_by,
    figures,
    plain,
    round_trips_beyond,
)

HOLES = 36
HALF_MINUTES = 20
KERNELS = {"doubling": DOUBLING, "linear": LINEAR}
Found = dict[str, object]


def main() -> None:
    """Measure, print, and write what was asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--traces", type=Path, help="folder of recordings")
    asked.add_argument("--only", nargs="*", help="names of recordings")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--kernel", choices=KERNELS, default="doubling", help="how it repeats a SYN: the other in short")
    asked.add_argument("--holes", type=int, default=HOLES, help="black holes for each recording")
    asked.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    asked.add_argument("--picture", type=Path, metavar="FILE", help="draw the curves there (PNG; needs matplotlib)")
    asked.add_argument("--page", type=Path, metavar="FILE", help="a page with a place for the tables, written anew")
    asked.add_argument("--quick", action="store_true", help="no curves: ours, the oracle and one of each rival")
    chosen = asked.parse_args()
    found: dict[str, Found] = {}
    for place in places(chosen.traces, seed=chosen.seed, linear_timeouts=KERNELS[chosen.kernel]):
        if chosen.only and place.name not in chosen.only:
            continue
        began_s = time.monotonic()
        found[place.name] = measure(place, seed=chosen.seed, hole_count=chosen.holes, is_quick=chosen.quick)
        for name, linear_timeouts in KERNELS.items():
            if name != chosen.kernel:
                other = replace(place, linear_timeouts=linear_timeouts)
                found[place.name]["other_kernel"] = other_kernel(name, other, seed=chosen.seed, hole_count=chosen.holes)
        print(f"{place.name}: {time.monotonic() - began_s:.1f} s", file=sys.stderr, flush=True)
    if not found:
        raise SystemExit("no recording was found")
    tables = table.markdown(found)
    print(tables)
    if chosen.page is not None:
        page = chosen.page.read_text(encoding="utf-8")
        chosen.page.write_text(table.renewed(page, tables), encoding="utf-8")
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if chosen.picture is not None:
        from benchmarks.network_recovery import picture

        picture.draw(found, chosen.picture)


def measure(place: Place, *, seed: int, hole_count: int, is_quick: bool) -> Found:
    """Everything about one recording."""
    own = gaps(place, gap=Gap.DROPPED)
    dug = holes(place, count=hole_count, seed=seed, gap=Gap.DROPPED)
    cases = own + dug
    oracle = contenders.play(contenders.oracle(), cases, seed=seed)
    ours = contenders.play(contenders.ours(), cases, seed=seed)
    points = {"oracle": plain(figures(oracle)), "ours": plain(figures(ours))}
    others = contenders.rivals()
    if is_quick:
        others = [each for each in others if each.name in ("passive TCP", "fixed ping 30 s", "back-off 1 to 60 s")]
    rivals = {each.name: figures(contenders.play(each, cases, seed=seed)) for each in others}
    points |= {name: plain(each) for name, each in rivals.items()}
    if not is_quick:
        for each in (*contenders.curve(), *contenders.variants()):
            points[each.name] = plain(figures(contenders.play(each, cases, seed=seed)))
        points["ours, called"] = plain(figures(contenders.play(contenders.ours(), called(cases), seed=seed)))
    return {
        "gaps": len(own),
        "holes": len(dug),
        "points": points,
        "unannounced": {
            "gaps": plain(figures(ours[: len(own)])),
            "holes": plain(figures(ours[len(own) :])),
            "share_p95": round(figures(ours).share_p95, 3),
            "oracle_share_p95": round(figures(oracle).share_p95, 3),
            "share_beyond_oracle_p95": round(beyond(ours, oracle), 3),
            "dominated_by": dominated_by(figures(ours), rivals),
            "dominated_on_average_by": dominated_on_average_by(figures(ours), rivals),
        },
        "announced": _announced(own + dug, seed=seed),
        "half_minute": _half_minute(place, seed=seed),
        "held": _held(place, seed=seed),
    }


def other_kernel(name: str, place: Place, *, seed: int, hole_count: int) -> Found:
    """In short, what becomes of ours and of rivals where the kernel repeats a SYN otherwise."""
    cases = [*gaps(place, gap=Gap.DROPPED), *holes(place, count=hole_count, seed=seed, gap=Gap.DROPPED)]
    half = holes(place, count=HALF_MINUTES, seed=seed, gap=Gap.DROPPED, length_s=HALF_MINUTE_S)
    ours, told = contenders.play(contenders.ours(), cases, seed=seed), announced(cases)
    rivals = {each.name: figures(contenders.play(each, cases, seed=seed)) for each in contenders.rivals()}
    oracle, oracle_told = (contenders.play(contenders.oracle(), each, seed=seed) for each in (cases, told))
    ours_told = contenders.play(contenders.ours(), told, seed=seed)
    return {
        "kernel": name,
        "ours": plain(figures(ours)),
        "syn_only": plain(figures(contenders.play(contenders.ours(by_datagram=False), cases, seed=seed))),
        "share_beyond_oracle_p95": round(beyond(ours, oracle), 3),
        "round_trips_beyond_oracle_p95": round(round_trips_beyond(ours_told, oracle_told), 3),
        "half_minute": plain(figures(contenders.play(contenders.ours(), half, seed=seed))),
        "dominated_by": dominated_by(figures(ours), rivals),
        "dominated_on_average_by": dominated_on_average_by(figures(ours), rivals),
    }


def _announced(cases: list[contenders.Case], *, seed: int) -> Found:
    told = announced(cases)
    oracle = contenders.play(contenders.oracle(), told, seed=seed)
    ours = contenders.play(contenders.ours(), told, seed=seed)
    return {"round_trips_beyond_oracle_p95": round(round_trips_beyond(ours, oracle), 3), **plain(figures(ours))}


def _half_minute(place: Place, *, seed: int) -> Found:
    """After half a minute of nothing: ours, with a relay that calls, and what others take."""
    cases = holes(place, count=HALF_MINUTES, seed=seed, gap=Gap.DROPPED, length_s=HALF_MINUTE_S)
    others = {each.name: each for each in contenders.rivals()}
    oracle = contenders.play(contenders.oracle(), cases, seed=seed)
    ours = contenders.play(contenders.ours(), cases, seed=seed)
    with_calls = contenders.play(contenders.ours(), called(cases), seed=seed)
    return {
        "ours": plain(figures(ours)),
        "ours_called": plain(figures(with_calls)),
        "calls_max": max(each.calls for each in with_calls),
        "oracle": plain(figures(oracle)),
        **{
            name: plain(figures(contenders.play(others[name], cases, seed=seed)))
            for name in ("fixed ping 30 s", "back-off 1 to 60 s", "passive TCP")
        },
    }


def _held(place: Place, *, seed: int) -> Found:
    """Gaps in which the modem keeps what it was given: there TCP needs nobody."""
    cases = gaps(place, gap=Gap.HELD)
    kinds = (contenders.ours(), contenders.oracle(), contenders.passive())
    return {each.name: plain(figures(contenders.play(each, cases, seed=seed))) for each in kinds}


if __name__ == "__main__":
    main()
