"""Makes changes to handles one after the other, and tells the accounts concerned once each is on the disk."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from answerback.relay.handles import Handles
from answerback.storage.handle_store import NoticeRow
from answerback.storage.turns import Turns

_T = TypeVar("_T")
Teller = Callable[[Sequence[NoticeRow]], None]
"""Tells the devices of accounts, as far as they are connected, what became of their handles."""


class HandleTurns:
    """Turns after which nobody is told what did not happen."""

    def __init__(self, turns: Turns, handles: Handles, *, tell: Teller) -> None:
        self._turns = turns
        self._handles = handles
        self._tell = tell

    async def take(self, change: Callable[[], _T]) -> _T:
        """Carry out a change in one transaction; what it has to tell is told when it is durable, and only then."""

        def whole() -> tuple[_T, list[NoticeRow]]:
            self._handles.take_news()  # of a change that came to nothing
            return change(), self._handles.take_news()

        value, news = await self._turns.take(whole)
        if news:
            self._tell(news)
        return value
