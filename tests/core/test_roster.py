"""Proves that only checked lists and keys are used, and that a newer list is known to exist before it is here."""

import pytest

from answerback.core.facts import KeepDeviceList, KeepDeviceName, KeepSealKey
from answerback.core.roster import Roster
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list, next_device_list
from answerback.crypto.prekeys import check_seal_key, make_seal_key
from answerback.model.devices import Signed
from answerback.model.errors import TrustError
from tests.core.specimens import ANN, PHONE

ROOT, OTHER_ROOT = RootKey.generate(), RootKey.generate()
FIRST, SECOND = DeviceKeys.generate(), DeviceKeys.generate()
LIST_1 = first_device_list(ROOT, FIRST.device(0), now_ms=0)
LIST_2 = next_device_list(ROOT, LIST_1, [FIRST.device(0), SECOND.device(0)], 0)
LIST_3 = next_device_list(ROOT, LIST_2, [SECOND.device(0)], 0)
ACCOUNT = ROOT.account_id


def test_a_list_is_learned_with_what_it_adds_and_takes() -> None:
    roster = Roster()
    learned = roster.learn(ACCOUNT, [LIST_1, LIST_2], [])
    assert learned.facts == (KeepDeviceList(ACCOUNT, 2, LIST_2),)
    assert set(learned.added) == {FIRST.device_id, SECOND.device_id}
    assert roster.learn(ACCOUNT, [LIST_3], []).gone == (FIRST.device_id,)
    assert roster.device(FIRST.device_id) is None
    assert roster.account_of(FIRST.device_id) is None
    assert roster.account_of(SECOND.device_id) == ACCOUNT
    assert (roster.version(ACCOUNT), roster.list_of(ACCOUNT)) == (3, LIST_3)
    assert roster.root_key(ACCOUNT) == ROOT.public_key


def test_a_device_that_was_removed_before_we_asked_is_known_as_one_that_was() -> None:
    roster = Roster()
    learned = roster.learn(ACCOUNT, [LIST_1, LIST_2, LIST_3], [])
    assert (learned.added, learned.gone) == ((SECOND.device_id,), (FIRST.device_id,))
    assert roster.former == {FIRST.device_id: ACCOUNT}, "else its last letters are called forged"


def test_of_an_unknown_account_nothing_is_known() -> None:
    roster = Roster()
    assert (roster.version(ACCOUNT), roster.list_of(ACCOUNT), roster.root_key(ACCOUNT)) == (0, None, None)
    assert roster.devices(ACCOUNT) == ()
    roster.heard(ACCOUNT, 7)
    assert not roster.stale(ACCOUNT)
    learned = roster.learn(ACCOUNT, [], [make_seal_key(FIRST, now_ms=1)[1]])
    assert (learned.facts, learned.added, learned.gone, learned.trouble) == ((), (), (), None)


def test_a_device_that_two_accounts_claim_stops_neither_list() -> None:
    """No honest relay takes such a list; one that lies gets nothing by it but mail that does not open."""
    roster = Roster()
    roster.learn(ACCOUNT, [LIST_1], [])
    claimed = first_device_list(OTHER_ROOT, FIRST.device(0), now_ms=0)
    without = next_device_list(OTHER_ROOT, claimed, [], 0)
    roster.learn(OTHER_ROOT.account_id, [claimed], [])
    roster.learn(OTHER_ROOT.account_id, [without], [])
    assert roster.learn(ACCOUNT, [LIST_2, LIST_3], []).gone == (FIRST.device_id,)
    assert roster.account_of(SECOND.device_id) == ACCOUNT


def test_what_fails_a_check_is_never_used() -> None:
    roster = Roster()
    forged = first_device_list(OTHER_ROOT, FIRST.device(0), now_ms=0)
    for lists in ([forged], [LIST_2], [LIST_1, LIST_3], [Signed(LIST_1.body, b"x" * 64)]):
        learned = roster.learn(ACCOUNT, lists, [])
        assert learned.trouble is not None
        assert learned.facts == ()
    assert not roster.knows(ACCOUNT)


