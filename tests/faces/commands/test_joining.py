"""Proves how an account is made: a link or an address, a handle, a code that comes another way."""

import contextlib

import click
import pytest

from answerback.faces.commands import joining
from answerback.faces.commands.joining import checked_url, device_name, is_registered
from answerback.model.errors import UsageError
from answerback.storage.database import connect_sealed
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.vault import KeySource, create_key
from tests.faces.village import Person, Village, unreachable_relay


def test_without_somebody_to_type_the_code_the_second_call_brings_it(town: Village) -> None:
    dora = town.newcomer("dora")
    first = dora.run("register", "--relay", town.url, dora.handle, "--key", "file")
    assert first.exit_code == 2
    assert "10 min" in first.stderr
    assert "--code CODE" in first.stderr
    told = dora.told("register", "--relay", town.url, dora.handle, "--key", "file", "--code", town.code_of(dora))
    assert told["handle"] == dora.handle
    assert told["relay"] == town.url


def test_a_wrong_code_is_refused_and_the_right_one_still_good(town: Village) -> None:
    emil = town.newcomer("emil")
    common = ("register", "--relay", town.url, emil.handle, "--key", "file")
    assert emil.run(*common).exit_code == 2
    right = town.code_of(emil)
    wrong = emil.run(*common, "--code", str((int(right) + 1) % 1_000_000).zfill(6))
    assert wrong.exit_code == 4
    assert "That is not the code." in wrong.stderr
    assert emil.run(*common, "--code", right).exit_code == 0


def test_a_second_try_may_have_another_name_but_not_another_key(town: Village) -> None:
    gil = town.newcomer("gil")
    common = ("register", "--relay", town.url, gil.handle)
    assert gil.run(*common, "--key", "file", "--name", "old").exit_code == 2
    code = town.code_of(gil)
    assert gil.run(*common, "--key", "file", "--name", "old", "--code", "wrong").exit_code == 4
    begun = gil.run("status")
    assert (begun.exit_code, "not registered yet" in begun.stderr) == (2, True)
    other = gil.run(*common, "--key", "passphrase", "--code", code)
    assert (other.exit_code, "--key file" in other.stderr) == (2, True)
    assert gil.told(*common, "--name", "new", "--code", code)["device_name"] == "new"
    assert gil.told("status")["device_name"] == "new"


def test_a_mistyped_code_is_asked_for_again(town: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    hal = town.newcomer("hal")
    asked: list[str] = []

    def type_in(*_words: object, **_how: object) -> str:
        asked.append("no" if not asked else f" {town.code_of(hal)} ")
        return asked[-1]

    monkeypatch.setattr(joining, "is_person", lambda: True)
    monkeypatch.setattr(click, "prompt", type_in)
    result = hal.run("register", "--relay", town.url, hal.handle, "--key", "file")
    assert result.exit_code == 0, result.output
    assert "That is not the code." in result.stderr
    assert len(asked) == 2


def test_a_name_that_cannot_be_is_refused_before_a_code_is_sent(town: Village) -> None:
    result = town.newcomer("ida").run("register", "--relay", town.url, "ida@example.org", "--name", "n" * 65)
    assert result.exit_code == 2
    assert "on its way" not in result.stderr


def test_a_folder_that_is_a_device_already_is_not_registered_again(ann: Person, town: Village) -> None:
    result = ann.run("register", "--relay", town.url, "other@example.org")
    assert result.exit_code == 2
    assert "another --home" in result.stderr


def test_a_device_whose_tables_were_never_finished_can_be_registered(town: Village) -> None:
    finn = town.newcomer("finn")
    key = create_key(finn.home, source=KeySource.FILE)
    with contextlib.closing(connect_sealed(finn.home / JOURNAL_FILE)) as begun:
        begun.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        begun.execute("CREATE TABLE first (one INTEGER)")  # and killed before it could say which version it is
        begun.execute("DROP TABLE first")
    assert not is_registered(finn.home)


def test_a_relay_that_does_not_answer_is_3_and_leaves_no_device(town: Village) -> None:
    lost = town.newcomer("lost")
    result = lost.run("register", "--relay", unreachable_relay(), lost.handle)
    assert result.exit_code == 3
    assert "The relay does not answer." in result.stderr
    assert not lost.home.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("ann@example.org",),
        ("no link", "ann@example.org"),
        ("--relay", "https://a", "x", "y"),
        ("--relay", "ftp://a", "x"),
    ],
)
def test_what_is_given_wrongly_is_explained(town: Village, words: tuple[str, ...]) -> None:
    result = town.newcomer("nobody").run("register", *words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_passphrase_opens_the_device_and_nothing_else_does(town: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSWERBACK_PASSPHRASE", "correct horse")
    fay = town.newcomer("fay")
    common = ("register", "--relay", town.url, fay.handle, "--key", "passphrase")
    fay.run(*common)
    assert fay.run(*common, "--code", town.code_of(fay)).exit_code == 0
    assert fay.run("status").exit_code == 0
    monkeypatch.setenv("ANSWERBACK_PASSPHRASE", "wrong horse")
    assert fay.run("status").exit_code == 4
    monkeypatch.delenv("ANSWERBACK_PASSPHRASE")
    asked = fay.run("status")
    assert asked.exit_code == 2
    assert "ANSWERBACK_PASSPHRASE" in asked.stderr


def test_an_address_without_a_scheme_is_https() -> None:
    assert checked_url("relay.example:7443/") == "https://relay.example:7443"
    assert checked_url("http://127.0.0.1:1") == "http://127.0.0.1:1"
    for bad in ("https://", "https://relay.example/path", "gopher://relay.example"):
        with pytest.raises(UsageError, match="relay's address"):
            checked_url(bad)


def test_a_device_has_a_name() -> None:
    assert device_name("  phone ") == "phone"
    assert device_name(None)
    for bad in ("   ", "x" * 65):
        with pytest.raises(UsageError):
            device_name(bad)
