"""Registers again: signs out and in with fresh keys, and gives an account back to a relay that has lost it."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from answerback.faces.access import agent_at, asked_passphrase, device_folder
from answerback.faces.commands.joining import asked_again, checked_url, send_code
from answerback.faces.output import Exit, note, say, tell_json
from answerback.faces.remote import Remote
from answerback.faces.told import RegisterAsked, StatusTold
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.registration import Registered

if TYPE_CHECKING:
    from answerback.device.registering import Relay
    from answerback.storage.identity import Identity

WAIT_S = 20
"""How long the command waits for the relay: many round trips on the worst link we know. It goes on without it."""


@click.command(name="re-register")
@click.argument("invitation_link", required=False, metavar="[INVITATION]")
@click.option("--relay", "relay_url", metavar="URL", help="The relay, if it lets people in without an invitation.")
@click.option("--code", metavar="CODE", help="The code you were sent; without it one is sent and asked for.")
@click.option("--gentle", is_flag=True, help="Sign out and in only: keys and sessions stay as they are.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def re_register(
    ctx: click.Context,
    *,
    invitation_link: str | None,
    relay_url: str | None,
    code: str | None,
    gentle: bool,
    as_json: bool,
) -> None:
    """Sign out and in again with fresh keys; nothing is lost.

    What is queued here or waits at the relay stays. It can be interrupted at any moment: whatever runs next goes on
    with it. A relay that has lost your account is given it back: that takes a code, as when you registered, and one
    device of the account does it for all. With INVITATION or URL the account moves to that relay; stop the daemon
    before.
    """
    folder = device_folder(ctx.obj)
    passphrase = asked_passphrase(folder)
    identity = _identity(folder, passphrase)
    relay, token = _destination(identity, invitation_link, relay_url)
    is_moving = (relay.url, relay.pin) != (identity.relay_url, identity.relay_pin)
    if is_moving:
        _move(folder, relay, token, identity, code=code, passphrase=passphrase)
        code = None
    with agent_at(folder, passphrase=passphrase) as remote:
        told = remote.register_again(RegisterAsked(gentle=gentle, timeout_s=WAIT_S, code=code, invitation=token))
        if _state(told) is Registered.UNKNOWN and code is None and not is_moving:
            note("The relay does not know this device any more; with a code it gets your account back.")
            told = _give_back(remote, relay, identity, token, gentle=gentle)
    _tell(ctx, told, as_json=as_json)


def _tell(ctx: click.Context, told: StatusTold, *, as_json: bool) -> None:
    state, registration = _state(told), told.registration
    if as_json:
        tell_json({"handle": told.handle, "account": told.account, "relay": told.relay, "registration": registration})
    if state in (Registered.UNKNOWN, Registered.REVOKED):
        raise RefusedError(
            Cause.ACCOUNT_NOT_REGISTERED if state is Registered.UNKNOWN else Cause.ACCOUNT_DEVICE_REVOKED
        )
    if registration is None or registration.renewing or not told.connected:
        note("It is on the disk and goes on by itself as soon as the relay can be reached.")
        ctx.exit(int(Exit.UNDER_WAY))
    if not as_json:
        say(f"{told.relay} knows {told.handle} again, with all its devices; this one has signed in anew.")


def _state(told: StatusTold) -> Registered | None:
    return Registered(told.registration.state) if told.registration is not None else None


def _give_back(remote: Remote, relay: "Relay", identity: "Identity", token: str, *, gentle: bool) -> StatusTold:
    send_code(relay, identity.handle, token)

    def again(code: str) -> StatusTold:
        asked = RegisterAsked(gentle=gentle, timeout_s=WAIT_S, code=code, invitation=token)
        return remote.register_again(asked)

    return asked_again(again)


def _move(
    folder: Path, relay: "Relay", token: str, identity: "Identity", *, code: str | None, passphrase: str | None
) -> None:
    from answerback.device.registering import register_again

    if code is None:
        send_code(relay, identity.handle, token)

    def again(code: str) -> "Identity":
        return asyncio.run(register_again(folder, relay, code=code, invitation=token, passphrase=passphrase))

    if code is not None:
        again(code)
    else:
        asked_again(again)


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
