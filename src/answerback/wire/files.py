"""What device and relay say on the line that carries files, as bytes.

One request at a time: `Put` and then chunks up, answered by `Kept`; or `Get`, answered by chunks down. Whoever receives
a chunk answers at once how many have come on this connection: those answers bound what is under way (`wire/flight.py`).
"""

import msgspec

from answerback.model.bounds import ItsBlob, Natural
from answerback.model.errors import PeerError
from answerback.wire.flight import CHUNK_BYTES_MAX

FILES_PATH = "/v1/files"
MESSAGE_BYTES_MAX = CHUNK_BYTES_MAX + 1024


class FileFrame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What all of them share: they are values, told apart by their name."""


class Put(FileFrame, frozen=True):
    """So many bytes of a blob follow, from an offset on."""

    blob: ItsBlob
    offset: Natural
    total_bytes: Natural
    size_bytes: Natural


class Get(FileFrame, frozen=True):
    """Send a finished blob's bytes, from `start` up to `end`."""

    blob: ItsBlob
    start: Natural
    end: Natural


class Chunk(FileFrame, frozen=True):
    """The next bytes of what was begun."""

    content: bytes

    def __repr__(self) -> str:
        """Say how much, not what."""
        return f"Chunk({len(self.content)} bytes)"


class Came(FileFrame, frozen=True):
    """How many chunks have come on this connection so far."""

    count: Natural


class Kept(FileFrame, frozen=True):
    """So much of the blob is on the relay's disk; more or less than was sent, if it had others."""

    stored_bytes: Natural
    total_bytes: Natural


class Sorry(FileFrame, frozen=True):
    """The request is refused; -1 if trying again does not help by itself."""

    cause: str
    message: str
    retry_after_ms: int = -1


AnyFileFrame = Put | Get | Chunk | Came | Kept | Sorry
_decoder: "msgspec.msgpack.Decoder[AnyFileFrame]" = msgspec.msgpack.Decoder(AnyFileFrame)


def decode_file_frame(data: bytes) -> AnyFileFrame:
    """Read what the other end said."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise PeerError(f"a file's frame is {len(data)} bytes; at most {MESSAGE_BYTES_MAX} allowed")
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError(f"not a file's frame: {error}") from error
