"""Sends: a text or a file, to one person or several, kept before any network is asked."""

import asyncio
import sys
import time
from pathlib import Path

import click

from answerback.faces.access import agent_at, asked_passphrase, device_folder
from answerback.faces.output import Exit, note, plain_line, say, tell_json, wall_ms
from answerback.faces.remote import AgentGone, Remote
from answerback.faces.sentences import CAUSES, reason_words
from answerback.faces.times import from_now, parse_duration
from answerback.faces.told import SendAsked, TimelineTold, WaitTold
from answerback.model.causes import Cause
from answerback.model.errors import UsageError

WAITS = {"saved": "queued", "relay": "accepted", "delivered": "delivered", "read": "read"}
"""What can be waited for, and the stage that proves it."""
LAST_LINE_END_BYTES = 2
"""What a text from a pipe may end with that is not part of it."""
STAGES_IN_ORDER = ("composed", "queued", "sealed", "sent", "accepted", "delivered", "read")
TIMEOUT_S = 20
"""On the worst links that were recorded nine outages in ten are shorter."""
REACHED_WORDS = {
    "queued": "Kept on this device.",
    "accepted": "At the relay.",
    "delivered": "Delivered to every device.",
    "read": "Read.",
}


@click.command(epilog="Exit codes: 0 it is as far as you waited for, 3 kept and under way, 4 it failed for good.")
@click.argument("words", nargs=-1, required=True, metavar="HANDLE... [TEXT]")
@click.option("--text", "given_text", help="The text, where it would be taken for a handle or goes with a file.")
@click.option("--file", "file", type=click.Path(path_type=Path, dir_okay=False), help="A file to send.")
@click.option("--urgent", is_flag=True, help="Ahead of everything that is not urgent.")
@click.option(
    "--wait",
    "wait_for",
    type=click.Choice(list(WAITS)),
    default="relay",
    show_default=True,
    help="How far it must be before this returns.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1, 86_400),
    default=TIMEOUT_S,
    show_default=True,
    metavar="S",
    help="Wait so many seconds at most.",
)
@click.option("--ttl", metavar="TIME", help="Give up after this long, such as 10m or 7d; 30 days if not given.")
@click.option("--private", is_flag=True, help="Never by SMS, whatever was agreed to for this contact.")
@click.option("--json", "as_json", is_flag=True, help="Print the message's timeline as one line of JSON.")
@click.pass_context
def send(
    ctx: click.Context,
    *,
    words: tuple[str, ...],
    given_text: str | None,
    file: Path | None,
    urgent: bool,
    wait_for: str,
    timeout_s: int,
    ttl: str | None,
    private: bool,
    as_json: bool,
) -> None:
    """Send a text or a file. It is kept before any network is asked.

    A HANDLE is an e-mail address or a phone number like +49301234567. The last word is the TEXT; `-` reads it from
    standard input. With --file no TEXT is needed; --text gives one.
    """
    to, text = _addressed(words, given_text, has_file=file is not None)
    asked = SendAsked(
        to=to,
        text=text,
        file=_encodable(str(file.absolute()), "the file's name") if file else None,
        urgent=urgent,
        ttl_s=parse_duration(ttl) if ttl else None,
        private=private,
    )
    folder = device_folder(ctx.obj)
    told = _saved(folder, asked) if wait_for == "saved" else _handed_over(folder, asked, WAITS[wait_for], timeout_s)
    failure = _failure(told)
    for name in told.changed:
        note(f"{plain_line(name)}: {CAUSES[Cause.TRUST_CONTACT_CHANGED].sentence}")
    if as_json:
        tell_json(told)
    elif failure is None:
        _tell(told, goal=WAITS[wait_for])
    if failure is not None:
        note(f"Not sent: {failure.sentence} {failure.you_can}")
        ctx.exit(int(Exit.REFUSED))
    if not _is_reached(told.stage, WAITS[wait_for]):
        ctx.exit(int(Exit.UNDER_WAY))


def _addressed(words: tuple[str, ...], given_text: str | None, *, has_file: bool) -> tuple[list[str], str]:
    """Tell the handles from the text, and ask rather than guess."""
    from answerback.model.handle import parse_handle

    if given_text is not None or has_file:
        to, text = list(words), given_text or ""
        if len(to) > 1 and not _is_handle(to[-1]):
            raise UsageError(f"beside --file and --text every word is a handle; {to[-1]!r} is none, --text gives it")
    else:
        *to, text = words
        if not to:
            raise UsageError("nothing to send: give a text after the handle, or --file")
        if _is_handle(text):
            raise UsageError(f"{text!r} looks like one more handle. If it is the text, write: --text '{text}'")
    for handle in to:
        if handle.strip().startswith("+") or "@" in handle or not any(letter.isdigit() for letter in handle):
            parse_handle(handle)  # wrong here and now; numbers without a country only the agent can read
    return to, _piped() if text == "-" else _encodable(text, "the text")


