"""Keeps the documents true anywhere: numbered once, no machine's paths, nothing loaded from afar."""

import re

from tests.house.sources import ROOT, SHIPPED, texts

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "Makefile", "answerback", "pyproject.toml")
MACHINE_PATH = re.compile(r"(?<![\w.~$:}/*<-])/(?:home|Users|root|work|tmp|mnt)/[\w.-]+")
LOADS = re.compile(
    r"""(?: <(?:script|img|iframe|source|video|audio|use|embed|link)\b[^>]*?\s(?:src|srcset|href)\s*=\s*["']?
          | url\(\s*["']?
          | @import\s+["']
          | \b(?:fetch|import|importScripts|from|Worker|WebSocket|EventSource)\b\s*\(?\s*["'`]
        )\s*(?:(?:https?|wss?):)?//""",
    re.VERBOSE | re.IGNORECASE,
)


def machine_paths(text: str) -> list[str]:
    """Every path that exists on somebody's machine only."""
    return MACHINE_PATH.findall(text)


def loads_from_afar(text: str) -> list[str]:
    """Everything a page would load from another host: that host would then know who reads it, and when."""
    return LOADS.findall(text)


def misnumbered(names: list[str]) -> list[str]:
    """The decision records whose number is missing or taken."""
    numbers = [name[:4] for name in names]
    return [n for n in names if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", n) or numbers.count(n[:4]) > 1]


def test_no_document_names_a_path_of_one_machine() -> None:
    kinds = {".md", ".py", ".sql", ".html", ".js", ".css", ".toml", ".sh"}
    files = [ROOT / name for name in DOCUMENTS if (ROOT / name).exists()]
    files += texts("docs", SHIPPED, "examples", "benchmarks", ".ci", "changes", suffixes=kinds)
    faults = {str(f.relative_to(ROOT)): machine_paths(f.read_text(encoding="utf-8")) for f in files}
    assert {path: found for path, found in faults.items() if found} == {}


def test_a_page_loads_nothing_from_afar() -> None:
    pages = texts(SHIPPED, "docs", suffixes={".html", ".css", ".js", ".svg"})
    faults = {str(page.relative_to(ROOT)): loads_from_afar(page.read_text(encoding="utf-8")) for page in pages}
    assert {path: found for path, found in faults.items() if found} == {}


def test_each_decision_has_a_number_of_its_own() -> None:
    names = [path.name for path in texts("docs/decisions", suffixes={".md"}) if path.name != "README.md"]
    assert misnumbered(names) == []


def test_each_rule_for_documents_can_fail() -> None:
    assert machine_paths("see /home/ann/answerback and /tmp/x")
    assert machine_paths("~/Library/Messages, /var/lib/answerback, https://example.org/work/x, ./tmp/x") == []
    bad = (
        '<script defer src="https://cdn.example/x.js">',
        '<link rel="stylesheet" href="//fonts.example/a.css">',
        "@import 'https://fonts.example/a.css'",
        "background: url(//img.example/a.png)",
        'fetch("https://api.example/")',
        "import x from 'https://cdn.example/x.js'",
    )
    assert [text for text in bad if not loads_from_afar(text)] == []
    assert loads_from_afar('<a href="https://example.org">a link is no load</a> <script src="/app.js">') == []
    assert misnumbered(["0001-a.md", "0001-b.md", "notes.md"]) == ["0001-a.md", "0001-b.md", "notes.md"]
    assert misnumbered(["0001-a.md", "0002-b.md"]) == []
