"""Proves what a program does with its account's handles, and that the other side of a move hears of it at once."""

import asyncio
from pathlib import Path

import pytest

from answerback.core.effects import HandleChanged
from answerback.device.client import Client
from answerback.device.typed_handles import keep_region, kept_region
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.handle import Handle
from answerback.model.handle_state import HandleState
from answerback.transport.failures import Unreachable
from tests.device.relays import Town, town
from tests.device.test_client import offline

ANN, PHONE = Handle("ann@example.org"), Handle("+4915112345678")


async def code(place: Town, client: Client, handle: Handle) -> str:
    assert await client.handles.request_code(handle) > 0
    sent_to, digits = await asyncio.wait_for(place.codes.get(), 20)
    assert sent_to == handle.text
    return digits


def test_handles_come_and_go_and_the_device_goes_by_one_that_is_left(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as ann:
            with pytest.raises(RefusedError) as refused:
                await ann.handles.add(PHONE, code="000000")
            assert refused.value.cause is Cause.ACCOUNT_CODE_WRONG
            added = await ann.handles.add(PHONE, code=await code(place, ann, PHONE))
            assert added.state is HandleState.OURS
            assert {each.handle for each in await ann.handles.told()} == {ANN.text, PHONE.text}
            await ann.handles.remove(ANN)
            identity = ann.journal.identity()
            assert identity is not None
            assert identity.handle == PHONE
            with pytest.raises(UsageError, match="no handle of this account"):
                await ann.handles.remove(ANN)

    asyncio.run(run())


def test_the_old_devices_hear_of_a_move_at_once_and_after_a_restart_not_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            home = await place.person("ann")
            async with Client.open(home) as ann, Client.open(await place.person("bea")) as bea:
                await ann.handles.told()  # she is connected
                with ann.hearing() as news:
                    claimed = await bea.handles.add(ANN, code=await code(place, bea, ANN), move=True)
                    assert claimed.state is HandleState.COMING
                    heard = await asyncio.wait_for(_change(news), 10)
                    assert (heard.handle, heard.state) == (ANN.text, HandleState.LEAVING)
                    assert heard.account == bea.identity.account
                    kept = await ann.handles.answer(ANN, give=False)
                    assert kept is not None
                    assert (await asyncio.wait_for(_change(news), 10)).state is HandleState.STAYED
                with pytest.raises(RefusedError) as refused:
                    await bea.handles.add(ANN, code=await code(place, bea, ANN), move=True)
                assert refused.value.cause is Cause.ACCOUNT_HANDLE_LOCKED
            async with Client.open(home) as ann:
                with ann.hearing() as news:
                    await ann.handles.told()
                    assert not [each for each in news._news if isinstance(each, HandleChanged)]

    asyncio.run(run())


async def _change(news: object) -> HandleChanged:
    while not isinstance(heard := await news.get(), HandleChanged):  # type: ignore[attr-defined]  # a Hearing
        pass
    return heard


def test_without_a_connection_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answerback.device.own_handles.CONNECT_S_MAX", 0.1)
    with offline(tmp_path) as client, pytest.raises(Unreachable):
        asyncio.run(client.handles.told())


def test_numbers_are_read_as_dialled_from_where_the_person_is(tmp_path: Path) -> None:
    with offline(tmp_path) as client:
        with pytest.raises(UsageError, match="which country"):
            client.handles.typed("030 1234567")
        assert keep_region(client.journal, "de") == kept_region(client.journal) == "DE"
        assert client.handles.typed("030 1234567").text == "+49301234567"
        assert client.handles.typed("+44 20 7946 0958").text == "+442079460958"
        with pytest.raises(UsageError, match="not a region"):
            keep_region(client.journal, "Germany")
        keep_region(client.journal, "")
        assert kept_region(client.journal) == ""
