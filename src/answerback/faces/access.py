"""Chooses who answers a command: the agent at work, an agent for as long as the command takes, or the disk alone."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import click

from answerback.faces.output import is_person, note
from answerback.faces.remote import Remote
from answerback.faces.told import DeviceTold, FallbackTold, MessageTold, StatusTold, TimelineTold
from answerback.model.errors import StoreLockedError, UsageError

LOCK_PATIENCE_S = 3.0
"""An agent that is starting holds the folder a moment before it answers; one that is ending, a moment after."""
LOOK_AGAIN_S = 0.05


SETTLE_S = 10
"""How long a new device may take to leave its keys at the relay: without them nobody can write to it."""


class Asked(Protocol):
    """What can be asked of a running agent and of the disk alike."""

    def status(self) -> StatusTold:
        """How this device stands."""
        ...

    def devices(self) -> list[DeviceTold]:
        """The devices of this account."""
        ...

    def messages(self, *, limit: int) -> list[MessageTold]:
        """The newest messages."""
        ...

    def why(self, part: str | None) -> TimelineTold:
        """What became of a message."""
        ...

    def fallback(self, contact: str) -> FallbackTold:
        """What becomes of messages to a contact that do not get through."""
        ...


def device_folder(chosen: Path | None) -> Path:
    """The folder of the device a command is about."""
    if chosen is not None:
        return chosen
    from answerback.device.home import default_folder

    return default_folder()


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[Asked]:
    """Ask the agent if one is at work; else read the disk, which is possible whoever holds the folder."""
    remote = Remote.find(folder)
    if remote is not None:
        yield remote
        return
    from answerback.device.home import open_history
    from answerback.faces.ledger import Ledger
    from answerback.storage.lock import holder_of

    with contextlib.closing(open_history(folder, passphrase=asked_passphrase(folder))) as history:
        identity = history.identity()
        if identity is None or not identity.registered_ms:
            raise UsageError(
                f"the device in {folder} is not registered yet: `answerback register` or `answerback link` finishes it"
            )
        holder = holder_of(folder)
        if holder is not None:
            note(f"{holder.capitalize()} uses this device and answers no commands; this is what is on the disk.")
        yield Ledger(history, identity, is_held=holder is not None)


@contextlib.contextmanager
def agent_at(folder: Path, *, patience_s: float = LOCK_PATIENCE_S, passphrase: str | None = None) -> Iterator[Remote]:
    """Give the agent at work; if there is none, run one as long as the block lasts.

    Both are asked in the same way, so that a command does the same with a daemon and without; and while a command
    runs an agent, other commands find it.
    """
    deadline_s = time.monotonic() + patience_s
    while True:
        remote = Remote.find(folder)
        if remote is not None:
            yield remote
            return
        from answerback.faces.borrowed import BorrowedAgent

        passphrase = passphrase or asked_passphrase(folder)
        borrowed = BorrowedAgent(folder, passphrase)
        try:
            place = borrowed.start()
        except StoreLockedError as error:
            if time.monotonic() > deadline_s:
                raise StoreLockedError(f"{error}, which does not answer. End it, or wait until it has ended") from error
            time.sleep(LOOK_AGAIN_S)
            continue
        try:
            yield Remote(place)
        finally:
            borrowed.stop()
        return


def settle(folder: Path, *, passphrase: str | None) -> None:
    """Connect a new device for a moment, so that its keys are at the relay and others can write to it."""
    with agent_at(folder, passphrase=passphrase) as remote:
        remote.caught_up(timeout_s=SETTLE_S)


def asked_passphrase(folder: Path) -> str | None:
    """Ask for the passphrase of a device that has one, if a person is there and the environment does not give it."""
    from answerback.device.home import PASSPHRASE_VARIABLE
    from answerback.storage.vault import KeySource, key_source

    if os.environ.get(PASSPHRASE_VARIABLE) or key_source(folder) is not KeySource.PASSPHRASE:
        return None
    if not is_person():
        raise UsageError(f"this device is opened with a passphrase: set {PASSPHRASE_VARIABLE}, or start the daemon")
    return str(click.prompt("Passphrase", hide_input=True, err=True))
