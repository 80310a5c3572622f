"""Copies what can still be read of a damaged database file into a new one.

Theory. A damaged page takes the rows on it, and no others: a table is a tree of pages, and a search that does not lead
over the damaged one does not meet it. So each table is read in the order of its row numbers; where that ends in an
error, the next number from which reading goes well is looked for with growing steps, and then halved down to: some
dozens of searches for each damaged page. How much was lost is counted by an index of the table where one is whole, for
an index lies on pages of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from answerback.model.errors import StorageError
from answerback.storage.database import Database, Row, Value

NUMBER_MIN, NUMBER_MAX = -(1 << 63), (1 << 63) - 1
BATCH_ROWS = 500
"""Rows in one transaction of the new file."""
GAPS_MAX = 10_000
"""Damaged places in one table; with more the disk is gone, and each costs dozens of searches."""

Open = Callable[[], Database]


@dataclass(slots=True)
class Table:
    """What became of one table."""

    name: str
    kept: int = 0
    gaps: int = 0
    """Places that could not be read."""
    lost: int | None = 0
    """Rows that are gone, if anything tells how many there were."""

    @property
    def is_whole(self) -> bool:
        """Whether every row was read."""
        return self.gaps == 0 and self.lost == 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read one table of the damaged file and write it to the new one."""

    name: str
    columns: tuple[str, ...]
    key: str
    """Columns its rows are in order of: `rowid`, or the primary key of a table without row numbers."""
    has_numbers: bool

    @property
    def insert(self) -> str:
        """The statement that keeps one row."""
        places = ", ".join("?" * len(self.columns))
        return f"INSERT OR IGNORE INTO {self.name} ({', '.join(self.columns)}) VALUES ({places})"  # noqa: S608


