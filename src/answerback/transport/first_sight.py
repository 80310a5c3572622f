"""Looks at a relay's certificate before there is a reason to trust it, to compare it with a pin received later."""

import asyncio
import contextlib
import hashlib
import ssl
from urllib.parse import urlsplit

from answerback.model.causes import Cause
from answerback.model.errors import UsageError
from answerback.transport.failures import Unreachable, unreachable

LOOK_S_MAX = 15.0
HTTPS_PORT = 443


async def seen_pin(url: str) -> bytes | None:
    """Give the SHA-256 of the certificate that answers at this address; none where there is no TLS. Proves nothing."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or HTTPS_PORT
        if host is not None:
            host.encode("idna")  # what the resolver will do, and fail in words nobody understands
    except ValueError as error:
        raise UsageError(f"{url} is not an address: {error}") from error
    if parts.scheme != "https" or host is None:
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # looking is all we do here: nothing is sent, nothing believed
    try:
        async with asyncio.timeout(LOOK_S_MAX):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError) as error:
        raise unreachable(error) from error
    try:
        channel: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        certificate = channel.getpeercert(binary_form=True) if channel is not None else None
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 1.0)
    if certificate is None:
        raise Unreachable(Cause.TLS_UNTRUSTED, "the relay showed no certificate")
    return hashlib.sha256(certificate).digest()
