"""Shows the main job on real input in one command: a relay, two people, three devices, a bad link."""

import asyncio
from typing import TYPE_CHECKING

import click

from answerback.faces.output import Exit, note, tell_json

if TYPE_CHECKING:
    from answerback.faces.demonstration.demonstrating import Follow
    from answerback.faces.demonstration.ending import Ending
    from answerback.faces.demonstration.plan import Plan
    from answerback.faces.demonstration.scene import Scene

INTERRUPTED = 130
"""What shells make of Ctrl-C."""


@click.command()
@click.option("--messages", type=int, default=60, show_default=True, metavar="N", help="Texts in all, both ways.")
@click.option(
    "--link",
    default="tunnel",
    show_default=True,
    metavar="NAME|UP,DOWN",
    help="Ada's link: good, tunnel, train, lift, crowd; two recordings; or the stem they share.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, metavar="S", help="Another seed, another link and talk."
)
@click.option("--speed", type=float, metavar="X", help="Play the link so many times as fast.")
@click.option("--from", "from_s", type=float, metavar="SECONDS", help="Begin so far into the link.")
@click.option(
    "--kill-relay-every", type=float, metavar="SECONDS", help="Kill the relay without warning, again and again."
)
@click.option(
    "--patience", type=float, default=120.0, show_default=True, metavar="SECONDS", help="Wait so long at most."
)
@click.option("--headless", is_flag=True, help="Draw nothing.")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON.")
@click.option("--keep", is_flag=True, help="Leave everything running afterwards, to play with, until Ctrl-C.")
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    messages: int,
    link: str,
    seed: int,
    speed: float | None,
    from_s: float | None,
    kill_relay_every: float | None,
    patience: float,
    headless: bool,
    as_json: bool,
    keep: bool,
) -> None:
    """Watch two people's devices talk through bad networks.

    Ada writes from a train, Bea answers at home from her phone and has a tablet beside it. Everything is real but the
    link: a relay, three devices with encrypted journals, a photograph. At the end the journals are counted. Ends with
    0 only if every message is on every device, once and in order.
    """
    from answerback.faces.demonstration.plan import Plan

    plan = Plan(
        messages=messages,
        link=link,
        seed=seed,
        speed=speed,
        from_s=from_s,
        kill_relay_every_s=kill_relay_every,
        patience_s=patience,
    )
    try:
        ending = asyncio.run(_demonstrate(plan, headless=headless, as_json=as_json, keep=keep))
    except (KeyboardInterrupt, asyncio.CancelledError):
        note("Stopped. Nothing is left running, and the folders are gone.")
        ctx.exit(INTERRUPTED)
    ctx.exit(Exit.REACHED if ending.good else Exit.REFUSED)


async def _demonstrate(plan: "Plan", *, headless: bool, as_json: bool, keep: bool) -> "Ending":
    from answerback.faces.demonstration.demonstrating import demonstrate
    from answerback.faces.demonstration.keeping import keep_standing

    say = note if as_json or headless else click.echo

    def on_end(ending: "Ending") -> None:
        _tell(ending, headless=headless, as_json=as_json)

    async def afterwards(scene: "Scene") -> None:
        await keep_standing(scene, say)

    follow = None if headless else _follow(as_json=as_json)
    if not headless:
        note("Setting up a relay, two people and three devices …")
    return await demonstrate(plan, follow=follow, on_end=on_end, afterwards=afterwards if keep else None)


def _follow(*, as_json: bool) -> "Follow":
    """Draw in a terminal; where there is none, write lines, and leave stdout to JSON if that is wanted."""
    from rich.console import Console

    from answerback.faces.demonstration.following import follow_lines, follow_live

    console = Console(stderr=as_json, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return lambda view: follow_live(view, console)
    return lambda view: follow_lines(view, note if as_json else click.echo)


def _tell(ending: "Ending", *, headless: bool, as_json: bool) -> None:
    from answerback.faces.demonstration import ending as telling

    if as_json:
        tell_json(telling.as_json(ending))
        if headless:
            return
    _draw_ending(ending, to_stderr=as_json)


def _draw_ending(ending: "Ending", *, to_stderr: bool) -> None:
    from rich.console import Console

    from answerback.faces.demonstration.ending import headline, in_words
    from answerback.faces.demonstration.panel import ending_panel

    console = Console(stderr=to_stderr, highlight=False)
    if console.is_terminal:
        console.print(ending_panel(ending))
        return
    click.echo(headline(ending), err=to_stderr)
    for label, line in in_words(ending):  # whole lines: whatever reads them does its own wrapping
        click.echo(f"{label}: {line}", err=to_stderr)
