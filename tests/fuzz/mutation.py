"""Breaks valid inputs the way an attacker would: by their structure, and byte by byte.

A frame is MessagePack, and some of its byte strings are MessagePack again (a signed list, an envelope's inside). The
tree of a valid frame is taken apart, one or a few of its nodes are replaced, doubled, dropped, nested or swapped for
something another frame has there, and it is put together again: so most of it is right, and one thing is not.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tests.fuzz.draw import Draw

Tree = Any  # what MessagePack and JSON can say: numbers, texts, bytes, lists, maps
EDGES: Final = (
    *(0, 1, -1, 2, 3, 4, 7, 16, 255, 256, 65_535, 65_536),
    *(2**31 - 1, 2**31, 2**32, 2**53 - 1, 2**53, 2**62, 2**63 - 1, -(2**63), 2**64 - 1),
    *(253_370_764_800_000, 253_370_764_800_001),
)
"""Numbers next to which something changes: widths, limits of ours, the end of the calendar."""
ODD_TEXTS: Final = (
    *("", "\0", "a\0b", "é" * 40, "\u202e", "😀" * 20, "İ" * 70, "A" * 70, "A" * 300, "A" * 5_000, "9" * 5_000),
    *(
        "0",
        "-1",
        "null",
        "None",
        "relay.busy",
        "no.such.cause",
        "account.device_revoked",
        "a@b.example",
        "+49301234567",
    ),
    *("../../etc/passwd", "/", "%00", "\r\n", "\ufeff", "\x7f", "ß", "١٢٣", "1e309", "urgent", "read"),
)
BYTE_LENGTHS: Final = (0, 1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 65, 1_232, 4_096, 4_097, 65_536, 65_537)
COUNTS: Final = (2, 3, 17, 65, 257, 1_025)
REPEATED_BYTES_MAX: Final = 1_200_000
"""A little more than a frame may have: what is larger shows nothing more, and takes the breaker's own memory."""
DEPTHS: Final = (2, 20, 200, 900)
LIES: Final = (
    b"\xdd\xff\xff\xff\xff",  # an array of four thousand million elements
    b"\xdf\xff\xff\xff\xff",  # a map of as many
    b"\xc6\xff\xff\xff\xff",  # bytes that do not follow
    b"\xdb\xff\xff\xff\xff",  # a text that does not follow
    b"\xc9\xff\xff\xff\xff\x05",  # an extension that does not follow
    b"\xdc\xff\xff",
    b"\xc1",  # never used
    b"\xd6\xff\xff\xff\xff\xff",  # a moment in time
    b"\xca\x7f\xc0\x00\x00",  # not a number
    b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",  # infinity
    b"\x91" * 3_000,  # deep
    b"\x81\xa1a" * 3_000,
    b"\xa1\xff",  # a text that is no UTF-8
)


def tree_of(data: bytes) -> Tree | None:
    """Read MessagePack as a tree; none if it is none, or only one number."""
    try:
        tree = msgspec.msgpack.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return tree if isinstance(tree, list | dict) else None


def pack(tree: Tree) -> bytes:
    """Write a tree; one that cannot be written is written as its own depth."""
    try:
        return msgspec.msgpack.encode(tree)
    except (OverflowError, RecursionError, ValueError, TypeError):
        return b"\x91" * 2_000 + b"\xc0"


def broken_tree(tree: Tree, spare: Sequence[Tree], draw: Draw) -> Tree:
    """Copy a tree with one node replaced; `spare` holds trees to take parts from."""
    if isinstance(tree, list) and tree and draw.below(8):
        place = draw.below(len(tree))
        return [*tree[:place], broken_tree(tree[place], spare, draw), *tree[place + 1 :]]
    if isinstance(tree, dict) and tree and draw.below(8):
        key = draw.pick(list(tree))
        return {**tree, key: broken_tree(tree[key], spare, draw)}
    if isinstance(tree, bytes) and len(tree) > 1 and draw.below(2):
        inside = tree_of(tree)
        if inside is not None:
            return pack(broken_tree(inside, spare, draw))
    return _replaced(tree, spare, draw)


