"""Gives one change after another a transaction of its own, in the thread that writes the relay's mail."""

from collections.abc import Callable
from typing import TypeVar

from answerback.storage.database import Database
from answerback.storage.group_commit import GroupCommit

_T = TypeVar("_T")


class Turns:
    """Whoever awaits `take` knows that the change is on the disk, or that nothing of it was made."""

    def __init__(self, group: GroupCommit, database: Database) -> None:
        self._group = group
        self._database = database

    async def take(self, change: Callable[[], _T]) -> _T:
        """Carry out a change in one transaction, whole even if whoever asked for it is gone by then."""

        def whole() -> _T:
            with self._database.transaction():
                return change()

        return await self._group.call(whole)
