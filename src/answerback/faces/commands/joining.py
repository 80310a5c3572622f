"""Registers: makes an account, with this as its first device."""

import asyncio
import platform
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from answerback.faces.access import device_folder, settle
from answerback.faces.output import is_person, note, say, tell_json, wall_ms
from answerback.faces.times import span
from answerback.model.errors import RefusedError, UsageError

T = TypeVar("T")
"""What a right code leads to."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from answerback.device.registering import Relay
    from answerback.model.handle import Handle
    from answerback.storage.identity import Identity
    from answerback.storage.vault import KeySource

KEYS = ("keyring", "passphrase", "file")


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[INVITATION] HANDLE")
@click.option("--relay", "relay_url", metavar="URL", help="The relay, if it lets people in without an invitation.")
@click.option("--name", metavar="NAME", help="What to call this device; its computer's name if not given.")
@click.option("--key", type=click.Choice(KEYS), help="Where the key to this device's messages is kept.")
@click.option("--code", metavar="CODE", help="The code you were sent; without it one is sent and asked for.")
@click.option("--region", metavar="REGION", default="", help="Where a number without a country is dialled: DE, US.")
@click.option("--move", is_flag=True, help="Take the handle over from the account that has it, after a week.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def register(
    ctx: click.Context,
    *,
    words: tuple[str, ...],
    relay_url: str | None,
    name: str | None,
    key: str | None,
    code: str | None,
    region: str,
    move: bool,
    as_json: bool,
) -> None:
    """Make an account, with this as its first device.

    HANDLE is the e-mail address or phone number others will write to. The relay sends a code there, to see that it is
    yours. INVITATION is the link you were given (answerback://…).
    """
    from answerback.device.registering import register as make_account
    from answerback.model.handle import read_handle

    relay, token, handle_text = _destination(words, relay_url)
    handle = read_handle(handle_text, region=region)
    folder = device_folder(ctx.obj)
    if is_registered(folder):
        raise UsageError(f"there is a registered device in {folder} already; give another --home for another one")
    name = device_name(name)
    source = chosen_key(folder, key)
    if code is None:
        send_code(relay, handle, token)
    passphrase = new_passphrase(folder, source)

    def make(code: str) -> "Identity":
        making = make_account(
            folder,
            relay,
            handle,
            code=code,
            invitation=token,
            device_name=name,
            source=source,
            passphrase=passphrase,
            move=move,
            now_ms=wall_ms(),
        )
        return asyncio.run(making)

    identity = make(code) if code is not None else asked_again(make)
    settle(folder, passphrase=passphrase)
    told = {"handle": handle.text, "account": identity.account.hex(), "device": identity.device.hex()}
    if as_json:
        tell_json({**told, "device_name": identity.device_name, "relay": identity.relay_url, "home": str(folder)})
        return
    if move:
        say(f"Welcome. This is {identity.device_name}; `answerback handles` says from when on {handle.text} is yours.")
        return
    say(f"Welcome. You are {handle.text}, and this is {identity.device_name}.")
    say("`answerback daemon` keeps you connected; `answerback link` adds another device.")


def _destination(words: tuple[str, ...], relay_url: str | None) -> "tuple[Relay, str, str]":
    """Read where the relay is: from an invitation, or from --relay."""
    from answerback.device.registering import Relay
    from answerback.model.invitation import parse_invitation

    if relay_url is not None:
        if len(words) != 1:
            raise UsageError("with --relay, give one handle and no invitation")
        return Relay(checked_url(relay_url), None), "", words[0]
    if len(words) != 2:  # noqa: PLR2004 - an invitation and a handle
        raise UsageError("give an invitation and a handle; or a handle and --relay URL")
    invitation = parse_invitation(words[0])
    return Relay(invitation.url, invitation.pin or None), invitation.token, words[1]


def send_code(relay: "Relay", handle: "Handle", token: str) -> None:
    """Have a code sent, and say so."""
    from answerback.device.registering import request_code

    good_s = asyncio.run(request_code(relay, handle, invitation=token))
    note(f"A code for {handle.text} is on its way, by mail or by whoever runs the relay.")
    note(f"It is good for {span(good_s)}.")
    if not is_person():
        raise UsageError("nobody is here to type it: give the same command again with --code CODE")


def asked_again(make: "Callable[[str], T]") -> "T":
    """Ask for the code until it is right, or the relay has had enough of it."""
    from answerback.model.causes import Cause

    while True:
        try:
            return make(str(click.prompt("Code", err=True)).strip())
        except RefusedError as error:
            if error.cause is not Cause.ACCOUNT_CODE_WRONG:
                raise
            note("That is not the code. Look for the newest one.")


def checked_url(url: str) -> str:
    """Read a relay's address; a bare host means https."""
    from urllib.parse import urlsplit

    full = url if "://" in url else f"https://{url}"
    parts = urlsplit(full)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.path.strip("/"):
        raise UsageError(f"{url!r} is not a relay's address; one looks like https://relay.example:7443")
    return full.rstrip("/")


def device_name(given: str | None) -> str:
    """What this device is called."""
    from answerback.model.devices import DEVICE_NAME_CHARACTERS_MAX

    name = (given or platform.node().partition(".")[0] or "a device").strip()
    if not name or len(name) > DEVICE_NAME_CHARACTERS_MAX:
        raise UsageError(f"a device's name has 1 to {DEVICE_NAME_CHARACTERS_MAX} characters")
    return name


def chosen_key(folder: Path, given: str | None) -> "KeySource":
    """Where a new device keeps its key; said aloud when nobody chose it, and not to be changed once begun."""
    from answerback.device.home import usual_key_source
    from answerback.storage.vault import KeySource, key_source

    begun = key_source(folder)
    if begun is not None and given not in (None, begun.value):
        raise UsageError(f"the device begun in {folder} has --key {begun.value}; for another, give another --home")
    if begun is not None:
        return begun
    if given is not None:
        return KeySource(given)
    source = usual_key_source()
    if source is KeySource.FILE:
        note("This system has no keyring, so the key to your messages goes to a file that only you can read.")
        note("With --key passphrase it would be kept nowhere.")
    return source


def new_passphrase(folder: Path, source: "KeySource") -> str | None:
    """Ask twice for a new passphrase, where one is wanted and the environment does not give it."""
    import os

    from answerback.device.home import PASSPHRASE_VARIABLE
    from answerback.faces.access import asked_passphrase
    from answerback.storage.vault import KeySource, key_source

    if source is not KeySource.PASSPHRASE or os.environ.get(PASSPHRASE_VARIABLE):
        return None
    if key_source(folder) is not None:
        return asked_passphrase(folder)
    if not is_person():
        raise UsageError(f"nobody is here to type a passphrase: set {PASSPHRASE_VARIABLE}")
    return str(click.prompt("A passphrase for this device", hide_input=True, confirmation_prompt=True, err=True))


def is_registered(folder: Path) -> bool:
    """Whether there is a finished device in a folder."""
    import contextlib

    from answerback.device.home import open_history, open_journal
    from answerback.faces.access import asked_passphrase
    from answerback.model.errors import StoreOutdatedError
    from answerback.storage.layout import JOURNAL_FILE
    from answerback.storage.vault import key_source

    if key_source(folder) is None or not (folder / JOURNAL_FILE).exists():
        return False
    passphrase = asked_passphrase(folder)
    try:
        history = open_history(folder, passphrase=passphrase)
    except StoreOutdatedError:  # perhaps killed while its tables were being made: they are now
        history = open_journal(folder, passphrase=passphrase)
    with contextlib.closing(history):
        identity = history.identity()
        return identity is not None and bool(identity.registered_ms)
