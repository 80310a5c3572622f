"""Plays networks packet by packet, and measures how devices recover: `answerback lab`."""

import asyncio
from typing import TYPE_CHECKING

import click

from answerback.faces.output import Exit, note, tell_json

if TYPE_CHECKING:
    from answerback.lab.packets.judging import Outcome, Spread
    from answerback.lab.packets.plan import Plan

INTERRUPTED = 130
"""What shells make of Ctrl-C."""


@click.group()
def lab() -> None:
    """Play networks packet by packet, and measure how devices recover."""


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def scenarios(*, as_json: bool) -> None:
    """List what can happen to a device's network, and the policies that can be compared."""
    from answerback.lab.packets.policies import POLICIES
    from answerback.lab.packets.scenarios import SCENARIOS

    listed = [(each.name, each.description) for each in SCENARIOS]
    policies = [(each.name, each.description) for each in POLICIES]
    if as_json:
        tell_json({"scenarios": dict(listed), "policies": dict(policies)})
        return
    width = max(len(name) for name, _ in [*listed, *policies])
    for name, description in listed:
        click.echo(f"{name:<{width}}  {description}")
    click.secho("\npolicies", bold=True)
    for name, description in policies:
        click.echo(f"{name:<{width}}  {description}")


@lab.command()
@click.argument("scenario")
@click.option("--up", metavar="FILE|NAME", help="A recording of the way up, or a link that comes with Answerback.")
@click.option("--down", metavar="FILE", help="A recording of the way down.")
@click.option("--second-path", metavar="UP,DOWN|NAME", help="The link of a second path.")
@click.option("--policy", default="answerback", show_default=True, help="How the device recovers.")
@click.option("--seed", type=int, default=1, show_default=True, metavar="S", help="Another seed, another run.")
@click.option("--outage", "outage_s", type=float, metavar="SECONDS", help="Make all outages so long. [default: drawn]")
@click.option("--outages", type=int, default=3, show_default=True, metavar="N", help="So many outages.")
@click.option(
    "--pace", type=float, default=1.0, show_default=True, metavar="X", help="Make calm stretches X times as long."
)
@click.option("--every", "every_s", type=float, metavar="SECONDS", help="Write a message so often, each way.")
@click.option("--file", "file_bytes", type=int, default=0, metavar="BYTES", help="Send a file beside the messages.")
@click.option("--queue", "queue_bytes_max", type=int, metavar="BYTES", help="What may wait at the link, each way.")
@click.option(
    "--gaps",
    type=click.Choice(["held", "dropped"]),
    default="held",
    show_default=True,
    help="What a gap of a recording does to packets.",
)
@click.option("--from", "from_s", type=float, default=0.0, metavar="SECONDS", help="Begin so far into the recordings.")
@click.option(
    "--patience",
    "patience_s",
    type=float,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long at most for what is missing at the end.",
)
@click.option("--sockets", is_flag=True, help="Use no namespaces, but the relay of sockets.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def run(
    ctx: click.Context,
    *,
    scenario: str,
    up: str | None,
    down: str | None,
    second_path: str | None,
    policy: str,
    seed: int,
    outage_s: float | None,
    outages: int,
    pace: float,
    every_s: float | None,
    file_bytes: int,
    queue_bytes_max: int | None,
    gaps: str,
    from_s: float,
    patience_s: float,
    sockets: bool,
    as_json: bool,
) -> None:
    """Run a SCENARIO with a real relay and real devices, and count what became of the messages.

    Ends with 0 if every message arrived once. Needs Linux and the right to make namespaces; elsewhere it says so, and
    plays what a relay of sockets can.
    """
    from answerback.lab.packets.plan import Plan
    from answerback.lab.packets.policies import find_policy
    from answerback.lab.packets.scenarios import Wish, find_scenario
    from answerback.lab.packets.weather import QUEUE_BYTES_MAX

    first = ",".join(text for text in (up, down) if text) or "good"
    plan = Plan(
        scenario=find_scenario(scenario),
        policy=find_policy(policy),
        links=(first, second_path) if second_path else (first,),
        wish=Wish(seed=seed, outage_s=outage_s, outages=outages, pace=pace),
        every_s=every_s,
        queue_bytes_max=queue_bytes_max or QUEUE_BYTES_MAX,
        drops_gaps=gaps == "dropped",
        from_s=from_s,
        patience_s=patience_s,
        file_bytes=file_bytes,
    )
    try:
        outcome = _run(plan, packets=not sockets)
    except (KeyboardInterrupt, asyncio.CancelledError):
        note("Stopped. Nothing is left running, and the folders are gone.")
        ctx.exit(INTERRUPTED)
    if as_json:
        tell_json(outcome)
    else:
        _tell(outcome)
    ctx.exit(Exit.REACHED if outcome.good else Exit.REFUSED)


