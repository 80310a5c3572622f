"""Draws the life of one message for people: a timeline for each device, then why it waits and what can be done."""

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from answerback.faces.aside_sentences import TRIGGERS, stage_words
from answerback.faces.output import console, plain, plain_line, wall_ms
from answerback.faces.sentences import CAUSES, EVIDENCE, OWNERS, STAGES, reason_words
from answerback.faces.times import clock, from_now
from answerback.faces.told import AsideTold, CopyTold, StepTold, TimelineTold, WaitTold
from answerback.model.causes import Cause, Owner, cause_of
from answerback.model.fallback import AsideStage, Trigger
from answerback.model.timeline import Evidence, Stage

EXCERPT_CHARACTERS = 60
LABELS_WIDTH = 9
WORD_WIDTH = 14
INDENT = 2
HEALED = "repair"
"""What stands in a stage's place on the line of what was mended: it does not say how far the message is."""


def show_life(told: TimelineTold, *, on: Console | None = None) -> None:
    """Write it to the terminal."""
    out = on or console()
    with out.capture() as drawn:
        _draw(out, told, wall_ms())
    for line in drawn.get().splitlines():
        click.echo(line.rstrip())  # tables fill their lines up, and people copy them


def _draw(out: Console, told: TimelineTold, now_ms: int) -> None:
    _head(out, told, now_ms)
    if not told.mine and not told.copies:
        out.print("It came from somebody else: its whole road is known on the device that sent it.")
    elif not told.copies and not told.steps:
        out.print("You wrote it on another device: its whole road is known there.")
    if told.steps:
        out.print()
        out.print(Padding(_steps(told.steps, now_ms), (0, 0, 0, INDENT)))
    for wait in (told.failure, told.wait):
        if wait is not None and not told.copies:
            out.print(Padding(_advice(wait, now_ms, failed=wait is told.failure), (0, 0, 0, INDENT)))
    _marks(out, told)
    for aside in told.asides:
        _aside(out, aside, now_ms)
    for copy in sorted(told.copies, key=lambda each: each.own):
        _copy(out, copy, now_ms)


def _head(out: Console, told: TimelineTold, now_ms: int) -> None:
    content = plain_line(told.text) or (plain_line(told.file_name) if told.file_name else "")
    excerpt = content if len(content) <= EXCERPT_CHARACTERS else content[: EXCERPT_CHARACTERS - 1] + "…"
    names = ", ".join(map(plain_line, told.to)) or "somebody unknown"
    whom = f"to {names}" if told.mine else f"from {plain_line(told.author or 'somebody')}"
    written = f", {clock(told.written_ms, now_ms=now_ms)}" if told.written_ms is not None else ""
    out.print(Text.assemble((f"“{excerpt}”" if excerpt else "(no text)", "bold"), f" {whom}{written}"))
    out.print(Text(told.id, "dim"))
    out.print(Text(_summary(told)))
    for name in told.changed:
        out.print(Text(f"{plain_line(name)}: {CAUSES[Cause.TRUST_CONTACT_CHANGED].sentence}", "yellow"))


def _summary(told: TimelineTold) -> str:
    theirs = [copy for copy in told.copies if not copy.own and not copy.failure]
    if not told.steps and not told.copies:
        return "It is on this device's disk."
    if not theirs:
        return STAGES[Stage[told.stage.upper()]].capitalize() + "."
    answered = sum(copy.stage in ("delivered", "read") for copy in theirs)
    read = sum(copy.stage == "read" for copy in theirs)
    many = "device has" if len(theirs) == 1 else "devices have"
    return f"{answered} of {len(theirs)} {many} answered back" + (f", {read} read it." if read else ".")


def _marks(out: Console, told: TimelineTold) -> None:
    if told.private:
        out.print("Private: it never leaves the encryption, whatever was agreed to.")
    if told.unproven:
        out.print(
            f"It came by {plain_line(told.carrier or 'a carrier')}: not encrypted, and nobody proved who sent it. "
            "Anybody can write any number there."
        )
    elif told.carrier is not None:
        out.print(f"It also came by {plain_line(told.carrier)}, and is shown once.")


