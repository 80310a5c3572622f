"""The command that fuzzes: `python -m tests.fuzz --inputs 1000000`; ends with 1 if something was found."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.engines import ENGINES
from tests.fuzz.supervision import Figures, Plan, run_child
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS, find
from tests.fuzz.trial import read_finding

HEAD = ("target", "engine", "inputs", "s", "inputs/s", "refused", "slowest", "memory", "findings")


def shares(targets: list[Target], inputs: int) -> dict[str, int]:
    """Deal the inputs out by weight; each target gets some."""
    total = sum(target.weight for target in targets)
    return {target.name: max(1, round(inputs * target.weight / total)) for target in targets}


def row(figures: Figures) -> str:
    """Write one line of the table."""
    cells = (
        figures.target,
        figures.engine,
        f"{figures.inputs:,}",
        f"{figures.seconds:.0f}",
        f"{figures.inputs_per_s:,.0f}",
        f"{figures.refused:.0%}",
        f"{figures.slowest_ms:.1f} ms",
        f"{figures.peak_mib:.0f} MiB",
        str(len(figures.findings)),
    )
    return "| " + " | ".join(cells) + " |"


def fuzz(arguments: argparse.Namespace) -> int:
    """Fuzz what was asked for, one target after the other."""
    targets = [find(name) for name in arguments.target] if arguments.target else list(TARGETS)
    dealt = shares(targets, arguments.inputs)
    plan = Plan(
        engine=arguments.engine,
        seed=arguments.seed,
        findings=arguments.findings,
        corpus=arguments.corpus,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    done = []
    if not arguments.json:
        print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for target in targets:
        figures = run_child(target, inputs=dealt[target.name], plan=plan)
        done.append(figures)
        print(json.dumps(asdict(figures)) if arguments.json else row(figures), flush=True)
        for kind, path in figures.findings.items():
            print(f"  found: {kind}\n  see it again: python -m tests.fuzz --replay {path}", flush=True)
    total = sum(figures.inputs for figures in done)
    found = sum(len(figures.findings) for figures in done)
    seconds = sum(figures.seconds for figures in done)
    if arguments.json:
        print(json.dumps({"inputs": total, "findings": found, "seconds": seconds}))
    else:
        print(f"{total:,} inputs in {seconds:.0f} s, {found} findings")
    return 1 if found else 0


def replay(path: Path) -> int:
    """Try one kept input in this very process, where a debugger can be, and show what it does."""
    finding = read_finding(path)
    target = find(finding.target)
    print(f"{finding.target}: {finding.error}\n{finding.story}", file=sys.stderr)
    with target.open() as probe:
        began_s = time.perf_counter()
        try:
            probe.run(finding.data)
        except probe.refusals as error:
            print(f"refused as it should be: {type(error).__name__}: {error}")
        took_s = time.perf_counter() - began_s
    print(f"took {took_s * 1000:.1f} ms; the bound is {target.input_s_max * 1000:.0f} ms")
    return 1 if took_s > target.input_s_max else 0


def main(words: list[str] | None = None) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all, dealt out to the targets by weight")
    parser.add_argument("--target", action="append", help="only this one; may be given several times")
    parser.add_argument("--engine", choices=ENGINES, default="mutation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what showed something new, to go on from")
    parser.add_argument("--findings", type=Path, default=Path("fuzz-findings"), help="where offending inputs are kept")
    parser.add_argument("--json", action="store_true", help="one line of JSON a target, and one for all")
    parser.add_argument("--list", action="store_true", help="say which targets there are")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="try one kept input again")
    arguments = parser.parse_args(words)
    if arguments.list:
        print("\n".join(f"{target.name:16} {target.what}" for target in TARGETS))
        return 0
    return replay(arguments.replay) if arguments.replay else fuzz(arguments)


if __name__ == "__main__":
    sys.exit(main())