def _piped() -> str:
    """Read a text from standard input, no more of it than a message may have."""
    from answerback.model.message import TEXT_BYTES_MAX

    content = sys.stdin.buffer.read(TEXT_BYTES_MAX + LAST_LINE_END_BYTES + 1).rstrip(b"\r\n")
    if len(content) > TEXT_BYTES_MAX:
        raise UsageError(f"a text has at most {TEXT_BYTES_MAX} bytes; send this one as a file")
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError("what comes from standard input is no text in UTF-8; send it as a file") from error


def _encodable(words: str, what: str) -> str:
    """Refuse bytes that are no text: a shell hands over whatever it was given."""
    try:
        words.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} has bytes that are no text in UTF-8") from error
    return words


def _is_handle(word: str) -> bool:
    from answerback.model.handle import parse_handle

    try:
        parse_handle(word)
    except UsageError:
        return False
    return True


def _saved(folder: Path, asked: SendAsked) -> TimelineTold:
    """Put it on the disk and look no further."""
    remote = Remote.find(folder)
    if remote is not None:
        return remote.why(remote.send(asked).id)
    return asyncio.run(_kept(folder, asked, asked_passphrase(folder)))


async def _kept(folder: Path, asked: SendAsked, passphrase: str | None) -> TimelineTold:
    from answerback.device.client import Client
    from answerback.device.home import open_journal
    from answerback.faces.ledger import Ledger
    from answerback.model.ids import message_id_text
    from answerback.model.message import LIFETIME_S, Urgency

    journal = open_journal(folder, passphrase=passphrase)
    try:
        client = Client(folder, journal)  # it is never started: it will not look for a network
        sent = await client.send(
            *asked.to,
            text=asked.text,
            file=Path(asked.file) if asked.file else None,
            urgency=Urgency.URGENT if asked.urgent else Urgency.NORMAL,
            lifetime_s=asked.ttl_s or LIFETIME_S,
            is_private=asked.private,
        )
        return Ledger(journal, client.identity).why(message_id_text(sent.id))
    finally:
        journal.close()


def _handed_over(folder: Path, asked: SendAsked, stage: str, timeout_s: int) -> TimelineTold:
    """Put it on the disk, then wait until it is as far as it should be."""
    deadline_s = time.monotonic() + timeout_s
    sent: str | None = None
    while True:
        with agent_at(folder, patience_s=timeout_s) as remote:
            try:
                sent = sent or remote.send(asked).id
                told = remote.reached(sent, stage, timeout_s=max(1, round(deadline_s - time.monotonic())))
            except KeyboardInterrupt:
                if sent is None:
                    raise
                note(f"\nKept on this device, and no longer waited for. `answerback why {sent[-8:]}` says where it is.")
                raise click.exceptions.Exit(int(Exit.UNDER_WAY)) from None
            except AgentGone:
                if sent is None or time.monotonic() > deadline_s:
                    raise
                continue  # it is on the disk: whichever agent comes next takes it up
        return _without_agent(told) if remote.is_borrowed else told


def _without_agent(told: TimelineTold) -> TimelineTold:
    """The agent ends with this command, so the attempts it had planned will not happen."""
    from msgspec.structs import replace

    def until_started(wait: WaitTold | None) -> WaitTold | None:
        return replace(wait, next_attempt_ms=None, next_reason="connect.first") if wait else None

    copies = [replace(copy, wait=until_started(copy.wait)) for copy in told.copies]
    return replace(told, wait=until_started(told.wait), copies=copies)


def _is_reached(stage: str, goal: str) -> bool:
    return stage in STAGES_IN_ORDER and STAGES_IN_ORDER.index(stage) >= STAGES_IN_ORDER.index(goal)


def _failure(told: TimelineTold) -> WaitTold | None:
    if told.failure is not None:
        return told.failure
    return next((copy.failure for copy in told.copies if copy.failure), None) if told.final else None


def _tell(told: TimelineTold, *, goal: str) -> None:
    short = told.id[-8:]
    if _is_reached(told.stage, goal):
        say(f"{REACHED_WORDS[goal]}  ({short})")
        return
    say(f"{_so_far(told)} {_waits_for(told)}".rstrip())
    say(f"`answerback why {short}` says where it is.")


def _so_far(told: TimelineTold) -> str:
    theirs = [copy for copy in told.copies if not copy.own]
    answered = sum(copy.stage in ("delivered", "read") for copy in theirs)
    if answered and answered == len(theirs):
        return "Delivered to every device; not read yet."
    if answered:
        return f"Delivered to {answered} of {len(theirs)} devices so far."
    return "At the relay, which keeps it." if told.stage == "accepted" else "Kept on this device, not lost."


def _waits_for(told: TimelineTold) -> str:
    """Say truthfully what a message waits for, and what makes it move."""
    waits = [told.wait, *(copy.wait for copy in told.copies if not copy.own)]
    wait = next((each for each in waits if each is not None), None)
    if wait is None:
        return ""
    if wait.next_reason == "connect.first" and told.stage != "accepted":
        return f"{wait.sentence}\nIt leaves when Answerback next runs here: `answerback daemon` keeps it running."
    if wait.next_attempt_ms is None:
        return f"{wait.sentence} {wait.we_do}"
    when = from_now(wait.next_attempt_ms, now_ms=wall_ms())
    return f"{wait.sentence}\nNext: {when}; {reason_words(wait.next_reason)}."
