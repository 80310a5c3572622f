"""The command that plays worlds in which everything breaks: `answerback simulate`."""

import contextlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from answerback.faces.output import Exit
from answerback.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from answerback.lab.simulation.life import Outcome
    from answerback.lab.simulation.runs import Tally

SHOWN_MAX = 3
"""Violations shown of one seed: the first ones say what went wrong, the rest follow from them."""


@click.command(name="simulate")
@click.option(
    "--seeds", "--seed", "seeds_text", default="0:20", show_default=True, help="A:B, or one number. Each is a world."
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes that play at once. [default: one for each core]")
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep what came of each world in this file, and go on from there.",
)
@click.option("--story", is_flag=True, help="Print each world's life as a timeline.")
@click.option("--faults", is_flag=True, help="List every kind of fault, and play nothing.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one line of JSON last.")
def simulate(
    *, seeds_text: str, jobs: int | None, resume: Path | None, story: bool, faults: bool, json_wanted: bool
) -> None:
    """Play worlds in which everything breaks, and check every promise against the truth.

    Each seed is one small world: people with their devices, a relay, links and disks that fail. The same seed plays the
    same world, whatever the number of processes. Ends with 4 if a promise was broken.
    """
    if faults:
        _list_faults(json_wanted=json_wanted)
        return
    if find_spec("apsw") is None:
        raise UsageError("simulated disks need one library more: pip install apsw")
    from answerback.lab.simulation.logbook import Logbook
    from answerback.lab.simulation.runs import parse_seeds, usable_cores
    from answerback.lab.simulation.runs import simulate as play

    if story and resume:
        raise UsageError("--resume keeps no stories: give --story with the seeds you want to read")
    seeds = parse_seeds(seeds_text)
    with contextlib.ExitStack() as held:
        logbook = held.enter_context(Logbook(resume)) if resume else None
        progress = held.enter_context(_progress(len(seeds)))

        def each(outcome: "Outcome") -> None:
            if story:
                _tell(outcome)
            elif outcome.objections:
                _blame(outcome, on_stderr=json_wanted)
            progress.update(1)

        tally = play(seeds, each=each, jobs=jobs or usable_cores(), stories=story, logbook=logbook)
    click.echo(json.dumps(tally.as_json()) if json_wanted else _summary(tally))
    if tally.seeds < len(seeds):
        click.echo(f"interrupted after {tally.seeds} of {len(seeds)} worlds", err=True)
        click.get_current_context().exit(int(Exit.UNDER_WAY))
    if tally.violations:
        click.get_current_context().exit(int(Exit.REFUSED))


@contextlib.contextmanager
def _progress(count: int) -> "Iterator[click._termui_impl.ProgressBar[int]]":
    """Show on a terminal how far it is."""
    hidden = count == 1 or not sys.stderr.isatty()
    with click.progressbar(length=count, file=sys.stderr, show_pos=True, label="worlds", hidden=hidden) as bar:
        yield bar


def _list_faults(*, json_wanted: bool) -> None:
    from answerback.lab.simulation.faults import FAULTS

    if json_wanted:
        click.echo(json.dumps({place: dict(kinds) for place, kinds in FAULTS.items()}))
        return
    for place, kinds in FAULTS.items():
        click.secho(place, bold=True)
        for kind, what in kinds.items():
            click.echo(f"  {kind:<31} {what}")


def _tell(outcome: "Outcome") -> None:
    click.secho(f"seed {outcome.seed}, {outcome.messages} messages, run {outcome.digest}", bold=True)
    for line in outcome.lines:
        click.secho(line, fg="red" if "VIOLATION" in line else "yellow" if "  ! " in line else None)


def _blame(outcome: "Outcome", *, on_stderr: bool) -> None:
    click.secho(f"seed {outcome.seed}: {len(outcome.objections)} promises broken", fg="red", err=on_stderr)
    for objection in outcome.objections[:SHOWN_MAX]:
        click.echo(f"  {objection}", err=on_stderr)
    click.echo(f"  see it again: answerback simulate --seed {outcome.seed} --story", err=on_stderr)


def _summary(tally: "Tally") -> str:
    from answerback.lab.simulation.faults import KINDS

    injected = [kind for kind in KINDS if tally.faults[kind]]
    return (
        f"{tally.seeds} worlds, {tally.messages} messages, {sum(tally.faults[kind] for kind in injected)} faults of "
        f"{len(injected)} of {len(KINDS)} kinds, {tally.violations} promises broken "
        f"({tally.seconds:.1f} s, {tally.seeds / max(tally.seconds, 0.001):.1f} worlds/s)"
    )
