"""Keeps what strangers do from filling the log: a head or a body that is no HTTP is answered, and is no news."""

import logging

from aiohttp import ClientConnectionResetError, web
from aiohttp.http_exceptions import HttpProcessingError


class OddRequests(logging.Filter):
    """Lets through what a server's own code stumbled over, and nothing else that aiohttp logs with a traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether to log it."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, UnicodeEncodeError):  # aiohttp cannot write its own refusal of an `Expect` with odd bytes
            return not str(error.object).startswith("Unknown Expect")
        # The last of these is that whoever asked has left while the answer was being written.
        return not isinstance(error, HttpProcessingError | web.RequestPayloadError | ClientConnectionResetError)


def server_log(name: str) -> logging.Logger:
    """Give the logger that a server hands to aiohttp."""
    log = logging.getLogger(name)
    if not log.filters:
        log.addFilter(OddRequests())
    return log
