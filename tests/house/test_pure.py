"""Keeps clock, socket, disk, thread, logger and chance out of the floors that decide."""

import ast

from tests.house.sources import SHIPPED, Source, planted, sources

PURE = ("model", "wire", "crypto", "core", "diagnosis")
AMBIENT_MODULES = frozenset(
    "asyncio aiohttp click concurrent fcntl glob http io keyring logging mmap msvcrt multiprocessing obstore os pathlib"
    " platform queue random rich sched secrets select selectors shutil signal socket socketserver sqlcipher3 sqlite3"
    " ssl subprocess tempfile threading time urllib uvicorn uvloop websockets _thread".split()
)
AMBIENT_NAMES = frozenset({"uuid.uuid1", "uuid.uuid4", "uuid.getnode"})
AMBIENT_CALLS = frozenset({"open", "print", "input", "breakpoint"})
AMBIENT_METHODS = frozenset({"now", "utcnow", "today"})
"""On `datetime` and `date` only: they read the clock."""

ALLOWED = {
    ("crypto/primitives.py", "secrets"): "keys begin in the system's randomness, in this file alone",
    ("crypto/primitives.py", "os.urandom"): "as secrets",
}


def ambient(source: Source) -> list[str]:
    """Everything in a file that reaches for the world instead of being handed it."""
    short = source.path.removeprefix(SHIPPED + "/")
    return [
        f"{source.path}:{line}: {name} is ambient; have it handed in"
        for line, name in [*_imports(source.tree), *_calls(source.tree)]
        if (short, name) not in ALLOWED and (short, name.split(".")[0]) not in ALLOWED
    ]


def _imports(tree: ast.Module) -> list[tuple[int, str]]:
    found = [(n.lineno, a.name) for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    found += [
        (n.lineno, f"{n.module}.{a.name}") for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names
    ]
    return [(line, name) for line, name in found if name.split(".")[0] in AMBIENT_MODULES or name in AMBIENT_NAMES]


def _calls(tree: ast.Module) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in AMBIENT_CALLS:
            found.append((node.lineno, node.id))
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rsplit(".", maxsplit=1)[-1]
            reads_clock = owner in {"datetime", "date"} and node.attr in AMBIENT_METHODS
            if reads_clock or f"{owner}.{node.attr}" in AMBIENT_NAMES:
                found.append((node.lineno, f"{owner}.{node.attr}"))
    return found


def test_the_floors_that_decide_are_pure() -> None:
    folders = [f"{SHIPPED}/{room}" for room in PURE]
    assert [fault for source in sources(*folders) for fault in ambient(source)] == []


def test_everything_ambient_is_found() -> None:
    bad = (
        "import time",
        "from time import monotonic",
        "def late():\n    import os.path",
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nday = datetime.date.today()",
        "from uuid import uuid4",
        "import uuid\nid = uuid.uuid4()",
        "import secrets",
        "text = open('x')",
        "print('x')",
    )
    assert [text for text in bad if not ambient(planted(text))] == []


def test_what_is_handed_in_is_welcome() -> None:
    assert ambient(planted("from datetime import timedelta\ndef wake(self, *, now_s: float) -> None: ...")) == []
    primitives = f"{SHIPPED}/crypto/primitives.py"
    assert ambient(planted("from os import urandom\nimport secrets", path=primitives)) == []
    assert ambient(planted("from os import path", path=primitives)) != []
