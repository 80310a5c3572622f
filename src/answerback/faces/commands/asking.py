"""Asks: where a message is and why, and how this device stands."""

import click

from answerback.faces.access import device_folder, reading
from answerback.faces.commands.adapting import mode_lines
from answerback.faces.output import plain_line, say_beside, tell_json, wall_ms
from answerback.faces.registrations import registration_lines
from answerback.faces.sentences import CAUSES
from answerback.faces.times import from_now, span
from answerback.faces.told import PathTold, StatusTold
from answerback.model.causes import Cause, cause_of

LABEL = 12
CLOCK_MS_SHOWN = 1_000
"""A clock this near needs no mention."""
BLOAT_MS_SHOWN = 50
URGENT_SHOWN = 10
"""Fewer than these left, and people are told."""


@click.command()
@click.argument("message", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the timeline as one line of JSON.")
@click.pass_context
def why(ctx: click.Context, *, message: str | None, as_json: bool) -> None:
    """Say where a message is, why, and what comes next.

    MESSAGE is its id, or the beginning or the end of it. Without one: the newest sent from here that is not delivered;
    if all are, the newest.
    """
    with reading(device_folder(ctx.obj)) as asked:
        told = asked.why(message)
    if as_json:
        tell_json(told)
        return
    from answerback.faces.life import show_life

    show_life(told)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Say how this device stands."""
    with reading(device_folder(ctx.obj)) as asked:
        told = asked.status()
    if as_json:
        tell_json(told)
        return
    for label, value in _standing(told):
        say_beside(label, value, width=LABEL)


def _standing(told: StatusTold) -> list[tuple[str, str]]:
    """The lines of a status, the most telling first."""
    lines = [("you", f"{told.handle} on {plain_line(told.device_name)}")]
    if told.connected:
        rtt = f", {told.rtt_ms:.0f} ms away" if told.rtt_ms is not None else ""
        lines.append(("relay", f"{told.relay}, connected{rtt}"))
    elif told.running and told.attempts is None:
        lines.append(("relay", f"{told.relay}; whether it is connected, only the program that runs knows"))
    else:
        lines.append(("relay", f"{told.relay}, {'not connected' if told.cause else 'connecting'}"))
        if told.cause:
            words = CAUSES[cause_of(told.cause)]
            lines += [("why", words.sentence), ("you can", words.you_can)]
        if told.next_attempt_ms is not None:
            lines.append(("next try", from_now(told.next_attempt_ms, now_ms=wall_ms())))
    if told.registration is not None:
        lines += registration_lines(told.registration, now_ms=wall_ms())
    lines += [("path" if path.in_use else "beside", _path_line(path)) for path in told.paths]
    if told.mode is not None:
        lines += mode_lines(told)
    if told.urgent_left is not None and told.urgent_next_ms is not None and told.urgent_left < URGENT_SHOWN:
        more = from_now(told.urgent_next_ms, now_ms=wall_ms())
        lines.append(("urgent", f"{_count(told.urgent_left, 'message')} may be urgent now; one more {more}"))
    waiting = f"{_count(told.waiting, 'message')} not yet answered by every device" if told.waiting else "nothing"
    lines.append(("waiting", waiting))
    if told.files_moving:
        lines.append(("files", f"{told.files_moving} on the way"))
    if told.behind:
        lines.append(("behind", f"{told.behind} still at the relay for this device"))
    lines.append(("kept", _count(told.messages, "message")))
    if told.verified:
        lines.append(("verified", _count(told.verified, "contact")))
    if told.changed:
        names = ", ".join(plain_line(name) for name in told.changed)
        lines.append(("changed", f"{names}: {CAUSES[Cause.TRUST_CONTACT_CHANGED].you_can}"))
    if abs(told.clock_offset_ms) > CLOCK_MS_SHOWN:
        side = "behind" if told.clock_offset_ms > 0 else "ahead of"
        lines.append(("clock", f"{span(abs(told.clock_offset_ms) / 1000)} {side} the relay's"))
    return lines


def _path_line(path: PathTold) -> str:
    """One way to the relay: how it stands, by which sign, and what was measured."""
    role = "" if path.in_use else ", stands by" if path.standby else ", being tried"
    parts = [f"{plain_line(path.name) or 'the only one'}{role}: {path.standing}, {path.sign}"]
    if path.rtt_ms is not None:
        parts.append(f"{path.rtt_ms:.0f} ± {path.rtt_deviation_ms:.0f} ms")
        parts.append(f"{path.loss:.0%} lost")
    if path.up_bytes_per_s:
        parts.append(f"{path.up_bytes_per_s / 1000:.0f} kB/s up")
    if path.bloat_ms >= BLOAT_MS_SHOWN:
        parts.append(f"{path.bloat_ms:.0f} ms of queue")
    if path.metered:
        parts.append("paid by the byte")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number or 'no'} {noun}s"
