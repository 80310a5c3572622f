"""Proves that what was written is read back, and that whatever else comes is refused with one kind of error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.devices import Signed
from answerback.model.envelope import SEALED_BYTES_MAX, Envelope
from answerback.model.errors import PeerError
from answerback.model.ids import DeviceId, EnvelopeId, envelope_id
from answerback.model.message import Lane
from answerback.wire.codec import (
    decode,
    decode_client_frame,
    decode_inner,
    decode_letter,
    decode_relay_frame,
    decode_slip,
    encode,
    read_resume_header,
    resume_header,
)
from answerback.wire.connection import RESUME_CHARACTERS_MAX
from answerback.wire.frames import BATCH_MAX, FRAME_BYTES_MAX, Ping, Pong, Resume, Submit, Taken

READERS = (decode_client_frame, decode_relay_frame, decode_letter, decode_inner, decode_slip)
PHONE = DeviceId(b"P" * 16)


def envelope(sealed: bytes = b"sealed", *, lifetime_s: int = 60, identity: EnvelopeId | None = None) -> Envelope:
    return Envelope(identity or envelope_id(sealed), PHONE, Lane.NORMAL, lifetime_s, sealed)


@given(st.binary(max_size=300))
def test_noise_is_refused_and_nothing_else_happens(noise: bytes) -> None:
    for read in READERS:
        try:
            read(noise)
        except PeerError:
            continue


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=15,
)


@given(values, st.sampled_from(["Submit", "Hello", "Ping", "Post", "Nack", "Welcome"]))
def test_well_formed_values_of_the_wrong_shape_are_refused(value: object, name: str) -> None:
    for read in READERS:
        for shape in (value, [name, value], [name, value, value]):
            data = msgspec.msgpack.encode(shape)
            try:
                again = encode(read(data))
            except PeerError:
                continue
            assert read(again) == read(data)


def test_a_frame_of_the_other_side_is_refused() -> None:
    with pytest.raises(PeerError, match="a device's frame"):
        decode_client_frame(encode(Pong(1, 2)))
    with pytest.raises(PeerError, match="a relay's frame"):
        decode_relay_frame(encode(Ping(1)))


def test_a_frame_beyond_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(PeerError, match=f"at most {FRAME_BYTES_MAX}"):
        decode_relay_frame(b"\xc1" * (FRAME_BYTES_MAX + 1))


def test_what_is_nested_without_end_is_refused() -> None:
    for read in READERS:
        with pytest.raises(PeerError):
            read(b"\x91" * 100_000)


def test_a_submission_is_checked_for_what_types_cannot_say() -> None:
    assert decode_client_frame(encode(Submit([envelope()]))) == Submit([envelope()])
    wrong = (
        Submit([envelope(identity=EnvelopeId(b"x" * 16))]),
        Submit([envelope(lifetime_s=0)]),
        Submit([envelope(b"x" * (SEALED_BYTES_MAX + 1))]),
        Submit([envelope()] * (BATCH_MAX + 1)),
        Submit([Envelope(envelope_id(b"a"), DeviceId(b"short"), Lane.NORMAL, 60, b"a")]),
    )
    for frame in wrong:
        with pytest.raises(PeerError):
            decode_client_frame(encode(frame))


def test_a_signed_body_is_read_as_what_it_should_be_or_refused() -> None:
    assert decode(encode(Signed(b"body", b"s")), Signed) == Signed(b"body", b"s")
    with pytest.raises(PeerError, match="not a Signed"):
        decode(b"\xc0", Signed)


def test_a_ticket_is_shown_in_a_header_and_read_again() -> None:
    longest = [Taken(lane, 1 << 52) for lane in Lane]
    resume = Resume(1, PHONE, b"T" * 16, 253_370_764_800_000, longest, 1 << 52, b"P" * 32)
    text = resume_header(resume)
    assert read_resume_header(text) == resume
    assert text.isascii()
    assert text.replace("-", "").replace("_", "").isalnum()
    assert len(text) * 2 <= RESUME_CHARACTERS_MAX


@pytest.mark.parametrize("text", ["A", "\xe4", "AAAA", "A" * (RESUME_CHARACTERS_MAX + 1), resume_header(Ping(1))])  # type: ignore[arg-type]
def test_a_header_that_shows_no_ticket_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        read_resume_header(text)
