"""Proves that the photograph is a real picture of the size of one, and the same for one seed."""

import struct
import zlib
from pathlib import Path

from answerback.faces.demonstration.picture import HEIGHT, WIDTH, paint


def test_it_is_a_png_of_a_photographs_size(tmp_path: Path) -> None:
    content = paint(tmp_path, seed=1).read_bytes()
    assert 60_000 < len(content) < 200_000
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    pixels, at = b"", 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length) == (zlib.crc32(kind + body),)
        pixels += body if kind == b"IDAT" else b""
        at += 12 + length
    assert len(zlib.decompress(pixels)) == HEIGHT * (1 + 3 * WIDTH)


def test_one_seed_paints_one_picture(tmp_path: Path) -> None:
    first = paint(tmp_path, seed=1).read_bytes()
    assert paint(tmp_path, seed=1).read_bytes() == first
    assert paint(tmp_path, seed=2).read_bytes() != first
