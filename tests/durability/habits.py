"""Sets how often a recorded process folds its log in and how little it syncs, so that much is seen in a short life."""

import os
from collections.abc import Sequence
from pathlib import Path

from answerback.storage import database, relay_store
from answerback.storage.database import Connection, Database, Row, Value, connect_sealed

LOG_PAGES_VARIABLE = "DURABILITY_LOG_PAGES"
SYNCHRONOUS_VARIABLE = "DURABILITY_SYNCHRONOUS"
LOG_PAGES = 40
"""So few that a short life sees many checkpoints, the moments at which the database file itself is written."""


def take_habits() -> None:
    """Do as the environment says; called by a child before it opens anything."""
    pages = int(os.environ.get(LOG_PAGES_VARIABLE, LOG_PAGES))
    relay_store.LOG_PAGES = pages

    def connect(path: Path) -> Connection:
        connection = connect_sealed(path)
        connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")
        return connection

    database.connect_sealed = connect
    level = os.environ.get(SYNCHRONOUS_VARIABLE)
    if level is not None:
        _sync_less(level)


def _sync_less(level: str) -> None:
    honest = Database.row

    def row(self: Database, sql: str, values: Sequence[Value] = ()) -> Row | None:
        return honest(self, sql.replace("synchronous = FULL", f"synchronous = {level}"), values)

    Database.row = row  # type: ignore[method-assign]
