"""Proves that a link leads to its relay, opens it as often as promised, and is a secret nowhere kept."""

from pathlib import Path

import pytest

from answerback.model.errors import UsageError
from answerback.model.invitation import parse_invitation
from answerback.relay.accounts import token_hash
from answerback.relay.certificate import CERTIFICATE_FILE, pin_of
from answerback.relay.invitations import make_invitation
from answerback.relay.serve import RelaySettings, Tls
from answerback.storage.account_store import AccountStore
from answerback.storage.database import open_database


def test_a_link_made_before_the_first_start_has_the_pin_of_that_start(tmp_path: Path) -> None:
    settings = RelaySettings(folder=tmp_path / "relay", host="relay.example", port=7000)
    link = make_invitation(settings, uses=2, lifetime_s=60)
    assert parse_invitation(str(link)) == link
    assert (link.host, link.port) == ("relay.example", 7000)
    assert link.pin == pin_of((settings.folder / CERTIFICATE_FILE).read_bytes())


def test_a_link_is_good_for_its_uses_and_kept_as_a_hash_only(tmp_path: Path) -> None:
    link = make_invitation(RelaySettings(folder=tmp_path, host="relay.example"), uses=2, lifetime_s=60)
    database = open_database(tmp_path / "relay.db", schema="relay")
    store = AccountStore(database)
    assert [store.use_invitation(token_hash(link.token), now_ms=0) for _ in range(3)] == [True, True, False]
    database.close()
    assert link.token.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("relay.db*"))


def test_where_devices_reach_it_goes_before_where_it_listens(tmp_path: Path) -> None:
    settings = RelaySettings(folder=tmp_path, tls=Tls.NONE, public_url="https://Chat.Example")
    link = make_invitation(settings)
    assert (link.host, link.port, link.pin) == ("chat.example", 443, b"")


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "relay.example", "port": 0},
        {"host": "127.0.0.1", "tls": Tls.NONE},
    ],
)
def test_a_link_that_would_lead_nowhere_is_not_made(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="public URL"):
        make_invitation(RelaySettings(folder=tmp_path, **settings))  # type: ignore[arg-type]  # as parametrized


def test_uses_and_lifetime_are_bounded(tmp_path: Path) -> None:
    settings = RelaySettings(folder=tmp_path, host="relay.example")
    for uses, lifetime_s in ((0, 60), (10**6, 60), (1, 0), (1, 10**9)):
        with pytest.raises(UsageError):
            make_invitation(settings, uses=uses, lifetime_s=lifetime_s)
