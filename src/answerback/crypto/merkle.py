"""Proves what stands in a log that only grows, with a tree of hashes (RFC 6962 §2.1, checked as RFC 9162 §2.1 says).

Theory. One hash, the root, stands for all entries in their order. An *inclusion* proof shows that one entry stands at
one place under a root; a *consistency* proof shows that one root's entries are the first ones of another's. Both are
some forty hashes for any log there will ever be. Leaves and nodes are hashed with different first bytes, so that
neither passes for the other. Whoever makes proofs reads hashes of whole subtrees (level, place): level 0 are leaves,
and the node at `(level, place)` covers `2**level` leaves from `place << level` on. Such a node never changes again, so
it can be kept, and a proof needs as many reads as it is long, twice over at most.

A *frontier* is what is left of a log after reading it: the roots of its whole subtrees, from the left. It takes new
entries and gives the root, and forgets the entries themselves (RFC 9162 calls them complete subtrees).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from answerback.crypto.primitives import sha256
from answerback.model.bounds import NATURAL_MAX
from answerback.model.errors import TrustError

HASH_BYTES: Final = 32
PATH_MAX: Final = 2 * NATURAL_MAX.bit_length()
"""Hashes in one proof: a consistency proof may have nearly two for each level of the largest tree that can be said."""
EMPTY_ROOT: Final = sha256(b"")
"""The root of no entries at all (RFC 6962 §2.1)."""

Read = Callable[[int, int], bytes]
"""Gives the hash of the whole subtree at a level and place."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry."""
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above."""
    return sha256(b"\x01" + left + right)


# ---- making --------------------------------------------------------------------------------------------------------


def nodes_completed(place: int, leaf: bytes, read: Read) -> Iterable[tuple[int, int, bytes]]:
    """Name each whole subtree, level, place and hash, that this new last leaf completes: these are to be kept."""
    level, whole = 0, leaf
    yield level, place, whole
    while place & 1:
        whole = node_hash(read(level, place - 1), whole)
        level, place = level + 1, place >> 1
        yield level, place, whole


def root(size: int, read: Read) -> bytes:
    """Give the root of the first `size` entries."""
    return _range_hash(0, size, read) if size else EMPTY_ROOT


def frontier(size: int, read: Read) -> list[bytes]:
    """Give the roots of the whole subtrees of the first `size` entries, from the left."""
    return [read(level, place) for level, place in _peaks(0, size)]


def inclusion_path(place: int, size: int, read: Read) -> list[bytes]:
    """Prove that the entry at `place` is among the first `size` (RFC 6962 §2.1.1)."""
    assert 0 <= place < size
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if place < middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(start, middle, read))
            start = middle
    return path[::-1]


def consistency_path(first: int, second: int, read: Read) -> list[bytes]:
    """Prove that the first `first` entries begin the first `second` (RFC 6962 §2.1.2)."""
    assert 0 <= first <= second
    if first in (0, second):
        return []
    path: list[bytes] = []
    start, end, is_whole = 0, second, True
    while end > first:
        middle = start + _split(end - start)
        if first <= middle:
            path.append(_range_hash(middle, end, read))
            end = middle
        else:
            path.append(_range_hash(start, middle, read))
            start, is_whole = middle, False
    if not is_whole:
        path.append(_range_hash(start, end, read))
    return path[::-1]


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _peaks(start: int, end: int) -> Iterable[tuple[int, int]]:
    """Cut a range into whole subtrees, the largest first; `start` is where a subtree at least as large may begin."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_hash(start: int, end: int, read: Read) -> bytes:
    return fold([read(level, place) for level, place in _peaks(start, end)])


# ---- checking ------------------------------------------------------------------------------------------------------


def fold(peaks: Sequence[bytes]) -> bytes:
    """Give the root that a frontier stands for."""
    if not peaks:
        return EMPTY_ROOT
    whole = peaks[-1]
    for peak in reversed(peaks[:-1]):
        whole = node_hash(peak, whole)
    return whole


def extended(peaks: Sequence[bytes], size: int, leaves: Iterable[bytes]) -> list[bytes]:
    """Give the frontier after more entries, by their leaf hashes; a TrustError if it is not one of `size` entries."""
    if len(peaks) != size.bit_count():
        raise TrustError(f"a frontier of {size} entries has {size.bit_count()} hashes; this one has {len(peaks)}")
    grown = list(peaks)
    for leaf in leaves:
        whole, place = leaf, size
        while place & 1:
            whole = node_hash(grown.pop(), whole)
            place >>= 1
        grown.append(whole)
        size += 1
    return grown


def check_inclusion(leaf: bytes, place: int, size: int, path: Sequence[bytes], whole: bytes) -> None:
    """Raise `TrustError` unless the leaf stands at `place` of the log of that size and root (RFC 9162 §2.1.3.2)."""
    if not 0 <= place < size or len(path) > PATH_MAX:
        raise TrustError(f"no entry can stand at {place} of {size}")
    number, last, found = place, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise TrustError("an inclusion proof is longer than its tree is high")
        if number & 1 or number == last:
            found = node_hash(sibling, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        number, last = number >> 1, last >> 1
    if last != 0 or found != whole:
        raise TrustError(f"not proven to stand at {place} of {size}")


def check_consistency(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> None:
    """Raise `TrustError` unless the first log begins the second (RFC 9162 §2.1.4.2)."""
    if not 0 <= first <= second or len(path) > PATH_MAX:
        raise TrustError(f"{first} entries cannot begin {second}")
    if first in (0, second):
        expected = EMPTY_ROOT if first == 0 else second_root
        if path or first_root != expected:
            raise TrustError(f"not proven that {first} entries begin {second}")
        return
    whole = list(path)
    if first & (first - 1) == 0:  # itself a whole subtree: it is its own proof
        whole.insert(0, first_root)
    if not whole:
        raise TrustError(f"not proven that {first} entries begin {second}")
    number, last = first - 1, second - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = whole[0]
    for sibling in whole[1:]:
        if last == 0:
            raise TrustError("a consistency proof is longer than its tree is high")
        if number & 1 or number == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        number, last = number >> 1, last >> 1
    if last != 0 or before != first_root or after != second_root:
        raise TrustError(f"not proven that the log of {first} entries begins the one of {second}")
