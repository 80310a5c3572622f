"""The pages are true: links lead somewhere, files they name exist, tables are the code's, examples are Python."""

import ast
import re
from pathlib import Path

import pytest

from answerback.model.causes import Cause
from tests.docs import tables
from tests.house.sources import ROOT, SHIPPED, planted

FRONT = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")]
PAGES = [*FRONT, *tables.pages()]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROOMS = "model|wire|crypto|core|storage|transport|device|relay|faces|lab|tests|examples|benchmarks|docs|changes"
_NAMED = re.compile(rf"`((?:{_ROOMS})/[\w/.+-]*\.(?:py|md|sql|svg))`")


def anchors(page: str) -> set[str]:
    """The names that headings of a page can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, text: str) -> list[str]:
    """Every link of a page that leads nowhere in this checkout."""
    broken = []
    for target in _LINK.findall(_FENCED.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        leads_to = (path.parent / file).resolve() if file else path
        if not leads_to.exists() or (anchor and anchor not in anchors(leads_to.read_text(encoding="utf-8"))):
            broken.append(target)
    return broken


def missing_files(text: str) -> list[str]:
    """Every file of ours that a page names and that is not there."""
    named = _NAMED.findall(_FENCED.sub("", text))
    return [name for name in named if not (ROOT / name).exists() and not (ROOT / SHIPPED / name).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_that_is_named_exists(page: Path) -> None:
    assert missing_files(page.read_text(encoding="utf-8")) == []


def test_every_page_can_be_reached_from_the_map() -> None:
    linked = {"docs/index.md"}
    for page in (ROOT / "README.md", ROOT / "docs/index.md"):
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            linked.add((page.parent / target.partition("#")[0]).resolve().relative_to(ROOT).as_posix())
    assert sorted({page.relative_to(ROOT).as_posix() for page in tables.pages()} - linked) == []


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_tables_are_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.renewed(text) == text, "python -m tests.docs.tables"


def test_every_table_has_its_place() -> None:
    placed = [
        name
        for page in tables.pages()
        for name in re.findall(r"<!-- table: (.*?) -->", page.read_text(encoding="utf-8"))
    ]
    assert sorted(placed) == sorted(tables.TABLES)


def test_every_cause_and_every_limit_of_the_core_is_on_its_page() -> None:
    causes = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")
    assert [cause.value for cause in Cause if f"| `{cause.value}` |" not in causes] == []
    machines = (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")
    found = tables.limits(f"{SHIPPED}/core")
    assert len(found) > 50
    assert [each.name for each in found if f"| `{each.path}` | `{each.name}` |" not in machines] == []
    files = {path.name for path in (ROOT / SHIPPED / "core").glob("*.py")} - {"__init__.py"}
    assert sorted(name for name in files if f"`core/{name}`" not in machines) == []


def test_every_python_block_is_python_whose_imports_exist() -> None:
    blocks = _PYTHON.findall((ROOT / "docs" / "sdk.md").read_text(encoding="utf-8"))
    assert len(blocks) >= 5
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/sdk.md, block {number + 1}", "exec"), {"__name__": "a page"})
    for block in _PYTHON.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_bot_on_the_page_is_the_one_that_is_tested() -> None:
    block = ast.parse(_PYTHON.findall((ROOT / "docs" / "sdk.md").read_text(encoding="utf-8"))[0])
    example = ast.parse((ROOT / "examples" / "echo_bot.py").read_text(encoding="utf-8"))
    assert [_bare(node) for node in block.body] == [_bare(node) for node in example.body[1:]]


def _bare(node: ast.stmt) -> str:
    if isinstance(node, ast.AsyncFunctionDef) and ast.get_docstring(node) is not None:
        node.body = node.body[1:]
    return ast.unparse(node)


def test_each_rule_for_pages_can_fail() -> None:
    page = ROOT / "docs" / "planted.md"
    assert broken_links(
        page, "[a](nowhere.md) [b](why.md#no-such-heading) [c](https://example.org) [d](why.md#why)"
    ) == [
        "nowhere.md",
        "why.md#no-such-heading",
    ]
    assert missing_files("`core/outbox.py` and `core/oubtox.py`") == ["core/oubtox.py"]
    stale = "<!-- table: stages -->\n| `QUEUED` | somewhere |\n<!-- end -->"
    assert "kept here" in tables.renewed(stale)
    source = planted(
        'ROOM_BYTES_MAX = 10 * 1024\n"""Why so many."""\nAGAIN_S = 90.0  # RFC 1\n', path=f"{SHIPPED}/core/inbox.py"
    )
    assert [each.name for each in tables.stated(source)] == ["ROOM_BYTES_MAX", "AGAIN_S"]
    assert [
        tables.said(name, value) for name, value in (("ROOM_BYTES_MAX", 10_240), ("AGAIN_S", 90.0), ("COUNT_MAX", 5000))
    ] == [
        "10 KiB",
        "1.5 min",
        "5,000",
    ]
