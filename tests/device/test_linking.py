"""Proves linking over a real relay: both devices have the mail, and whatever breaks off can be done again."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from answerback.core.effects import Arrived
from answerback.crypto.linking import make_link_code
from answerback.device import linking
from answerback.device.client import Client
from answerback.device.linking import GRANT, OFFER, REQUEST, Linking, LinkText, join, parse_link_text
from answerback.device.registering import Relay
from answerback.model.causes import Cause
from answerback.model.devices import Device
from answerback.model.errors import RefusedError, TrustError, UsageError
from answerback.model.timeline import Stage
from answerback.storage.identity import Identity
from answerback.storage.vault import KeySource
from answerback.transport.failures import Deferred, Unreachable
from answerback.transport.relay_http import RelayHttp
from tests.device.relays import middleman, now_ms, town


async def joined(folder: Path, text: LinkText) -> Identity:
    """What the new device does."""
    return await join(folder, text.relay, text.code, device_name="laptop", source=KeySource.FILE, now_ms=now_ms())


async def link(
    client: Client, folder: Path, *, confirm: Callable[[str, Device], bool] = lambda name, device: True
) -> tuple[Any, Any]:
    """Link a device; what came of it on the old one and on the new one."""
    shown: asyncio.Future[LinkText] = asyncio.get_running_loop().create_future()
    old = asyncio.create_task(client.link(show=lambda begun: shown.set_result(begun.text), confirm=confirm))
    new = asyncio.create_task(joined(folder, parse_link_text(str(await shown))))
    async with asyncio.timeout(60):
        told = await asyncio.gather(old, new, return_exceptions=True)
    return told[0], told[1]


async def online(client: Client) -> None:
    async with asyncio.timeout(30):
        with client.hearing() as news:
            while not client.status().connected:
                await news.get()


async def arrived(client: Client, *texts: str) -> None:
    """Wait until a device has these."""
    async with asyncio.timeout(60):
        with client.hearing() as news:
            while not set(texts) <= {kept.message.text for kept in client.messages()}:
                while not isinstance(await news.get(), Arrived):
                    pass


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait for a box to be filled."""
    real = RelayHttp.get_box

    async def look(http: RelayHttp, box: bytes, *, slot: int) -> bytes | None:
        return await real(http, box, slot=slot, wait_s=0)

    monkeypatch.setattr(RelayHttp, "get_box", look)
    monkeypatch.setattr(linking, "WAITS_MAX", 1)


def test_two_linked_devices_have_each_others_mail_and_everybody_elses(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("bea")) as bea,
            Client.open(await place.person("ann")) as phone,
        ):
            await online(phone)
            asked: list[str] = []

            def yes(name: str, _: Device) -> bool:
                asked.append(name)
                return True

            device, identity = await link(phone, tmp_path / "laptop", confirm=yes)
            assert asked == ["laptop"]
            assert device.id == identity.device
            assert identity.account == phone.identity.account
            assert identity.root_seed == phone.identity.root_seed
            assert [known.id for known in phone.devices()] == [phone.identity.device, identity.device]
            async with Client.open(tmp_path / "laptop") as laptop:
                told = await (await bea.send("ann@example.org", text="to both")).delivered(timeout_s=60)
                theirs = {copy.device for copy in told.copies if copy.account == identity.account}
                assert theirs == {phone.identity.device, identity.device}
                await (await phone.send("bea@example.org", text="from the phone")).delivered(timeout_s=60)
                await (await laptop.send("bea@example.org", text="from the laptop")).delivered(timeout_s=60)
                everything = ("to both", "from the phone", "from the laptop")
                for each in (phone, laptop, bea):
                    await arrived(each, *everything)

    asyncio.run(run())


def test_a_code_that_is_not_the_one_shown_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient(monkeypatch)

    async def run() -> None:
        async with town(tmp_path) as place:
            with pytest.raises(RefusedError) as refused:
                await joined(tmp_path / "laptop", LinkText(place.relay, make_link_code().text))
            assert refused.value.cause is Cause.ACCOUNT_CODE_EXPIRED
            with pytest.raises(UsageError):
                await joined(tmp_path / "laptop", LinkText(place.relay, "7K3M"))
            forged = make_link_code()
            async with RelayHttp(place.relay.url, pin=place.relay.pin or b"") as http:
                await http.put_box(forged.box_id, slot=OFFER, content=bytes(64))
            with pytest.raises(TrustError, match="knows the code"):
                await joined(tmp_path / "laptop", LinkText(place.relay, forged.text))

    asyncio.run(run())


def test_where_a_relay_has_no_place_to_wait_in_it_is_asked_again_until_the_code_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    async def look(http: RelayHttp, box: bytes, *, slot: int) -> bytes | None:
        nonlocal looks
        looks += 1
        if looks > 4:
            return await real(http, box, slot=slot)
        raise Deferred(Cause.RELAY_BUSY, retry_after_ms=200 if looks < 4 else 0)

    real = RelayHttp.get_box
    monkeypatch.setattr(RelayHttp, "get_box", look)
    monkeypatch.setattr(linking, "AGAIN_S_MIN", 0.01)

    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            await online(phone)
            device, identity = await link(phone, tmp_path / "laptop")
            assert device.id == identity.device
            monkeypatch.setattr(linking, "BOX_WAIT_S_MAX", 0.01)
            with pytest.raises(RefusedError) as refused:
                await joined(tmp_path / "tablet", LinkText(place.relay, make_link_code().text))
            assert refused.value.cause is Cause.ACCOUNT_CODE_EXPIRED

    asyncio.run(run())


