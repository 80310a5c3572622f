"""Proves that files forget what was not synced, in whole or in part, and that SQLite's own recovery bears it."""

import random
import sqlite3
from collections.abc import Iterator

import pytest

from answerback.lab.simulation.blocks import CHECKPOINT_PAGES, BlockFile, Gone, Tear

TRIES = 25
PAGE_BYTES = 4096


@pytest.fixture
def file() -> Iterator[BlockFile]:
    file = BlockFile()
    file.execute("PRAGMA journal_mode = WAL")
    file.execute("PRAGMA synchronous = FULL")
    file.execute("CREATE TABLE lines (number INTEGER, text BLOB)")
    yield file
    file.close()


def write(file: BlockFile, number: int, pages: int = 3) -> None:
    file.execute("BEGIN IMMEDIATE")
    file.execute("INSERT INTO lines VALUES (?, ?)", (number, random.Random(number).randbytes(pages * PAGE_BYTES)))
    file.execute("COMMIT")


def kept(file: BlockFile) -> list[object]:
    return [row[0] for row in file.execute("SELECT number FROM lines ORDER BY number").fetchall()]


def is_sound(file: BlockFile) -> bool:
    return file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("tear", [Tear.LOST, Tear.TORN])
def test_a_commit_whose_log_did_not_reach_the_platter_was_never_made(file: BlockFile, tear: Tear) -> None:
    for number in range(TRIES):
        file.platter.arm(tear, random.Random(number))
        with pytest.raises(Gone):
            write(file, 1000 + number)
        file.lose_power()
        write(file, number)
        assert kept(file) == list(range(number + 1))
        assert is_sound(file)


def test_what_is_synced_outlives_torn_pages_while_the_log_is_folded_in(file: BlockFile) -> None:
    torn = 0
    for number in range(TRIES):
        file.platter.arm(Tear.FOLDING, random.Random(number))
        try:
            write(file, number, pages=CHECKPOINT_PAGES // 4)
        except Gone:
            torn += 1
        file.lose_power()
        assert kept(file) == list(range(number + 1))
        assert is_sound(file)
    assert torn > 2


def test_a_program_that_does_not_sync_is_found_out(file: BlockFile) -> None:
    file.execute("PRAGMA synchronous = OFF")
    write(file, 1)
    file.lose_power()
    assert kept(file) == []


def test_whoever_had_the_file_open_when_the_power_went_has_nothing(file: BlockFile) -> None:
    write(file, 1)
    file.execute("BEGIN IMMEDIATE")
    file.execute("INSERT INTO lines VALUES (2, x'')")
    states = [file.in_transaction]
    file.lose_power()
    states.append(file.in_transaction)
    assert states == [True, False]
    assert kept(file) == [1]


def test_an_image_put_back_is_what_is_there_afterwards(file: BlockFile) -> None:
    write(file, 1)
    image = file.image()
    write(file, 2)
    file.replace(image)
    assert kept(file) == [1]
    assert is_sound(file)
    assert b"lines" in file.raw()


def test_rows_are_counted_and_errors_are_said_as_pythons_own_binding_does(file: BlockFile) -> None:
    assert file.executemany("INSERT INTO lines VALUES (?, x'')", [(1,), (2,), (3,)]).rowcount == 3
    assert file.execute("UPDATE lines SET number = number + 1 WHERE number > 1").rowcount == 2
    assert file.execute("SELECT number FROM lines").fetchone() == (1,)
    with pytest.raises(sqlite3.OperationalError) as error:
        file.execute("SELECT * FROM nowhere")
    assert error.value.sqlite_errorcode == sqlite3.SQLITE_ERROR
