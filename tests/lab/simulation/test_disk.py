"""Proves that a simulated disk keeps what was committed, loses what was not, and fails at the chosen statement."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.lab.simulation.blocks import Tear
from answerback.lab.simulation.disk import Disk, Fuse, PowerCut
from answerback.model.errors import StorageError, StoreFullError
from answerback.storage.database import Database

PATH = Path("simulated.db")


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    database = opened(disk)
    database.row("PRAGMA journal_mode = WAL")
    database.run("CREATE TABLE lines (number INTEGER)")
    yield disk
    disk.close()


def opened(disk: Disk) -> Database:
    return Database(disk.connect(PATH), PATH)


def write(database: Database, *numbers: int) -> None:
    with database.transaction():
        for number in numbers:
            database.run("INSERT INTO lines VALUES (?)", (number,))


def kept(disk: Disk) -> list[object]:
    return [row[0] for row in disk.rows("SELECT number FROM lines ORDER BY number")]


def test_a_crash_in_a_transaction_takes_all_of_it_and_nothing_else(disk: Disk) -> None:
    database = opened(disk)
    write(database, 1)
    disk.fuse = Fuse(1, is_after=False)
    with pytest.raises(PowerCut):
        write(database, 2, 3)
    assert kept(disk) == [1]
    with pytest.raises(PowerCut):
        database.rows("SELECT number FROM lines")
    write(opened(disk), 4)
    assert kept(disk) == [1, 4]


def test_a_crash_after_a_commit_keeps_it_though_nobody_learned_of_it(disk: Disk) -> None:
    database = opened(disk)
    disk.fuse = Fuse(0, is_after=True, at_commit=True)
    with pytest.raises(PowerCut):
        write(database, 1, 2)
    assert kept(disk) == [1, 2]


def test_a_full_disk_refuses_and_forgets_and_takes_again(disk: Disk) -> None:
    database = opened(disk)
    disk.is_full = True
    with pytest.raises(StoreFullError):
        write(database, 1)
    disk.is_full = False
    write(database, 2)
    assert kept(disk) == [2]


def test_an_older_copy_put_back_is_what_the_next_one_finds(disk: Disk) -> None:
    write(opened(disk), 1)
    image = disk.copy()
    database = opened(disk)
    write(database, 2)
    disk.restore(image)
    with pytest.raises(PowerCut):
        write(database, 3)
    assert kept(disk) == [1]


@pytest.mark.parametrize(("tear", "then"), [(Tear.LOST, [1]), (Tear.TORN, [1]), (Tear.FOLDING, [1, 2, 3])])
def test_a_power_cut_in_a_commit_is_told_and_takes_all_of_it_or_nothing(
    disk: Disk, tear: Tear, then: list[int]
) -> None:
    burnt: list[Tear] = []
    database = opened(disk)
    write(database, 1)
    disk.fuse = Fuse(0, is_after=False, at_commit=True, tear=tear, seed=7, burnt=lambda: burnt.append(tear))
    with pytest.raises(PowerCut):
        write(database, 2, 3)
    assert burnt == [tear]
    assert kept(disk) == then
    write(opened(disk), 4)
    assert kept(disk) == [*then, 4]


@pytest.mark.parametrize("tear", Tear)
def test_a_power_cut_that_was_put_out_does_not_come_even_if_its_commit_had_begun(disk: Disk, tear: Tear) -> None:
    burnt: list[Tear] = []
    database = opened(disk)
    disk.fuse = Fuse(0, is_after=False, tear=tear, seed=7, burnt=lambda: burnt.append(tear))
    database.run("CREATE TABLE IF NOT EXISTS lines (number INTEGER)")  # burns the fuse, and has nothing to sync
    disk.put_out()
    write(database, 1, 2)
    assert kept(disk) == [1, 2]
    assert burnt == []


def test_a_disk_that_cannot_be_read_says_so_and_is_read_again_later(disk: Disk) -> None:
    database = opened(disk)
    write(database, 1)
    disk.is_unreadable = True
    with pytest.raises(StorageError, match="disk I/O error"):
        database.rows("SELECT number FROM lines")
    disk.is_unreadable = False
    assert database.rows("SELECT number FROM lines") == [(1,)]
