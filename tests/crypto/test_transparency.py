"""Proves that heads are one relay's word, that lines tell little, and that the published vectors are what is made."""

import json

import pytest

from answerback.crypto import merkle
from answerback.crypto.identity import RootKey, first_device_list, read_device_list
from answerback.crypto.primitives import sha256
from answerback.crypto.transparency import (
    is_list,
    label_of,
    line_of,
    log_of,
    nonce_for,
    read_entry,
    read_head,
    sign_head,
    topic_of,
)
from answerback.model.devices import Device, Signed
from answerback.model.errors import TrustError
from answerback.model.ids import AccountId, DeviceId
from answerback.model.log import ENTRY_BYTES_MAX, LINE_BYTES, Entry, EpochEntry, HandleEntry, ListEntry
from answerback.wire.codec import encode
from tests.house.sources import ROOT

VECTORS = json.loads((ROOT / "docs" / "vectors" / "transparency.json").read_text(encoding="utf-8"))["answerback"]
SEED = b"s" * 32
ANN = AccountId(b"A" * 16)
HEAD = sign_head(SEED, epoch=0, size=7, root=b"r" * 32, made_ms=5)


def test_a_head_is_read_as_it_was_signed_and_only_if_its_log_signed_it() -> None:
    head = read_head(HEAD, log=log_of(SEED))
    assert (head.log, head.epoch, head.size, head.root, head.made_ms) == (log_of(SEED), 0, 7, b"r" * 32, 5)
    with pytest.raises(TrustError):
        read_head(Signed(HEAD.body, bytes(64)))
    with pytest.raises(TrustError):
        read_head(HEAD, log=log_of(b"t" * 32))
    with pytest.raises(TrustError):
        read_head(Signed(b"not a head", HEAD.signature))
    forged = sign_head(b"t" * 32, epoch=0, size=7, root=b"r" * 32, made_ms=5)
    with pytest.raises(TrustError):
        read_head(Signed(HEAD.body, forged.signature))


def test_a_line_shows_two_bytes_of_whom_it_concerns_and_nothing_that_can_be_tried_out() -> None:
    entry = HandleEntry(nonce_for(SEED, 3), label_of("ann@example.org"), ANN)
    body = encode(entry)
    line = line_of(entry, body)
    assert len(line) == LINE_BYTES
    assert line[:2] == label_of("ann@example.org")[:2]
    other = encode(HandleEntry(nonce_for(SEED, 4), label_of("ann@example.org"), ANN))
    assert line[2:] != sha256(other), "the same claim elsewhere has another line"
    assert nonce_for(SEED, 3) != nonce_for(b"t" * 32, 3), "only the log's key makes it"
    assert topic_of(EpochEntry(nonce_for(SEED, 1), 1, HEAD)) == bytes(2)


def test_an_entry_is_read_only_if_its_line_stands_for_it() -> None:
    entry = ListEntry(nonce_for(SEED, 1), ANN, 2, sha256(b"list"))
    body = encode(entry)
    assert read_entry(body, line=line_of(entry, body)) == entry
    for line in (bytes(LINE_BYTES), b"ZZ" + line_of(entry, body)[2:], line_of(entry, body)[:2] + bytes(32)):
        with pytest.raises(TrustError):
            read_entry(body, line=line)
    for nonsense in (b"", b"\x93", encode(["list"]), encode("list"), bytes(ENTRY_BYTES_MAX + 1)):
        with pytest.raises(TrustError):
            read_entry(nonsense)


def test_the_largest_entry_there_is_has_room() -> None:
    head = sign_head(SEED, epoch=2**52, size=2**52, root=b"r" * 32, made_ms=2**47)
    assert len(encode(EpochEntry(bytes(16), 2**52, head))) <= ENTRY_BYTES_MAX


def test_an_entry_stands_for_one_list_only() -> None:
    signed = Signed(b"list", b"")
    entry = ListEntry(bytes(16), ANN, 2, sha256(b"list"))
    assert is_list(entry, ANN, signed, 2)
    assert not is_list(entry, ANN, signed, 3)
    assert not is_list(entry, AccountId(b"B" * 16), signed, 2)
    assert not is_list(entry, ANN, Signed(b"other", b""), 2)
    assert not is_list(HandleEntry(bytes(16), bytes(32), ANN), ANN, signed, 2)


def made_vectors() -> dict[str, object]:
    """The vectors for whoever writes another relay or another device, made from a fixed key."""
    root = RootKey.from_seed(b"r" * 32)
    device = RootKey.from_seed(b"d" * 32)
    signing = device.public_key
    entry = Device(DeviceId(sha256(b"answerback device\0" + signing)[:16]), signing, sha256(b"identity"), 1_000)
    signed = first_device_list(root, entry, now_ms=2_000)
    assert read_device_list(root.account_id, signed).version == 1
    entries: list[Entry] = [
        ListEntry(nonce_for(SEED, 0), root.account_id, 1, sha256(signed.body)),
        HandleEntry(nonce_for(SEED, 1), label_of("ann@example.org"), root.account_id),
        HandleEntry(nonce_for(SEED, 2), label_of("+4930123456"), root.account_id),
        HandleEntry(nonce_for(SEED, 3), label_of("ann@example.org"), AccountId(b"")),
    ]
    bodies = [encode(each) for each in entries]
    lines = [line_of(each, body) for each, body in zip(entries, bodies, strict=True)]
    nodes: dict[tuple[int, int], bytes] = {}
    heads = []
    for place, line in enumerate(lines):
        for level, there, whole in merkle.nodes_completed(place, merkle.leaf_hash(line), lambda *at: nodes[at]):
            nodes[level, there] = whole
        top = merkle.root(place + 1, lambda *at: nodes[at])
        heads.append(sign_head(SEED, epoch=0, size=place + 1, root=top, made_ms=3_000 + place))
    return {
        "seed": SEED.hex(),
        "log": log_of(SEED).hex(),
        "labels": {handle: label_of(handle).hex() for handle in ("ann@example.org", "+4930123456")},
        "list": {"account": root.account_id.hex(), "body": signed.body.hex(), "signature": signed.signature.hex()},
        "entries": [body.hex() for body in bodies],
        "lines": [line.hex() for line in lines],
        "leaves": [merkle.leaf_hash(line).hex() for line in lines],
        "heads": [{"body": head.body.hex(), "signature": head.signature.hex()} for head in heads],
        "inclusion_of_1_in_4": [each.hex() for each in merkle.inclusion_path(1, 4, lambda *at: nodes[at])],
        "consistency_of_3_and_4": [each.hex() for each in merkle.consistency_path(3, 4, lambda *at: nodes[at])],
    }


def test_the_published_vectors_are_what_is_made() -> None:
    assert made_vectors() == VECTORS


def test_the_published_vectors_are_accepted() -> None:
    heads = [
        read_head(Signed(bytes.fromhex(head["body"]), bytes.fromhex(head["signature"]))) for head in VECTORS["heads"]
    ]
    line = bytes.fromhex(VECTORS["lines"][1])
    assert isinstance(read_entry(bytes.fromhex(VECTORS["entries"][1]), line=line), HandleEntry)
    path = [bytes.fromhex(each) for each in VECTORS["inclusion_of_1_in_4"]]
    merkle.check_inclusion(merkle.leaf_hash(line), 1, 4, path, heads[3].root)
    path = [bytes.fromhex(each) for each in VECTORS["consistency_of_3_and_4"]]
    merkle.check_consistency(3, 4, heads[2].root, heads[3].root, path)
