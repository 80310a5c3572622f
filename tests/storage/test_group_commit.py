"""One thread commits; whatever arrives meanwhile shares the next commit, and nobody is answered early."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from answerback.model.errors import StorageError
from answerback.model.ids import DeviceId
from answerback.storage import group_commit
from answerback.storage.group_commit import Committed, GroupCommit
from answerback.storage.relay_commands import Answer, Append, Command, Done, Leave, Take


def leave(number: int) -> Leave:
    return Leave(DeviceId(b"d"), number)


class SlowStore:
    """A store whose commits end when the test lets them."""

    name = b"slow"

    def __init__(self) -> None:
        self.began, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.batches: list[list[Command]] = []
        self.error: Exception | None = None

    def apply(self, batch: Sequence[Command]) -> list[Answer]:
        self.batches.append(list(batch))
        self.began.release()
        assert self.go_on.acquire(timeout=10)
        if self.error is not None:
            raise self.error
        return [Done(index) for index, _ in enumerate(batch)]


def test_what_arrives_during_a_commit_is_one_batch_and_is_answered_after_it() -> None:
    async def story() -> None:
        store, ended = SlowStore(), list[Committed]()
        group = GroupCommit(store, ended.append, on_broken=lambda: None)
        group.submit(leave(0))
        await asyncio.to_thread(store.began.acquire)
        for number in range(1, 6):
            group.submit(leave(number))
        assert group.depth == 5
        await asyncio.sleep(0)
        assert ended == []
        store.go_on.release(2)
        await group.stop()
        assert [len(batch) for batch in store.batches] == [1, 5]
        assert [each.answers for each in ended] == [[Done(0)], [Done(n) for n in range(5)]]

    asyncio.run(story())


def take(number: int) -> Take:
    return Take(DeviceId(b"d"), (number,))


def test_a_take_shares_the_commit_of_the_mail_that_comes_next_and_keeps_its_place_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "TAKE_S_MAX", 3_600.0)

    async def story() -> None:
        store = SlowStore()
        group = GroupCommit(store, lambda _: None, on_broken=lambda: None)
        group.submit(take(1))
        group.submit(Append(1, [], 60, 0))
        await asyncio.to_thread(store.began.acquire)
        group.submit(take(2))
        store.go_on.release(9)
        await group.stop()
        assert store.batches == [[take(1), Append(1, [], 60, 0)], [take(2)]]

    asyncio.run(story())


def test_a_take_that_nothing_follows_is_committed_all_the_same() -> None:
    async def story() -> None:
        store, told = SlowStore(), asyncio.Event()
        group = GroupCommit(store, lambda _: told.set(), on_broken=lambda: None)
        store.go_on.release(9)
        for number in (1, 2):  # the second: waiting is begun anew
            told.clear()
            group.submit(take(number))
            async with asyncio.timeout(10):
                await told.wait()
        await group.stop()
        assert store.batches == [[take(1)], [take(2)]]

    asyncio.run(story())


def test_a_take_does_not_hurry_the_commit_after_the_one_under_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "TAKE_S_MAX", 3_600.0)

    async def story() -> None:
        store, ended = SlowStore(), list[Committed]()
        group = GroupCommit(store, ended.append, on_broken=lambda: None)
        group.submit(leave(0))
        await asyncio.to_thread(store.began.acquire)
        group.submit(take(1))
        store.go_on.release()
        assert await group.call(lambda: len(store.batches)) == 1, "the thread had its turn, and left it for later"
        store.go_on.release(9)
        await group.stop()
        assert store.batches == [[leave(0)], [take(1)]]

    asyncio.run(story())


def test_a_batch_is_bounded_in_bytes_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "BATCH_BYTES_MAX", 100)
    monkeypatch.setattr(group_commit, "BATCH_COMMANDS_MAX", 3)

    async def story() -> None:
        store = SlowStore()
        group = GroupCommit(store, lambda _: None, on_broken=lambda: None)
        group.submit(leave(0))
        await asyncio.to_thread(store.began.acquire)
        for _ in range(3):
            group.submit(Append(1, [], 60, 0))
        for number in range(4):
            group.submit(leave(number))
        store.go_on.release(9)
        await group.stop()
        assert [len(batch) for batch in store.batches] == [1, 2, 3, 2]

    asyncio.run(story())


def test_a_failed_commit_is_told_and_the_next_one_works() -> None:
    async def story() -> None:
        store, ended = SlowStore(), list[Committed]()
        store.error = StorageError("no")
        told = asyncio.Event()

        def keep(committed: Committed) -> None:
            ended.append(committed)
            told.set()

        group = GroupCommit(store, keep, on_broken=lambda: None)
        group.submit(leave(0))
        store.go_on.release()
        await told.wait()
        store.error = None
        group.submit(leave(1))
        store.go_on.release()
        await group.stop()
        assert [(each.answers, each.error is None) for each in ended] == [(None, False), ([Done(0)], True)]

    asyncio.run(story())


def test_a_store_whose_code_is_wrong_ends_the_relay(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        store, broken = SlowStore(), asyncio.Event()
        store.error = ZeroDivisionError()
        group = GroupCommit(store, lambda _: None, on_broken=broken.set)
        group.submit(leave(0))
        store.go_on.release()
        await broken.wait()
        await group.stop()

    asyncio.run(story())
    assert "the store broke" in caplog.text


def test_work_between_commits_gives_its_value_or_its_error() -> None:
    async def story() -> None:
        group = GroupCommit(SlowStore(), lambda _: None, on_broken=lambda: None)
        assert await group.call(lambda: threading.current_thread().name) == "relay-store"
        with pytest.raises(ZeroDivisionError):
            await group.call(lambda: 1 // 0)
        await group.stop()

    asyncio.run(story())
