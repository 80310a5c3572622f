"""Reads: the newest messages, in the order of the conversation, and on request what comes after."""

import shutil
import textwrap
from pathlib import Path

import click

from answerback.faces.access import Asked, agent_at, device_folder, reading
from answerback.faces.aside_sentences import stage_words
from answerback.faces.output import WIDTH_MAX, ends_by_hand, note, plain, plain_line, tell_json, wall_ms
from answerback.faces.remote import Remote
from answerback.faces.sentences import CAUSES, STAGES
from answerback.faces.times import clock
from answerback.faces.told import MessageTold, StatusTold
from answerback.model.causes import cause_of
from answerback.model.errors import StoreLockedError
from answerback.model.fallback import AsideStage
from answerback.model.timeline import Stage

LIMIT = 20
LIMIT_MAX = 1_000
CATCH_UP_S = 5
"""How long an inbox without a daemon waits for the relay: a round trip or two on the worst links we know."""
INDENT = "  "


@click.command()
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, LIMIT_MAX),
    default=LIMIT,
    show_default=True,
    help="How many messages.",
)
@click.option("--follow", is_flag=True, help="Stay, and show what arrives.")
@click.option("--mark-read", is_flag=True, help="Tell the authors that you read them.")
@click.option("--offline", is_flag=True, help="Do not look for new messages at the relay first.")
@click.option("--json", "as_json", is_flag=True, help="Print each message as one line of JSON.")
@click.pass_context
def inbox(ctx: click.Context, *, limit: int, follow: bool, mark_read: bool, offline: bool, as_json: bool) -> None:
    """Show the newest messages, in the order of the conversation.

    Without a daemon it first looks for new ones at the relay, for a few seconds at most.
    """
    folder = device_folder(ctx.obj)
    if offline and not (follow or mark_read):
        with reading(folder) as asked:
            _show(asked, limit=limit, as_json=as_json)
        return
    try:
        with ends_by_hand(ctx, is_endless=follow), agent_at(folder) as remote:
            _look(remote, limit=limit, follow=follow, mark_read=mark_read, offline=offline, as_json=as_json)
    except StoreLockedError:
        if follow or mark_read:
            raise
        _show_the_disk(folder, limit=limit, as_json=as_json)


def _look(remote: Remote, *, limit: int, follow: bool, mark_read: bool, offline: bool, as_json: bool) -> None:
    if remote.is_borrowed and not offline:
        _tell_if_behind(remote.caught_up(timeout_s=CATCH_UP_S))
    events = remote.events() if follow else None
    if events is not None:
        next(events)  # from here on nothing is missed: what arrives meanwhile is told, or already in the list
    shown = _show(remote, limit=limit, as_json=as_json)
    if mark_read:
        _mark_read(remote, shown)
    known = {message.id for message in shown}
    for event in events or ():
        message = event.message
        if event.event == "arrived" and message is not None and message.id not in known:
            known.add(message.id)
            _tell(message, as_json=as_json)
            if mark_read:
                _mark_read(remote, [message])


def _mark_read(remote: Remote, messages: list[MessageTold]) -> None:
    unread = [message for message in messages if message.unread]
    if unread:
        remote.read(up_to=unread[-1].id)
        if remote.is_borrowed:
            remote.caught_up(timeout_s=CATCH_UP_S)  # the receipts leave before this agent ends


def _show_the_disk(folder: Path, *, limit: int, as_json: bool) -> None:
    with reading(folder) as asked:
        _show(asked, limit=limit, as_json=as_json)


def _tell_if_behind(status: StatusTold) -> None:
    if not status.connected and status.cause is not None:
        note(f"The relay was not reached; this is what is on this device. {CAUSES[cause_of(status.cause)].sentence}")
    elif status.behind or status.files_moving:
        note("More is still on the way; `answerback daemon` fetches it all.")


def _show(asked: Asked, *, limit: int, as_json: bool) -> list[MessageTold]:
    messages = asked.messages(limit=limit)
    for message in messages:
        _tell(message, as_json=as_json)
    if not messages and not as_json:
        click.echo("No messages yet.")
    return messages


def _tell(message: MessageTold, *, as_json: bool) -> None:
    if as_json:
        tell_json(message)
        return
    for line in message_lines(message, now_ms=wall_ms(), width=min(shutil.get_terminal_size().columns, WIDTH_MAX)):
        click.echo(line)


def message_lines(message: MessageTold, *, now_ms: int, width: int) -> list[str]:
    """Write one message: who and when, what, and of our own how far it is."""
    to = ", ".join(plain_line(name) for name in message.to) or "somebody unknown"
    whom = f"you to {to}" if message.mine else plain_line(message.author)
    marks = [word for word, is_so in (("urgent", message.urgency == "urgent"), ("new", message.unread)) if is_so]
    if message.carrier is not None:
        marks.append(
            f"by SMS, not encrypted, sender not proven ({plain_line(message.carrier)})"
            if message.unproven
            else "also came by SMS"
        )
    marks += ["private"] if message.private else []
    head = click.style(clock(message.written_ms, now_ms=now_ms), dim=True) + "  " + click.style(whom, bold=True)
    if message.verified:
        head += "  " + click.style("verified", fg="green")
    marks += ["key changed"] if message.changed else []
    lines = [head + "".join(f"  {click.style(mark, fg='yellow')}" for mark in marks)]
    for line in plain(message.text).splitlines():
        lines += textwrap.wrap(line, width, initial_indent=INDENT, subsequent_indent=INDENT) or [""]
    if message.file is not None:
        where = message.file.path or ("sent" if message.mine else "still coming")
        lines.append(f"{INDENT}[file {plain_line(message.file.name)}, {size(message.file.size_bytes)}: {where}]")
    if message.mine and message.stage is not None:
        lines += _progress(message, width)
    elif message.mine:
        lines.append(click.style(f"{INDENT}written on another device of yours ({message.id[-8:]})", dim=True))
    return lines


def _progress(message: MessageTold, width: int) -> list[str]:
    stage = Stage[(message.stage or "").upper()]
    told = f"{STAGES[stage]} ({message.id[-8:]})"
    if message.cause is not None and not stage.answered:
        told += f" {CAUSES[cause_of(message.cause)].sentence}"
    if message.aside is not None and not stage.answered:
        aside = AsideStage[message.aside.upper()]
        told += f" {stage_words(aside, confirms=message.aside_confirms).capitalize()}."
    wrapped = textwrap.wrap(told, width, initial_indent=INDENT, subsequent_indent=INDENT)
    return [click.style(line, fg="red" if stage.final else None, dim=not stage.final) for line in wrapped]


def size(size_bytes: int) -> str:
    """Write a size in the unit that fits it."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.3g} {unit}"
    return "1 byte" if size_bytes == 1 else f"{size_bytes} bytes"