def test_nobody_is_absent_until_the_relay_has_said_so() -> None:
    roster = Roster()
    assert not roster.absent(ACCOUNT)
    roster.learn(ACCOUNT, [], [])
    assert roster.absent(ACCOUNT)
    roster.learn(ACCOUNT, [LIST_1], [])
    assert not roster.absent(ACCOUNT)


def test_a_list_is_stale_when_a_newer_one_was_mentioned_and_until_the_relay_has_been_asked() -> None:
    roster = Roster()
    roster.learn(ACCOUNT, [LIST_1], [])
    roster.heard(ACCOUNT, 1)
    assert not roster.stale(ACCOUNT)
    roster.heard(ACCOUNT, 2)
    assert roster.stale(ACCOUNT)
    roster.learn(ACCOUNT, [LIST_2], [])
    assert not roster.stale(ACCOUNT)
    for answer in ([], [Signed(LIST_3.body, b"x" * 64)]):
        roster.heard(ACCOUNT, 99)
        roster.learn(ACCOUNT, answer, [])
        assert not roster.stale(ACCOUNT), "nobody is believed a second time"


def test_a_seal_key_is_used_if_its_own_device_signed_it() -> None:
    roster = Roster()
    _, mine = make_seal_key(FIRST, now_ms=1)
    _, foreign = make_seal_key(DeviceKeys.generate(), now_ms=1)
    learned = roster.learn(ACCOUNT, [LIST_1], [foreign, mine])
    assert KeepSealKey(FIRST.device_id, mine) in learned.facts
    assert learned.trouble is not None
    assert roster.seal_key(FIRST.device_id) is not None
    assert roster.learn(ACCOUNT, [], [mine]).trouble is None


def test_the_seal_key_of_a_removed_device_is_not_used_and_accuses_no_relay_that_lost_the_list() -> None:
    roster = Roster()
    roster.learn(ACCOUNT, [LIST_1, LIST_2, LIST_3], [])
    _, removed = make_seal_key(FIRST, now_ms=1)
    _, current = make_seal_key(SECOND, now_ms=1)
    learned = roster.learn(ACCOUNT, [], [removed, current])
    assert learned.facts == (KeepSealKey(SECOND.device_id, current),)
    assert learned.trouble is None
    assert roster.seal_key(FIRST.device_id) is None
    _, stranger = make_seal_key(DeviceKeys.generate(), now_ms=1)
    assert roster.learn(ACCOUNT, [], [removed, stranger]).trouble is not None


def test_a_name_is_kept_when_it_is_new() -> None:
    roster = Roster()
    assert roster.name(PHONE) == f"device {PHONE.hex()[:6]}"
    assert roster.named(PHONE, "") is None
    assert roster.named(PHONE, "Ann's phone") == KeepDeviceName(PHONE, "Ann's phone")
    assert roster.named(PHONE, "Ann's phone") is None
    assert roster.name(PHONE) == "Ann's phone"


def test_what_comes_from_disk_is_checked_again() -> None:
    _, mine = make_seal_key(FIRST, now_ms=1)
    roster = Roster()
    roster.restore(
        lists=[KeepDeviceList(ACCOUNT, 1, LIST_1)],
        seal_keys=[KeepSealKey(FIRST.device_id, mine), KeepSealKey(SECOND.device_id, mine)],
        names=[KeepDeviceName(PHONE, "x")],
    )
    assert roster.device(FIRST.device_id) is not None
    assert roster.list_of(ACCOUNT) == LIST_1
    assert roster.seal_key(FIRST.device_id) == check_seal_key(mine, FIRST.device(0))
    assert roster.seal_key(SECOND.device_id) is None
    assert roster.name(PHONE) == "x"
    foreign = KeepSealKey(FIRST.device_id, make_seal_key(SECOND, now_ms=1)[1])
    again = Roster()
    again.restore(lists=[KeepDeviceList(ACCOUNT, 1, LIST_1)], seal_keys=[foreign], names=[])
    assert again.seal_key(FIRST.device_id) is None, "asked for again, and the agent starts"
    with pytest.raises(TrustError):
        Roster().restore(lists=[KeepDeviceList(ANN, 1, LIST_1)], seal_keys=[], names=[])
