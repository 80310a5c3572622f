"""What the SDK refuses at once, and to whom a reply goes."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.core.effects import KeepDeviceKeys, KeepDeviceList
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.device.client import Client
from answerback.model.errors import UsageError
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, ConversationId, DeviceId, MessageId
from answerback.model.message import RECIPIENTS_MAX, TEXT_BYTES_MAX, Message, Urgency
from answerback.model.stamp import Stamp
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal

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
