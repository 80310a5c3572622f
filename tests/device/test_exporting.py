"""Proves that an export says everything in order, is whole or not there, and lets nobody's words become a page's."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerback.core.facts import KeepContact, KeepMessage, KeepVerified
from answerback.device import exporting
from answerback.device.exporting import ExportedMessage, Format, export
from answerback.model.errors import StorageError, UsageError
from answerback.model.message import Attachment
from answerback.model.trust import How
from answerback.storage.journal import Journal
from answerback.storage.staging import Staging
from tests.device.test_backing_up import home
from tests.house.sources import ROOT
from tests.storage.samples import BEA, FILE, PHONE, message_of

CONTENT = b"pixels" * 50_000
HOSTILE = "<script>alert(1)</script>\x1b[2J\x07 \u202e & 'so'"


def filled(journal: Journal, folder: Path, *texts: str) -> None:
    digest = hashlib.sha256(CONTENT).digest()
    attachment = Attachment(FILE.blob, b"k" * 32, 1, len(CONTENT), digest, "../../a <b>.jpg", "image/jpeg")
    messages = [message_of(number, author=BEA, text=text) for number, text in enumerate(texts, start=1)]
    messages[-1] = replace(messages[-1], attachment=attachment)
    journal.commit([KeepMessage(message, 5) for message in messages])
    journal.commit([KeepContact("bea@example.org", BEA), KeepVerified(BEA, How.SCAN, 8, PHONE)])
    path = Staging(folder).receive("a.jpg", [CONTENT])
    journal.keep_setting(f"file.{FILE.blob.hex()}", str(path))


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_lines_of_json_hold_every_message_contact_and_file(tmp_path: Path) -> None:
    with home(tmp_path / "one") as journal:
        filled(journal, tmp_path / "one", "one", HOSTILE)
        told = export(journal, tmp_path / "out", kind=Format.JSON)
    assert (told.messages, told.conversations, told.files) == (2, 1, 1)
    one, two = lines(tmp_path / "out" / "messages.jsonl")
    assert (one["text"], one["author_name"], one["mine"], one["written_ms"]) == ("one", "bea@example.org", False, 1)
    assert two["text"] == HOSTILE, "lines of JSON say exactly what was written"
    file = two["file"]
    assert isinstance(file, dict)
    copied = tmp_path / "out" / str(file["path"])
    assert copied.resolve().parent == (tmp_path / "out" / "files").resolve()
    assert copied.read_bytes() == CONTENT
    (contact,) = lines(tmp_path / "out" / "contacts.jsonl")
    assert (contact["handle"], contact["verified"], contact["verified_ms"]) == ("bea@example.org", "scan", 8)
    assert json.loads((tmp_path / "out" / "about.json").read_text())["schema"] == exporting.SCHEMA


def test_every_key_of_a_message_is_documented() -> None:
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    for shape in (ExportedMessage, exporting.ExportedContact, exporting.ExportedFile):
        assert [name for name in shape.__struct_fields__ if f"`{name}`" not in page] == []


@pytest.mark.parametrize("kind", [Format.HTML, Format.TEXT])
def test_what_is_for_reading_runs_nothing_and_steers_no_terminal(tmp_path: Path, kind: Format) -> None:
    with home(tmp_path / "one") as journal:
        filled(journal, tmp_path / "one", "one", HOSTILE)
        export(journal, tmp_path / "out", kind=kind)
    pages = [path for path in (tmp_path / "out").iterdir() if path.suffix in (".html", ".txt")]
    assert len(pages) == (2 if kind is Format.HTML else 1)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert "\u202e" not in text
        if kind is Format.HTML:
            assert "<script" not in text
            assert "default-src 'none'" in text
    written = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert written.index("one") < written.index("alert(1)")
    assert "bea@example.org" in written
    assert (tmp_path / "out" / "files").is_dir()


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12), st.sampled_from(Format))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_texts_are_exported_each_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], kind: Format
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with home(folder / "one") as journal:
        filled(journal, folder / "one", *texts)
        assert export(journal, folder / "out", kind=kind).messages == len(texts)
    if kind is Format.JSON:
        assert [each["text"] for each in lines(folder / "out" / "messages.jsonl")] == texts


def test_more_than_a_page_is_walked_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "PAGE_MESSAGES", 3)
    with home(tmp_path / "one") as journal:
        filled(journal, tmp_path / "one", *(str(number) for number in range(10)))
        export(journal, tmp_path / "out", kind=Format.JSON, with_files=False)
    told = lines(tmp_path / "out" / "messages.jsonl")
    assert [each["text"] for each in told] == [str(number) for number in range(10)]
    file = told[-1]["file"]
    assert isinstance(file, dict)
    assert file["path"] is None


def test_an_export_that_was_broken_off_has_no_name_and_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(_done: int, _total: int) -> None:
        raise OSError(28, "No space left on device")

    with home(tmp_path / "one") as journal:
        filled(journal, tmp_path / "one", "one")
        with pytest.raises(StorageError, match="No space"):
            export(journal, tmp_path / "out", kind=Format.JSON, progress=breaks)
        assert not (tmp_path / "out").exists()
        assert (tmp_path / "out.part").exists()
        export(journal, tmp_path / "out", kind=Format.JSON)
        assert not (tmp_path / "out.part").exists()
        with pytest.raises(UsageError, match="exists already"):
            export(journal, tmp_path / "out", kind=Format.JSON)
