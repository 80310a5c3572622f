"""Proves that the words are shown only to whoever says yes, and bring the account back on a new device."""

from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.faces.commands import recovering
from tests.faces.village import Person, Village


def words_of(person: Person) -> str:
    shown = person.run("recovery", "show", "--yes")
    assert shown.exit_code == 0, shown.output
    return " ".join(word for word in shown.stdout.split() if word.isalpha())


def test_a_lost_device_is_replaced_by_words_on_paper(
    somebody: Callable[[], Person], town: Village, bea: Person, tmp_path: Path
) -> None:
    owner = somebody()
    words = words_of(owner)
    assert len(words.split()) == 24
    new = Person(tmp_path / "new", owner.handle)
    told = new.told("recover", words, owner.handle, "--relay", town.url, "--name", "new one", "--key", "file")
    assert (told["handle"], told["device_name"]) == (owner.handle, "new one")
    assert [device["name"] for device in new.told("devices")] == ["new one"]
    bea.run("send", owner.handle, "welcome back")
    assert new.lines("inbox")[-1]["text"] == "welcome back"


def test_the_words_are_not_shown_to_nobody_nor_to_who_says_no(
    somebody: Callable[[], Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = somebody()
    assert owner.run("recovery", "show").exit_code == 2
    monkeypatch.setattr(recovering, "is_person", lambda: True)
    refused = owner.run("recovery", "show", given="n\n")
    assert refused.exit_code == 5
    assert words_of(owner).split()[0] not in refused.stdout.split()


def test_what_is_missing_or_wrong_is_said(town: Village, tmp_path: Path) -> None:
    new = Person(tmp_path / "new")
    assert "which relay" in new.run("recover", "abandon", "a@example.org").output
    url = ("--relay", town.url)
    assert "24 words" in new.run("recover", "abandon", "a@example.org", *url, "--key", "file").output
    assert "pin" in new.run("recover", "abandon", "a@example.org", *url, "--pin", "zz").output
    assert "pin" in new.run("recover", "abandon", "a@example.org", *url, "--pin", "ab").output
