"""Lists, names and removes the devices of an account."""

import click

from answerback.faces.access import agent_at, device_folder, reading
from answerback.faces.output import Exit, is_person, note, plain_line, say, tell_json, wall_ms
from answerback.faces.passing import show_history
from answerback.faces.times import clock
from answerback.faces.told import DeviceTold
from answerback.model.errors import UsageError


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def devices(ctx: click.Context, *, as_json: bool) -> None:
    """List the devices of your account; name this one, or remove another."""
    if ctx.invoked_subcommand is not None:
        return
    with reading(device_folder(ctx.obj)) as asked:
        told = asked.devices()
    if as_json:
        tell_json(told)
        return
    for device in told:
        click.echo(_device_line(device))


@devices.command()
@click.argument("words", nargs=-1, required=True, metavar="NEW NAME")
@click.pass_context
def name(ctx: click.Context, *, words: tuple[str, ...]) -> None:
    """Call this device otherwise.

    Your other devices learn it at once, the people you write to with the next message. The relay never does.
    """
    with agent_at(device_folder(ctx.obj)) as remote:
        told = remote.name_device(" ".join(words))
    here = next(device for device in told if device.this)
    say(f"This device is called {plain_line(here.name)} now.")


@devices.command()
@click.argument("device", metavar="DEVICE")
@click.option("--no-wait", is_flag=True, help="Offer it, and do not stay to see it pass.")
@click.pass_context
def history(ctx: click.Context, *, device: str, no_wait: bool) -> None:
    """Give all messages that are here to another device of yours.

    They go through the relay, sealed for that device, whenever both are connected; what breaks off goes on later.
    Files do not travel with it: their messages do, and say that the file is elsewhere. Sessions and keys never do. Whom
    you have verified the other device hears anyway, when it is added and whenever that changes.
    """
    with agent_at(device_folder(ctx.obj)) as remote:
        before = {each.id for each in remote.devices() if each.this}
        told = remote.offer_history(device)
        offered = [each for each in told if each.history and each.history.giving and each.id not in before]
        if no_wait:
            say("Offered. It goes on whenever both devices are connected.")
            return
        wanted = " ".join(device.split()).casefold()
        found = [each.id for each in offered if each.name.casefold() == wanted or each.id.startswith(wanted)]
        show_history(remote, device=found[0] if found else None)


@devices.command()
@click.argument("device", metavar="DEVICE")
@click.option("--keep-root", is_flag=True, help="Keep the root key: only for a device that you have wiped yourself.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def revoke(ctx: click.Context, *, device: str, keep_root: bool, yes: bool) -> None:
    """Remove a device of yours, by its name or id.

    Its connection ends at once, what waits for it at the relay is deleted, and nobody who learns of it writes to it or
    believes it any more. What it has received stays on it. As it knows your account's root key, that is changed too:
    the people you write to see another safety number, and an earlier recovery phrase is void.
    """
    if not yes:
        if not is_person():
            raise UsageError("nobody is here to say yes: --yes removes it without asking")
        if not click.confirm(f"Remove {plain_line(device)!r} from your account?", err=True):
            note("Nothing was changed.")
            ctx.exit(int(Exit.CONSENT))
    with agent_at(device_folder(ctx.obj)) as remote:
        left = remote.revoke_device(device, keep_root=keep_root)
    count = f"{len(left)} devices" if len(left) > 1 else "this device"
    say(f"Removed. Your account is {count} now.")
    if not keep_root:
        note("Its root key is a new one: write the new recovery phrase down (`answerback recovery show`).")


def _device_line(device: DeviceTold) -> str:
    here = "  (this device)" if device.this else ""
    now_ms = wall_ms()
    past = device.history
    moved = f"  history {past.state}, {past.done} of {past.total}" if past is not None else ""
    heard = f"  heard {clock(device.heard_ms, now_ms=now_ms)}" if device.heard_ms is not None else ""
    return (
        f"{plain_line(device.name)}{here}  added {clock(device.added_ms, now_ms=now_ms)}{heard}{moved}  {device.id[:8]}"
    )
