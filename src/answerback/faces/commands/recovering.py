"""Recovers: shows the words to keep on paper, and takes them on a new device when all others are lost."""

import asyncio
import contextlib

import click

from answerback.faces.access import asked_passphrase, device_folder, settle
from answerback.faces.commands.joining import (
    KEYS,
    checked_url,
    chosen_key,
    device_name,
    is_registered,
    new_passphrase,
)
from answerback.faces.output import Exit, is_person, note, say, tell_json, wall_ms
from answerback.model.errors import UsageError
from answerback.model.invitation import PIN_BYTES, parse_invitation

WORDS_PER_LINE = 6


@click.group()
def recovery() -> None:
    """Keep the recovery phrase of your account."""


@recovery.command()
@click.option("--yes", is_flag=True, help="Do not ask whether anybody looks over your shoulder.")
@click.pass_context
def show(ctx: click.Context, *, yes: bool) -> None:
    """Show the twenty-four words that are your account.

    Whoever has them can be you. Write them on paper; a picture or a file is a copy that others find. They are void
    once a device was removed: then show them again.
    """
    from answerback.device.home import open_history
    from answerback.device.recovering import phrase

    folder = device_folder(ctx.obj)
    if not yes:
        if not is_person():
            raise UsageError("nobody is here to say yes: --yes shows the words without asking")
        if not click.confirm("Whoever sees these words can be you. Are you alone?", err=True):
            ctx.exit(int(Exit.CONSENT))
    with contextlib.closing(open_history(folder, passphrase=asked_passphrase(folder))) as history:
        identity = history.identity()
    if identity is None or not identity.registered_ms:
        raise UsageError("this device is not registered yet")
    words = phrase(identity).split()
    for first in range(0, len(words), WORDS_PER_LINE):
        line = "  ".join(
            f"{number + 1:2} {words[number]:10}" for number in range(first, min(first + WORDS_PER_LINE, len(words)))
        )
        click.echo(line.rstrip())
    pin = f" --pin {identity.relay_pin.hex()}" if identity.relay_pin else ""
    note("")
    note("On a new device, when all others are lost:")
    note(f'  answerback recover "WORDS" {identity.handle.text} --relay {identity.relay_url}{pin}')


@click.command()
@click.argument("words")
@click.argument("handle_text", metavar="HANDLE")
@click.argument("invitation_link", required=False, metavar="[INVITATION]")
@click.option("--relay", "relay_url", metavar="URL", help="Your relay, where no invitation says it.")
@click.option("--pin", metavar="HEX", help="How to recognise it; `answerback recovery show` says it.")
@click.option("--name", metavar="NAME", help="What to call this device; its computer's name if not given.")
@click.option("--key", type=click.Choice(KEYS), help="Where the key to this device's messages is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def recover(
    ctx: click.Context,
    *,
    words: str,
    handle_text: str,
    invitation_link: str | None,
    relay_url: str | None,
    pin: str | None,
    name: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Come back with the recovery phrase when every device is lost.

    WORDS are the twenty-four, in quotes. This becomes the account's only device: the lost ones are removed. People
    see a new device and the same safety number. Messages are not in the words: they come back from a backup.
    """
    from answerback.device.recovering import recover as come_back
    from answerback.device.registering import Relay
    from answerback.model.handle import parse_handle

    folder = device_folder(ctx.obj)
    if is_registered(folder):
        raise UsageError(f"there is a registered device in {folder} already; give another --home for another one")
    if (invitation_link is None) == (relay_url is None):
        raise UsageError("say which relay: an invitation to it, or --relay URL")
    if invitation_link is not None:
        invitation = parse_invitation(invitation_link)
        relay = Relay(invitation.url, invitation.pin or None)
    else:
        assert relay_url is not None
        relay = Relay(checked_url(relay_url), _pin(pin))
    name = device_name(name)
    source = chosen_key(folder, key)
    passphrase = new_passphrase(folder, source)
    identity = asyncio.run(
        come_back(
            folder,
            relay,
            words,
            parse_handle(handle_text),
            device_name=name,
            source=source,
            passphrase=passphrase,
            now_ms=wall_ms(),
        )
    )
    settle(folder, passphrase=passphrase)
    if as_json:
        told = {"handle": identity.handle.text, "account": identity.account.hex(), "device": identity.device.hex()}
        tell_json({**told, "device_name": identity.device_name, "relay": identity.relay_url, "home": str(folder)})
        return
    say(f"Welcome back. This is {identity.device_name}, the only device of {identity.handle.text} now.")
    note("If a lost device may be in other hands, change the root key: link another device and remove one.")


def _pin(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        pin = bytes.fromhex(text)
    except ValueError as error:
        raise UsageError("a pin is hexadecimal digits") from error
    if len(pin) != PIN_BYTES:
        raise UsageError(f"a pin has {2 * PIN_BYTES} hexadecimal digits")
    return pin
