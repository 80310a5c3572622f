"""What a TLS handshake costs a relay, in full and where the device shows the session of its last connection."""

import contextlib
import ssl
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from answerback.faces.benchmarking.line import unchecked_tls
from answerback.relay.certificate import Certificate, own_certificate

ROUNDS = 300


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Processor time of the relay for one, in ms, and the bytes it says in it."""

    full_ms: float
    resumed_ms: float
    full_bytes: int
    resumed_bytes: int


@dataclass(slots=True)
class _Once:
    relay_s: float = 0.0
    said_bytes: int = 0
    session: ssl.SSLSession | None = None
    is_resumed: bool = False


def measure() -> Handshakes:
    """Shake hands in memory, again and again, and count the relay's side alone."""
    with tempfile.TemporaryDirectory(prefix="answerback-tls-") as folder:
        relay = Certificate(own_certificate(Path(folder), hosts=["localhost"])).context
    device = unchecked_tls()
    full = [_shake(relay, device, None) for _ in range(ROUNDS)]
    resumed = [_shake(relay, device, once.session) for once in full]
    assert all(once.is_resumed for once in resumed), "a session was not taken"
    return Handshakes(
        _median([once.relay_s for once in full]) * 1000,
        _median([once.relay_s for once in resumed]) * 1000,
        full[0].said_bytes,
        resumed[0].said_bytes,
    )


def _shake(relay: ssl.SSLContext, device: ssl.SSLContext, session: ssl.SSLSession | None) -> _Once:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    far = relay.wrap_bio(up, down, server_side=True)
    near = device.wrap_bio(down, up, server_hostname="localhost", session=session)
    once = _Once()
    for _ in range(2):
        _try(near)
        began_s = time.perf_counter()
        _try(far)
        once.relay_s += time.perf_counter() - began_s
        once.said_bytes = max(once.said_bytes, down.pending)
    _read(near)  # tickets come behind the handshake
    once.session, once.is_resumed = near.session, bool(near.session_reused)
    return once


def _try(side: ssl.SSLObject) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        side.do_handshake()


def _read(side: ssl.SSLObject) -> None:
    with contextlib.suppress(ssl.SSLWantReadError):
        side.read(1)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
