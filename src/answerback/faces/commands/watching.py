"""Watches: everything that happens on this device, as it happens."""

import click

from answerback.faces.access import agent_at, device_folder
from answerback.faces.aside_sentences import stage_words
from answerback.faces.handle_words import state_words, words_of
from answerback.faces.output import ends_by_hand, note, plain_line, say_beside, tell_json, wall_ms
from answerback.faces.sentences import CAUSES, EVIDENCE, STAGES
from answerback.faces.times import clock
from answerback.faces.told import EventTold
from answerback.model.causes import Cause, cause_of
from answerback.model.fallback import AsideStage
from answerback.model.timeline import Evidence, Stage

CLOCK_WIDTH = 10


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print each event as one line of JSON.")
@click.pass_context
def watch(ctx: click.Context, *, as_json: bool) -> None:
    """Show what happens, as it happens.

    That is what arrives, how far your own messages come, and the connection to the relay. Without a daemon it keeps
    this device connected while it runs. Ctrl-C ends it.
    """
    with ends_by_hand(ctx), agent_at(device_folder(ctx.obj)) as remote:
        if not as_json:
            note("Watching; Ctrl-C ends it.")
        for event in remote.events():
            if as_json:
                tell_json(event)
            elif (line := event_line(event)) is not None:
                now_ms = wall_ms()
                say_beside(clock(event.at_ms or now_ms, now_ms=now_ms), line, width=CLOCK_WIDTH)


def event_line(event: EventTold) -> str | None:
    """Say one event in a line; none if it is nothing to a person."""
    cause = CAUSES[cause_of(event.cause)].sentence if event.cause else ""
    match event.event:
        case "arrived" if event.message is not None:
            who = "you, on another device" if event.message.mine else plain_line(event.message.author)
            what = plain_line(event.message.text) or f"[file {plain_line(_file_name(event))}]"
            return f"{click.style(who, bold=True)}: {what}"
        case "progressed":
            return _progress(event, cause)
        case "link" if not event.connected and event.cause in (None, Cause.NETWORK_CONNECTING.value):
            return "connecting to the relay"
        case "link":
            told = (
                click.style("relay reached", fg="green") if event.connected else click.style("relay lost", fg="yellow")
            )
            return f"{told}  {cause}".rstrip()
        case "file":
            return f"file is here: {plain_line(event.path)}" if event.path else f"file: {cause}"
        case "text" if event.message is not None:
            who = plain_line(event.message.author)
            mark = click.style("by SMS, not encrypted, sender not proven", fg="yellow")
            return f"{click.style(who, bold=True)}: {plain_line(event.message.text)}  ({mark})"
        case "merged":
            return f"{(event.message_id or '')[-8:]}  also came by SMS"
        case "aside":
            stage = stage_words(AsideStage[(event.stage or "").upper()], confirms=bool(event.confirms))
            by = f"(by {plain_line(event.carrier or '')}{': ' + plain_line(event.why) if event.why else ''})"
            return "  ".join(((event.message_id or "")[-8:], stage, by))
        case "warned":
            of = f"{plain_line(event.contact)}: " if event.contact else ""
            return f"{click.style('note', fg='yellow')}  {of}{cause}"
        case "code" if event.state == "waiting":
            return f"{plain_line(event.contact or '')} wants to compare a code: `answerback verify CONTACT --code`"
        case "handle" if event.handle and event.state:
            said = words_of(event.state, other=event.other, at_ms=event.at_ms or 0)
            advice = " ".join(line.format(handle=event.handle) for line in state_words(event.state).advice)
            return f"{click.style('note', fg='yellow')}  {plain_line(event.handle)} {said}. {advice}".rstrip()
        case _:
            return None


def _progress(event: EventTold, cause: str) -> str:
    stage = Stage[(event.stage or "composed").upper()]
    style = "green" if stage.answered else "red" if stage.final else None
    where = plain_line(event.device_name or (f"device {event.device[:6]}" if event.device else ""))
    proof = cause if stage.final and cause else EVIDENCE[Evidence[(event.evidence or "none").upper()]]
    short = (event.message_id or "")[-8:]
    return "  ".join(part for part in (short, click.style(STAGES[stage], fg=style), where, f"({proof})") if part)


def _file_name(event: EventTold) -> str:
    return event.message.file.name if event.message and event.message.file else "without a name"
