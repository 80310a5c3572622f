"""Keeps what came of each world in a file, so that a long run which was interrupted goes on where it was."""

import contextlib
import hashlib
import importlib.resources
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from answerback.lab.simulation.life import Outcome
from answerback.model.errors import StorageError, UsageError


@dataclass(frozen=True, slots=True)
class _Title:
    code: str


class Logbook:
    """One line a world, after a line that names the code which played them: other code plays other lives."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.outcomes: dict[int, Outcome] = {}
        """What is known already, by seed."""
        code = code_name()
        try:
            if path.exists():
                self._read(path.read_bytes().splitlines(), code)
            self._file: BinaryIO = path.open("wb")
            self._write(_Title(code))
            for outcome in self.outcomes.values():
                self._write(outcome)
        except OSError as error:
            raise StorageError(f"{path} cannot be kept: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._file.close()

    def add(self, outcome: Outcome) -> None:
        """Keep one more."""
        self._write(replace(outcome, lines=()))

    def _read(self, lines: list[bytes], code: str) -> None:
        if not lines:
            return
        try:
            title = msgspec.json.decode(lines[0], type=_Title)
        except msgspec.DecodeError as error:
            raise UsageError(f"{self._path} is no logbook of worlds: {error}") from error
        if title.code != code:
            raise UsageError(f"{self._path} was begun by other code, which plays other lives; give a new file")
        for line in lines[1:]:
            with contextlib.suppress(msgspec.DecodeError):  # the last line may have been cut off
                outcome = msgspec.json.decode(line, type=Outcome)
                self.outcomes[outcome.seed] = outcome

    def _write(self, entry: _Title | Outcome) -> None:
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()


def code_name() -> str:
    """Name the code of this package by all of its files."""
    known = hashlib.sha256()
    for name, content in sorted(_files(importlib.resources.files("answerback"))):
        known.update(f"{name}\0{len(content)}\0".encode() + content)
    return known.hexdigest()[:16]


def _files(folder: Traversable, above: str = "") -> Iterator[tuple[str, bytes]]:
    for item in folder.iterdir():
        name = f"{above}/{item.name}"
        if item.is_dir():
            yield from _files(item, name)
        elif item.name.endswith((".py", ".sql")):
            yield name, item.read_bytes()
