"""Proves that twenty-four words bring an account back when every device is lost, and only the right ones do."""

import asyncio
from pathlib import Path

import pytest

from answerback.crypto.identity import RootKey, safety_number
from answerback.crypto.phrase import phrase_of
from answerback.device.client import Client
from answerback.device.recovering import phrase, recover
from answerback.device.registering import Relay
from answerback.device.signing_in import give_back_here
from answerback.faces.sentences import CAUSES
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.handle import parse_handle
from answerback.model.registration import Registered
from answerback.storage.identity import Identity
from answerback.storage.vault import KeySource
from answerback.transport.relay_http import RelayHttp
from tests.device.relays import now_ms, town
from tests.device.test_linking import arrived, link, online
from tests.device.test_own_devices import sessions_with, until
from tests.journey.processes import free_port


async def back(folder: Path, relay: Relay, words: str, handle: str = "ann@example.org") -> Identity:
    return await recover(
        folder, relay, words, parse_handle(handle), device_name="new phone", source=KeySource.FILE, now_ms=now_ms()
    )


def test_all_devices_lost_and_the_words_bring_the_account_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("bea")) as bea:
            async with Client.open(await place.person("ann")) as phone:
                await online(phone)
                await link(phone, tmp_path / "laptop")
                await bea.send("ann@example.org", text="before")
                await arrived(phone, "before")
                words, lost = phrase(phone.identity), phone.identity
                number = safety_number(
                    bea.agent.engine.machines.roster.root_key(bea.identity.account) or b"",
                    phone.agent.engine.machines.roster.root_key(lost.account) or b"",
                )
            recovered = await back(tmp_path / "new", place.relay, words)
            assert recovered.account == lost.account
            async with Client.open(tmp_path / "new") as new:
                await online(new)
                assert [device.id for device in new.devices()] == [recovered.device]
                told = await (await bea.send("ann@example.org", text="are you back?")).delivered(timeout_s=60)
                assert {copy.device for copy in told.copies if copy.stage.answered} == {recovered.device}
                await arrived(new, "are you back?")
                await (await new.send("bea@example.org", text="I am")).delivered(timeout_s=60)
                await arrived(bea, "I am")
                await until(lambda: sessions_with(bea, lost.device) == 0)
                roster = bea.agent.engine.machines.roster
                now = safety_number(roster.root_key(bea.identity.account) or b"", roster.root_key(lost.account) or b"")
                assert now == number, "another device, and the same person"
            # What was lost and found again is out.
            async with Client.open(tmp_path / "ann") as phone:
                await until(lambda: phone.status().cause is Cause.ACCOUNT_DEVICE_REVOKED)

    asyncio.run(run())


def test_with_the_words_alone_and_a_relay_that_lost_everything_a_person_is_told_to_begin_anew_and_can(
    tmp_path: Path,
) -> None:
    port = free_port()

    async def run() -> None:
        async with town(tmp_path, port=port) as place:
            ann, bea = await place.register("ann"), await place.person("bea")
            async with Client.open(bea) as friend, Client.open(tmp_path / "ann"):
                await (await friend.send("ann@example.org", text="before")).delivered(timeout_s=60)
        for lost in (tmp_path / "relay").glob("relay.db*"):
            lost.unlink()
        async with town(tmp_path, port=port) as place, Client.open(bea) as friend:
            with pytest.raises(RefusedError) as refused:
                await back(tmp_path / "new", place.relay, phrase(ann))
            assert refused.value.cause is Cause.ACCOUNT_PHRASE_WRONG
            assert "`answerback register`" in CAUSES[refused.value.cause].you_can
            anew = await place.register("new", handle="ann@example.org")
            assert anew.account != ann.account
            await until(lambda: friend.standing().state is Registered.UNKNOWN)
            await give_back_here(friend.agent, code=await place.code(friend.identity.handle))
            await online(friend)
            async with Client.open(tmp_path / "new") as new:
                await (await new.send("bea@example.org", text="this is me now")).delivered(timeout_s=60)
                sent = await friend.send("ann@example.org", text="is it?")
                await until(lambda: friend.agent.engine.machines.trust.change("ann@example.org") is not None)
                assert "is it?" not in {kept.message.text for kept in new.messages()}, "nobody agreed to that"
                assert friend.trust.agree("ann@example.org")
                await sent.delivered(timeout_s=60)

    asyncio.run(run())


def test_wrong_words_and_unknown_handles_sound_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            ann = await place.register("ann")
            wrong = phrase_of(RootKey.generate().seed)
            said = []
            for number, (words, handle) in enumerate(
                [(wrong, "ann@example.org"), (wrong, "nobody@example.org"), (phrase(ann), "nobody@example.org")]
            ):
                with pytest.raises(RefusedError) as refused:
                    await back(tmp_path / f"new{number}", place.relay, words, handle)
                said.append((refused.value.cause, str(refused.value)))
            assert set(said) == {(Cause.ACCOUNT_PHRASE_WRONG, said[0][1])}
            with pytest.raises(UsageError, match="24 words"):
                await back(tmp_path / "new", place.relay, "abandon")
            with pytest.raises(UsageError, match="registered already"):
                await back(tmp_path / "ann", place.relay, phrase(ann))

    asyncio.run(run())


def test_words_of_before_a_removal_are_void_and_said_to_be(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            await online(phone)
            old_words = phrase(phone.identity)
            _, laptop = await link(phone, tmp_path / "laptop")
            await phone.revoke(laptop.device)
            await until(lambda: phone.agent.engine.machines.next_root == b"")
            with pytest.raises(RefusedError) as refused:
                await back(tmp_path / "thief", place.relay, old_words)
            assert refused.value.cause is Cause.ACCOUNT_PHRASE_VOID
            identity = phone.journal.identity()
            assert identity is not None
            recovered = await back(tmp_path / "new", place.relay, phrase(identity))
            assert recovered.account == phone.identity.account

    asyncio.run(run())


def test_a_recovery_whose_answers_were_lost_is_done_again_with_the_same_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RelayHttp.put_list

    async def lost(http: RelayHttp, signed: object) -> int:
        await real(http, signed)  # type: ignore[arg-type]
        raise ConnectionResetError

    async def run() -> None:
        async with town(tmp_path) as place:
            ann = await place.register("ann")
            monkeypatch.setattr(RelayHttp, "put_list", lost)
            with pytest.raises(ConnectionResetError):
                await back(tmp_path / "new", place.relay, phrase(ann))
            monkeypatch.setattr(RelayHttp, "put_list", real)
            recovered = await back(tmp_path / "new", place.relay, phrase(ann))
            async with Client.open(tmp_path / "new") as new:
                await online(new)
                await until(lambda: [device.id for device in new.devices()] == [recovered.device])
                assert new.agent.engine.machines.roster.version(ann.account) == 2, "one list, not two"

    asyncio.run(run())
