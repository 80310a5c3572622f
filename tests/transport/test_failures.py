"""Proves that a failed connection is named for what failed, however deep a library has wrapped it."""

import errno
import socket
import ssl

import aiohttp
import pytest

from answerback.model.causes import Cause
from answerback.transport.failures import network_cause, unreachable


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no such name"), Cause.NETWORK_NAME_UNRESOLVED),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Cause.NETWORK_RELAY_UNREACHABLE),
        (TimeoutError(), Cause.NETWORK_STALLED),
        (OSError(errno.ENETUNREACH, "unreachable"), Cause.NETWORK_NO_PATH),
        (OSError(errno.ENODEV, "no such device"), Cause.NETWORK_NO_PATH),
        (OSError(errno.EHOSTUNREACH, "unreachable"), Cause.NETWORK_NO_PATH),
        (OSError(errno.ETIMEDOUT, "timed out"), Cause.NETWORK_STALLED),
        (ConnectionResetError(errno.ECONNRESET, "reset"), Cause.NETWORK_CONNECTION_LOST),
        (BrokenPipeError(errno.EPIPE, "pipe"), Cause.NETWORK_CONNECTION_LOST),
        (ssl.SSLCertVerificationError("self-signed"), Cause.TLS_UNTRUSTED),
        (ssl.SSLEOFError("eof"), Cause.NETWORK_CONNECTION_LOST),
        (aiohttp.ServerDisconnectedError(), Cause.NETWORK_CONNECTION_LOST),
        (aiohttp.ClientPayloadError("cut"), Cause.NETWORK_CONNECTION_LOST),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "host", 1), Cause.TLS_UNTRUSTED),
        (ValueError("odd"), Cause.UNKNOWN),
    ],
)
def test_each_failure_has_its_cause(error: Exception, cause: Cause) -> None:
    assert network_cause(error) is cause
    assert unreachable(error).cause is cause


def test_the_cause_is_found_inside_what_wraps_it() -> None:
    outer = RuntimeError("wrapped")
    outer.__cause__ = ExceptionGroup("race", [ValueError("v6"), ConnectionRefusedError(errno.ECONNREFUSED, "v4")])
    assert network_cause(outer) is Cause.NETWORK_RELAY_UNREACHABLE


def test_a_circle_of_causes_ends() -> None:
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert network_cause(one) is Cause.UNKNOWN


def test_a_wrong_certificate_is_told_by_its_pin() -> None:
    error = aiohttp.ServerFingerprintMismatch(b"\x01" * 32, b"\x9c" * 32, "relay.example", 7443)
    told = str(unreachable(error))
    assert f"shows pin {'9c' * 32}, expected {'01' * 32}" in told
    assert "b'" not in told
