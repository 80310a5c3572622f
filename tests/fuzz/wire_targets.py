"""The wire's doors: frames of both sides, letters, and the bodies of HTTP requests; cheapest, and open to strangers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from answerback.model.devices import Signed
from answerback.model.errors import PeerError
from answerback.wire import requests
from answerback.wire.codec import (
    decode_client_frame,
    decode_inner,
    decode_letter,
    decode_relay_frame,
    decode_slip,
    encode,
)
from tests.fuzz.recordings import conversation, golden
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target

REPR_CHARACTERS_MAX = 100_000_000
BODIES = (
    requests.CodeRequest,
    requests.CodeSent,
    requests.AccountRequest,
    requests.AccountCreated,
    requests.PieceKept,
    requests.Health,
    requests.RefusalBody,
)


def _round_trip(decode: Callable[[bytes], Any]) -> Callable[[bytes], int]:
    """Decode; what is taken must be the same value once it is written and read again."""

    def run(data: bytes) -> int:
        value = decode(data)
        again = encode(value)
        if decode(again) != value:
            raise BrokenPromise("what was taken is another value once it is written and read again")
        return 1

    return run


def _letters(data: bytes) -> int:
    taken = 0
    for decode in (decode_letter, decode_inner, decode_slip):
        try:
            value = decode(data)
        except PeerError:
            continue
        taken += 1
        if decode(encode(value)) != value:
            raise BrokenPromise(f"{type(value).__name__} is another value once it is written and read again")
        repr(value)
    if not taken:
        raise PeerError("none of the three took it")
    return 1


def _bodies(data: bytes) -> int:
    taken = 0
    for kind in BODIES:
        try:
            value = requests.decode_json(data, kind)
        except PeerError:
            continue
        taken += 1
        if requests.decode_json(requests.encode_json(value), kind) != value:
            raise BrokenPromise(f"{kind.__name__} is another value once it is written and read again")
    if not taken:
        raise PeerError("no request or answer took it")
    return 1


@contextmanager
def _device_frames() -> Iterator[Probe]:
    seeds = [data for data in golden("frames_v1.txt") if _takes(decode_client_frame, data)]
    yield Probe(_round_trip(decode_client_frame), [*seeds, *conversation()["a device's frame"]], (PeerError,))


@contextmanager
def _relay_frames() -> Iterator[Probe]:
    seeds = [data for data in golden("frames_v1.txt") if _takes(decode_relay_frame, data)]
    yield Probe(_round_trip(decode_relay_frame), [*seeds, *conversation()["a relay's frame"]], (PeerError,))


@contextmanager
def _letter_parts() -> Iterator[Probe]:
    heard = conversation()
    seeds = [*golden("letters_v1.txt"), *heard["a letter"], *heard["the inside of an envelope"], *heard["a slip"]]
    yield Probe(_letters, seeds, (PeerError,))


@contextmanager
def _http_bodies() -> Iterator[Probe]:
    signed = Signed(b"b" * 20, b"s" * 64)
    seeds = [
        requests.encode_json(requests.CodeRequest("ann@example.org", "invitation")),
        requests.encode_json(requests.AccountRequest("ann@example.org", "123456", signed, "x")),
        requests.encode_json(requests.PieceKept(5, 10)),
        requests.encode_json(requests.Health(well=True, version="1", uptime_s=5, store="writable", store_ms=0.5)),
        requests.encode_json(requests.RefusalBody("relay.busy", "come back", 5)),
        msgspec.json.encode({"account": "QUFBQUFBQUFBQUFBQUFBQQ=="}),
    ]
    yield Probe(_bodies, seeds, (PeerError,), JSON_WORDS)


def _takes(decode: Callable[[bytes], object], data: bytes) -> bool:
    try:
        decode(data)
    except PeerError:
        return False
    return True


JSON_WORDS = (
    *(b'""', b"null", b"[]", b"{}", b"[" * 2_000, b'{"a":' * 1_500, b"1e400", b"-0", b"9" * 400, b"\xff", b"\\ud800"),
    *(b"\\u0000", b'"\xc3("', b'"handle":', b'"list":', b'"code":', b'"kind":', b"true", b"NaN", b"\xef\xbb\xbf"),
)

WIRE_TARGETS = (
    Target(name="device-frames", what="what a device says to a relay, as bytes", open=_device_frames, weight=300),
    Target(name="relay-frames", what="what a relay says to a device, as bytes", open=_relay_frames, weight=300),
    Target(name="letters", what="letters, slips and the insides of envelopes", open=_letter_parts, weight=150),
    Target(
        name="http-bodies",
        what="JSON of every HTTP request and answer",
        open=_http_bodies,
        shape=Shape.BYTES,
        weight=120,
    ),
)
