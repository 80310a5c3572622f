"""A packet with another address is still sound, and nothing else of it has changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.lab.packets.datagrams import TCP, UDP, flow_of, opens_connection, readdressed
from tests.lab.packets.bytes_of_packets import is_sound, packet_of

ends = st.tuples(st.binary(min_size=4, max_size=4), st.integers(1, 65535))
ADA, RELAY = (b"\x0a\x46\x00\x02", 40_000), (b"\x0a\x48\x00\x01", 7443)


@given(st.tuples(ends, ends, ends, ends), st.sampled_from([TCP, UDP]), st.binary(max_size=60))
def test_a_readdressed_packet_is_sound_and_otherwise_the_same(
    four: tuple[tuple[bytes, int], ...], protocol: int, content: bytes
) -> None:
    source, target, new_source, new_target = four
    packet = packet_of(source, target, protocol=protocol, content=content)
    assert is_sound(packet)
    changed = readdressed(packet, source=new_source, target=new_target)
    assert is_sound(changed)
    assert changed == packet_of(new_source, new_target, protocol=protocol, content=content)
    assert readdressed(changed, source=source, target=target) == packet


def test_a_packet_tells_who_talks_to_whom() -> None:
    flow = flow_of(packet_of(ADA, RELAY, protocol=TCP))
    assert flow is not None
    assert (flow.protocol, flow.source, flow.source_port, flow.target, flow.target_port) == (TCP, *ADA, *RELAY)


def test_only_a_first_word_opens_a_connection() -> None:
    assert opens_connection(packet_of(ADA, RELAY, protocol=TCP, flags=0x02))
    assert not opens_connection(packet_of(ADA, RELAY, protocol=TCP, flags=0x12))
    assert not opens_connection(packet_of(ADA, RELAY, protocol=TCP, flags=0x10))
    assert not opens_connection(packet_of(ADA, RELAY, protocol=UDP, content=b"\xff" * 20))
    assert not opens_connection(packet_of(ADA, RELAY, protocol=UDP, content=b""))


def test_a_udp_packet_without_a_checksum_stays_without_one() -> None:
    packet = bytearray(packet_of(ADA, RELAY))
    packet[26:28] = b"\x00\x00"
    assert readdressed(bytes(packet), source=RELAY)[26:28] == b"\x00\x00"


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x60" + bytes(60), packet_of(ADA, RELAY)[:22], b"\x45" + bytes(8) + b"\x01" + bytes(30)],
    ids=["nothing", "IPv6", "cut off", "ICMP"],
)
def test_what_is_no_whole_tcp_or_udp_packet_has_no_flow(packet: bytes) -> None:
    assert flow_of(packet) is None


def test_a_later_fragment_has_no_flow() -> None:
    packet = bytearray(packet_of(ADA, RELAY))
    packet[6:8] = b"\x00\x10"
    assert flow_of(bytes(packet)) is None
