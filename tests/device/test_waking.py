"""Proves that where a device is woken is kept over restarts, and that nonsense is no place."""

import base64
from pathlib import Path

import pytest

from answerback.device.waking import PUSH_SETTING, keep_push, kept_push, subscription
from answerback.model.errors import UsageError
from answerback.storage.journal import Journal
from answerback.wire.frames import Subscribe

KEY, AUTH = b"\x04" + b"k" * 64, b"a" * 16


def text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_a_place_is_kept_and_so_is_that_there_is_none(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, key=b"k" * 32)
    try:
        assert kept_push(journal) is None
        place = subscription("https://push.example/a", key=text(KEY), auth=text(AUTH))
        assert place == Subscribe("https://push.example/a", KEY, AUTH)
        for push in (place, Subscribe("")):
            keep_push(journal, push)
            assert kept_push(journal) == push
        journal.keep_setting(PUSH_SETTING, "nonsense")
        assert kept_push(journal) is None
    finally:
        journal.close()


@pytest.mark.parametrize(
    ("endpoint", "key", "auth"),
    [
        ("http://push.example/a", "", ""),
        ("https://push.example/a", text(KEY), ""),
        ("https://push.example/a", "not base64!", text(AUTH)),
        ("https://push.example/a", text(KEY[1:]), text(AUTH)),
    ],
)
def test_what_no_push_service_gives_is_refused(endpoint: str, key: str, auth: str) -> None:
    with pytest.raises(UsageError, match="no push subscription"):
        subscription(endpoint, key=key, auth=auth)
