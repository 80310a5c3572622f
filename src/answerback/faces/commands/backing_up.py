"""Backs up and restores: asks for the passphrase, shows how far it is, and says what came of it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from answerback.faces.access import asked_passphrase, device_folder
from answerback.faces.output import is_person, note, say, tell_json, wall_ms
from answerback.faces.times import clock
from answerback.model.errors import UsageError

if TYPE_CHECKING:
    from answerback.device.backing_up import BackedUp, Progress

PASSPHRASE_VARIABLE = "ANSWERBACK_BACKUP_PASSPHRASE"  # noqa: S105 - the name of a variable


class BackupTold(msgspec.Struct, frozen=True):
    """What a backup holds, for programs."""

    account: str
    handle: str
    made_ms: int
    messages: int
    files: int
    has_root: bool
    added: int | None = None
    """Messages that were not here before; of a restore."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--no-files", is_flag=True, help="Leave received files out.")
@click.option("--with-root", is_flag=True, help="Put the account's root key in: whoever opens it owns the account.")
@click.option("--verify", "check", is_flag=True, help="Read the whole file again when it is written.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def backup(ctx: click.Context, *, file: Path, no_files: bool, with_root: bool, check: bool, as_json: bool) -> None:
    """Write your messages, encrypted under a passphrase, into a file.

    With contacts, whom you verified, settings and received files; never the keys that open mail. It works while the
    daemon runs. The passphrase is asked for, or taken from ANSWERBACK_BACKUP_PASSPHRASE.
    """
    from answerback.device.backing_up import check_backup, write_backup
    from answerback.device.home import open_history

    folder = device_folder(ctx.obj)
    with contextlib.closing(open_history(folder, passphrase=asked_passphrase(folder))) as history:
        passphrase = _new_passphrase()
        with shown("Backing up", as_json=as_json) as progress:
            told = write_backup(
                history,
                file,
                passphrase,
                now_ms=wall_ms(),
                with_files=not no_files,
                with_root=with_root,
                progress=progress,
            )
    if check:
        checked = check_backup(file, passphrase)
        assert (checked.messages, checked.files) == (told.messages, told.files)
    if as_json:
        tell_json(_told(told))
        return
    sure = " Read again: it is whole." if check else ""
    say(f"Backed up {_holds(told)} to {file}.{sure}")
    if not with_root:
        note("The account's root key is not in it: --with-root puts it in.")
    note("Nobody can open it without the passphrase, not even you. Keep that elsewhere.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only read it, and say what it holds.")
@click.option("--phrase", is_flag=True, help="Only show the recovery phrase in it, for `answerback recover`.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def restore(ctx: click.Context, *, file: Path, check: bool, phrase: bool, as_json: bool) -> None:
    """Take a backup's messages back into this device.

    What is here stays, and nothing comes twice; it may be repeated. The device keeps its own keys. In a home without a
    device yet the messages wait for `link` or `recover` with the same --home. End the daemon first.
    """
    from answerback.device.backing_up import check_backup, restore_backup
    from answerback.device.home import make_journal, usual_key_source
    from answerback.storage.staging import Staging

    folder = device_folder(ctx.obj)
    passphrase = _passphrase()
    if check:
        found = check_backup(file, passphrase)
        if as_json:
            tell_json(_told(found))
        else:
            say(f"A whole backup of {_whose(found)}: {_holds(found)}.")
        return
    if phrase:
        _show_phrase(check_backup(file, passphrase))
        return
    check_backup(file, passphrase)  # before a home is made for nothing
    with contextlib.closing(
        make_journal(folder, source=usual_key_source(), passphrase=asked_passphrase(folder))
    ) as journal:
        has_device = journal.identity() is not None
        with shown("Restoring", as_json=as_json) as progress:
            told = restore_backup(journal, Staging(folder), file, passphrase, progress=progress)
    if as_json:
        tell_json(msgspec.structs.replace(_told(told), added=told.added))
        return
    say(f"Restored from the backup of {_whose(told)}: {told.added} of {_holds(told)} were not here before.")
    if not has_device:
        note("No device is registered here yet: `answerback link` or `recover` with this --home makes one.")


def _show_phrase(found: "BackedUp") -> None:
    from answerback.crypto.phrase import phrase_of

    if found.root_seed is None:
        raise UsageError("the account's root key is not in this backup; it was made without --with-root")
    click.echo(phrase_of(found.root_seed))
    note(f"Whoever has these words owns the account. `answerback recover WORDS {found.handle}` makes a device of it.")


def _new_passphrase() -> str:
    from answerback.crypto.backups import passphrase_strength

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    _need_person()
    while True:
        typed = str(click.prompt("Passphrase of the backup", hide_input=True, err=True))
        strength = passphrase_strength(typed)
        if not strength.is_enough:
            note(f"Too easy to guess: {strength.advice}.")
        elif typed == click.prompt("The same again", hide_input=True, err=True):
            return typed
        else:
            note("These are two different ones.")


def _passphrase() -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    _need_person()
    return str(click.prompt("Passphrase of the backup", hide_input=True, err=True))


def _need_person() -> None:
    if not is_person():
        raise UsageError(f"nobody is here to type a passphrase: set {PASSPHRASE_VARIABLE}")


@contextlib.contextmanager
def shown(what: str, *, as_json: bool) -> "Iterator[Progress]":
    """Draw a bar on a terminal; a pipe gets none."""
    if as_json or not is_person():
        yield _unseen
        return
    with click.progressbar(length=1, label=what, file=sys.stderr) as bar:

        def move(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield move


def _unseen(_done: int, _total: int) -> None:
    """Draw nothing."""


def _told(told: "BackedUp") -> BackupTold:
    return BackupTold(told.account.hex(), told.handle, told.made_ms, told.messages, told.files, told.has_root)


def _whose(told: "BackedUp") -> str:
    return f"{told.handle}, made {clock(told.made_ms, now_ms=wall_ms())}"


def _holds(told: "BackedUp") -> str:
    files = f" and {told.files} files" if told.files else ""
    root = ", with the account's root key" if told.has_root else ""
    return f"{told.messages} messages{files}{root}"
