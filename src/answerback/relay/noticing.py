"""Knows what the devices of each account are to be told of their handles: at once, and after every welcome.

Said again each time, because a device that was away, or whose answer was lost, must hear it too; a device knows what
it has been told. Kept in memory, as most accounts have nothing to be told and every welcome asks.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.model.ids import AccountId
from answerback.storage.handle_store import NoticeRow
from answerback.wire.frames import HandleNotice

NOTICES_MAX = 200_000
"""Of all accounts: 40 MB. The oldest go first; they are on the disk, and told again after the relay's next start."""


@dataclass(slots=True)
class Noticing:
    """What is to be told, by account and handle."""

    _notices: dict[AccountId, dict[str, HandleNotice]] = field(default_factory=dict)
    _count: int = 0

    def put(self, rows: Iterable[NoticeRow]) -> dict[AccountId, list[HandleNotice]]:
        """Take in news; return it by account."""
        news: dict[AccountId, list[HandleNotice]] = {}
        for row in rows:
            notice = HandleNotice(row.handle, row.state, row.other, row.at_ms)
            own = self._notices.setdefault(row.account, {})
            self._count += row.handle not in own
            own[row.handle] = notice
            news.setdefault(row.account, []).append(notice)
        while self._count > NOTICES_MAX:
            self._count -= len(self._notices.pop(next(iter(self._notices))))
        return news

    def of(self, account: AccountId) -> list[HandleNotice]:
        """What the devices of an account are told after a welcome."""
        return list(self._notices.get(account, {}).values())
