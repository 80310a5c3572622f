"""Proves over a real relay that a removed device is out at once, for good, and for everybody; and is told so."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.core.effects import Warned
from answerback.crypto.identity import RootKey, next_device_list, read_device_list
from answerback.device.client import Client
from answerback.device.own_devices import checked_name
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.ids import BlobId
from answerback.transport.failures import TokenStale
from answerback.transport.relay_http import RelayHttp
from tests.device.relays import town
from tests.device.test_linking import arrived, link, online

QUIET_S = 1.5


async def until(is_so: Callable[[], bool], *, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what is on the disk makes no news
            await asyncio.sleep(0.02)


def sessions_with(client: Client, device: bytes) -> int:
    return sum(kept.device == device for kept in client.journal.load().ratchets)


def test_a_removed_device_is_out_at_once_and_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("bea")) as bea,
            Client.open(await place.person("ann")) as phone,
        ):
            await online(phone)
            await link(phone, tmp_path / "tablet")
            await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "tablet") as tablet, Client.open(tmp_path / "laptop") as laptop:
                await (await bea.send("ann@example.org", text="to all three")).delivered(timeout_s=60)
                await (await laptop.send("bea@example.org", text="from the laptop")).delivered(timeout_s=60)
                gone = laptop.identity.device
                token = laptop.agent.engine.machines.token
                assert sessions_with(bea, gone) > 0
                assert sessions_with(phone, gone) > 0
                with laptop.hearing() as heard:
                    await phone.revoke(gone)
                    while not (isinstance(news := await heard.get(), Warned) and news.cause is not None):
                        pass
                assert news.cause is Cause.ACCOUNT_DEVICE_REVOKED
                assert [device.id for device in phone.devices()] == [phone.identity.device, tablet.identity.device]
                # It does not knock again, it says why, and what it had is there.
                tries = laptop.status().attempts
                await asyncio.sleep(QUIET_S)
                status = laptop.status()
                assert (status.connected, status.cause) == (False, Cause.ACCOUNT_DEVICE_REVOKED)
                assert (status.attempts, status.next_attempt_ms) == (tries, None)
                assert {kept.message.text for kept in laptop.messages()} >= {"to all three", "from the laptop"}
                # Its token opens no file any more.
                async with RelayHttp(place.relay.url, pin=place.relay.pin or b"") as http:
                    with pytest.raises(TokenStale):
                        await http.blob_offset(BlobId(b"b" * 16), token=token)
                # Its keys leave every session.
                await until(lambda: sessions_with(phone, gone) == 0)
                told = await (await bea.send("ann@example.org", text="to the two")).delivered(timeout_s=60)
                theirs = {copy.device for copy in told.copies if copy.account == phone.identity.account}
                assert gone not in {copy.device for copy in told.copies if copy.stage.answered}
                assert {phone.identity.device, tablet.identity.device} <= theirs
                await until(lambda: sessions_with(bea, gone) == 0)
                assert bea.agent.engine.machines.roster.seal_key(gone) is None
                await arrived(tablet, "to the two")
                assert "to the two" not in {kept.message.text for kept in laptop.messages()}

    asyncio.run(run())


def test_the_root_key_is_a_new_one_the_others_get_it_and_the_old_one_signs_nothing_any_more(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("ann")) as phone,
        ):
            await online(phone)
            await link(phone, tmp_path / "tablet")
            await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "tablet") as tablet:
                await online(tablet)
                stolen = phone.agent.engine.machines.root
                roster = phone.agent.engine.machines.roster
                account = phone.identity.account
                (gone,) = [
                    device
                    for device in phone.devices()
                    if device.id not in (phone.identity.device, tablet.identity.device)
                ]
                await phone.revoke(gone.id)
                await until(lambda: phone.agent.engine.machines.root != stolen)
                root = phone.agent.engine.machines.root
                assert RootKey.from_seed(root).public_key == roster.root_key(account)
                await until(lambda: tablet.agent.engine.machines.root == root)
                assert tablet.journal.identity().root_seed == root  # type: ignore[union-attr]
                # The thief has the old one, and puts itself back: neither relay nor reader takes it.
                current = roster.list_of(account)
                assert current is not None
                with pytest.raises(UsageError, match="of today"):
                    next_device_list(RootKey.from_seed(stolen), current, [gone], 0)
                # What is left of the account goes on: the tablet links another one with the new key.
                _, identity = await link(tablet, tmp_path / "desk")
                assert identity.root_seed == root
                assert len(read_device_list(account, roster.list_of(account)).devices) >= 2  # type: ignore[arg-type]
                await phone.revoke(gone.id)  # done already is done

    asyncio.run(run())


def test_with_the_root_key_kept_nothing_else_changes(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            await online(phone)
            _, laptop = await link(phone, tmp_path / "laptop")
            before = phone.agent.engine.machines.root
            await phone.revoke(laptop.device, keep_root=True)
            assert phone.agent.engine.machines.root == before
            assert phone.agent.engine.machines.next_root == b""
            assert [device.id for device in phone.devices()] == [phone.identity.device]

    asyncio.run(run())


def test_what_cannot_be_removed_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            bea = await place.register("bea")
            async with Client.open(await place.person("ann")) as phone:
                with pytest.raises(UsageError, match="you use now"):
                    await phone.revoke(phone.identity.device)
                with pytest.raises(UsageError, match="none of your account"):
                    await phone.revoke(bea.device)
                await online(phone)
                _, laptop = await link(phone, tmp_path / "laptop")
                phone.agent.engine.machines.root = b""
                with pytest.raises(UsageError, match="root key"):
                    await phone.revoke(laptop.device)
        async with Client.open(tmp_path / "ann") as phone:  # the relay is not there
            began_s = time.monotonic()
            with pytest.raises(RefusedError) as refused:
                await phone.revoke(laptop.device, timeout_s=0.5)
            assert refused.value.cause.layer in ("network", "relay")
            assert time.monotonic() - began_s < 10
            assert len(phone.devices()) == 2

    asyncio.run(run())


def test_a_name_goes_to_the_other_devices_at_once_and_survives_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            await online(phone)
            await link(phone, tmp_path / "laptop")
            async with Client.open(tmp_path / "laptop") as laptop:
                await online(laptop)
                phone.name("  pocket\tcomputer ")
                named = laptop.agent.engine.machines.roster.name
                await until(lambda: named(phone.identity.device) == "pocket computer")
        async with Client.open(tmp_path / "ann") as phone:
            assert phone.status().device_name == "pocket computer"
            assert phone.agent.engine.machines.own.device_name == "pocket computer"

    asyncio.run(run())


@pytest.mark.parametrize("name", ["", "  ", "a\x1bb", "x" * 65])
def test_a_name_is_printable_and_short(name: str) -> None:
    with pytest.raises(UsageError):
        checked_name(name)
