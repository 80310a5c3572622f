"""Proves that what was prepared is taken up again with the same keys, for the same account and role only."""

from dataclasses import replace
from pathlib import Path

from answerback.device.home import make_journal
from answerback.device.preparing import prepared
from answerback.device.registering import Relay
from answerback.model.handle import parse_handle
from answerback.model.ids import AccountId
from answerback.storage.vault import KeySource

RELAY = Relay("https://relay.example", b"p" * 32)
ELSEWHERE = Relay("https://other.example", b"q" * 32)
ANN, BEA = AccountId(b"a" * 16), AccountId(b"b" * 16)
HANDLE = parse_handle("ann@example.org")


def test_a_second_try_has_the_keys_of_the_first_and_what_was_said_last(tmp_path: Path) -> None:
    journal = make_journal(tmp_path / "ann", source=KeySource.FILE)
    first, keys = prepared(journal, RELAY, account=ANN, handle=HANDLE, root_seed=None, device_name="phone")
    assert (first.account, first.registered_ms, first.device) == (ANN, 0, keys.device_id)
    assert journal.identity() == first
    again, same = prepared(journal, ELSEWHERE, account=ANN, handle=HANDLE, root_seed=None, device_name="laptop")
    assert same.device_id == keys.device_id
    assert again == replace(first, device_name="laptop", relay_url=ELSEWHERE.url, relay_pin=ELSEWHERE.pin)
    assert journal.identity() == again
    journal.close()


def test_another_account_and_a_device_that_holds_the_root_key_begin_with_keys_of_their_own(tmp_path: Path) -> None:
    journal = make_journal(tmp_path / "ann", source=KeySource.FILE)
    found = {
        prepared(journal, RELAY, account=account, handle=HANDLE, root_seed=seed, device_name="phone")[1].device_id
        for account, seed in ((ANN, None), (BEA, None), (BEA, b"s" * 32), (ANN, None))
    }
    assert len(found) == 4
    journal.close()
