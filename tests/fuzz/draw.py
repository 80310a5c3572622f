"""Where a fuzzer's choices come from: a seeded generator, or the very bytes that are the input.

Theory. An input of a stateful target is a string of bytes that is read as choices: which operation next, on whose
behalf, what is wrong with it. So one byte string is one story, a coverage-guided engine can change stories byte by
byte, and a finding can be played again.
"""

import random
from collections.abc import Sequence
from typing import Protocol, TypeVar

_T = TypeVar("_T")


class Draw(Protocol):
    """Whoever makes choices."""

    def below(self, count: int) -> int:
        """Choose one of so many, from 0."""
        ...

    def blob(self, count: int) -> bytes:
        """Choose so many bytes."""
        ...

    def pick(self, choices: Sequence[_T]) -> _T:
        """Choose one of these."""
        ...


class Dice:
    """Choices from a seed, without end."""

    __slots__ = ("_random",)

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def below(self, count: int) -> int:
        """Choose one of so many, from 0."""
        return int(self._random.random() * count)

    def blob(self, count: int) -> bytes:
        """Choose so many bytes."""
        return self._random.randbytes(count)

    def pick(self, choices: Sequence[_T]) -> _T:
        """Choose one of these."""
        return choices[int(self._random.random() * len(choices))]


class Script:
    """Choices read from bytes; when they are used up, all further choices are the first one."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether every byte was used."""
        return self._at >= len(self._data)

    def below(self, count: int) -> int:
        """Choose one of so many, from 0."""
        width = 1 if count <= 1 << 8 else 2 if count <= 1 << 16 else 8
        number = int.from_bytes(self._data[self._at : self._at + width], "big")
        self._at += width
        return number % count

    def blob(self, count: int) -> bytes:
        """Choose so many bytes."""
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken.ljust(count, b"\0")

    def pick(self, choices: Sequence[_T]) -> _T:
        """Choose one of these."""
        return choices[self.below(len(choices))]
