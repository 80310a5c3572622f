"""Proves that registering can be done again after anything: a lost answer, a wrong code, a disk that refuses."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from answerback.core.facts import Fact, KeepDeviceList, KeepOwnList
from answerback.crypto.identity import DeviceKeys, RootKey, next_device_list, read_device_list
from answerback.device.client import Client
from answerback.device.home import make_journal, open_journal
from answerback.device.registering import Relay, register_again
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, StorageError, UsageError
from answerback.model.handle import parse_handle
from answerback.model.ids import AccountId
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.vault import KeySource
from answerback.transport.failures import Unreachable
from answerback.transport.relay_http import RelayHttp
from tests.device.relays import Town, town


def kept(folder: Path) -> tuple[Identity | None, list[AccountId]]:
    journal = open_journal(folder)
    try:
        return journal.identity(), [known.account for known in journal.load().device_lists]
    finally:
        journal.close()


async def comes_online(place: Town, name: str) -> None:
    async with Client.open(place.folder / name) as client, asyncio.timeout(30):
        with client.hearing() as news:
            while not client.status().connected:
                await news.get()


def test_after_a_lost_answer_the_same_call_makes_the_same_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    real: Callable[..., Any] = RelayHttp.create_account

    async def lost(http: RelayHttp, *words: Any, **more: Any) -> AccountId:  # noqa: ANN401 - whatever is asked
        asked.append(more["first_list"])
        account: AccountId = await real(http, *words, **more)
        if len(asked) == 1:
            raise Unreachable(Cause.NETWORK_CONNECTION_LOST)
        return account

    monkeypatch.setattr(RelayHttp, "create_account", lost)

    async def run() -> None:
        async with town(tmp_path) as place:
            code = await place.code(parse_handle("ann@example.org"))
            with pytest.raises(Unreachable):
                await place.register("ann", code=code)
            prepared, _ = kept(tmp_path / "ann")
            assert prepared is not None
            assert not prepared.registered_ms
            registered = await place.register("ann", code=code)
            assert replace(registered, registered_ms=0) == prepared
            assert asked[0] == asked[1]
            assert kept(tmp_path / "ann") == (registered, [registered.account])
            await comes_online(place, "ann")

    asyncio.run(run())


def test_another_handle_starts_afresh(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            nowhere = Relay("https://127.0.0.1:1", place.relay.pin)
            with pytest.raises(Unreachable):
                await place.register("ann", code="000000", relay=nowhere)
            before, _ = kept(tmp_path / "ann")
            assert before is not None
            registered = await place.register("ann", handle="anna@example.org")
            assert registered.handle.text == "anna@example.org"
            assert registered.account != before.account
            assert registered.device != before.device
            assert kept(tmp_path / "ann") == (registered, [registered.account])
            await comes_online(place, "ann")

    asyncio.run(run())


def test_a_wrong_code_is_refused_and_the_right_one_still_works(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            with pytest.raises(RefusedError) as refused:
                await place.register("ann", code="000000")
            assert refused.value.cause in (Cause.ACCOUNT_CODE_WRONG, Cause.ACCOUNT_CODE_EXPIRED)
            before, _ = kept(tmp_path / "ann")
            registered = await place.register("ann")
            assert before is not None
            assert registered.device == before.device

    asyncio.run(run())


def test_a_registered_device_is_not_registered_over(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            registered = await place.register("ann")
            for handle in ("ann@example.org", "eve@example.org"):
                with pytest.raises(UsageError, match="registered already, as"):
                    await place.register("ann", handle=handle, code="000000")
            assert kept(tmp_path / "ann")[0] == registered

    asyncio.run(run())


@pytest.mark.parametrize("write", ["commit", "keep_identity"])
def test_a_disk_that_refuses_in_the_middle_leaves_nothing_half(
    tmp_path: Path, write: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(journal: Journal, facts: Sequence[Fact] | Identity) -> None:
        raise StorageError("this disk was told to refuse")

    async def run() -> None:
        async with town(tmp_path) as place:
            with monkeypatch.context() as during:
                during.setattr(Journal, write, refuse)
                with pytest.raises(StorageError):
                    await place.register("ann", code="000000")
            registered = await place.register("ann")
            assert kept(tmp_path / "ann") == (registered, [registered.account])

    asyncio.run(run())


def test_a_linking_that_broke_off_does_not_stand_in_the_way(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            other = await place.register("eve")
            journal = make_journal(tmp_path / "ann", source=KeySource.FILE)
            journal.keep_identity(replace(other, root_seed=None, registered_ms=0))
            journal.close()
            eve = await place.register("ann", handle="ann@example.org")
            assert eve.account != other.account
            journal = make_journal(tmp_path / "new", source=KeySource.FILE)
            journal.keep_identity(replace(other, root_seed=None, registered_ms=0))
            journal.close()
            with pytest.raises(RefusedError) as refused:  # it gets as far as the relay, which knows the handle
                await place.register("new", handle=other.handle.text, code="000000")
            assert refused.value.cause.value.startswith("account.")

    asyncio.run(run())


@pytest.mark.parametrize("url", ["http://relay.example:7443", "http://192.0.2.7", "http://127.0.0.1.example"])
def test_nobody_elsewhere_is_spoken_to_in_clear(url: str) -> None:
    with pytest.raises(UsageError, match="no TLS"):
        Relay(url, None)


def test_what_is_no_address_is_said_plainly() -> None:
    with pytest.raises(UsageError, match="no relay's address"):
        Relay("http://[", None)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:7443", "http://[::1]:7443", "http://localhost", "https://relay.example"]
)
def test_a_relay_on_this_machine_may_be_tried_out_without_tls(url: str) -> None:
    assert Relay(url, None).url == url


def test_a_relay_that_lost_everything_gets_the_account_back_with_all_its_devices(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            ann = await place.register("ann")
            await place.register("bea")
            await comes_online(place, "ann")
            journal = open_journal(place.folder / "ann")
            root = RootKey.from_seed(ann.root_seed or b"")
            (first,) = journal.own_lists()
            laptop = DeviceKeys.generate()
            both = [*read_device_list(ann.account, first.list).devices, laptop.device(2)]
            second = next_device_list(root, first.list, both, 2)
            journal.commit([KeepOwnList(2, second), KeepDeviceList(ann.account, 2, second)])
            journal.close()
            async with town(tmp_path / "anew") as anew:
                relay = anew.relay
                code = await anew.code(parse_handle("ann@example.org"))
                with pytest.raises(RefusedError) as wrong:
                    await register_again(place.folder / "ann", relay, code="not it")
                assert wrong.value.cause is Cause.ACCOUNT_CODE_WRONG
                again = await register_again(place.folder / "ann", relay, code=code)
                assert (again.account, again.device, again.relay_url) == (ann.account, ann.device, relay.url)
                assert await register_again(place.folder / "ann", relay, code=code) == again, "its answer was lost"
                await comes_online(place, "ann")
                async with Client.open(place.folder / "ann") as client:
                    assert {device.id for device in client.devices()} == {ann.device, laptop.device_id}

    asyncio.run(run())


def test_a_device_that_lacks_lists_of_its_account_says_that_another_must_do_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            await place.register("ann")
            journal = open_journal(place.folder / "ann")
            (first,) = journal.own_lists()
            journal.commit([KeepOwnList(3, first.list)])
            journal.close()
            with pytest.raises(UsageError, match="on another device"):
                await register_again(place.folder / "ann", Relay("http://127.0.0.1:1", None), code="1")
            make_journal(place.folder / "nobody", source=KeySource.FILE).close()
            with pytest.raises(UsageError, match="never registered"):
                await register_again(place.folder / "nobody", Relay("http://127.0.0.1:1", None), code="1")

    asyncio.run(run())
