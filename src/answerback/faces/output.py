"""Writes what commands have to say: sentences, JSON, QR codes, and the code a command ends with."""

import contextlib
import os
import sys
import time
import unicodedata
from collections.abc import Iterator
from enum import IntEnum, unique
from typing import TYPE_CHECKING

import click

from answerback.model.errors import AnswerbackError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_MAX = 100
"""Longer lines are hard to read, however wide the terminal is."""
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They make a text read otherwise than it is written."""


@unique
class Exit(IntEnum):
    """What a command's end means; docs/commands.md lists them."""

    REACHED = 0
    """What was asked for is so."""
    DEFECT = 1
    """A fault of this program."""
    USAGE = 2
    """The command has to be given differently."""
    UNDER_WAY = 3
    """Kept and still being tried, or the relay cannot be reached just now."""
    REFUSED = 4
    """It failed, or was refused; trying the same again does not help."""
    CONSENT = 5
    """A person said no, or must say yes first."""


def exit_of(error: AnswerbackError) -> Exit:
    """Choose the code an error ends a command with."""
    from answerback.model.causes import Cause
    from answerback.transport.failures import Deferred, Unreachable

    if getattr(error, "cause", None) is Cause.FALLBACK_CONSENT_NEEDED:
        return Exit.CONSENT
    if isinstance(error, UsageError):
        return Exit.USAGE
    return Exit.UNDER_WAY if isinstance(error, Unreachable | Deferred) else Exit.REFUSED


def sentence_of(error: AnswerbackError) -> str:
    """Say an error in one or a few sentences; one with a cause has its own."""
    from answerback.faces.sentences import CAUSES
    from answerback.model.causes import Cause

    cause = getattr(error, "cause", None)
    said = str(error)
    if not isinstance(cause, Cause) or cause is Cause.UNKNOWN:
        return said[:1].upper() + said[1:]
    words = CAUSES[cause]
    detail = "" if said == cause.value else f"\n({said})"
    return f"{words.sentence} {words.you_can}{detail}"


def tell_error(error: AnswerbackError) -> None:
    """Say an error on stderr."""
    note(click.style("answerback: ", fg="red") + plain(sentence_of(error)))


def tell_json(told: object) -> None:
    """Write one value as one line of JSON."""
    import msgspec

    click.echo(msgspec.json.encode(told).decode())


def say(text: str) -> None:
    """Say the result in sentences, broken between words where a terminal would break within them."""
    click.echo(_wrapped(text, is_shown=sys.stdout.isatty()))


def note(text: str) -> None:
    """Say something beside the result, on stderr, so that a pipe carries the result alone."""
    click.echo(_wrapped(text, is_shown=sys.stderr.isatty()), err=True)


def say_beside(label: str, text: str, *, width: int) -> None:
    """Say something beside a label so wide; what does not fit goes on below itself, not below the label."""
    shown = click.style(label.ljust(width), dim=True)
    lines = _wrapped(text, is_shown=sys.stdout.isatty(), less=width).splitlines() or [""]
    click.echo("\n".join([shown + lines[0], *(" " * width + line for line in lines[1:])]))


def _wrapped(text: str, *, is_shown: bool, less: int = 0) -> str:
    import shutil

    if not is_shown:
        return text
    width = min(shutil.get_terminal_size().columns, WIDTH_MAX) - less
    return "\n".join(click.wrap_text(line, width) for line in text.splitlines())


@contextlib.contextmanager
def ends_by_hand(ctx: click.Context, *, is_endless: bool = True) -> Iterator[None]:
    """Take Ctrl-C as the usual end of what runs until then; where it ends otherwise, the agent it listens to has."""
    try:
        yield
    except KeyboardInterrupt:
        note("")
        return
    if is_endless:
        note("The agent of this device has ended, and with it this.")
        ctx.exit(int(Exit.UNDER_WAY))


def plain(text: str) -> str:
    """Show what others wrote without what would steer a terminal: escapes, bells, marks that turn the direction."""
    return "".join(
        character if character in "\n\t" or not _steers(character) else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )


def _steers(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Co", "Zl", "Zp"} or character in _TURNING


def plain_line(text: str) -> str:
    """As `plain`, on one line."""
    return plain(" ".join(text.split()))


def wall_ms() -> int:
    """This device's wall clock, for showing."""
    return time.time_ns() // 1_000_000


def is_person() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def console() -> "Console":
    """Where restrained colour and wrapping come from; plain text where it is no terminal."""
    from rich.console import Console

    plain = Console(highlight=False, soft_wrap=False, emoji=False, markup=False)
    width = plain.width if plain.is_terminal or "COLUMNS" in os.environ else WIDTH_MAX
    plain.width = min(width, WIDTH_MAX)
    return plain


def qr_lines(text: str) -> str:
    """Draw a QR code with half blocks, two rows of modules in each line, dark on light as cameras expect it."""
    import io

    import segno

    drawing = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(drawing, border=2, compact=True)
    return drawing.getvalue()


def show_qr(text: str) -> None:
    """Show a QR code where it fits; a terminal that is too narrow gets the text alone."""
    import shutil

    lines = qr_lines(text)
    plain_width = max(len(click.unstyle(line)) for line in lines.splitlines())
    if sys.stdout.isatty() and shutil.get_terminal_size().columns >= plain_width:
        click.echo(lines)
