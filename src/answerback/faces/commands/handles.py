"""Lets a person see to what others find them by: list, add, move and remove handles, and answer moves."""

from typing import TYPE_CHECKING

import click

from answerback.faces.access import agent_at, device_folder
from answerback.faces.handle_words import handle_line, state_words
from answerback.faces.handles_told import HandleAsked, HandlesTold
from answerback.faces.output import is_person, note, say, tell_json
from answerback.faces.times import span
from answerback.model.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from answerback.faces.remote import Remote

NONE = "none"
_json = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
_code = click.option("--code", metavar="CODE", help="The code you were sent; without it one is sent and asked for.")


@click.group(invoke_without_command=True)
@_json
@click.pass_context
def handles(ctx: click.Context, *, as_json: bool) -> None:
    """List, add, move and remove what people find you by.

    A handle is a phone number or an e-mail address. It points to your account, which may have several; the account
    itself, with its devices and messages, never moves. Numbers may be typed as you dial them, once the device knows
    from where: `answerback handles region DE`, or a number of your own tells it.
    """
    if ctx.invoked_subcommand is None:
        with agent_at(device_folder(ctx.obj)) as remote:
            _tell(remote.handles(), as_json=as_json)


@handles.command()
@click.argument("handle")
@_code
@_json
@click.pass_context
def add(ctx: click.Context, *, handle: str, code: str | None, as_json: bool) -> None:
    """Add a handle of yours; a code is sent there to see that it is.

    If another account has it, nothing changes: `answerback handles move` takes it over from there.
    """
    _claim(ctx, "add", handle, code, as_json=as_json)


@handles.command()
@click.argument("handle")
@_code
@_json
@click.pass_context
def move(ctx: click.Context, *, handle: str, code: str | None, as_json: bool) -> None:
    """Take a handle of yours over from another account.

    The devices of that account are told at once and may object for a week; then the handle is yours. If they are yours
    as well, `answerback handles give HANDLE` on one of them ends the wait. People who write to you there see that the
    account has changed, and are asked before anything goes to the new one.
    """
    _claim(ctx, "move", handle, code, as_json=as_json)


@handles.command()
@click.argument("handle")
@_json
@click.pass_context
def remove(ctx: click.Context, *, handle: str, as_json: bool) -> None:
    """Remove a handle: nobody finds you by it any more.

    Those who have written to you keep their conversation. You can add it again with a new code, unless somebody else
    has proven it by then.
    """
    _change(ctx, "remove", handle, as_json=as_json)


@handles.command()
@click.argument("handle")
@_json
@click.pass_context
def give(ctx: click.Context, *, handle: str, as_json: bool) -> None:
    """Let a handle go at once to the account that has proven it."""
    _change(ctx, "give", handle, as_json=as_json)


@handles.command()
@click.argument("handle")
@_json
@click.pass_context
def keep(ctx: click.Context, *, handle: str, as_json: bool) -> None:
    """Object: keep a handle that another account has proven.

    For a month it then moves to nobody by a code alone. If you did not expect this, somebody reads what is sent to
    that number or address: mend that first, with your carrier or mail provider.
    """
    _change(ctx, "keep", handle, as_json=as_json)


@handles.command()
@click.argument("letters", metavar="REGION|none")
@_json
@click.pass_context
def region(ctx: click.Context, *, letters: str, as_json: bool) -> None:
    """Say from where numbers without a country are dialled: two letters, such as DE or US."""
    _change(ctx, "region", "" if letters.lower() == NONE else letters, as_json=as_json)


def _claim(ctx: click.Context, do: str, handle: str, code: str | None, *, as_json: bool) -> None:
    with agent_at(device_folder(ctx.obj)) as remote:
        if code is not None:
            _tell(remote.change_handle(HandleAsked(do, handle, code)), as_json=as_json)
            return
        sent = remote.handle_code(handle)
        note(f"A code for {sent.handle} is on its way; it is good for {span(sent.expires_in_s)}.")
        if not is_person():
            raise UsageError("nobody is here to type it: give the same command again with --code CODE")
        _tell(_asked_again(remote, do, sent.handle), as_json=as_json)


def _asked_again(remote: "Remote", do: str, handle: str) -> HandlesTold:
    from answerback.model.causes import Cause

    while True:
        try:
            code = str(click.prompt("Code", err=True)).strip()
            return remote.change_handle(HandleAsked(do, handle, code))
        except RefusedError as error:
            if error.cause is not Cause.ACCOUNT_CODE_WRONG:
                raise
            note("That is not the code. Look for the newest one.")


def _change(ctx: click.Context, do: str, handle: str, *, as_json: bool) -> None:
    with agent_at(device_folder(ctx.obj)) as remote:
        told = remote.change_handle(HandleAsked(do, handle))
        if do == "region":
            told = HandlesTold([], told.region)
    _tell(told, as_json=as_json)


def _tell(told: HandlesTold, *, as_json: bool) -> None:
    if as_json:
        tell_json(told)
        return
    for each in told.handles:
        say(handle_line(each))
        for line in state_words(each.state).advice:
            note(f"  {line.format(handle=each.handle)}")
    if told.region is not None:
        say(f"Numbers without a country are dialled from {told.region}.")
