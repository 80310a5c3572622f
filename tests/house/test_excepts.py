"""Keeps errors from being swallowed: only a shell's outermost loop may catch everything."""

import ast

from tests.house.sources import SHIPPED, Source, planted, sources

BROAD = frozenset({"Exception", "BaseException"})
OUTERMOST: dict[str, str] = {
    "storage/group_commit.py::_run": "the writer thread's outermost loop: what nobody foresaw ends the relay, logged",
    "storage/group_commit.py::run": "hands whatever happened in the writer thread to whoever awaits it",
}
"""`core/file.py::function` of each loop that may catch everything, with the reason; it logs the cause."""


def broad_catches(source: Source) -> list[tuple[str, int]]:
    """Where a file catches everything: `file::function`, and the line."""
    short = source.path.removeprefix(SHIPPED + "/")
    return [(f"{short}::{name}", line) for name, line in _broad_in(source.tree, "the file")]


def _broad_in(node: ast.AST, function: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for child in ast.iter_child_nodes(node):
        name = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        if isinstance(child, ast.ExceptHandler) and _swallows_all(child):
            found.append((name, child.lineno))
        is_suppress = isinstance(child, ast.Call) and ast.unparse(child.func).endswith("suppress")
        if isinstance(child, ast.Call) and is_suppress and any(_is_broad(argument) for argument in child.args):
            found.append((name, child.lineno))
        found += _broad_in(child, name)
    return found


def _swallows_all(handler: ast.ExceptHandler) -> bool:
    """A handler that tidies up and raises again swallows nothing: a rollback must see every error."""
    last = handler.body[-1]
    raises_again = isinstance(last, ast.Raise) and last.exc is None
    return (handler.type is None or _is_broad(handler.type)) and not raises_again


def _is_broad(caught: ast.expr) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(ast.unparse(kind).rsplit(".", maxsplit=1)[-1] in BROAD for kind in kinds)


def test_only_outermost_loops_catch_everything() -> None:
    found = {place: line for source in sources(SHIPPED) for place, line in broad_catches(source)}
    assert {place: line for place, line in found.items() if place not in OUTERMOST} == {}


def test_an_exception_that_is_no_longer_needed_is_struck_out() -> None:
    found = {place for source in sources(SHIPPED) for place, _ in broad_catches(source)}
    assert sorted(set(OUTERMOST) - found) == []
    assert [place for place, reason in OUTERMOST.items() if len(reason) < len("a reason in words")] == []


def test_every_way_to_catch_everything_is_found() -> None:
    bad = (
        "try:\n    one()\nexcept:\n    pass",
        "try:\n    one()\nexcept Exception:\n    pass",
        "def run():\n    try:\n        one()\n    except (ValueError, BaseException):\n        pass",
        "import contextlib\nwith contextlib.suppress(Exception):\n    one()",
    )
    assert [text for text in bad if not broad_catches(planted(text))] == []
    assert broad_catches(planted(bad[2])) == [("core/planted.py::run", 4)]
    assert broad_catches(planted("try:\n    one()\nexcept OSError:\n    pass")) == []
    assert broad_catches(planted("try:\n    one()\nexcept BaseException:\n    undo()\n    raise")) == []
