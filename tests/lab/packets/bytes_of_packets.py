"""IPv4 packets for tests, with checksums computed from scratch."""

import struct

from answerback.lab.packets.datagrams import TCP, UDP


def checksum(content: bytes) -> int:
    """RFC 1071, word by word."""
    padded = content + bytes(len(content) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet_of(
    source: tuple[bytes, int],
    target: tuple[bytes, int],
    *,
    protocol: int = UDP,
    content: bytes = b"hello",
    flags: int = 0x02,
) -> bytes:
    """A whole UDP or TCP packet."""
    ports = struct.pack("!HH", source[1], target[1])
    if protocol == TCP:
        head, at = ports + struct.pack("!IIBBHHH", 1, 2, 5 << 4, flags, 1000, 0, 0), 16
    else:
        head, at = ports + struct.pack("!HH", 8 + len(content), 0), 6
    segment = head + content
    pseudo = source[0] + target[0] + struct.pack("!BBH", 0, protocol, len(segment))
    summed = checksum(pseudo + segment)
    segment = segment[:at] + struct.pack("!H", summed) + segment[at + 2 :]
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 7, 0, 64, protocol, 0, source[0], target[0])
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return ip + segment


def is_sound(packet: bytes) -> bool:
    """Whether both checksums of a packet are right."""
    segment = packet[20:]
    pseudo = packet[12:20] + struct.pack("!BBH", 0, packet[9], len(segment))
    return checksum(packet[:20]) == 0 and checksum(pseudo + segment) == 0
