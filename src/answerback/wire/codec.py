"""Values to bytes and back; refuses what it does not know.

`msgspec` decodes into the declared types and rejects everything else, so a value that comes out of here has the shape
its type says. Limits that a type cannot say are checked here as well.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from answerback.model.envelope import SEALED_BYTES_MAX
from answerback.model.errors import PeerError
from answerback.model.ids import ID_BYTES, envelope_id
from answerback.wire.connection import RESUME_CHARACTERS_MAX
from answerback.wire.frames import (
    BATCH_MAX,
    FRAME_BYTES_MAX,
    ClientFrame,
    Deliver,
    RelayFrame,
    Resolved,
    Resume,
    Submit,
)
from answerback.wire.letters import AnyLetter, Inner, Slip

_encoder = msgspec.msgpack.Encoder()
_client_frames: msgspec.msgpack.Decoder[ClientFrame] = msgspec.msgpack.Decoder(ClientFrame)
_relay_frames: msgspec.msgpack.Decoder[RelayFrame] = msgspec.msgpack.Decoder(RelayFrame)
_letters: msgspec.msgpack.Decoder[AnyLetter] = msgspec.msgpack.Decoder(AnyLetter)
_inners = msgspec.msgpack.Decoder(Inner)
_slips = msgspec.msgpack.Decoder(Slip)
_T = TypeVar("_T")


def encode(value: object) -> bytes:
    """Write a frame, a letter or any other wire value as bytes."""
    return _encoder.encode(value)


def decode(data: bytes, kind: type[_T]) -> _T:
    """Read a value of a known kind, such as the body of a `Signed`."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError(f"not a {kind.__name__}: {error}") from error


def decode_client_frame(data: bytes) -> ClientFrame:
    """Read what a device sent."""
    frame = _read(_client_frames, data, what="a device's frame")
    if isinstance(frame, Submit):
        _check_submission(frame)
    return frame


def decode_relay_frame(data: bytes) -> RelayFrame:
    """Read what a relay sent."""
    frame = _read(_relay_frames, data, what="a relay's frame")
    if isinstance(frame, Deliver):
        _check_delivery(frame)
    elif isinstance(frame, Resolved) and len(frame.account) not in (0, ID_BYTES):
        raise PeerError(f"an account's id has {ID_BYTES} bytes; this one has {len(frame.account)}")
    return frame


def resume_header(frame: Resume) -> str:
    """Write what a device shows in its request for a connection."""
    return urlsafe_b64encode(encode(frame)).rstrip(b"=").decode()


def read_resume_header(text: str) -> Resume:
    """Read what a device shows in its request for a connection."""
    if len(text) > RESUME_CHARACTERS_MAX:
        raise PeerError(f"a ticket is shown in at most {RESUME_CHARACTERS_MAX} characters; these are {len(text)}")
    try:
        data = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise PeerError(f"not base64: {error}") from error
    frame = decode_client_frame(data)
    if not isinstance(frame, Resume):
        raise PeerError(f"a {type(frame).__name__} where a ticket is shown")
    return frame


def decode_letter(data: bytes) -> AnyLetter:
    """Read an opened letter."""
    return _read(_letters, data, what="a letter")


def decode_inner(data: bytes) -> Inner:
    """Read what the outer seal hid."""
    return _read(_inners, data, what="the inside of an envelope")


def decode_slip(data: bytes) -> Slip:
    """Read what an Olm message carried."""
    return _read(_slips, data, what="a slip")


def _read(decoder: "msgspec.msgpack.Decoder[_T]", data: bytes, *, what: str) -> _T:
    if len(data) > FRAME_BYTES_MAX:
        raise PeerError(f"{what} is {len(data)} bytes; at most {FRAME_BYTES_MAX} allowed")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError(f"not {what}: {error}") from error


def _check_delivery(frame: Deliver) -> None:
    # An id that is not the hash would have other bytes taken for known, and given up, when they come.
    if len(frame.entries) > BATCH_MAX:
        raise PeerError(f"{len(frame.entries)} envelopes in one frame; at most {BATCH_MAX} allowed")
    for entry in frame.entries:
        if entry.id != envelope_id(entry.sealed):
            raise PeerError("an envelope's id is not the hash of its bytes")


def _check_submission(frame: Submit) -> None:
    if len(frame.envelopes) > BATCH_MAX:
        raise PeerError(f"{len(frame.envelopes)} envelopes in one frame; at most {BATCH_MAX} allowed")
    for envelope in frame.envelopes:
        if len(envelope.sealed) > SEALED_BYTES_MAX:
            raise PeerError(f"an envelope is {len(envelope.sealed)} bytes; at most {SEALED_BYTES_MAX} allowed")
        if len(envelope.device) != ID_BYTES or envelope.id != envelope_id(envelope.sealed):
            raise PeerError("an envelope's id is not the hash of its bytes")
        if envelope.lifetime_s < 1:
            raise PeerError(f"an envelope's lifetime is {envelope.lifetime_s} s; at least 1 s needed")
