"""Finds the command that was asked for, and says what went wrong in a sentence.

Theory. Each command lives in a file that is imported when it is called: `answerback --help` imports none of them. The
table below therefore says again, in a line each, what the commands say of themselves; a test compares the two.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType

import click

from answerback import __version__
from answerback.faces.output import exit_of, tell_error
from answerback.model.errors import AnswerbackError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is, and what help says of it."""

    module: str
    command: str
    help: str


_COMMANDS = "answerback.faces.commands"
SECTIONS: dict[str, dict[str, Place]] = {
    "Messages": {
        "send": Place(f"{_COMMANDS}.sending", "send", "Send a text or a file. It is kept before any network is asked."),
        "inbox": Place(f"{_COMMANDS}.reading", "inbox", "Show the newest messages, in the order of the conversation."),
        "watch": Place(f"{_COMMANDS}.watching", "watch", "Show what happens, as it happens."),
        "verify": Place(f"{_COMMANDS}.verifying", "verify", "Make sure that somebody is who they say: compare keys."),
        "fallback": Place(
            f"{_COMMANDS}.consenting", "fallback", "Say what becomes of messages that do not get through, or choose it."
        ),
        "consent": Place(f"{_COMMANDS}.consenting", "consent", "Say whether a message may go as an SMS."),
        "why": Place(f"{_COMMANDS}.asking", "why", "Say where a message is, why, and what comes next."),
    },
    "This device": {
        "register": Place(f"{_COMMANDS}.joining", "register", "Make an account, with this as its first device."),
        "re-register": Place(
            f"{_COMMANDS}.rejoining",
            "re_register",
            "Sign out and in again with fresh keys; nothing is lost.",
        ),
        "link": Place(f"{_COMMANDS}.linking", "link", "Add another device to your account: run it on both."),
        "handles": Place(f"{_COMMANDS}.handles", "handles", "List, add, move and remove what people find you by."),
        "devices": Place(
            f"{_COMMANDS}.devices", "devices", "List the devices of your account; name this one, or remove another."
        ),
        "recover": Place(
            f"{_COMMANDS}.recovering", "recover", "Come back with the recovery phrase when every device is lost."
        ),
        "recovery": Place(f"{_COMMANDS}.recovering", "recovery", "Keep the recovery phrase of your account."),
        "status": Place(f"{_COMMANDS}.asking", "status", "Say how this device stands."),
        "log": Place(f"{_COMMANDS}.auditing", "log", "Show the relay's log, and what is wrong with it."),
        "mode": Place(f"{_COMMANDS}.adapting", "mode", "Say how eager this device is and why, or choose it."),
        "carriers": Place(
            f"{_COMMANDS}.carriers", "carriers", "List the ways by which texts can leave this device unencrypted."
        ),
        "daemon": Place(
            f"{_COMMANDS}.running", "daemon", "Stay connected, so that messages come and go by themselves."
        ),
        "backup": Place(
            f"{_COMMANDS}.backing_up", "backup", "Write your messages, encrypted under a passphrase, into a file."
        ),
        "restore": Place(f"{_COMMANDS}.backing_up", "restore", "Take a backup's messages back into this device."),
        "export": Place(
            f"{_COMMANDS}.exporting", "export", "Write everything on this device in an open format, not encrypted."
        ),
        "repair": Place(
            f"{_COMMANDS}.mending", "repair", "Look for damage, and save what can be read into a new file."
        ),
    },
    "A relay of your own": {
        "serve": Place(f"{_COMMANDS}.hosting", "serve", "Run a relay: one process, one port, one folder."),
        "invite": Place(f"{_COMMANDS}.hosting", "invite", "Make a link that lets people join your relay."),
    },
    "See for yourself": {
        "demo": Place("answerback.faces.demo", "demo", "Watch two people's devices talk through bad networks."),
        "bench": Place("answerback.faces.bench", "bench", "Measure what a relay on this machine can carry."),
        "simulate": Place(
            "answerback.faces.simulate",
            "simulate",
            "Play worlds in which everything breaks, and check every promise against the truth.",
        ),
        "lab": Place(f"{_COMMANDS}.lab", "lab", "Play networks packet by packet, and measure how devices recover."),
    },
    "More": {
        "completion": Place(f"{_COMMANDS}.about", "completion", "Print what makes your shell complete commands."),
        "version": Place(f"{_COMMANDS}.about", "version", "Print the version."),
    },
}
FIRST_STEPS = (
    ("answerback serve", "run a relay"),
    ("answerback invite", "make a link for somebody"),
    ("answerback register LINK ann@example.org", "join with that link"),
    ('answerback send bea@example.org "on my way"', "send"),
    ("answerback why", "see where it is"),
)
FIRST_STEPS_WIDTH = 46


class LazyGroup(click.Group):
    """Commands that are imported when they are called, and errors that end in a sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it so
        """Name them in the order of the help."""
        return [name for places in SECTIONS.values() for name in places]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it so
        """Import one."""
        for places in SECTIONS.values():
            if cmd_name in places:
                place = places[cmd_name]
                command = getattr(import_module(place.module), place.command)
                assert isinstance(command, click.Command)
                return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; for a mistyped one say which was meant."""
        name = args[0] if args else ""
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `answerback {near[0]}`?" if near else "`answerback --help` lists them."
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it so
        """List the commands under what they are for."""
        width = max(len(name) for places in SECTIONS.values() for name in places)
        for section, places in SECTIONS.items():
            with formatter.section(click.style(section, bold=True)):
                formatter.write_dl([(name.ljust(width), place.help) for name, place in places.items()])
        with formatter.section(click.style("First steps", bold=True)):
            formatter.write_dl(FIRST_STEPS, col_max=FIRST_STEPS_WIDTH)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; an error of ours ends it with a sentence and a code."""
        try:
            return super().invoke(ctx)
        except AnswerbackError as error:
            if ctx.params.get("debug"):
                raise
            tell_error(error)
            ctx.exit(int(exit_of(error)))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    epilog="`answerback COMMAND --help` says more. Exit codes: 0 done, 2 usage, 3 under way, 4 refused or failed.",
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ANSWERBACK_HOME",
    help="The folder of this device. Each folder is one device.",
)
@click.option("--debug", is_flag=True, envvar="ANSWERBACK_DEBUG", help="Show where in the program an error arose.")
@click.version_option(__version__, "--version", "-V", message="answerback %(version)s")
@click.pass_context
def cli(ctx: click.Context, *, home: Path | None, debug: bool) -> None:
    """Messages that answer back: delivered to each device, or the reason why not."""
    ctx.obj = home.expanduser() if home else None
    if debug:
        sys.excepthook = sys.__excepthook__
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and end the process."""
    sys.excepthook = _tell_defect
    if arguments is None and os.environ.get("ANSWERBACK_DEBUG"):
        sys.excepthook = sys.__excepthook__
    cli.main(args=list(arguments) if arguments is not None else None, prog_name="answerback")


def _tell_defect(kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """Say in a line that this is our fault; Python then ends with `Exit.DEFECT`."""
    told = f"{kind.__name__}: {error}".rstrip(": ")
    click.echo(f"answerback: a fault of this program, please report it ({told})", err=True)
    click.echo("  `answerback --debug …` shows where it arose.", err=True)
