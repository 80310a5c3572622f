"""Tells why a relay could not be reached, or would not answer now, in words the rest of the house understands.

AnswerbackError
├─ Unreachable     no answer came: the cause is the network's, as far as one attempt can tell
├─ Deferred        the relay answered: not now, come back
└─ RefusedError
   └─ TokenStale   the bearer token is not (or no longer) known: connect again for a new one
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator

import aiohttp

from answerback.model.causes import Cause
from answerback.model.errors import AnswerbackError, RefusedError

_NO_PATH = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.ENODEV})
_CUT = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError)
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})
"""What OpenSSL calls an answer that is no TLS at all, such as a sign-in page."""
_LOST = frozenset({errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE, errno.ESHUTDOWN})


class Unreachable(AnswerbackError):
    """The relay did not answer."""

    def __init__(self, cause: Cause, message: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(message or cause.value)
        self.cause = cause
        self.retry_after_s = retry_after_s
        """When to come back, as it said itself; none if it did not."""


class Deferred(AnswerbackError):
    """The relay asks to come back later."""

    def __init__(self, cause: Cause, *, retry_after_ms: int, message: str = "") -> None:
        super().__init__(message or cause.value)
        self.cause = cause
        self.retry_after_ms = retry_after_ms


class TokenStale(RefusedError):
    """The relay does not know this bearer token; a new connection brings a new one."""

    def __init__(self) -> None:
        super().__init__(
            Cause.ACCOUNT_NOT_REGISTERED, "the relay does not know this token; connect again for a new one"
        )


def network_cause(error: BaseException) -> Cause:
    """Name the cause of a failed connection from the exception, or from what it wraps."""
    for each in _chain(error):
        cause = each.cause if isinstance(each, Unreachable) else _own_cause(each)
        if cause is not Cause.UNKNOWN:
            return cause
    return Cause.UNKNOWN


def unreachable(error: BaseException) -> Unreachable:
    """Translate a network library's exception."""
    return Unreachable(network_cause(error), f"{type(error).__name__}: {_detail(error)}")


def _detail(error: BaseException) -> str:
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return f"{error.host}:{error.port} shows pin {error.got.hex()}, expected {error.expected.hex()}"
    return str(error)


def _own_cause(error: BaseException) -> Cause:
    if isinstance(error, aiohttp.ServerFingerprintMismatch):
        return Cause.TLS_UNTRUSTED
    if isinstance(error, _CUT):
        return Cause.NETWORK_CONNECTION_LOST
    if isinstance(error, aiohttp.ClientResponseError):
        return Cause.RELAY_INCOMPATIBLE  # something answered, and it was no HTTP
    if isinstance(error, socket.gaierror):
        return Cause.NETWORK_NAME_UNRESOLVED
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Cause.NETWORK_CONNECTION_LOST
    if isinstance(error, ssl.SSLError):
        return Cause.NETWORK_CAPTIVE if getattr(error, "reason", None) in _NO_TLS else Cause.TLS_UNTRUSTED
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Cause.NETWORK_STALLED
    if isinstance(error, ConnectionRefusedError):
        return Cause.NETWORK_RELAY_UNREACHABLE
    if isinstance(error, OSError) and error.errno in _NO_PATH:
        return Cause.NETWORK_NO_PATH
    if isinstance(error, ConnectionError) or (isinstance(error, OSError) and error.errno in _LOST):
        return Cause.NETWORK_CONNECTION_LOST
    return Cause.UNKNOWN


def _chain(error: BaseException) -> Iterator[BaseException]:
    # Libraries wrap: aiohttp keeps the cause in `os_error`, a happy-eyeballs race in an ExceptionGroup.
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [getattr(each, "os_error", None), each.__cause__, each.__context__]
        waiting += [other for other in inner if isinstance(other, BaseException)]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
