"""Carries a one-time code by text message, through a message centre the operator names.

One bind for each code, and one at a time: codes are few, and many centres let nobody in twice. A code is never
submitted again by itself: whoever did not get it asks for another, which is another code.
"""

import asyncio
from typing import Final

from answerback.model.errors import AnswerbackError
from answerback.model.handle import Handle
from answerback.transport.carriers.roads import Refused, RoadClosed, Submission
from answerback.transport.carriers.smpp import SmppRoad, SmppSettings, open_smpp

ATTEMPT_S_MAX = 30.0
"""For the whole of one code: after that whoever waits for it has asked again."""
WAITING_MAX = 100
"""Codes that wait for their turn; more at once are somebody's game, and each costs the operator."""


class TextFailed(AnswerbackError):
    """The message centre did not take the code, or did not say that it has."""


class TextedCodes:
    """One centre, for codes alone."""

    def __init__(self, settings: SmppSettings) -> None:
        self._settings: Final = settings
        self._turn: Final = asyncio.Lock()
        self._waiting = 0

    async def send(self, *, handle: Handle, code: str, minutes: int) -> None:
        """Send one code; return when the centre has taken it, and raise TextFailed if it did not."""
        if not handle.text.startswith("+"):
            raise TextFailed(f"{handle.masked} is not a number that can be texted to")
        if self._waiting >= WAITING_MAX:
            raise TextFailed("too many codes wait for the message centre")
        self._waiting += 1
        try:
            async with asyncio.timeout(ATTEMPT_S_MAX), self._turn:
                await self._submit(handle, f"{code} is your Answerback code, good for {minutes} minutes and one use.")
        except (RoadClosed, TimeoutError) as error:
            told = str(error) or f"no answer within {ATTEMPT_S_MAX:.0f} s"
            raise TextFailed(f"the message centre did not take it: {told}") from error
        finally:
            self._waiting -= 1

    async def _submit(self, handle: Handle, text: str) -> None:
        road = await open_smpp(self._settings)
        listening = asyncio.create_task(_hear(road))
        try:
            answer = await road.submit(Submission(handle, text, 0, 0, 1, 0, bytes(16)))
        finally:
            await road.close()
            listening.cancel()
            await asyncio.wait([listening])
        if isinstance(answer, Refused):
            raise TextFailed(f"the message centre did not take it: {answer.reason}")


async def _hear(road: SmppRoad) -> None:
    """Acknowledge what the centre says: it would say it again at every bind, and nobody here waits for it."""
    try:
        async for event in road.events():
            event.heard()
    except RoadClosed:
        return
