"""The commands that measure a relay: `answerback bench throughput`, `drain`, `storm` and `idle`."""

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from answerback.faces.benchmarking.figures import Figures

_sealed = click.option("--sealed", is_flag=True, help="Seal and open every message in the clients, as agents do.")
_tls = click.option("--tls", is_flag=True, help="Speak TLS to the relay.")
_json = click.option("--json", "json_wanted", is_flag=True, help="Print one line of JSON last.")
_together = click.option(
    "--together",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Messages in one frame, at most; an app that sends one by one makes frames of one.",
)


@click.group(name="bench")
def bench() -> None:
    """Measure what a relay on this machine can carry."""


@bench.command()
@click.option("--pairs", type=click.IntRange(1), default=50, show_default=True)
@click.option("--window", type=click.IntRange(1), default=16, show_default=True, help="Unanswered messages of a pair.")
@click.option("--seconds", type=click.FloatRange(0.1), default=10.0, show_default=True, help="For each of two parts.")
@click.option("--rate", type=click.FloatRange(1), default=200.0, show_default=True, help="Messages/s, steady part.")
@click.option("--receipt-each", is_flag=True, help="A receipt for each message, not one for all handed over at once.")
@_together
@_sealed
@_tls
@_json
def throughput(
    *,
    pairs: int,
    window: int,
    seconds: float,
    rate: float,
    receipt_each: bool,
    together: int,
    sealed: bool,
    tls: bool,
    json_wanted: bool,
) -> None:
    """Pairs that write as fast as answers come back: messages delivered and answered each second, and their delays."""
    from answerback.faces.benchmarking.throughput import Pace
    from answerback.faces.benchmarking.throughput import throughput as measure

    pace = Pace(
        pairs=pairs, window=window, together=together, seconds=seconds, rate_per_s=rate, receipt_each=receipt_each
    )
    _show(measure(pace, sealed=sealed, tls=tls), json_wanted=json_wanted)


@bench.command()
@click.option("--count", type=click.IntRange(1), default=20_000, show_default=True, help="Messages that wait.")
@click.option("--window", type=click.IntRange(1), default=500, show_default=True, help="Messages not yet accepted.")
@_together
@_sealed
@_tls
@_json
def drain(*, count: int, window: int, together: int, sealed: bool, tls: bool, json_wanted: bool) -> None:
    """A device comes back to a backlog: how fast it has all of it, and whether all of it, once, in order."""
    from answerback.faces.benchmarking.drain import drain as measure

    work = measure(count=count, window=window, together=together, sealed=sealed, tls=tls)
    _show(work, json_wanted=json_wanted)


@bench.command()
@click.option("--clients", type=click.IntRange(1), default=1_000, show_default=True)
@click.option("--messages", type=click.IntRange(1), default=3, show_default=True, help="What each of them missed.")
@_sealed
@_tls
@_json
def storm(*, clients: int, messages: int, sealed: bool, tls: bool, json_wanted: bool) -> None:
    """Everybody comes back at once: how long until each has what it missed."""
    from answerback.faces.benchmarking.storm import storm as measure

    _show(measure(clients=clients, messages=messages, sealed=sealed, tls=tls), json_wanted=json_wanted)


@bench.command()
@click.option("--connections", type=click.IntRange(1), default=5_000, show_default=True)
@_tls
@_json
def idle(*, connections: int, tls: bool, json_wanted: bool) -> None:
    """Devices that are connected and silent: what each costs in memory."""
    from answerback.faces.benchmarking.idle import idle as measure

    _show(measure(connections=connections, tls=tls), json_wanted=json_wanted)


def _show(work: "Coroutine[Any, Any, Figures]", *, json_wanted: bool) -> None:
    from answerback.faces.benchmarking.figures import as_json
    from answerback.faces.benchmarking.hosting import run

    found = run(work)
    if json_wanted:
        click.echo(as_json(found))
    else:
        _draw(found)


def _draw(found: "Figures") -> None:
    from rich.console import Console
    from rich.table import Table

    from answerback.faces.benchmarking.figures import as_rows

    table = Table("figure", title=f"bench {found['bench']}", show_header=False)
    table.add_column(justify="right")
    for name, text in as_rows(found):
        table.add_row(name, text)
    Console().print(table)
