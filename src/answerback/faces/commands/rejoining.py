"""Registers again: gives an account back to a relay that has lost everything, or to the one that replaces it."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from answerback.faces.access import asked_passphrase, device_folder, settle
from answerback.faces.commands.joining import asked_again, checked_url, send_code
from answerback.faces.output import say, tell_json
from answerback.model.errors import UsageError

if TYPE_CHECKING:
    from answerback.device.registering import Relay
    from answerback.storage.identity import Identity


@click.command(name="re-register")
@click.argument("invitation_link", required=False, metavar="[INVITATION]")
@click.option("--relay", "relay_url", metavar="URL", help="The relay, if it lets people in without an invitation.")
@click.option("--code", metavar="CODE", help="The code you were sent; without it one is sent and asked for.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def re_register(
    ctx: click.Context, *, invitation_link: str | None, relay_url: str | None, code: str | None, as_json: bool
) -> None:
    """Give your account back to a relay that has lost it.

    The account, its devices and everything on them stay as they are; what waits here is sent then. One device of the
    account does it for all. Stop its daemon first. Without INVITATION and URL it is the relay as this device knows it.
    """
    from answerback.device.registering import register_again

    folder = device_folder(ctx.obj)
    passphrase = asked_passphrase(folder)
    identity = _identity(folder, passphrase)
    relay, token = _destination(identity, invitation_link, relay_url)
    if code is None:
        send_code(relay, identity.handle, token)

    def again(code: str) -> "Identity":
        return asyncio.run(register_again(folder, relay, code=code, invitation=token, passphrase=passphrase))

    moved = again(code) if code is not None else asked_again(again)
    settle(folder, passphrase=passphrase)
    if as_json:
        tell_json({"handle": moved.handle.text, "account": moved.account.hex(), "relay": moved.relay_url})
        return
    say(f"{moved.relay_url} knows {moved.handle.text} again, with all its devices.")


def _identity(folder: Path, passphrase: str | None) -> "Identity":
    from answerback.device.home import open_history

    with contextlib.closing(open_history(folder, passphrase=passphrase)) as history:
        identity = history.identity()
    if identity is None or not identity.registered_ms:
        raise UsageError(f"the device in {folder} was never registered: `answerback register` does that")
    return identity


def _destination(identity: "Identity", link: str | None, url: str | None) -> "tuple[Relay, str]":
    from answerback.device.registering import Relay
    from answerback.model.invitation import parse_invitation

    if link is not None and url is not None:
        raise UsageError("give an invitation or --relay URL, not both")
    if link is not None:
        invitation = parse_invitation(link)
        return Relay(invitation.url, invitation.pin or None), invitation.token
    if url is not None:
        return Relay(checked_url(url), None), ""
    return Relay(identity.relay_url, identity.relay_pin), ""
