"""What the SDK refuses at once, to whom a reply goes, what it hears, and that it lets go of what it opened."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.core.effects import Tell, Warned
from answerback.core.facts import KeepDeviceKeys, KeepDeviceList
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.device import hearing
from answerback.device.client import Client
from answerback.device.home import make_journal, open_journal
from answerback.device.waking import kept_push, subscription
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.errors import StorageError, UsageError
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId
from answerback.model.message import RECIPIENTS_MAX, TEXT_BYTES_MAX, Message, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage
from answerback.relay.limits import Rate, RelayLimits
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.staging import Staging
from answerback.storage.vault import KeySource
from tests.device.lines import Place, jumping
from tests.device.relays import town

ADA, BEA, CAI = (AccountId(bytes([number]) * 16) for number in (1, 2, 3))


@contextlib.contextmanager
def offline(folder: Path) -> Iterator[Client]:
    """A registered device that is never started: it looks for no network."""
    root, keys, pickle_key = RootKey.generate(), DeviceKeys.generate(), bytes(32)
    first_list = first_device_list(root, keys.device(1), now_ms=1)
    journal = Journal.open(folder, key=None)
    journal.keep_identity(
        Identity(
            account=root.account_id,
            device=keys.device_id,
            device_name="phone",
            handle=Handle("ada@example.org"),
            relay_url="https://localhost:1",
            relay_pin=None,
            root_seed=root.seed,
            pickle_key=pickle_key,
            registered_ms=1,
        )
    )
    journal.commit([KeepDeviceKeys(keys.pickle(pickle_key)), KeepDeviceList(root.account_id, 1, first_list)])
    try:
        yield Client(folder, journal)
    finally:
        journal.close()


def written(*, author: AccountId, recipients: frozenset[AccountId]) -> Message:
    return Message(
        id=MessageId(bytes(16)),
        conversation=ConversationId(bytes(16)),
        author=author,
        author_device=DeviceId(bytes(16)),
        recipients=recipients,
        text="hello",
        attachment=None,
        urgency=Urgency.NORMAL,
        stamp=Stamp(1, 0),
        written_after=frozenset(),
        expires_ms=1,
    )


def test_a_message_that_no_relay_could_carry_is_refused_at_once(tmp_path: Path) -> None:
    crowd = [f"person{number}@example.org" for number in range(RECIPIENTS_MAX + 1)]
    with offline(tmp_path) as me:
        for recipients, text in (
            ([], "hi"),
            (["bea@example.org"], ""),
            (["bea@example.org"], "x" * (TEXT_BYTES_MAX + 1)),
            (crowd, "hi"),
        ):
            with pytest.raises(UsageError):
                asyncio.run(me.send(*recipients, text=text))
        asyncio.run(me.send(*crowd[:-1], text="hi"))
        assert len(me.journal.load().drafts) == 1


def test_a_reply_goes_to_everybody_else_in_the_conversation(tmp_path: Path) -> None:
    with offline(tmp_path) as me:
        own = me.identity.account
        asyncio.run(me.reply(written(author=BEA, recipients=frozenset({own, CAI})), text="yes"))
        asyncio.run(me.reply(written(author=own, recipients=frozenset({BEA})), text="one more thing"))
        assert [letter.recipients for letter in me.journal.load().outgoing] == [(BEA, CAI), (BEA,)]


def test_a_listener_that_is_far_behind_keeps_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "NEWS_MAX", 2)

    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _):
            with ann.hearing() as slow, ann.hearing() as other:
                for cause in (Cause.CLOCK_SKEWED, Cause.RELAY_BUSY, Cause.RELAY_FAULTY):
                    ann.agent.carry_out([Tell(Warned(cause))])
                heard = [await slow.get(), await slow.get()]
                assert heard == [Warned(Cause.RELAY_BUSY), Warned(Cause.RELAY_FAULTY)]
                assert await other.get() == heard[0]
            ann.agent.carry_out([Tell(Warned(Cause.CLOCK_SKEWED))])
            with pytest.raises(TimeoutError):  # who left hears no more
                await asyncio.wait_for(slow.get(), 1.0)

    jumping(run())


def test_who_waits_too_short_a_time_still_has_the_promise(tmp_path: Path) -> None:
    async def run() -> None:
        place = Place(tmp_path)
        async with place.living("ann") as (ann, _):
            bea = place.client("bea", place.disk("bea"))
            sent = await ann.send("bea@example.org", text="hi")
            with pytest.raises(TimeoutError):
                await sent.delivered(timeout_s=5.0)
            async with bea:
                assert (await sent.delivered(timeout_s=600)).stage is Stage.DELIVERED

    jumping(run())


def test_a_folder_that_could_not_be_opened_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def opened() -> None:
        async with Client.open(tmp_path):
            raise AssertionError("it cannot be opened")

    make_journal(tmp_path, source=KeySource.FILE).close()
    with pytest.raises(UsageError, match="not registered") as held:
        asyncio.run(opened())
    assert held.value.__traceback__ is not None  # and with it all that a failure holds on to
    journal = open_journal(tmp_path)
    root, keys = RootKey.generate(), DeviceKeys.generate()
    with offline(tmp_path / "other") as other:
        journal.keep_identity(other.identity)
    journal.commit([KeepDeviceKeys(keys.pickle(bytes(32))), KeepDeviceList(root.account_id, 1, other_list(root, keys))])
    journal.close()

    def refuse(_: Staging) -> None:
        raise StorageError("this disk was told to refuse")

    monkeypatch.setattr(Staging, "tidy", refuse)
    with pytest.raises(StorageError, match="told to refuse") as held_too:
        asyncio.run(opened())
    assert held_too.value.__traceback__ is not None
    open_journal(tmp_path).close()


def other_list(root: RootKey, keys: DeviceKeys) -> Signed:
    return first_device_list(root, keys.device(1), now_ms=1)


def test_a_file_arrives_whole_also_when_its_reader_was_away(tmp_path: Path) -> None:
    content = secrets.token_bytes(300_000)
    (tmp_path / "picture.jpg").write_bytes(content)

    async def run() -> None:
        async with town(tmp_path) as place:
            homes = await place.person("ann"), await place.person("bea")
            async with Client.open(homes[1]), Client.open(homes[0]) as ann:  # their keys reach the relay
                await (await ann.send("bea@example.org", text="hello")).delivered(timeout_s=60)
            async with Client.open(homes[0]) as ann:
                sent = await ann.send("bea@example.org", file=tmp_path / "picture.jpg")
                await sent.reached(Stage.ACCEPTED, timeout_s=60)
                async with Client.open(homes[1]) as bea:
                    told = await sent.delivered(timeout_s=60)
                    assert told.stage is Stage.DELIVERED
                    message = bea.messages()[0].message
                    assert message.attachment is not None
                    path = bea.journal.setting(f"file.{message.attachment.blob.hex()}")
                    assert path is not None
                    assert await asyncio.to_thread(Path(path).read_bytes) == content

    asyncio.run(run())


def test_a_relay_that_takes_its_time_over_questions_is_waited_for_on_the_same_connection(tmp_path: Path) -> None:
    slow = RelayLimits(handles=Rate(burst=1, per_s=0.5))

    async def run() -> None:
        async with town(tmp_path, limits=slow) as place:
            homes = await place.person("ann"), await place.person("bea")
            async with Client.open(homes[1]), Client.open(homes[0]) as ann:
                for name in ("cem", "dov", "eli", "fay"):
                    await ann.send(f"{name}@example.org", text="is that you?")
                sent = await ann.send("bea@example.org", text="hello")
                await sent.delivered(timeout_s=60)
                # On loopback a new connection may be quicker than the word that ends a doubt: once for each question.
                assert ann.agent.engine.machines.life <= 1 + 2

    asyncio.run(run())


def test_a_file_that_is_none_is_refused_at_once(tmp_path: Path) -> None:
    with offline(tmp_path / "home") as me:
        for nothing in (tmp_path / "missing", tmp_path):
            with pytest.raises(UsageError):
                asyncio.run(me.send("bea@example.org", file=nothing))
        assert me.journal.load().drafts == ()


def test_where_a_device_is_woken_is_said_and_kept_and_a_push_or_a_wish_for_a_file_is_heard(tmp_path: Path) -> None:
    place_to_wake = subscription("https://push.example/a")

    async def story() -> None:
        place = Place(tmp_path)
        disk = place.disk("ann")
        async with place.client("ann", disk) as client:
            await place.diary.until(lambda: client.status().connected)
            client.wake_at(place_to_wake)
            await place.diary.until(lambda: place_to_wake in place.line("ann").sent)
            assert kept_push(disk) == place_to_wake
            client.woken()
            client.fetch(MessageId(b"m" * 16))
            assert client.status().connected

    jumping(story())