def test_a_relay_with_another_certificate_is_found_out_before_anything_is_asked(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            middleman(tmp_path / "eve", place.relay) as eve,
            Client.open(await place.person("ann")) as phone,
        ):
            begun = Linking.begin(phone.identity)
            meeting = asyncio.create_task(begun.meet())
            with pytest.raises(Unreachable) as failed:  # the QR code has the pin
                await joined(tmp_path / "laptop", replace(begun.text, relay=Relay(eve.url, place.relay.pin)))
            assert failed.value.cause is Cause.TLS_UNTRUSTED
            with pytest.raises(TrustError, match="certificate differs"):  # whoever typed the code saw eve's
                await joined(tmp_path / "laptop", replace(begun.text, relay=eve))
            async with RelayHttp(place.relay.url, pin=place.relay.pin or b"") as http:
                assert await http.get_box(begun.code.box_id, slot=REQUEST, wait_s=0) is None
            meeting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await meeting
            _, identity = await link(phone, tmp_path / "laptop")
            assert identity.account == phone.identity.account

    asyncio.run(run())


def test_a_no_is_heard_at_once_and_changes_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            await online(phone)
            for refusal in await link(phone, tmp_path / "laptop", confirm=lambda name, device: False):
                assert isinstance(refusal, RefusedError)
            assert [device.id for device in phone.devices()] == [phone.identity.device]
            with pytest.raises(UsageError, match="not registered"):
                async with Client.open(tmp_path / "laptop"):
                    pass
            device, identity = await link(phone, tmp_path / "laptop")
            assert device.id == identity.device

    asyncio.run(run())


async def break_off(client: Client, folder: Path, *, kill_new: bool) -> None:
    """Link until the new device has asked, and then lose one side."""
    loop = asyncio.get_running_loop()
    shown: asyncio.Future[LinkText] = loop.create_future()
    asked, go_on = asyncio.Event(), asyncio.Event()

    def confirm(name: str, device: Device) -> bool:
        loop.call_soon_threadsafe(asked.set)
        return asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(60)

    old = asyncio.create_task(client.link(show=lambda begun: shown.set_result(begun.text), confirm=confirm))
    new = asyncio.create_task(joined(folder, await shown))
    await asked.wait()
    lost, other = (new, old) if kill_new else (old, new)
    lost.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await lost
    go_on.set()
    if kill_new:
        await other  # it has granted, and nobody came for it
        return
    other.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await other


@pytest.mark.parametrize("kill_new", [True, False])
def test_a_linking_that_broke_off_after_the_request_is_simply_done_again(tmp_path: Path, *, kill_new: bool) -> None:
    async def run() -> None:
        async with (
            town(tmp_path) as place,
            Client.open(await place.person("bea")) as bea,
            Client.open(await place.person("ann")) as phone,
        ):
            await online(phone)
            await break_off(phone, tmp_path / "laptop", kill_new=kill_new)
            assert len(phone.devices()) == 1 + kill_new
            with pytest.raises(UsageError, match="not registered"):
                async with Client.open(tmp_path / "laptop"):
                    pass
            _, identity = await link(phone, tmp_path / "laptop")
            # A device that nobody is behind would hold every message's stage back for ever.
            assert [device.id for device in phone.devices()] == [phone.identity.device, identity.device]
            async with Client.open(tmp_path / "laptop") as laptop:
                told = await (await bea.send("ann@example.org", text="hi")).delivered(timeout_s=60)
                assert told.stage is Stage.DELIVERED
                await arrived(laptop, "hi")

    asyncio.run(run())


def test_a_grant_for_somebody_else_is_not_taken(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place, Client.open(await place.person("ann")) as phone:
            begun = Linking.begin(phone.identity)
            new = asyncio.create_task(joined(tmp_path / "laptop", begun.text))
            request = await begun.meet()
            current = phone.agent.engine.machines.roster.list_of(phone.identity.account)
            assert current is not None

            async def keep_silent(_: object) -> None:
                pass

            assert request.device.id != phone.identity.device
            other = linking.Request(phone.devices()[0], "another")
            await begun.grant(other, current, announce=keep_silent, now_ms=now_ms())
            with pytest.raises(TrustError, match="does not make this device"):
                await asyncio.wait_for(new, 30)

    asyncio.run(run())


def test_only_a_device_with_the_root_key_links_others(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            identity = await place.register("ann")
            with pytest.raises(UsageError, match="root key"):
                Linking.begin(replace(identity, root_seed=None))

    asyncio.run(run())


def test_a_device_that_is_registered_is_not_linked_over(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            await place.register("ann")
            with pytest.raises(UsageError, match="registered already"):
                await joined(tmp_path / "ann", LinkText(place.relay, make_link_code().text))

    asyncio.run(run())


def test_a_link_text_is_read_as_it_was_written() -> None:
    code = make_link_code().text
    for relay in (Relay("https://relay.example:7443", b"p" * 32), Relay("https://relay.example", None)):
        assert parse_link_text(f" {LinkText(relay, code)}\n") == LinkText(relay, code)
    for nonsense in ("", code, "https://link?relay=a&code=b", "answerback://link?relay=a", "answerback://[link"):
        with pytest.raises(UsageError):
            parse_link_text(nonsense)
    with pytest.raises(UsageError):
        parse_link_text(f"answerback://link?relay=a&code={code}&pin=zz")


def test_the_slots_are_what_the_protocol_says() -> None:
    assert (OFFER, REQUEST, GRANT) == (0, 1, 2)
    assert "seed" not in repr(linking.Grant(None, b"seed"))  # type: ignore[arg-type]