class Salvage:
    """One damaged file, and the new one beside it."""

    def __init__(self, damaged: Open, target: Database) -> None:
        self._open: Final = damaged
        self._damaged = damaged()
        self._target: Final = target

    def run(self) -> list[Table]:
        """Copy every table that both files know, and say what became of each."""
        self._target.run("PRAGMA foreign_keys = OFF")  # a row may be gone whose rows are not
        plans = [self._plan(str(row[0])) for row in self._target.rows(_TABLES)]
        tables = [self._copy(plan) for plan in plans if plan is not None]
        self._copy_numbers()
        return tables

    def close(self) -> None:
        """Let go of the damaged file; what its log holds goes with it, for it is read already."""
        with suppress(StorageError):
            self._damaged.close()

    # ---- one table

    def _plan(self, name: str) -> _Plan | None:
        there = {row[1] for row in self._damaged.rows(f"PRAGMA table_info({name})")}
        found = self._target.rows(f"PRAGMA table_info({name})")
        columns = tuple(str(row[1]) for row in found if row[1] in there)
        if not columns:
            return None  # newer than the damaged file
        sql = self._target.row("SELECT sql FROM sqlite_schema WHERE name = ?", (name,))
        has_numbers = sql is None or "WITHOUT ROWID" not in str(sql[0]).upper()
        parts = [str(row[1]) for row in sorted(found, key=lambda row: int(row[5])) if row[5]]
        return _Plan(name, columns, "rowid" if has_numbers else ", ".join(parts), has_numbers)

    def _copy(self, plan: _Plan) -> Table:
        table, batch = Table(plan.name), list[Row]()
        rows = self._numbered(plan, table) if plan.has_numbers else self._from_both_ends(plan, table)
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH_ROWS:
                table.kept += self._keep(plan, batch, table)
                batch = []
        table.kept += self._keep(plan, batch, table)
        if table.gaps:
            count = self._counted(plan)
            table.lost = None if count is None else max(count - table.kept, 0)
        return table

    def _keep(self, plan: _Plan, batch: list[Row], table: Table) -> int:
        try:
            with self._target.transaction():
                kept = sum(self._target.run(plan.insert, row) for row in batch)
        except StorageError:  # a row that is no row of this table: each by itself
            kept = sum(self._keep_one(plan, row) for row in batch)
        table.gaps += len(batch) - kept
        return kept

    def _keep_one(self, plan: _Plan, row: Sequence[Value]) -> int:
        try:
            return self._target.run(plan.insert, row)
        except StorageError:
            return 0

    def _numbered(self, plan: _Plan, table: Table) -> Iterator[Row]:
        after = NUMBER_MIN
        while True:
            try:
                for number, *row in self._read(plan, after):
                    yield tuple(row)
                    after = number
                return
            except StorageError:
                table.gaps += 1
                self._again()
            following = self._following(plan, after)
            if following is None or table.gaps >= GAPS_MAX:
                return
            after = following - 1

    def _read(self, plan: _Plan, after: int) -> Iterator[Row]:
        columns = ", ".join(plan.columns)
        sql = f"SELECT rowid, {columns} FROM {plan.name} WHERE rowid > ? ORDER BY rowid"  # noqa: S608
        return self._damaged.each(sql, (after,))

    def _following(self, plan: _Plan, after: int) -> int | None:
        """Find the next row behind a damaged place; none if nothing behind it can be read."""
        unread, step = after, 1
        found: int | None = None
        while True:
            at = min(after + step, NUMBER_MAX)
            is_read, found = self._look(plan, at)
            if is_read:
                break
            if at == NUMBER_MAX:
                return None
            unread, step = at, step * 2
        read = at
        while read - unread > 1:
            middle = (read + unread) // 2
            is_read, row = self._look(plan, middle)
            if is_read:
                read, found = middle, row
            else:
                unread = middle
        return found

    def _look(self, plan: _Plan, after: int) -> tuple[bool, int | None]:
        """Read the first row behind a number: whether that goes well, and which row it is."""
        try:
            row = next(self._read(plan, after), None)
        except StorageError:
            self._again()
            return False, None
        return True, None if row is None else int(row[0])

    def _from_both_ends(self, plan: _Plan, table: Table) -> Iterator[Row]:
        """Read a table without row numbers; what lies between two damaged places is not reached."""
        columns = ", ".join(plan.columns)
        sql = f"SELECT {columns} FROM {plan.name} ORDER BY "  # noqa: S608
        try:
            yield from self._damaged.each(sql + plan.key)
        except StorageError:
            table.gaps += 1
            self._again()
        else:
            return
        backwards = ", ".join(f"{part} DESC" for part in plan.key.split(", "))
        try:
            yield from self._damaged.each(sql + backwards)
        except StorageError:
            self._again()

    # ---- what is beside the rows

    def _counted(self, plan: _Plan) -> int | None:
        """Count a table's rows by one of its indexes."""
        names = [str(row[1]) for row in self._listed(plan.name)]
        for name in names:
            try:
                row = self._damaged.row(f"SELECT count(*) FROM {plan.name} INDEXED BY {name}")  # noqa: S608
            except StorageError:
                self._again()
            else:
                return int(row[0]) if row else None
        return None

    def _listed(self, name: str) -> list[Row]:
        try:
            return self._damaged.rows(f"PRAGMA index_list({name})")
        except StorageError:
            self._again()
            return []

    def _copy_numbers(self) -> None:
        """Give out no number again that the damaged file had given out."""
        try:
            found = self._damaged.rows("SELECT name, seq FROM sqlite_sequence")
        except StorageError:
            return  # the highest number among the rows that were read stands for it
        for name, number in found:
            self._target.run("INSERT INTO sqlite_sequence SELECT ?, 0 WHERE NOT EXISTS (" + _NUMBER + ")", (name, name))
            self._target.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))

    def _again(self) -> None:
        # SQLCipher answers nothing more on a connection that met a damaged page.
        self.close()
        self._damaged = self._open()


_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
_NUMBER: Final = "SELECT 1 FROM sqlite_sequence WHERE name = ?"