def _run(plan: "Plan", *, packets: bool) -> "Outcome":
    from answerback.lab.packets import running
    from answerback.lab.packets.namespaces import become_own_root
    from answerback.lab.packets.troubles import NamespacesRefused

    if packets:
        try:
            become_own_root()  # before anything starts a thread
        except NamespacesRefused as error:
            note(f"{error}: a relay of sockets plays what it can.")
            packets = False
    outcome = asyncio.run(running.run(plan, packets=packets))
    if outcome.notice:
        note(outcome.notice[:1].upper() + outcome.notice[1:] + ".")
    return outcome


def _tell(outcome: "Outcome") -> None:
    click.secho(
        f"{outcome.scenario} over {' and '.join(outcome.links)}, {outcome.policy}, seed {outcome.seed}", bold=True
    )
    click.echo(f"messages   {outcome.sent} sent, {outcome.lost} lost, {outcome.duplicated} doubled")
    click.echo(f"delay      {_spread(outcome.delay)}")
    click.echo(f"urgent     {_spread(outcome.urgent)}")
    if outcome.file_s is not None:
        click.echo(f"file       arrived after {outcome.file_s:.1f} s")
    for each in outcome.recoveries:
        stretch = each.stretch
        kind = "recorded" if stretch.recorded else "announced" if stretch.announced else "silent"
        told = f"trouble    {stretch.start_s:.1f} to {stretch.end_s:.1f} s on path {stretch.path + 1}, {kind}: "
        told += f"first message after it up {_after(each.up_s)}, down {_after(each.down_s)}"
        if each.urgent_s is not None:
            told += f"; the slowest urgent one took {each.urgent_s:.2f} s"
        if each.packets is not None:
            told += f"; meanwhile {each.attempts} attempts, {each.packets} packets, {each.bytes} bytes"
        click.echo(told)
    if outcome.accuracy is not None:
        _tell_packets(outcome)


def _tell_packets(outcome: "Outcome") -> None:
    accuracy = outcome.accuracy
    assert accuracy is not None
    click.echo(
        f"traffic    up {outcome.up_packets} packets, {outcome.up_bytes} bytes; down {outcome.down_packets}, "
        f"{outcome.down_bytes}; {outcome.attempts} attempts to connect, {outcome.wasted_attempts} in trouble"
    )
    if outcome.drops:
        click.echo(f"dropped    {', '.join(f'{count} {why}' for why, count in sorted(outcome.drops.items()))}")
    rate = f"; {outcome.rate_ratio:.4f} of the rate in {accuracy.busy_s:.0f} busy seconds" if outcome.rate_ratio else ""
    click.echo(
        f"emulator   {accuracy.packets} packets late by {accuracy.late_ms_p50:.2f} ms (half), "
        f"{accuracy.late_ms_p99:.2f} ms (99 %), {accuracy.late_ms_max:.2f} ms (most){rate}; {outcome.priority} priority"
    )


def _spread(spread: "Spread") -> str:
    if spread.p50_ms is None:
        return "nothing arrived"
    return f"{spread.p50_ms:.0f} ms (half), {spread.p99_ms:.0f} ms (99 %), {spread.max_ms:.0f} ms (most)"


def _after(seconds: float | None) -> str:
    return "(nothing came)" if seconds is None else f"{seconds:.2f} s"
