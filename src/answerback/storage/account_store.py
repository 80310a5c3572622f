"""Keeps handles, one-time codes and invitations in the relay's database.

Single statements, no decisions: whoever decides calls several of these inside one transaction.
"""

from dataclasses import dataclass

from answerback.model.ids import AccountId
from answerback.storage import relay_log
from answerback.storage.database import Database

_KEEP_CODE = """
    INSERT INTO codes (handle, mac, issued_ms, wrong_tries, used_by) VALUES (?, ?, ?, 0, x'')
    ON CONFLICT (handle) DO UPDATE SET mac = excluded.mac, issued_ms = excluded.issued_ms, wrong_tries = 0,
        used_by = x''"""


@dataclass(frozen=True, slots=True, repr=False)
class CodeRow:
    """The newest code of a handle."""

    mac: bytes
    issued_ms: int
    wrong_tries: int
    used_by: bytes
    """The account it made; empty if it is still good for one."""


class AccountStore:
    """The relay's accounts as rows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account_of(self, handle: str) -> AccountId | None:
        """Return the account a handle stands for."""
        row = self._database.row("SELECT account FROM handles WHERE handle = ?", (handle,))
        return AccountId(row[0]) if row else None

    def claim(self, handle: str, account: AccountId, *, now_ms: int) -> bool:
        """Give a handle to an account; false if somebody has it."""
        claimed = self._database.run(
            "INSERT INTO handles (handle, account, claimed_ms) VALUES (?, ?, ?) ON CONFLICT (handle) DO NOTHING",
            (handle, account, now_ms),
        )
        if claimed == 1:
            relay_log.log_handle(self._database, handle, account)
        return claimed == 1

    def code(self, handle: str) -> CodeRow | None:
        """Return a handle's newest code."""
        row = self._database.row("SELECT mac, issued_ms, wrong_tries, used_by FROM codes WHERE handle = ?", (handle,))
        return CodeRow(*row) if row else None

    def keep_code(self, handle: str, *, mac: bytes, now_ms: int) -> None:
        """Keep a new code in place of the old one, and that it was sent."""
        self._database.run(_KEEP_CODE, (handle, mac, now_ms))
        self._database.run("INSERT INTO codes_sent (handle, sent_ms) VALUES (?, ?)", (handle, now_ms))

    def codes_sent_ms(self, handle: str, *, after_ms: int, count_max: int) -> list[int]:
        """Return when a handle's newest codes were sent."""
        rows = self._database.rows(
            "SELECT sent_ms FROM codes_sent WHERE handle = ? AND sent_ms > ? ORDER BY sent_ms DESC LIMIT ?",
            (handle, after_ms, count_max),
        )
        return [row[0] for row in rows]

    def count_wrong_try(self, handle: str) -> None:
        """Count one wrong try against a handle's code."""
        self._database.run("UPDATE codes SET wrong_tries = wrong_tries + 1 WHERE handle = ?", (handle,))

    def use_code(self, handle: str, account: AccountId) -> None:
        """Mark a handle's code as used."""
        self._database.run("UPDATE codes SET used_by = ? WHERE handle = ?", (account, handle))

    def keep_invitation(self, token_hash: bytes, *, uses: int, expires_ms: int, now_ms: int) -> None:
        """Keep a new invitation."""
        self._database.run(
            "INSERT INTO invitations (token_hash, uses_left, expires_ms, made_ms) VALUES (?, ?, ?, ?)",
            (token_hash, uses, expires_ms, now_ms),
        )

    def is_invited(self, token_hash: bytes, *, now_ms: int) -> bool:
        """Say whether an invitation still opens the door."""
        sql = "SELECT 1 FROM invitations WHERE token_hash = ? AND uses_left > 0 AND expires_ms > ?"
        return self._database.row(sql, (token_hash, now_ms)) is not None

    def use_invitation(self, token_hash: bytes, *, now_ms: int) -> bool:
        """Take one use off an invitation; false if it has none left."""
        sql = """UPDATE invitations SET uses_left = uses_left - 1
                 WHERE token_hash = ? AND uses_left > 0 AND expires_ms > ?"""
        return self._database.run(sql, (token_hash, now_ms)) == 1

    def forget_old(self, *, codes_before_ms: int, now_ms: int) -> int:
        """Forget codes and invitations that can no longer count; return how many rows went."""
        gone = self._database.run("DELETE FROM codes WHERE issued_ms < ?", (codes_before_ms,))
        gone += self._database.run("DELETE FROM codes_sent WHERE sent_ms < ?", (codes_before_ms,))
        gone += self._database.run("DELETE FROM invitations WHERE uses_left = 0 OR expires_ms <= ?", (now_ms,))
        return gone

    def beat(self, mark: bytes) -> bytes:
        """Write a mark and read it back: the proof that the store takes and gives."""
        sql = "INSERT INTO pulse (number, beat) VALUES (1, ?) ON CONFLICT (number) DO UPDATE SET beat = excluded.beat"
        self._database.run(sql, (mark,))
        row = self._database.row("SELECT beat FROM pulse WHERE number = 1")
        return bytes(row[0]) if row else b""
