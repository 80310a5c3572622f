"""A backup that somebody made for us to restore: header, chunks and records, each broken by itself.

Whoever makes a file for somebody else to restore knows its passphrase: so half of these inputs are sealed properly,
around records that are broken.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from answerback.crypto.backups import DamagedBackupError, WrongPassphraseError, open_backup, seal_backup
from answerback.crypto.primitives import sha256
from answerback.model.errors import PeerError, UsageError
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId
from answerback.model.message import Urgency
from answerback.model.stamp import Stamp
from answerback.model.trust import How, Vouched
from answerback.wire.keepsakes import (
    FORMAT,
    RECORD_BYTES_MAX,
    Began,
    Ended,
    FileBegan,
    FileEnded,
    FilePart,
    Known,
    Record,
    Sure,
    Wrote,
    read_records,
    write_records,
)
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target

PASSPHRASE: Final = "violet anchor tuesday biscuit ladder"
ANN, MESSAGE = AccountId(b"A" * 16), MessageId(b"M" * 16)
ROW: Final[tuple[Record, ...]] = (
    Began(FORMAT, 5, ANN, "ann@example.org", 1, 1),
    Known("bea@example.org", ANN),
    Sure(Vouched(ANN, How.CODE, 7, b"r" * 32), DeviceId(b"P" * 16)),
    Wrote(
        *(MESSAGE, ConversationId(b"C" * 16), ANN, DeviceId(b"P" * 16), [ANN], "hello", None),
        *(Urgency.NORMAL, Stamp(5, 0), [], 9, 6),
    ),
    FileBegan(ANN, MESSAGE, 5),
    FilePart(b"hello"),
    FileEnded(),
    Ended(1, 1),
)


def _quick(passphrase: str, salt: bytes) -> bytes:
    return sha256(passphrase.encode() + salt)


def _run(data: bytes) -> int:
    """Read it as the file itself, and as what a properly sealed one holds."""
    is_file, rest = data[:1] == b"\0", data[1:]
    if is_file:
        found = list(read_records(open_backup(PASSPHRASE, io.BytesIO(rest).read, stretch=_quick)))
    else:
        found = list(read_records([rest]))
    if not isinstance(found[0], Began) or not isinstance(found[-1], Ended):
        raise BrokenPromise("a row was taken that does not begin, or does not end")
    again = b"".join(write_records(found))
    if list(read_records([again])) != found:
        raise BrokenPromise("a row is another one once it is written and read again")
    return 1


@contextmanager
def _open() -> Iterator[Probe]:
    row = b"".join(write_records(ROW))
    whole = b"".join(seal_backup(PASSPHRASE, [row], stretch=_quick))
    words = [
        (RECORD_BYTES_MAX + 1).to_bytes(4, "big"),
        b"\xff" * 4,
        b"\0\0\0\0",
        b"Wrote",
        b"FilePart",
        b"Ended",
        b"Began",
    ]
    refusals = (PeerError, DamagedBackupError, WrongPassphraseError, UsageError)
    yield Probe(_run, [b"\0" + whole, b"\1" + row], refusals, words)


BACKUP_TARGETS: Final = (
    Target(
        name="backups",
        what="a backup that somebody else made",
        open=_open,
        shape=Shape.BYTES,
        weight=60,
    ),
)
