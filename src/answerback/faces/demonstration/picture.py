"""Paints the photograph that is sent in a demonstration: hills through a train window, different for each seed."""

import math
import struct
import zlib
from pathlib import Path
from random import Random

WIDTH, HEIGHT = 240, 160
GRAIN = 6
"""Noise as of a camera at dusk: it is what gives the file the size of a photograph."""
NAME = "window-seat.png"


def paint(folder: Path, *, seed: int) -> Path:
    """Write the picture, of about 100 KB, and say where."""
    path = folder / NAME
    path.write_bytes(_png(_rows(Random(f"picture:{seed}"))))  # noqa: S311 - a picture, not a secret
    return path


def _rows(random: Random) -> list[bytes]:
    ridges = [(random.uniform(0.35, 0.75), random.uniform(0.02, 0.07), random.uniform(0, 6.3)) for _ in range(4)]
    ridges.sort()
    rows = []
    for y in range(HEIGHT):
        row = bytearray()
        for x in range(WIDTH):
            depth = sum(y / HEIGHT > level + 0.08 * math.sin(x * bend + phase) for level, bend, phase in ridges)
            row += _colour(y / HEIGHT, depth, random)
        rows.append(bytes(row))
    return rows


def _colour(height: float, depth: int, random: Random) -> bytes:
    sky = (250 - 120 * height, 190 - 40 * height, 150 + 50 * height)
    shade = 1 / (1 + 0.7 * depth)
    return bytes(min(255, max(0, int(part * shade + random.gauss(0, GRAIN)))) for part in sky)


def _png(rows: list[bytes]) -> bytes:
    """Write eight-bit RGB as a PNG file (ISO/IEC 15948 §5)."""
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", head), (b"IDAT", pixels), (b"IEND", b""))
    )
