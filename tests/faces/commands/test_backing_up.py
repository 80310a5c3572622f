"""Proves that people back up and restore from the command line, into the same, a linked and an empty home."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.faces.commands.backing_up import PASSPHRASE_VARIABLE
from tests.faces.village import Person, Village

GOOD = "violet anchor tuesday biscuit ladder"


@pytest.fixture(autouse=True)
def _given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, GOOD)


def test_history_comes_back_in_a_device_that_is_linked_later_and_only_once(
    somebody: Callable[[], Person], town: Village, tmp_path: Path
) -> None:
    ann, bea = somebody(), somebody()
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(b"pixels" * 20_000)
    for text in ("one", "two"):
        assert bea.run("send", ann.handle, text).exit_code == 0
    assert bea.run("send", ann.handle, "--text", "see", "--file", str(picture)).exit_code == 0
    assert ann.run("send", bea.handle, "three").exit_code == 0
    assert [each["text"] for each in ann.lines("inbox")][-1:] == ["three"]
    told = ann.told("backup", str(tmp_path / "b"), "--verify")
    assert (told["messages"], told["files"], told["has_root"]) == (4, 1, False)
    assert b"pixels" not in (tmp_path / "b").read_bytes()
    other = town.linked(ann)
    assert other.lines("inbox", "--offline") == []
    assert other.told("restore", str(tmp_path / "b"))["added"] == 4
    assert other.told("restore", str(tmp_path / "b"))["added"] == 0
    restored = {each["text"]: each for each in other.lines("inbox", "--offline")}
    assert set(restored) == {"one", "two", "see", "three"}
    assert not any(each["unread"] for each in restored.values())
    assert Path(restored["see"]["file"]["path"]).read_bytes() == picture.read_bytes()
    assert restored["three"]["mine"]
    assert ann.run("send", bea.handle, "after").exit_code == 0
    deadline_s = time.monotonic() + 60
    while (found := [each["text"] for each in other.lines("inbox")])[-1] != "after":
        assert time.monotonic() < deadline_s, found
        ann.run("inbox")  # `send` does not wait for the copy to one's own other device


def test_an_empty_home_takes_a_backup_and_says_what_is_missing(somebody: Callable[[], Person], tmp_path: Path) -> None:
    ann, bea = somebody(), somebody()
    assert bea.run("send", ann.handle, "kept").exit_code == 0
    ann.run("inbox")
    assert ann.run("backup", str(tmp_path / "b"), "--with-root").exit_code == 0
    newcomer = Person(tmp_path / "new")
    result = newcomer.run("restore", str(tmp_path / "b"))
    assert result.exit_code == 0, result.output
    assert "answerback link" in result.stderr
    assert newcomer.run("inbox").exit_code == 2
    checked = newcomer.told("restore", str(tmp_path / "b"), "--check")
    assert (checked["messages"], checked["has_root"], checked["added"]) == (1, True, None)


def test_a_lost_account_comes_back_with_its_history(
    somebody: Callable[[], Person], town: Village, tmp_path: Path
) -> None:
    ann, bea = somebody(), somebody()
    assert bea.run("send", ann.handle, "before").exit_code == 0
    ann.run("inbox")
    assert ann.run("backup", str(tmp_path / "b"), "--with-root").exit_code == 0
    newcomer = Person(tmp_path / "new", ann.handle)
    assert newcomer.run("restore", str(tmp_path / "b")).exit_code == 0
    words = newcomer.run("restore", str(tmp_path / "b"), "--phrase").stdout.strip()
    assert len(words.split()) == 24
    result = newcomer.run("recover", words, ann.handle, "--relay", town.url, "--key", "file")
    assert result.exit_code == 0, result.output
    (message,) = newcomer.lines("inbox", "--offline")
    assert (message["text"], message["mine"]) == ("before", False)
    assert newcomer.run("send", bea.handle, "I am back").exit_code == 0
    assert bea.lines("inbox")[-1]["text"] == "I am back"


def test_what_cannot_be_is_said_in_a_sentence(
    somebody: Callable[[], Person], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = somebody()
    assert ann.run("backup", str(tmp_path / "b")).exit_code == 0
    again = ann.run("backup", str(tmp_path / "b"))
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    (tmp_path / "short").write_bytes((tmp_path / "b").read_bytes()[:-1])
    assert "damaged" in ann.run("restore", str(tmp_path / "short")).stderr
    assert "without --with-root" in ann.run("restore", str(tmp_path / "b"), "--phrase").stderr
    monkeypatch.setenv(PASSPHRASE_VARIABLE, GOOD + " no")
    wrong = Person(tmp_path / "new").run("restore", str(tmp_path / "b"))
    assert wrong.exit_code == 4
    assert "not the passphrase" in wrong.stderr
    assert not (tmp_path / "new").exists(), "no home is made for nothing"
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "short")
    weak = ann.run("backup", str(tmp_path / "c"))
    assert weak.exit_code == 2
    assert "easy to guess" in weak.stderr
    monkeypatch.delenv(PASSPHRASE_VARIABLE)
    assert "Nobody is here" in ann.run("backup", str(tmp_path / "c")).stderr
