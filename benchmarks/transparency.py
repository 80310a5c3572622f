"""Measures the relay's log with 100,000 device lists: writing, proving, checking, reading, size."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from answerback.core.transparency import stands
from answerback.crypto import merkle
from answerback.crypto.transparency import nonce_for
from answerback.model.ids import AccountId
from answerback.model.log import LINE_BYTES, ListEntry, TreeHead
from answerback.storage import relay_log
from answerback.storage.database import Database, open_database

COUNT = 100_000
AT_ONCE = 1_000
TRIES = 300
SEED = b"s" * 32


def fill(db: Database) -> AccountId:
    """Write all lists down; the account in the middle."""
    middle = AccountId(b"")
    for first in range(0, COUNT, AT_ONCE):
        with db.transaction():
            for place in range(first, first + AT_ONCE):
                account = AccountId(os.urandom(16))
                relay_log._append(db, ListEntry(nonce_for(SEED, place), account, 1, os.urandom(32)))
                db.run("INSERT INTO log_list (account, version, place) VALUES (?, ?, ?)", (account, 1, place))
                middle = account if place == COUNT // 2 else middle
    return middle


def median_ms(work: Callable[[int], object]) -> float:
    """How long it takes, in the middle of many tries."""
    took = []
    for number in range(TRIES):
        began = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def main() -> None:
    """Print the figures that docs/transparency.md has."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        db = open_database(path / "relay.db", schema="relay")
        relay_log.begin(db, SEED)
        began = time.perf_counter()
        account = fill(db)
        print(f"write one     {(time.perf_counter() - began) / COUNT * 1e6:.0f} µs")
        logged = relay_log.of_list(db, account, 1, known_size=0)
        assert logged is not None
        assert logged.placed is not None
        state, placed = logged.state, logged.placed
        print(f"prove one     {median_ms(lambda _: relay_log.of_list(db, account, 1, known_size=0)):.2f} ms")
        print(
            f"  and a head  {median_ms(lambda at: relay_log.of_list(db, account, 1, known_size=at * 311 + 1)):.2f} ms"
        )
        paths = [len(relay_log.compared(db, at * 311 + 1, COUNT)) for at in range(TRIES)]
        print(f"hashes        {len(placed.path)}, at most {max(paths)}")
        head = TreeHead(bytes(32), state.epoch, state.size, state.root, 0)
        print(f"check one     {median_ms(lambda _: stands(placed, head)) * 1000:.0f} µs")
        began = time.perf_counter()
        peaks: list[bytes] = []
        size = 0
        while size < COUNT:
            lines = relay_log.page(db, size, known_size=0, is_first=False).lines
            leaves = [merkle.leaf_hash(lines[at : at + LINE_BYTES]) for at in range(0, len(lines), LINE_BYTES)]
            peaks = merkle.extended(peaks, size, leaves)
            size += len(leaves)
        assert merkle.fold(peaks) == state.root
        print(f"read all      {time.perf_counter() - began:.2f} s")
        db.close()
        print(f"on disk       {sum(file.stat().st_size for file in path.iterdir()) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
