"""Tells which device asks over HTTP, by the token it was given when it proved itself."""

import re
from collections.abc import Callable

from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.relay.http import Refusal

DeviceOfToken = Callable[[bytes], DeviceId | None]
"""Says which device a bearer token was given to."""
_BEARER = re.compile(r"Bearer ([0-9a-f]{2,256})", re.IGNORECASE)


def asking_device(request: web.Request, device_of_token: DeviceOfToken) -> DeviceId:
    """Tell which device asks, or raise a Refusal."""
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    device = device_of_token(bytes.fromhex(match[1])) if match and len(match[1]) % 2 == 0 else None
    if device is None:
        raise Refusal(Cause.ACCOUNT_NOT_REGISTERED, "this token is not known (any more)")
    return device