def _replaced(node: Tree, spare: Sequence[Tree], draw: Draw) -> Tree:
    if not draw.below(10):
        return _foreign(spare, draw)
    if not draw.below(12):
        return _anything(draw)
    match node:
        case bool() | None:
            return draw.pick((True, False, None, 0, 1, -1, "", b""))
        case int():
            return draw.pick((draw.pick(EDGES), node + 1, node - 1, -node, node * 2, draw.below(1 << 40)))
        case float():
            return draw.pick((0.0, -1.0, float("nan"), float("inf"), 1e308))
        case str():
            return draw.pick((draw.pick(ODD_TEXTS), node[:-1], node + "x", node * 2, node.upper(), node.swapcase()))
        case bytes():
            return _broken_bytes(node, draw)
        case list():
            return _broken_list(node, draw)
        case dict():
            return draw.pick(({}, [], dict(list(node.items())[1:]), {**node, "more": draw.pick(EDGES)}))
        case _:
            return node


def _foreign(spare: Sequence[Tree], draw: Draw) -> Tree:
    node: Tree = draw.pick(spare) if spare else None
    while isinstance(node, list) and node and draw.below(4):
        node = draw.pick(node)
    return node


def _anything(draw: Draw) -> Tree:
    kind = draw.below(9)
    if kind < 2:
        return draw.pick(EDGES)
    if kind < 4:
        return draw.pick(ODD_TEXTS)
    if kind < 6:
        return draw.blob(draw.pick(BYTE_LENGTHS))
    nested: Tree = draw.pick((None, [], {}, True, 1.5))
    for _ in range(draw.pick(DEPTHS) if kind == 8 else draw.below(3)):
        nested = [nested]
    return nested


def _broken_bytes(node: bytes, draw: Draw) -> bytes:
    kind = draw.below(5)
    if kind == 0:
        return draw.blob(draw.pick(BYTE_LENGTHS))
    if kind == 1 and node:
        return node[: draw.below(len(node))]
    if kind == 2:
        return node + draw.blob(1 + draw.below(20))
    if kind == 3:
        return draw.pick((b"", node * 2, node[::-1], bytes(len(node)), b"\xff" * len(node)))
    return flipped(node, draw)


def _broken_list(node: list[Tree], draw: Draw) -> list[Tree]:
    kind = draw.below(6)
    if not node or kind == 0:
        return [*node, _anything(draw)]
    place = draw.below(len(node))
    if kind == 1:
        return node[:place] + node[place + 1 :]
    if kind == 2:
        return [*node, node[place]]
    if kind == 3:
        count = min(draw.pick(COUNTS), 1 + REPEATED_BYTES_MAX // len(pack(node[place])))
        return [*node[:place], *[node[place]] * count, *node[place + 1 :]]
    if kind == 4:
        return node[::-1]
    return node[:place]


def flipped(data: bytes, draw: Draw) -> bytes:
    """Change one byte."""
    if not data:
        return b"\0"
    place = draw.below(len(data))
    return data[:place] + bytes([data[place] ^ (1 + draw.below(255))]) + data[place + 1 :]


def broken_bytes(data: bytes, others: Sequence[bytes], draw: Draw) -> bytes:
    """Break an input without knowing what its bytes mean."""
    kind = draw.below(10)
    place = draw.below(len(data) + 1)
    if kind < 4:
        return flipped(data, draw)
    if kind == 4:
        return data[:place]
    if kind == 5:
        return data[:place] + draw.pick(LIES) + data[place:]
    if kind == 6:
        return data[:place] + draw.pick(LIES) + data[place + 1 + draw.below(8) :]
    if kind == 7:
        return data[:place] + draw.blob(1 + draw.below(16)) + data[place:]
    if kind == 8:
        return data[:place] + data[place + 1 + draw.below(8) :]
    other = draw.pick(others) if others else b""
    return data[:place] + other[draw.below(len(other) + 1) :]
