"""What a backup holds, record by record: what people wrote and whom they are sure of, and no key that opens mail.

A backup is a row of records, each behind its length: `Began` first, `Ended` last, so that a row cut short is noticed.
There is no record for ratchets, pre-keys, seal keys or tickets: a device that is restored is a new device.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from answerback.model.bounds import (
    Instant,
    ItsAccount,
    ItsConversation,
    ItsDevice,
    ItsMessage,
    Key,
    Natural,
)
from answerback.model.errors import PeerError
from answerback.model.handle import HANDLE_CHARACTERS_MAX
from answerback.model.message import RECIPIENTS_MAX, TEXT_BYTES_MAX, WRITTEN_AFTER_MAX, Attachment, Urgency
from answerback.model.stamp import Stamp
from answerback.model.trust import Vouched

FORMAT = 1
RECORD_BYTES_MAX = 256 * 1024
"""A text of 48 KiB may be four bytes a letter; what claims to be longer is refused before it is read."""
PIECE_BYTES = 60 * 1024
"""A part of a file: with its frame still one sealed chunk."""
LENGTH_BYTES = 4
SETTING_CHARACTERS_MAX = 4096

_Handle = Annotated[str, msgspec.Meta(max_length=HANDLE_CHARACTERS_MAX)]


class Keepsake(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What all records share: their content is not shown."""

    def __repr__(self) -> str:
        """Say the kind only."""
        return f"{type(self).__name__}(…)"


class Began(Keepsake, frozen=True, array_like=True, tag=True):
    """Whose backup it is."""

    format: Natural
    made_ms: Instant
    account: ItsAccount
    handle: _Handle
    messages: Natural
    files: Natural

    __repr__ = Keepsake.__repr__


class Root(Keepsake, frozen=True, array_like=True, tag=True):
    """The account's root key, if its person wanted it here: whoever reads it owns the account."""

    seed: Key

    __repr__ = Keepsake.__repr__


class Known(Keepsake, frozen=True, array_like=True, tag=True):
    """Which account a handle stood for."""

    handle: _Handle
    account: ItsAccount

    __repr__ = Keepsake.__repr__


class Sure(Keepsake, frozen=True, array_like=True, tag=True):
    """Whose key was compared, on which device."""

    mark: Vouched
    device: ItsDevice

    __repr__ = Keepsake.__repr__


class Moved(Keepsake, frozen=True, array_like=True, tag=True):
    """A handle that stands for another account than before, which nobody has agreed to."""

    handle: _Handle
    before: ItsAccount
    after: ItsAccount
    at_ms: Instant
    held: bool

    __repr__ = Keepsake.__repr__


class Chosen(Keepsake, frozen=True, array_like=True, tag=True):
    """A setting of this person's."""

    name: Annotated[str, msgspec.Meta(max_length=64)]
    value: Annotated[str, msgspec.Meta(max_length=SETTING_CHARACTERS_MAX)]

    __repr__ = Keepsake.__repr__


class Wrote(Keepsake, frozen=True, array_like=True, tag=True):
    """A message; the newest comes first."""

    id: ItsMessage
    conversation: ItsConversation
    author: ItsAccount
    author_device: ItsDevice
    recipients: Annotated[list[ItsAccount], msgspec.Meta(max_length=RECIPIENTS_MAX + 1)]
    text: Annotated[str, msgspec.Meta(max_length=TEXT_BYTES_MAX)]
    attachment: Attachment | None
    urgency: Urgency
    stamp: Stamp
    written_after: Annotated[list[ItsMessage], msgspec.Meta(max_length=WRITTEN_AFTER_MAX)]
    expires_ms: Instant
    arrived_ms: Instant

    __repr__ = Keepsake.__repr__


class FileBegan(Keepsake, frozen=True, array_like=True, tag=True):
    """The opened file of a message that stood before; its parts follow."""

    author: ItsAccount
    message: ItsMessage
    size_bytes: Natural

    __repr__ = Keepsake.__repr__


class FilePart(Keepsake, frozen=True, array_like=True, tag=True):
    """The next bytes of the file."""

    content: Annotated[bytes, msgspec.Meta(max_length=PIECE_BYTES)]

    __repr__ = Keepsake.__repr__


class FileEnded(Keepsake, frozen=True, array_like=True, tag=True):
    """All of the file was there."""

    __repr__ = Keepsake.__repr__


class Ended(Keepsake, frozen=True, array_like=True, tag=True):
    """Nothing follows."""

    messages: Natural
    files: Natural

    __repr__ = Keepsake.__repr__


Record = Began | Root | Known | Sure | Moved | Chosen | Wrote | FileBegan | FilePart | FileEnded | Ended

_encoder = msgspec.msgpack.Encoder()
_records: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def write_records(records: Iterable[Record]) -> Iterator[bytes]:
    """Give the bytes of each record behind their length."""
    for record in records:
        content = _encoder.encode(record)
        assert len(content) <= RECORD_BYTES_MAX
        yield len(content).to_bytes(LENGTH_BYTES, "big") + content


def read_records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """Read records from bytes in pieces of any size, holding one at a time; raise `PeerError` for anything else.

    The row is checked as a row: `Began` first and once, a file's parts together, `Ended` last and its counts true.
    """
    held = bytearray()
    order = _Order()
    for chunk in chunks:
        held += chunk
        while len(held) >= LENGTH_BYTES:
            length = int.from_bytes(held[:LENGTH_BYTES], "big")
            if length > RECORD_BYTES_MAX:
                raise PeerError(f"a record of {length} bytes; at most {RECORD_BYTES_MAX} are allowed")
            if len(held) < LENGTH_BYTES + length:
                break
            content = bytes(held[LENGTH_BYTES : LENGTH_BYTES + length])
            del held[: LENGTH_BYTES + length]
            record = _decoded(content)
            order.check(record)
            yield record
    if held or not order.ended:
        raise PeerError("the records end in the middle")


def _decoded(content: bytes) -> Record:
    try:
        return _records.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError(f"not a record of a backup: {error}") from error


class _Order:
    """Whether each record is where it may be."""

    def __init__(self) -> None:
        self.ended = False
        self._began = False
        self._missing_bytes: int | None = None
        self._messages = self._files = 0

    def check(self, record: Record) -> None:
        """Raise `PeerError` where a record cannot be."""
        if self.ended or isinstance(record, Began) is self._began:
            raise PeerError(f"a record {type(record).__name__} where none can be")
        in_file = isinstance(record, FilePart | FileEnded)
        if in_file is not (self._missing_bytes is not None):
            raise PeerError("a file's parts are not together")
        match record:
            case Began(format=version):
                self._began = True
                if version != FORMAT:
                    raise PeerError(f"records of format {version}; this program knows {FORMAT}")
            case Wrote():
                self._messages += 1
            case FileBegan(size_bytes=size_bytes):
                self._missing_bytes = size_bytes
            case FilePart(content=content) if self._missing_bytes is not None:
                self._missing_bytes -= len(content)
                if self._missing_bytes < 0 or not content:
                    raise PeerError("a file is larger than was said")
            case FileEnded():
                if self._missing_bytes:
                    raise PeerError("a file is smaller than was said")
                self._missing_bytes, self._files = None, self._files + 1
            case Ended(messages=messages, files=files):
                self.ended = True
                if (messages, files) != (self._messages, self._files):
                    raise PeerError("the backup does not hold as much as it says")
            case _:
                pass
