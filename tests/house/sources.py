"""Reads the project's own files, so that a rule of the house can look at them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = "src/answerback"
OURS = (SHIPPED, "tests", "benchmarks", "examples")
"""Where our own Python is; the folders that do not exist yet count as empty."""


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file, parsed; `path` is relative to the checkout."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The first folder below the package, or the file's own name for the few beside the rooms."""
        return self.module.split(".")[0]

    @property
    def module(self) -> str:
        """The dotted name inside the package: `core.outbox`; `core` for a package's `__init__`."""
        dotted = self.path.removeprefix(SHIPPED + "/").removesuffix(".py").replace("/", ".")
        return dotted.removesuffix(".__init__")


def planted(text: str, *, path: str = f"{SHIPPED}/core/planted.py") -> Source:
    """A source that exists only to show that a rule can fail."""
    return Source(path=path, text=text, tree=ast.parse(text))


def sources(*folders: str) -> list[Source]:
    """Every Python file below these folders of the checkout."""
    return [
        planted(path.read_text(encoding="utf-8"), path=path.relative_to(ROOT).as_posix())
        for path in texts(*folders, suffixes={".py"})
    ]


def texts(*folders: str, suffixes: set[str]) -> Iterator[Path]:
    """Every file below these folders that ends in one of the suffixes."""
    for folder in folders:
        yield from sorted(
            path
            for path in (ROOT / folder).rglob("*")
            if path.suffix in suffixes and "__pycache__" not in path.parts and path.is_file()
        )
