"""Proves that packets of SMPP are read as the library writes them, and that broken ones end the conversation."""

import asyncio

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.errors import PeerError
from answerback.transport.carriers import pdus


def read(stream: bytes) -> pdus.Pdu:
    async def story() -> pdus.Pdu:
        reader = asyncio.StreamReader()
        reader.feed_data(stream)
        reader.feed_eof()
        return await pdus.read_pdu(reader)

    return asyncio.run(story())


def test_what_the_library_writes_is_read_and_the_other_way_round() -> None:
    raw = smpp34.SubmitSm("1", "2", b"hi", sequence_number=7).encode()
    packet = read(raw)
    assert (packet.command, packet.sequence, packet.raw) == (pdus.SUBMIT_SM, 7, raw)
    other = smpp34.decode(pdus.packed(pdus.ENQUIRE_LINK, sequence=9))
    assert isinstance(other, smpp34.RawPdu)
    assert (other.command_id, other.sequence_number) == (pdus.ENQUIRE_LINK, 9)


@pytest.mark.parametrize("length", [0, 15, pdus.PDU_BYTES_MAX + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be_is_refused_before_anything_is_read(length: int) -> None:
    with pytest.raises(PeerError):
        read(pdus.HEADER.pack(length, 4, 0, 1))


def test_a_packet_that_is_cut_off_is_the_end() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        read(pdus.packed(4, sequence=1, body=b"abc")[:-1])


@given(st.binary(max_size=100))
def test_no_body_is_an_error(body: bytes) -> None:
    texts, _rest = pdus.read_strings(body, 3)
    assert len(texts) == 3
    pdus.read_tlvs(body)


def test_parameters_are_read_and_the_first_of_each_counts() -> None:
    body = pdus.tlv(1, b"a") + pdus.tlv(2, b"") + pdus.tlv(1, b"b") + b"\0\3\0\7x"
    assert pdus.read_tlvs(body) == {1: b"a", 2: b""}


def test_a_status_is_said_in_words_and_its_number() -> None:
    assert pdus.told_status(0x58) == "that is faster than the contract allows (status 0x58)"
    assert pdus.told_status(0x4FF) == "it refuses the text (status 0x4FF)"


def test_no_content_is_shown() -> None:
    assert "secret" not in repr(read(pdus.packed(4, sequence=1, body=b"secret")))
