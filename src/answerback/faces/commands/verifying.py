"""Verifies: shows what two people compare, compares it, and says what has changed."""

import contextlib
from pathlib import Path

import click

from answerback.faces.access import agent_at, device_folder
from answerback.faces.output import Exit, is_person, note, plain_line, say, show_qr, tell_json, wall_ms
from answerback.faces.remote import Remote
from answerback.faces.sentences import CAUSES
from answerback.faces.times import clock
from answerback.faces.told import ContactAsked, ContactTold
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError

GROUPS_A_LINE = 4
SCALE = 8
"""Pixels of one module in a picture file: a phone reads it from a laptop's screen at arm's length."""
DIFFERENCES = {
    "theirs_differs": "The key on their side is not the one this relay gave us for them. Somebody may be in between.",
    "ours_differs": "They were given a key for you that is not yours. Somebody may be in between.",
    "somebody_else": "That is the code of two other people, or your own. Nothing was compared.",
}
STATES = {
    "asked": "Asked them. On their device: `answerback verify` with your handle and --code. Ten minutes at most.",
    "waiting": "They want to compare a code.",
    "taken": "They take part; one moment.",
    "agreed": "You said yes. Waiting for theirs.",
    "refused": "They said that the codes differ, or do not want to compare now. Nobody was marked.",
    "different": "Nobody was marked.",
    "over": "The time is over. Nobody was marked.",
}
HOW = {"scan": "by their code", "numbers": "by sixty digits", "code": "by a short code"}


@click.command()
@click.argument("contact", metavar="CONTACT")
@click.option("--scan", "scanned", metavar="TEXT", help="What a camera app read from their screen, or sixty digits.")
@click.option("--code", "by_code", is_flag=True, help="Compare nine digits while you talk; they run the same.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Write the QR code to this picture file.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the QR code to this drawing.")
@click.option("--agree", is_flag=True, help="Agree that their key has changed, without comparing.")
@click.option("--forget", is_flag=True, help="Take the mark away, on all your devices.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --code a line for each turn.")
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    contact: str,
    scanned: str | None,
    by_code: bool,
    png: Path | None,
    svg: Path | None,
    agree: bool,
    forget: bool,
    as_json: bool,
) -> None:
    """Make sure that somebody is who they say: compare keys.

    Without an option it shows the safety number and a QR code: the other person sees the same digits, and may scan the
    code. On the phone, both give --code and read nine digits to each other.
    """
    if sum((scanned is not None, by_code, agree, forget)) > 1:
        raise UsageError("one thing at a time: --scan, --code, --agree or --forget")
    with agent_at(device_folder(ctx.obj)) as remote:
        if by_code:
            _compare(ctx, remote, contact, as_json=as_json)
            return
        path = "/scan" if scanned is not None else "/agree" if agree else "/forget" if forget else ""
        told = remote.contact(ContactAsked(contact, scanned or ""), path=path)
    for file in (png, svg):
        if file is not None:
            _draw(told.scan_text, file)
    if as_json:
        tell_json(told)
    else:
        _tell(told, is_shown=not path)
    if told.verdict is not None and told.verdict != "same":
        ctx.exit(int(Exit.REFUSED))


def _tell(told: ContactTold, *, is_shown: bool) -> None:
    name = plain_line(told.handle)
    if told.verdict is not None and told.verdict != "same":
        note(click.style("Not verified. ", fg="red") + DIFFERENCES[told.verdict])
        return
    if told.changed_ms is not None:
        words = CAUSES[Cause.TRUST_CONTACT_CHANGED]
        when = clock(told.changed_ms, now_ms=wall_ms())
        note(click.style(f"{name} has another key since {when}. ", fg="yellow") + words.sentence)
        note(words.you_can)
    if is_shown:
        groups = told.safety_number.split()
        click.echo(f"Safety number with {name}:\n")
        for first in range(0, len(groups), GROUPS_A_LINE):
            click.echo("  " + "  ".join(groups[first : first + GROUPS_A_LINE]))
        click.echo()
        show_qr(told.scan_text)
    if told.verified is not None and told.verified_ms is not None:
        when = clock(told.verified_ms, now_ms=wall_ms())
        say(click.style(f"{name} is verified", fg="green") + f", {HOW[told.verified]}, {when}.")
    else:
        say(f"{name} is not verified. Compare the digits, or scan each other's code: --scan TEXT takes what was read.")


def _compare(ctx: click.Context, remote: Remote, contact: str, *, as_json: bool) -> None:
    if not as_json and not is_person():
        raise UsageError("nobody is here to compare: --code asks whether both codes are the same")
    last = ""
    for turn in remote.compare(ContactAsked(contact)):
        last = turn.state
        if as_json:
            tell_json(turn)
        elif turn.state == "shown":
            click.echo(f"\nYour code:  {click.style(turn.code or '', bold=True)}\n")
            same = click.confirm("Read it to each other. Are both the same?", err=True)
            with contextlib.suppress(UsageError):  # they were quicker, or the time is over: the next turn says which
                remote.say(ContactAsked(contact, same=same))
        elif turn.state == "done":
            say(click.style(f"{plain_line(contact)} is verified", fg="green") + ", on all your devices.")
        else:
            note(STATES[turn.state])
    if last == "different":
        raise RefusedError(Cause.TRUST_CODES_DIFFER)
    if last != "done":
        ctx.exit(int(Exit.REFUSED))


def _draw(text: str, file: Path) -> None:
    import segno

    try:
        segno.make(text, error="m", micro=False).save(str(file), kind=file.suffix.lstrip(".") or None, scale=SCALE)
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be written: {error}") from error
