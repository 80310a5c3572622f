"""The command that plays worlds in which everything breaks: `answerback simulate`."""

import json
from typing import TYPE_CHECKING

import click

from answerback.faces.output import Exit

if TYPE_CHECKING:
    from answerback.lab.simulation.life import Outcome
    from answerback.lab.simulation.runs import Tally

SHOWN_MAX = 3
"""Violations shown of one seed: the first ones say what went wrong, the rest follow from them."""


@click.command(name="simulate")
@click.option(
    "--seeds", "--seed", "seeds_text", default="0:20", show_default=True, help="A:B, or one number. Each is a world."
)
@click.option("--story", is_flag=True, help="Print each world's life as a timeline.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one line of JSON last.")
def simulate(*, seeds_text: str, story: bool, json_wanted: bool) -> None:
    """Play worlds in which everything breaks, and check every promise against the truth.

    Each seed is one small world: people with their devices, a relay, links and disks that fail. The same seed plays the
    same world. Ends with 4 if a promise was broken.
    """
    from answerback.lab.simulation.runs import parse_seeds
    from answerback.lab.simulation.runs import simulate as play

    def each(outcome: "Outcome") -> None:
        if story:
            _tell(outcome)
        elif outcome.objections and not json_wanted:
            _blame(outcome)

    tally = play(parse_seeds(seeds_text), each=each)
    click.echo(json.dumps(tally.as_json()) if json_wanted else _summary(tally))
    if tally.violations:
        click.get_current_context().exit(int(Exit.REFUSED))


def _tell(outcome: "Outcome") -> None:
    click.secho(f"seed {outcome.seed}, {outcome.messages} messages, run {outcome.digest}", bold=True)
    for line in outcome.lines:
        click.secho(line, fg="red" if "VIOLATION" in line else "yellow" if "  ! " in line else None)


def _blame(outcome: "Outcome") -> None:
    click.secho(f"seed {outcome.seed}: {len(outcome.objections)} promises broken", fg="red")
    for objection in outcome.objections[:SHOWN_MAX]:
        click.echo(f"  {objection}")
    click.echo(f"  see it again: answerback simulate --seed {outcome.seed} --story")


def _summary(tally: "Tally") -> str:
    return (
        f"{tally.seeds} worlds, {tally.messages} messages, {sum(tally.faults.values())} faults and loads of "
        f"{len(tally.faults)} kinds, {tally.violations} promises broken "
        f"({tally.seconds:.1f} s, {tally.seeds / tally.seconds:.1f} worlds/s)"
    )
