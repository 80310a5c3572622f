"""Every story of this room names where it happened, has a mistake planted in it, and stands on its page."""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import ROOT, Source, planted, sources

SELF = "tests/hall/test_hall.py"
PAGE = ROOT / "docs" / "hall-of-failures.md"
ORIGIN = re.compile(r"https://[\w./?#=-]+")
STORIES_MIN = 22


def functions(source: Source) -> Iterator[ast.FunctionDef]:
    """The tests of one file."""
    return (node for node in source.tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def stories(source: Source) -> dict[str, str]:
    """Each test that tells a story, and what it says of it; the ones that plant mistakes take `planted`."""
    own = [node for node in functions(source) if "planted" not in {each.arg for each in node.args.args}]
    return {node.name: ast.get_docstring(node) or "" for node in own}


def mistakes(source: Source) -> list[str]:
    """The stories that mistakes are planted in, once for each mistake."""
    calls = (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))
    return [
        call.args[0].id
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "Planted" and isinstance(call.args[0], ast.Name)
    ]


def unfounded(source: Source) -> list[str]:
    """Stories that do not say where they happened, or could not fail for all we know."""
    noticed = set(mistakes(source))
    told = stories(source)
    return [name for name, said in told.items() if not ORIGIN.search(said) or name not in noticed]


def test_every_story_happened_to_somebody_and_can_fail() -> None:
    room = [source for source in sources("tests/hall") if source.path != SELF]
    assert [name for source in room for name in unfounded(source)] == []
    assert sum(len(stories(source)) for source in room) >= STORIES_MIN


def test_the_page_names_every_story_and_every_origin() -> None:
    page = PAGE.read_text(encoding="utf-8")
    told = {
        name: said for source in sources("tests/hall") if source.path != SELF for name, said in stories(source).items()
    }
    assert [name for name in told if f"`{name}`" not in page] == []
    assert [name for name in re.findall(r"`(test_\w+)`", page) if name not in told] == []
    assert [url for said in told.values() for url in ORIGIN.findall(said) if f"({url})" not in page] == []


def test_the_rule_of_this_room_can_fail() -> None:
    origin = '"""See https://example.org/1 ."""'
    assert unfounded(planted(f"def test_a() -> None:\n    {origin}\n")) == ["test_a"]
    assert unfounded(planted('def test_a() -> None:\n    """No origin."""\nPlanted(test_a, mistake, "")\n')) == [
        "test_a"
    ]
    assert unfounded(planted(f"def test_a() -> None:\n    {origin}\nPlanted(test_a, mistake, '')\n")) == []
