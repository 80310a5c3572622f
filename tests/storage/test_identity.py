"""Proves that a device knows who it is, and does not say its secrets."""

from dataclasses import replace
from pathlib import Path

from answerback.storage.journal import Journal
from tests.storage.samples import IDENTITY, KEY


def test_a_device_knows_who_it_is_after_a_restart(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, key=KEY)
    assert journal.identity() is None
    journal.keep_identity(IDENTITY)
    joined = replace(IDENTITY, root_seed=None, relay_pin=b"pin", device_name="Ann's new laptop")
    journal.keep_identity(joined)
    journal.close()
    journal = Journal.open(tmp_path, key=KEY)
    assert journal.identity() == joined
    journal.close()


def test_secrets_and_the_handle_are_not_shown() -> None:
    shown = repr(IDENTITY)
    assert "rrr" not in shown
    assert "ppp" not in shown
    assert "ann@example.org" not in shown
    assert "Ann's laptop" in shown
