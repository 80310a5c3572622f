"""Runs the agent: in the foreground, or by itself in the background."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from answerback.faces.access import asked_passphrase, device_folder
from answerback.faces.output import Exit, note, tell_json
from answerback.faces.remote import Remote
from answerback.model.errors import StorageError, StoreLockedError, UsageError
from answerback.storage.lock import holder_of
from answerback.storage.vault import key_source

LOG_FILE = "agent.log"
START_S_MAX = 30.0
"""A passphrase is stretched, a large journal read: seconds on a small board."""
STOP_S_MAX = 15.0
LOOK_AGAIN_S = 0.05


@click.command()
@click.option("--detach", is_flag=True, help="Run it in the background and return when it answers.")
@click.option("--stop", "is_stopping", is_flag=True, help="End the one that runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def daemon(ctx: click.Context, *, detach: bool, is_stopping: bool, as_json: bool) -> None:
    """Stay connected, so that messages come and go by themselves.

    It runs until Ctrl-C or `answerback daemon --stop`. Every other command works with it and without it.
    """
    folder = device_folder(ctx.obj)
    if detach and is_stopping:
        raise UsageError("choose one: --detach or --stop")
    if is_stopping:
        _stop(ctx, folder, as_json=as_json)
    elif (running := Remote.find(folder)) is not None:
        raise StoreLockedError(f"an agent of this device is at work already, as process {running.pid}")
    elif detach:
        _detach(folder, as_json=as_json)
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
        # Python's own loop: on uvloop nobody can say when the system has taken what TLS holds, and "sent" means that.
        asyncio.run(_run(folder, asked_passphrase(folder), as_json=as_json))


async def _run(folder: Path, passphrase: str | None, *, as_json: bool) -> None:
    from answerback.device.client import Client
    from answerback.faces.local_api import LocalApi

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform != "win32":
            loop.add_signal_handler(number, stop.set)
    async with Client.open(folder, passphrase=passphrase) as client:
        api = LocalApi(client, on_stop=stop.set)
        async with api.serving(folder) as place:
            if as_json:
                tell_json({"event": "ready", "pid": os.getpid(), "socket": place.socket, "port": place.port})
            else:
                click.echo(f"{client.identity.handle.text} on {client.identity.device_name}: the agent is at work.")
            await _first_of(stop, client.agent.ended)
        if client.agent.failure is not None:
            client.agent.check_alive()
    if not as_json:
        click.echo("The agent has ended. What it promised is on the disk.")


async def _first_of(*events: asyncio.Event) -> None:
    """Wait until one of them is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


def _detach(folder: Path, *, as_json: bool) -> None:
    """Begin another process that outlives this one, and see that it answers."""
    if key_source(folder) is None:
        raise UsageError(f"there is no device in {folder}: `answerback register` or `answerback link` makes one")
    passphrase = asked_passphrase(folder)
    environment = dict(os.environ)
    if passphrase is not None:
        from answerback.device.home import PASSPHRASE_VARIABLE

        environment[PASSPHRASE_VARIABLE] = passphrase
    command = [sys.executable, "-m", "answerback", "--home", str(folder), "daemon"]
    log = folder / LOG_FILE
    try:
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            process = subprocess.Popen(  # noqa: S603 - this very program
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=environment
            )
    except OSError as error:
        raise StorageError(f"{log} cannot be written: {error.strerror}") from error
    deadline_s = time.monotonic() + START_S_MAX
    while (remote := Remote.find(folder)) is None:
        if process.poll() is not None or time.monotonic() > deadline_s:
            said = log.read_text(errors="replace").strip().splitlines()
            why = said[-1].removeprefix("answerback: ") if said else "it said nothing"
            raise StorageError(f"the agent did not start: {why}")
        time.sleep(LOOK_AGAIN_S)
    process.returncode = 0  # it is meant to outlive us: nobody here waits for its end
    if as_json:
        tell_json({"event": "ready", "pid": remote.pid})
    else:
        click.echo(f"The agent is at work, as process {remote.pid}. `answerback daemon --stop` ends it.")


def _stop(ctx: click.Context, folder: Path, *, as_json: bool) -> None:
    remote = Remote.find(folder)
    if remote is None:
        note("No agent of this device is at work.")
        return
    remote.stop()
    deadline_s = time.monotonic() + STOP_S_MAX
    while Remote.find(folder) is not None or holder_of(folder) is not None:  # it answers no more, then lets go
        if time.monotonic() > deadline_s:
            note(f"It has not ended yet (process {remote.pid}).")
            ctx.exit(int(Exit.UNDER_WAY))
        time.sleep(LOOK_AGAIN_S)
    if as_json:
        tell_json({"event": "stopped", "pid": remote.pid})
    else:
        click.echo("The agent has ended. What it promised is on the disk.")
