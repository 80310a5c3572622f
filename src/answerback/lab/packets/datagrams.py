"""Reads and rewrites the addresses of IPv4 packets, checksums included."""

import struct
from dataclasses import dataclass

IPV4 = 4
TCP = 6
UDP = 17

_WORD_BYTES = 4
_OFFSET_MASK = 0x1FFF
_CHECKSUM_AT = {TCP: 16, UDP: 6}
_IP_CHECKSUM_AT = 10
_HEADER_BYTES = 20
_PORTS_BYTES = 4
_TCP_FLAGS_AT = 13
_SYN, _ACK = 0x02, 0x10
_PORT = struct.Struct("!H")
_ENDS = struct.Struct("!4s4s")
_PORTS = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class Flow:
    """Who talks to whom in one packet."""

    protocol: int
    source: bytes
    source_port: int
    target: bytes
    target_port: int


def flow_of(packet: bytes) -> Flow | None:
    """Read the addresses of a whole TCP or UDP packet of IPv4; nothing of any other."""
    if len(packet) < _HEADER_BYTES or packet[0] >> 4 != IPV4:
        return None
    header_bytes = (packet[0] & 0x0F) * _WORD_BYTES
    protocol = packet[9]
    is_later_fragment = _PORT.unpack_from(packet, 6)[0] & _OFFSET_MASK
    if protocol not in _CHECKSUM_AT or is_later_fragment:
        return None
    if len(packet) < header_bytes + _CHECKSUM_AT[protocol] + 2:
        return None
    source, target = _ENDS.unpack_from(packet, 12)
    source_port, target_port = _PORTS.unpack_from(packet, header_bytes)
    return Flow(protocol, source, source_port, target, target_port)


def opens_connection(packet: bytes) -> bool:
    """Whether a TCP packet, as `flow_of` knows one, asks for a new connection."""
    if packet[9] != TCP:
        return False
    flags = packet[(packet[0] & 0x0F) * _WORD_BYTES + _TCP_FLAGS_AT]
    return bool(flags & _SYN) and not flags & _ACK


def readdressed(
    packet: bytes,
    *,
    source: tuple[bytes, int] | None = None,
    target: tuple[bytes, int] | None = None,
) -> bytes:
    """Give a packet another source or target; it must be one that `flow_of` knows."""
    changed = bytearray(packet)
    header_bytes = (packet[0] & 0x0F) * _WORD_BYTES
    for end, address_at, port_at in ((source, 12, header_bytes), (target, 16, header_bytes + 2)):
        if end is not None:
            changed[address_at : address_at + 4] = end[0]
            _PORT.pack_into(changed, port_at, end[1])
    before = packet[12:_HEADER_BYTES]
    after = bytes(changed[12:_HEADER_BYTES])
    _mend(changed, _IP_CHECKSUM_AT, before, after)
    protocol_at = header_bytes + _CHECKSUM_AT[packet[9]]
    if packet[9] == TCP or _PORT.unpack_from(packet, protocol_at)[0]:  # 0: this UDP packet has none
        ports = slice(header_bytes, header_bytes + _PORTS_BYTES)
        _mend(changed, protocol_at, before + packet[ports], after + bytes(changed[ports]))
        if packet[9] == UDP and not _PORT.unpack_from(changed, protocol_at)[0]:
            _PORT.pack_into(changed, protocol_at, 0xFFFF)  # RFC 768: a sum of 0 is sent as all ones
    return bytes(changed)


def _mend(packet: bytearray, checksum_at: int, before: bytes, after: bytes) -> None:
    """RFC 1624 §3: the new sum out of the old one and what has changed."""
    words = len(before) // 2
    total = ~_PORT.unpack_from(packet, checksum_at)[0] & 0xFFFF
    total += sum(~word & 0xFFFF for word in struct.unpack(f"!{words}H", before))
    total += sum(struct.unpack(f"!{words}H", after))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    _PORT.pack_into(packet, checksum_at, ~total & 0xFFFF)
