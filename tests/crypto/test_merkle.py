"""Proves the log's trees against a naive one, against published values, and against whoever changes a proof."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto import merkle
from answerback.crypto.merkle import check_consistency, check_inclusion, leaf_hash, node_hash
from answerback.crypto.primitives import sha256
from answerback.model.errors import TrustError
from tests.house.sources import ROOT

VECTORS = json.loads((ROOT / "docs" / "vectors" / "transparency.json").read_text(encoding="utf-8"))
SIZES = st.integers(0, 70)


def tree(entries: list[bytes]) -> dict[tuple[int, int], bytes]:
    nodes: dict[tuple[int, int], bytes] = {}
    for place, entry in enumerate(entries):
        for level, there, whole in merkle.nodes_completed(place, leaf_hash(entry), lambda *at: nodes[at]):
            assert (level, there) not in nodes, "a whole subtree never changes"
            nodes[level, there] = whole
    return nodes


def naive(entries: list[bytes]) -> bytes:
    """MTH as RFC 6962 §2.1 writes it."""
    if not entries:
        return sha256(b"")
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0])
    middle = 1
    while middle * 2 < len(entries):
        middle *= 2
    return sha256(b"\x01" + naive(entries[:middle]) + naive(entries[middle:]))


def entries_of(size: int) -> list[bytes]:
    return [f"entry {place}".encode() for place in range(size)]


@given(SIZES)
def test_roots_and_frontiers_are_those_of_a_naive_tree(size: int) -> None:
    entries = entries_of(size)
    nodes = tree(entries)
    assert merkle.root(size, lambda *at: nodes[at]) == naive(entries)
    assert merkle.fold(merkle.frontier(size, lambda *at: nodes[at])) == naive(entries)


@given(st.integers(1, 70), st.data())
def test_each_entry_is_proven_at_its_place_and_nowhere_else(size: int, data: st.DataObject) -> None:
    entries = entries_of(size)
    nodes = tree(entries)
    place = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion_path(place, size, lambda *at: nodes[at])
    check_inclusion(leaf_hash(entries[place]), place, size, path, naive(entries))
    for elsewhere in {place - 1, place + 1, size, size + 1} - {place}:
        with pytest.raises(TrustError):
            check_inclusion(leaf_hash(entries[place]), elsewhere, size, path, naive(entries))
    with pytest.raises(TrustError):
        check_inclusion(leaf_hash(b"another"), place, size, path, naive(entries))
    spoilt = spoil(path, data)
    if spoilt != path:
        with pytest.raises(TrustError):
            check_inclusion(leaf_hash(entries[place]), place, size, spoilt, naive(entries))


@given(SIZES, SIZES, st.data())
def test_what_begins_a_log_is_proven_and_what_does_not_is_not(one: int, other: int, data: st.DataObject) -> None:
    first, second = sorted((one, other))
    entries = entries_of(second)
    nodes = tree(entries)
    path = merkle.consistency_path(first, second, lambda *at: nodes[at])
    before, after = naive(entries[:first]), naive(entries)
    check_consistency(first, second, before, after, path)
    for roots in ((leaf_hash(b"x"), after), (before, leaf_hash(b"x"))) if 0 < first < second else ():
        with pytest.raises(TrustError):
            check_consistency(first, second, *roots, path)
    if first > 0:
        forked = naive([*entries[: first - 1], b"fork"])
        with pytest.raises(TrustError):
            check_consistency(first, second, forked, after, path)
    spoilt = spoil(path, data)
    if spoilt != path:
        with pytest.raises(TrustError):
            check_consistency(first, second, before, after, spoilt)
    with pytest.raises(TrustError):
        check_consistency(second + 1, second, before, after, path)


@given(SIZES, st.integers(0, 30))
def test_a_frontier_takes_more_entries_without_the_ones_before(size: int, more: int) -> None:
    entries = entries_of(size + more)
    nodes = tree(entries)
    peaks = merkle.frontier(size, lambda *at: nodes[at])
    grown = merkle.extended(peaks, size, map(leaf_hash, entries[size:]))
    assert merkle.fold(grown) == naive(entries)
    assert len(grown) == len(entries).bit_count()
    with pytest.raises(TrustError):
        merkle.extended([*peaks, bytes(32)], size, [])


def test_a_leaf_never_passes_for_a_node() -> None:
    left, right = leaf_hash(b"1"), leaf_hash(b"2")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_proof_longer_than_any_tree_is_refused() -> None:
    with pytest.raises(TrustError):
        check_inclusion(bytes(32), 0, 1, [bytes(32)] * (merkle.PATH_MAX + 1), bytes(32))
    with pytest.raises(TrustError):
        check_consistency(1, 2, bytes(32), bytes(32), [bytes(32)] * (merkle.PATH_MAX + 1))


def test_the_values_published_for_certificate_transparency_are_made_and_checked() -> None:
    published = VECTORS["rfc6962"]
    entries = [bytes.fromhex(entry) for entry in published["entries"]]
    nodes = tree(entries)
    roots = [bytes.fromhex(root) for root in published["roots"]]
    assert [merkle.root(size, lambda *at: nodes[at]) for size in range(1, 9)] == roots
    assert bytes.fromhex(published["empty_root"]) == merkle.EMPTY_ROOT
    for proof in published["inclusion"]:
        path = [bytes.fromhex(each) for each in proof["path"]]
        assert merkle.inclusion_path(proof["place"], proof["size"], lambda *at: nodes[at]) == path
        leaf = leaf_hash(entries[proof["place"]])
        check_inclusion(leaf, proof["place"], proof["size"], path, roots[proof["size"] - 1])
    for proof in published["consistency"]:
        path = [bytes.fromhex(each) for each in proof["path"]]
        first, second = proof["first"], proof["second"]
        assert merkle.consistency_path(first, second, lambda *at: nodes[at]) == path
        check_consistency(first, second, roots[first - 1], roots[second - 1], path)


def spoil(path: list[bytes], data: st.DataObject) -> list[bytes]:
    """Change a proof: a hash less, a hash more, another hash, or another order."""
    how = data.draw(st.sampled_from(["less", "more", "other", "order"]))
    if how == "more" or not path:
        return [*path, bytes(32)]
    at = data.draw(st.integers(0, len(path) - 1))
    if how == "less":
        return path[:at] + path[at + 1 :]
    if how == "other":
        return [*path[:at], bytes([path[at][0] ^ 1]) + path[at][1:], *path[at + 1 :]]
    return path[::-1]
