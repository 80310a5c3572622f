"""What the SDK says of a contact's key, and that comparing it marks it."""

import asyncio
from pathlib import Path

import pytest

from answerback.core.facts import KeepContact, KeepDeviceList
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.crypto.verifying import Verdict, scan_text
from answerback.device.client import Client
from answerback.model.errors import RefusedError, UsageError
from answerback.model.trust import How
from tests.device.test_client import offline

BEA = "bea@example.org"


def befriend(me: Client, root: RootKey) -> None:
    """What a look-up would have left on the disk."""
    device = DeviceKeys.generate().device(1)
    signed = first_device_list(root, device, now_ms=1)
    me.journal.commit([KeepContact(BEA, root.account_id), KeepDeviceList(root.account_id, 1, signed)])
    me.agent.engine = me.agent._restored()


def test_a_contact_is_compared_and_marked_and_the_mark_taken_away(tmp_path: Path) -> None:
    bea = RootKey.generate()
    with offline(tmp_path) as me:
        befriend(me, bea)
        mine = me.agent.engine.machines.roster.root_key(me.identity.account)
        assert mine is not None
        contact = me.trust.known(BEA)
        assert contact.verified is None
        assert len(contact.safety_number.split()) == 12
        eve = scan_text(mine=b"e" * 32, theirs=mine)
        assert me.trust.scan(contact, eve) is Verdict.THEIRS_DIFFERS
        assert me.trust.known(BEA).verified is None
        assert me.trust.scan(contact, scan_text(mine=bea.public_key, theirs=mine)) is Verdict.SAME
        mark = me.trust.known(BEA).verified
        assert mark is not None
        assert mark.how is How.SCAN
        assert me.journal.verified() == (mark,)
        me.trust.forget(contact)
        assert me.trust.known(BEA).verified is None
        assert not me.trust.agree(BEA)


def test_somebody_unknown_and_oneself_are_no_contacts(tmp_path: Path) -> None:
    with offline(tmp_path) as me, pytest.raises(UsageError, match="not here yet"):
        me.trust.known(BEA)


def test_without_a_connection_what_is_known_is_told(tmp_path: Path) -> None:
    asyncio.run(_asked_offline(tmp_path))


async def _asked_offline(tmp_path: Path) -> None:
    with offline(tmp_path) as me:
        with pytest.raises(UsageError, match="your own handle"):
            await me.trust.contact("ada@example.org")
        with pytest.raises(RefusedError):
            await me.trust.contact(BEA, timeout_s=0.05)
        befriend(me, RootKey.generate())
        assert (await me.trust.contact(BEA, timeout_s=0.05)).handle == BEA
