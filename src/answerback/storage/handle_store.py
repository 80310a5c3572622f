"""Keeps in the relay's database which handles are on their way to another account, and what is to be told of it.

Single statements, no decisions: whoever decides calls several of these inside one transaction.
"""

from dataclasses import dataclass, field

from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId, DeviceId
from answerback.storage import relay_log
from answerback.storage.database import Database, Row

_KEEP_NOTICE = """
    INSERT INTO handle_notices (account, handle, state, other, at_ms, made_ms) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (account, handle) DO UPDATE SET state = excluded.state, other = excluded.other, at_ms = excluded.at_ms,
        made_ms = excluded.made_ms"""
_FORGET_NOTICES = """
    DELETE FROM handle_notices WHERE made_ms < ?1 AND NOT (state = ?2 AND EXISTS (
        SELECT 1 FROM handles WHERE handles.handle = handle_notices.handle
            AND handles.account = handle_notices.account))"""
NOBODY = AccountId(b"")


@dataclass(frozen=True, slots=True)
class MoveRow:
    """A handle that another account has proven, and when that account gets it."""

    handle: str = field(repr=False)
    holder: AccountId
    claimant: AccountId
    due_ms: int


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """What the devices of an account are told of one handle."""

    account: AccountId
    handle: str = field(repr=False)
    state: HandleState
    other: AccountId
    at_ms: int


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A handle that points to an account."""

    handle: str = field(repr=False)
    since_ms: int


class HandleStore:
    """Handles, moves and notices as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ---- whose

    def account_of_device(self, device: DeviceId) -> AccountId | None:
        """Return whose device this is; None if it is nobody's, or revoked."""
        row = self._database.row("SELECT account FROM device WHERE id = ? AND revoked = 0", (device,))
        return AccountId(row[0]) if row else None

    def devices_seen(self, account: AccountId) -> list[tuple[DeviceId, int]]:
        """Return an account's devices and when each was here last, in ms; -1 for never."""
        sql = "SELECT id, seen_ms FROM device JOIN mailbox USING (number) WHERE account = ? AND revoked = 0"
        return [(DeviceId(row[0]), int(row[1])) for row in self._database.rows(sql, (account,))]

    def held(self, account: AccountId) -> list[HeldRow]:
        """Return the handles that point to an account, oldest first."""
        sql = "SELECT handle, claimed_ms FROM handles WHERE account = ? ORDER BY claimed_ms, handle"
        return [HeldRow(*row) for row in self._database.rows(sql, (account,))]

    def give(self, handle: str, account: AccountId, *, now_ms: int) -> None:
        """Let a handle point to this account, whatever it pointed to before; the log says so as well."""
        sql = """INSERT INTO handles (handle, account, claimed_ms) VALUES (?, ?, ?)
                 ON CONFLICT (handle) DO UPDATE SET account = excluded.account, claimed_ms = excluded.claimed_ms"""
        self._database.run(sql, (handle, account, now_ms))
        relay_log.log_handle(self._database, handle, account)

    def remove(self, handle: str, account: AccountId) -> bool:
        """Let a handle point to nobody, and the log say so; false if it was not this account's."""
        if self._database.run("DELETE FROM handles WHERE handle = ? AND account = ?", (handle, account)) != 1:
            return False
        relay_log.log_handle(self._database, handle, NOBODY)
        return True

    # ---- moves

    def move(self, handle: str) -> MoveRow | None:
        """Return the move that a handle is in."""
        row = self._database.row(
            "SELECT handle, holder, claimant, due_ms FROM handle_moves WHERE handle = ?", (handle,)
        )
        return _move(row) if row else None

    def moves_to(self, account: AccountId) -> list[MoveRow]:
        """Return the handles that are on their way to an account."""
        sql = "SELECT handle, holder, claimant, due_ms FROM handle_moves WHERE claimant = ? ORDER BY due_ms, handle"
        return [_move(row) for row in self._database.rows(sql, (account,))]

    def moves_due(self, *, now_ms: int, count_max: int) -> list[MoveRow]:
        """Return moves whose time has come."""
        sql = "SELECT handle, holder, claimant, due_ms FROM handle_moves WHERE due_ms <= ? ORDER BY due_ms LIMIT ?"
        return [_move(row) for row in self._database.rows(sql, (now_ms, count_max))]

    def keep_move(self, move: MoveRow) -> None:
        """Keep a move in place of the one the handle was in before."""
        sql = """INSERT INTO handle_moves (handle, holder, claimant, due_ms) VALUES (?, ?, ?, ?)
                 ON CONFLICT (handle) DO UPDATE SET holder = excluded.holder, claimant = excluded.claimant,
                     due_ms = excluded.due_ms"""
        self._database.run(sql, (move.handle, move.holder, move.claimant, move.due_ms))

    def end_move(self, handle: str) -> None:
        """Forget the move that a handle is in."""
        self._database.run("DELETE FROM handle_moves WHERE handle = ?", (handle,))

    def lock(self, handle: str, *, until_ms: int) -> None:
        """Keep a handle where it is until then."""
        sql = """INSERT INTO handle_locks (handle, until_ms) VALUES (?, ?)
                 ON CONFLICT (handle) DO UPDATE SET until_ms = excluded.until_ms"""
        self._database.run(sql, (handle, until_ms))

    def unlock(self, handle: str) -> None:
        """Let a handle move again."""
        self._database.run("DELETE FROM handle_locks WHERE handle = ?", (handle,))

    def locked_until_ms(self, handle: str) -> int:
        """Return until when a handle stays where it is; 0 if it may move."""
        row = self._database.row("SELECT until_ms FROM handle_locks WHERE handle = ?", (handle,))
        return int(row[0]) if row else 0

    # ---- notices

    def keep_notice(self, notice: NoticeRow, *, now_ms: int) -> None:
        """Keep what an account is told of a handle, in place of what it was told before."""
        told = (notice.account, notice.handle, int(notice.state), notice.other, notice.at_ms, now_ms)
        self._database.run(_KEEP_NOTICE, told)

    def notices(self, account: AccountId | None = None) -> list[NoticeRow]:
        """Return what an account is told, or all of them, the oldest first."""
        where, given = ("", ()) if account is None else ("WHERE account = ?", (account,))
        sql = f"SELECT account, handle, state, other, at_ms FROM handle_notices {where} ORDER BY number"  # noqa: S608 - constants only
        return [
            NoticeRow(AccountId(account), handle, HandleState(state), AccountId(other), at_ms)
            for account, handle, state, other, at_ms in self._database.rows(sql, given)
        ]

    def forget_old(self, *, notices_before_ms: int, now_ms: int) -> int:
        """Forget notices that are old and locks that have ended; return how many rows went.

        That a handle is theirs is never old: devices that are linked later must know what to watch in the log.
        """
        gone = self._database.run(_FORGET_NOTICES, (notices_before_ms, int(HandleState.OURS)))
        return gone + self._database.run("DELETE FROM handle_locks WHERE until_ms <= ?", (now_ms,))


def _move(row: Row) -> MoveRow:
    return MoveRow(row[0], AccountId(row[1]), AccountId(row[2]), row[3])
