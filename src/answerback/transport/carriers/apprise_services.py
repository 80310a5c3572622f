"""Hands texts to e-mail, Telegram, Matrix and a hundred others through Apprise: handed over, never confirmed.

Theory. Apprise says whether a service answered well, and no more: what is taken may still be rejected, and nobody hears
of it. So the furthest stage is SENT, meaning handed over. The services read what they carry.

Its "no" has three meanings: the service refused, it was never reached, or it read the text and did not answer in time.
Only what Apprise writes in its log tells them apart. A status of 4xx is a refusal; a connection that never stood means
that nothing left; whatever else is a "no" leaves doubt (decision 0034), also where the log says something new one day.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from answerback.model.errors import UsageError
from answerback.transport.carriers.roads import (
    Absent,
    Incoming,
    Receipted,
    Refused,
    RoadClosed,
    RoadRefused,
    RoadUnsent,
    Submission,
    Taken,
    silence,
)
from answerback.wire.delivery_receipts import DeliveryReceipt

ANSWER_S_MAX = 60.0
SAID_MAX = 256
"""Lines of Apprise's log that are looked at for one text: a service writes a dozen."""
_REFUSED: Final = re.compile(r"\berror=4(?!08|25)\d\d\b")
"""The service itself answered that it does not take this: but for 408 and 425, which mean another time."""
_ANSWERED: Final = re.compile(r"\berror=\d")
_UNREACHED: Final = re.compile(
    r"Failed to establish a new connection|NameResolutionError|ConnectTimeoutError|Connection refused"
)
"""What urllib3 and the system say of a connection that never stood."""
TO: Final = "{to}"
"""In a URL: stands for the recipient's handle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseSettings:
    """Where texts go, in Apprise's words."""

    url: str = field(repr=False)
    """Such as `mailto://ann:secret@mail.example?to={to}`: it has passwords in it."""

    def __post_init__(self) -> None:
        if "://" not in self.url:
            raise UsageError("an Apprise carrier needs a URL, such as mailto://…")


class _Listening(logging.Filter):
    """Hears what Apprise's log says of one text, and keeps its chatter, which has texts and passwords in it, from all.

    Apprise's own capture hears no more than the log is set to show, and why a connection was lost is chatter.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Take a line in; true if others may see it."""
        said = _said.get()
        if said is not None and len(said) < SAID_MAX:
            said.append(record.getMessage())
        return record.levelno >= logging.WARNING


_said: ContextVar[list[str] | None] = ContextVar("said", default=None)
_LISTENING: Final = _Listening()


def no_means(said: list[str], *, people: int) -> Refused:
    """What a "no" means. Raises RoadUnsent if nothing left, RoadClosed if nobody knows."""
    if people == 1 and any(map(_REFUSED.search, said)):
        return Refused("the service did not take it, as far as Apprise can tell")
    if people == 1 and any(map(_UNREACHED.search, said)) and not any(map(_ANSWERED.search, said)):
        raise RoadUnsent("the service was not reached")
    raise RoadClosed("Apprise cannot tell whether the service took it")


def hand_over(url: str, text: str | None) -> bool | Refused | None:
    """Hand a text to a URL, or with None only see whether it is one; None if it is not. Blocks.

    Raises RoadRefused where Apprise is not installed, RoadUnsent if nothing left, RoadClosed if that is in doubt.
    """
    try:
        from apprise import Apprise  # noqa: PLC0415 - an extra, and slow to load: only who uses it pays
    except ImportError as error:
        raise RoadRefused("Apprise is not installed: pip install 'answerback[apprise]'") from error
    logger = logging.getLogger("apprise")
    logger.addFilter(_LISTENING)  # it is added once, however often
    logger.setLevel(logging.DEBUG)
    said: list[str] = []
    _said.set(said)  # for this thread alone, and those that Apprise has do its work
    made = Apprise()
    if not made.add(url):
        return None
    if text is None:
        return True
    return True if made.notify(body=text) else no_means(said, people=sum(map(len, made)))


async def open_apprise(settings: AppriseSettings) -> "AppriseRoad":
    """See whether the URL is one. Raises RoadRefused."""
    if await asyncio.to_thread(hand_over, settings.url.replace(TO, "someone"), None) is None:
        raise RoadRefused("Apprise does not understand the URL")
    return AppriseRoad(settings)


class AppriseRoad:
    """One URL."""

    def __init__(self, settings: AppriseSettings) -> None:
        self._settings: Final = settings
        self._ended: Final = asyncio.Event()

    @property
    def can_ask(self) -> bool:
        """Nobody can be asked."""
        return False

    async def submit(self, submission: Submission) -> Taken | Refused:
        """Hand the text over. Raises RoadClosed when nobody knows whether it was taken; RoadUnsent if nothing left."""
        if self._ended.is_set():
            raise RoadUnsent("we ended it")
        url = self._settings.url.replace(TO, quote(submission.to.text, safe=""))
        try:
            async with asyncio.timeout(ANSWER_S_MAX):  # the thread goes on, and may yet hand it over
                is_taken = await asyncio.to_thread(hand_over, url, submission.text)
        except TimeoutError as error:
            raise RoadClosed("the service did not answer") from error
        if is_taken is None:
            return Refused("Apprise does not understand the URL")
        return is_taken if isinstance(is_taken, Refused) else Taken("")

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:  # noqa: ARG002 - the port's
        """Nobody can be asked."""
        return None

    def events(self) -> AsyncIterator[Receipted | Incoming]:
        """Nothing comes by itself."""
        return silence(self._ended)

    async def close(self) -> None:
        """Let nothing more begin."""
        self._ended.set()
