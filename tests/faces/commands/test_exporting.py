"""Proves that people export from the command line, and are told that it is in the clear."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.faces.village import Person


def test_messages_are_exported_in_each_format(somebody: Callable[[], Person], tmp_path: Path) -> None:
    ann, bea = somebody(), somebody()
    assert bea.run("send", ann.handle, "for the archive").exit_code == 0
    ann.run("inbox")
    told = ann.told("export", "--to", str(tmp_path / "json"))
    assert (told["messages"], told["conversations"], told["files"]) == (1, 1, 0)
    (line,) = (tmp_path / "json" / "messages.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["text"] == "for the archive"
    for kind in ("html", "text"):
        result = ann.run("export", "--to", str(tmp_path / kind), "--format", kind)
        assert result.exit_code == 0, result.output
        assert "not encrypted" in result.stderr
        pages = [each.read_text(encoding="utf-8") for each in (tmp_path / kind).iterdir() if each.is_file()]
        assert any("for the archive" in page for page in pages)
    assert ann.run("export", "--to", str(tmp_path / "html")).exit_code == 2
