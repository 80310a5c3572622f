"""Proves that a copy of a device becomes a new device by itself, and that neither of the two loses anything."""

import asyncio
import shutil
from pathlib import Path

import pytest

from answerback.core.effects import Warned
from answerback.device.client import Client
from answerback.device.renewing import AGAIN_MS, RENEWED_SETTING, may_renew
from answerback.model.causes import Cause
from tests.device.relays import now_ms, town
from tests.device.test_linking import arrived, online
from tests.device.test_own_devices import until


async def renewed(client: Client, was: bytes) -> None:
    await until(lambda: client.identity.device != was and client.status().connected)


def test_a_backup_that_is_put_back_goes_on_as_a_new_device_with_its_history(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("bea")) as bea:
            home = await place.person("ann")
            async with Client.open(home) as phone:
                await (await bea.send("ann@example.org", text="first")).delivered(timeout_s=60)
                was = phone.identity.device
            shutil.copytree(home, tmp_path / "backup")
            async with Client.open(home) as phone:
                await (await bea.send("ann@example.org", text="second")).delivered(timeout_s=60)
            shutil.rmtree(home)
            shutil.copytree(tmp_path / "backup", home)
            async with Client.open(home) as phone:
                with phone.hearing() as heard:
                    await renewed(phone, was)
                assert Warned(Cause.DEVICE_RESTORED) in list(heard._news)
                assert phone.identity.device_name.endswith("(copy)")
                assert {kept.message.text for kept in phone.messages()} == {"first"}
                assert {was, phone.identity.device} == {device.id for device in phone.devices()}
                sent = await bea.send("ann@example.org", text="third")
                await arrived(phone, "third")
                await (await phone.send("bea@example.org", text="back again")).delivered(timeout_s=60)
                await arrived(bea, "back again")
                # The person removes what is gone for good, and nobody waits for it any more.
                await phone.revoke(was)
                await (await phone.send("bea@example.org", text="that one is gone")).delivered(timeout_s=60)
                await sent.delivered(timeout_s=60)
            async with Client.open(home) as phone:  # and it stays that
                await online(phone)
                assert phone.identity.device != was

    asyncio.run(run())


def test_a_clone_and_its_original_at_once_are_two_devices_and_nothing_is_lost_or_shown_twice(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("bea")) as bea:
            home = await place.person("ann")
            async with Client.open(home) as phone:
                was = phone.identity.device
                await online(phone)
            async with Client.open(home) as phone:  # a promise that has not left when the copy is made
                phone.agent.change(lambda engine, now: [])
            shutil.copytree(home, tmp_path / "clone")
            async with Client.open(tmp_path / "clone") as clone, Client.open(home) as phone:
                # Whoever came first is who it was; the other one has become a new device.
                await until(lambda: {clone.identity.device, phone.identity.device} > {was}, within_s=60)
                await online(clone)
                await online(phone)
                for number in range(3):
                    await (await bea.send("ann@example.org", text=f"to both {number}")).delivered(timeout_s=60)
                await (await clone.send("bea@example.org", text="from the clone")).delivered(timeout_s=60)
                await (await phone.send("bea@example.org", text="from the phone")).delivered(timeout_s=60)
                for each in (clone, phone):
                    await arrived(each, "to both 0", "to both 1", "to both 2", "from the clone", "from the phone")
                texts = [kept.message.text for kept in bea.messages() if kept.message.text.startswith("from")]
                assert sorted(texts) == ["from the clone", "from the phone"]

    asyncio.run(run())


def test_what_a_copy_had_promised_is_sealed_anew_and_shown_once(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("bea")) as bea:
            home = await place.person("ann")
            async with Client.open(home) as phone:
                await (await phone.send("bea@example.org", text="hello")).delivered(timeout_s=60)
                was = phone.identity.device
            shutil.copytree(home, tmp_path / "backup")
            async with Client.open(home) as phone:
                await (await phone.send("bea@example.org", text="later")).delivered(timeout_s=60)
            async with Client.open(tmp_path / "backup") as copy:
                # Promised before it can know: it is on the disk of the old device, and the new one keeps the promise.
                sent = await copy.send("bea@example.org", text="promised by the copy")
                await renewed(copy, was)
                await sent.delivered(timeout_s=60)
            await arrived(bea, "promised by the copy")
            assert [kept.message.text for kept in bea.messages()].count("promised by the copy") == 1

    asyncio.run(run())


@pytest.mark.parametrize(("holds_root", "count", "may"), [(True, 3, True), (False, 3, False), (True, 16, False)])
def test_only_who_may_change_the_list_becomes_another_device(
    tmp_path: Path, *, holds_root: bool, count: int, may: bool
) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            now = now_ms()
            assert may_renew(phone.journal, holds_root=holds_root, count=count, now_ms=now) is may
            phone.journal.keep_setting(RENEWED_SETTING, str(now))
            assert not may_renew(phone.journal, holds_root=holds_root, count=count, now_ms=now + AGAIN_MS - 1)
            assert may_renew(phone.journal, holds_root=holds_root, count=count, now_ms=now + AGAIN_MS) is may

    asyncio.run(run())
