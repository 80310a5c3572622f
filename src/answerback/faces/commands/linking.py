"""Links: shows a code on the device you have, takes it on the new one."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from answerback.faces.access import agent_at, device_folder, settle
from answerback.faces.commands.joining import (
    KEYS,
    checked_url,
    chosen_key,
    device_name,
    is_registered,
    new_passphrase,
)
from answerback.faces.output import Exit, is_person, note, plain_line, show_qr, tell_json, wall_ms
from answerback.faces.passing import show_history
from answerback.faces.told import LinkTold
from answerback.faces.troubles import error_of
from answerback.model.errors import UsageError

if TYPE_CHECKING:
    from answerback.device.registering import Relay
    from answerback.faces.remote import Remote


@click.command()
@click.argument("code", required=False, metavar="[CODE]")
@click.option("--relay", "relay_url", metavar="URL", help="On the new device, with a short code: your relay.")
@click.option("--name", metavar="NAME", help="What to call the new device; its computer's name if not given.")
@click.option("--key", type=click.Choice(KEYS), help="Where the new device keeps the key to its messages.")
@click.option("--yes", is_flag=True, help="On the device you have: let the first device in that knows the code.")
@click.option("--history/--no-history", "history", default=None, help="Give it, or take it, all messages so far.")
@click.option("--json", "as_json", is_flag=True, help="Print lines of JSON.")
@click.pass_context
def link(
    ctx: click.Context,
    *,
    code: str | None,
    relay_url: str | None,
    name: str | None,
    key: str | None,
    yes: bool,
    history: bool | None,
    as_json: bool,
) -> None:
    """Add another device to your account: run it on both.

    On the device you have, `answerback link` shows a QR code, a link and a short code. On the new one, give it either:
    `answerback link 'answerback://link?…'`, or `answerback link 7K3M-9Q2X-B4TA-W8ZN --relay URL`. The device you have
    then asks whether to let the new one in.
    """
    folder = device_folder(ctx.obj)
    if code is None:
        _show(ctx, folder, yes=yes, history=history, as_json=as_json)
    else:
        _join(folder, code, relay_url=relay_url, name=name, key=key, history=history, as_json=as_json)


# ---- the device you have -------------------------------------------------------------------------------------------


def _show(ctx: click.Context, folder: Path, *, yes: bool, history: bool | None, as_json: bool) -> None:
    if not is_registered(folder):
        raise UsageError(f"there is no device in {folder} that could add another; see `answerback link --help`")
    if not yes and not is_person():
        raise UsageError("nobody is here to say yes to the new device: --yes lets in the first that knows the code")
    refused = False
    with agent_at(folder) as remote:
        for turn in remote.link():
            if as_json:
                tell_json(turn)
            else:
                _tell(turn)
            if turn.asks is not None:
                agreed = yes or click.confirm("Let it in?", err=True)
                refused = not agreed
                remote.confirm_link(yes=agreed)
            elif turn.device is not None:
                _give_history(remote, turn.device.id, history=history, as_json=as_json)
            elif turn.refusal is not None and not refused:
                raise error_of(turn.kind or "refused", turn.refusal, turn.cause)
    if refused:
        note("Not linked: you said no.")
        ctx.exit(int(Exit.CONSENT))


QUESTION = "Give it all messages so far? (Files of messages that have run out stay where they are.)"


def _give_history(remote: "Remote", device: str, *, history: bool | None, as_json: bool) -> None:
    """Offer what is here to the new device, if its person wants that."""
    if history is None:
        history = is_person() and not as_json and click.confirm(QUESTION, err=True)
    if not history:
        return
    remote.offer_history(device)
    if not as_json:
        show_history(remote, device=device)


def _tell(turn: LinkTold) -> None:
    if turn.link is not None:
        show_qr(turn.link)
        click.echo("On the new device, scan this, or type one of these:\n")
        click.echo(f"  answerback link '{turn.link}'\n")
        click.echo(f"  answerback link {turn.code} --relay {_relay_of(turn.link)}\n")
        click.echo("Waiting for it, ten minutes at most. Show the code to nobody else.")
    elif turn.asks is not None:
        name = plain_line(turn.asks)
        click.echo(f"\nA device called {name!r} (key {turn.fingerprint}) knows the code and wants to be yours.")
        click.echo("It will read what you receive from now on, and write in your name.")
    elif turn.device is not None:
        click.echo("Linked. `answerback devices` lists them all.")


def _relay_of(text: str) -> str:
    from answerback.device.linking import parse_link_text

    return parse_link_text(text).relay.url


# ---- the new device ------------------------------------------------------------------------------------------------


def _join(
    folder: Path,
    text: str,
    *,
    relay_url: str | None,
    name: str | None,
    key: str | None,
    history: bool | None,
    as_json: bool,
) -> None:
    from answerback.crypto.linking import parse_link_code
    from answerback.device.linking import join, parse_link_text

    if is_registered(folder):
        raise UsageError(f"there is a registered device in {folder} already; give another --home for another one")
    if "://" in text:
        parsed = parse_link_text(text)
        relay, code = parsed.relay, parsed.code
    elif relay_url is not None:
        parse_link_code(text)  # before the network is asked
        relay, code = asyncio.run(_looked_at(checked_url(relay_url))), text
    else:
        raise UsageError("a short code needs --relay URL; the other device shows it beside the code")
    name = device_name(name)
    source = chosen_key(folder, key)
    passphrase = new_passphrase(folder, source)
    note("Meeting the other device, for ten minutes at most; say yes there when it asks.")
    note("If it does not ask within seconds, this is not the code it shows: Ctrl-C, and try again.")
    identity = asyncio.run(
        join(
            folder,
            relay,
            code,
            device_name=name,
            source=source,
            passphrase=passphrase,
            history=history is not False,
            now_ms=wall_ms(),
        )
    )
    settle(folder, passphrase=passphrase)
    if as_json:
        told = {"handle": identity.handle.text, "account": identity.account.hex(), "device": identity.device.hex()}
        tell_json({**told, "device_name": identity.device_name, "relay": identity.relay_url, "home": str(folder)})
    else:
        click.echo(f"Welcome. This is now {identity.device_name}, a device of {identity.handle.text}.")
        click.echo("`answerback daemon` keeps it connected. It gets what is sent from now on.")
        if history or (history is None and is_person()):
            with agent_at(folder, passphrase=passphrase) as remote:
                show_history(remote)


async def _looked_at(url: str) -> "Relay":
    """See which certificate answers; whether it is the right one, the other device will say inside the code's seal."""
    from answerback.device.registering import Relay
    from answerback.model.causes import Cause
    from answerback.transport.failures import Unreachable
    from answerback.transport.first_sight import seen_pin
    from answerback.transport.relay_http import RelayHttp

    try:
        async with RelayHttp(url) as http:
            await http.health()
    except Unreachable as error:
        if error.cause is not Cause.TLS_UNTRUSTED:
            raise
        return Relay(url, await seen_pin(url))
    return Relay(url, None)  # a public authority vouches for it, or it is a plain one on loopback
