"""Hands texts to e-mail, Telegram, Matrix and a hundred others through Apprise: handed over, never confirmed.

Theory. Apprise says whether a service answered well, and no more: what is taken may still be rejected, and nobody hears
of it. So the furthest stage is SENT, meaning handed over. The services read what they carry.
"""

import asyncio
from collections.abc import AsyncIterator
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


def hand_over(url: str, text: str | None) -> bool | None:
    """Hand a text to a URL, or with None only see whether it is one; None if it is not. Blocks.

    Raises RoadRefused where Apprise is not installed.
    """
    try:
        from apprise import Apprise  # noqa: PLC0415 - an extra, and slow to load: only who uses it pays
    except ImportError as error:
        raise RoadRefused("Apprise is not installed: pip install 'answerback[apprise]'") from error
    made = Apprise()
    if not made.add(url):
        return None
    return True if text is None else bool(made.notify(body=text))


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
        """Hand the text over. Raises RoadClosed when the service says nothing for too long."""
        if self._ended.is_set():
            raise RoadUnsent("we ended it")
        url = self._settings.url.replace(TO, quote(submission.to.text, safe=""))
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                is_taken = await asyncio.to_thread(hand_over, url, submission.text)
        except TimeoutError as error:
            raise RoadClosed("the service did not answer") from error
        return Taken("") if is_taken else Refused("the service did not take it, as far as Apprise can tell")

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:  # noqa: ARG002 - the port's
        """Nobody can be asked."""
        return None

    def events(self) -> AsyncIterator[Receipted | Incoming]:
        """Nothing comes by itself."""
        return silence(self._ended)

    async def close(self) -> None:
        """Let nothing more begin."""
        self._ended.set()