def _aside(out: Console, aside: AsideTold, now_ms: int) -> None:
    out.print()
    out.print(
        Text.assemble(("by SMS", "bold"), f" · {plain_line(aside.to)} · ", (plain_line(aside.sentence), "yellow"))
    )
    table = _grid()
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, min_width=WORD_WIDTH)
    table.add_column(style="dim")
    for step in aside.steps:
        word = stage_words(AsideStage[step.stage.upper()], confirms=aside.confirms)
        said = plain_line(step.reason) if step.reason else EVIDENCE[Evidence[step.evidence.upper()]]
        table.add_row(clock(step.at_ms, now_ms=now_ms), word, said)
    out.print(Padding(table, (0, 0, 0, INDENT)))
    out.print(Padding(Text(TRIGGERS[Trigger(aside.trigger)]), (0, 0, 0, INDENT)))
    if aside.stage == "offered":
        out.print(Padding(Text("`answerback consent ID yes` sends it; `no` does not."), (0, 0, 0, INDENT)))
    elif aside.cost:
        out.print(Padding(Text(f"{aside.cost}, not encrypted."), (0, 0, 0, INDENT)))


def _copy(out: Console, copy: CopyTold, now_ms: int) -> None:
    whose = "your other device" if copy.own else plain_line(copy.handle or f"account {copy.account[:6]}")
    word = STAGES[Stage[copy.stage.upper()]]
    style = {"delivered": "green", "read": "green", "failed": "red", "expired": "red"}.get(copy.stage, "yellow")
    out.print()
    out.print(Text.assemble((plain_line(copy.device_name), "bold"), f" · {whose} · ", (word, style)))
    out.print(Padding(_steps(copy.steps, now_ms), (0, 0, 0, INDENT)))
    wait = copy.failure or copy.wait
    if wait is not None:
        out.print(Padding(_advice(wait, now_ms, failed=copy.failure is not None), (0, 0, 0, INDENT)))


def _steps(steps: list[StepTold], now_ms: int) -> Table:
    table = _grid()
    table.add_column(no_wrap=True, style="dim")
    table.add_column(no_wrap=True, min_width=WORD_WIDTH)
    table.add_column(style="dim")
    before = None
    for step in steps:
        if step.evidence == "journal" and (step.stage, step.evidence) == before:
            continue  # it was kept without an address, then with one: to a person that is once
        before = step.stage, step.evidence
        evidence = EVIDENCE[Evidence[step.evidence.upper()]]
        again = f" (attempt {step.attempt})" if step.attempt > 1 else ""
        word = STAGES[Stage[step.stage.upper()]] + again
        cause = CAUSES[cause_of(step.cause)] if step.cause else None
        said = cause.sentence if step.evidence == "refusal" and cause else evidence
        if step.evidence == "repair" and cause:
            word, said = HEALED, f"{cause.sentence} {cause.we_do}"
        table.add_row(clock(step.at_ms, now_ms=now_ms), word, said)
    return table


def _advice(wait: WaitTold, now_ms: int, *, failed: bool) -> Table:
    table = _grid()
    table.add_column(no_wrap=True, style="dim", min_width=LABELS_WIDTH)
    table.add_column()
    table.add_row("Why", Text(plain(wait.sentence), "bold"))
    table.add_row("Whose", OWNERS[Owner(wait.owner)])
    table.add_row("We", wait.we_do)
    if not failed:
        table.add_row("Next", _next(wait, now_ms))
    table.add_row("You can", wait.you_can)
    return table


def _next(wait: WaitTold, now_ms: int) -> str:
    why_then = reason_words(wait.next_reason)
    if wait.next_attempt_ms is None:
        return why_then
    return f"{from_now(wait.next_attempt_ms, now_ms=now_ms)} ({clock(wait.next_attempt_ms, now_ms=now_ms)}): {why_then}"


def _grid() -> Table:
    return Table.grid(padding=(0, 2, 0, 0))
