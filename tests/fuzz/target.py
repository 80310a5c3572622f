"""What is fuzzed: one door of the product, the inputs that pass it, and what may come of one that does not."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.model.errors import AnswerbackError
from tests.fuzz.draw import Draw
from tests.fuzz.mutation import Tree, broken_bytes, broken_tree, pack, tree_of

Run = Callable[[bytes], int]
"""Hand one input to the product and return how many of the product's own inputs it was: one, or a story's many."""
CORPUS_MAX = 2_000
"""More of what showed something new would hide what is valid."""
KEPT_TREE_BYTES_MAX = 64 * 1024
"""Larger trees are not broken further: each step may make them many times larger."""


class BrokenPromise(AssertionError):
    """The product took an input without an error, and yet did what it must not."""


@unique
class Shape(Enum):
    """How the inputs of a target are built, so that they can be broken where it hurts."""

    TREE = "tree"
    """MessagePack."""
    BYTES = "bytes"
    """Anything else with bytes that mean something."""
    STORY = "story"
    """Bytes that are read as choices (`draw.Script`)."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One target, opened."""

    run: Run
    seeds: Sequence[bytes]
    """Inputs that pass."""
    refusals: tuple[type[Exception], ...] = (AnswerbackError,)
    """How this door may say no; everything else that is raised is a finding."""
    words: Sequence[bytes] = ()
    """What means something in the middle of an input that is no tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One door of the product."""

    name: str
    what: str
    open: Callable[[], AbstractContextManager[Probe]]
    shape: Shape = Shape.TREE
    weight: float = 1.0
    """Its part of the inputs, relative to the others: what is cheap and faces strangers gets most."""
    input_s_max: float = 1.0
    """Longer for one input is a finding."""
    story_bytes: int = 400
    """How long a story is."""


@dataclass(slots=True)
class Breaker:
    """Makes inputs out of others; keeps those that showed something new."""

    target: Target
    probe: Probe
    trees: list[Tree] = field(init=False)
    corpus: list[bytes] = field(init=False)
    _valid: int = 0
    _halfway: bytes = b""
    _left: int = 0

    def __post_init__(self) -> None:
        self.corpus = list(self.probe.seeds)
        self.trees = [tree for tree in map(tree_of, self.probe.seeds) if tree is not None]
        self._valid = len(self.trees)

    def keep(self, data: bytes) -> None:
        """Learn an input that had an outcome nobody saw before."""
        if len(self.corpus) >= CORPUS_MAX:
            return
        self.corpus.append(data)
        if len(data) > KEPT_TREE_BYTES_MAX:
            return
        if self.target.shape is Shape.TREE and (tree := tree_of(data)) is not None:
            self.trees.append(tree)

    def next(self, draw: Draw) -> bytes:
        """Give the next input."""
        match self.target.shape:
            case Shape.TREE:
                return self._next_tree(draw)
            case Shape.BYTES:
                return self._next_bytes(draw)
            case Shape.STORY:
                return self._next_story(draw)

    def broken(self, data: bytes, draw: Draw) -> bytes:
        """Break one given input."""
        tree = tree_of(data) if self.target.shape is Shape.TREE else None
        if tree is not None and draw.below(4):
            return pack(broken_tree(tree, self.trees, draw))
        return self._spoilt(data, draw)

    def _next_tree(self, draw: Draw) -> bytes:
        # Taking a tree apart costs more than the decoder under test: each broken tree is also broken byte by byte.
        if self._left:
            self._left -= 1
            return broken_bytes(self._halfway, self.corpus, draw)
        kind = draw.below(20)
        if kind == 0 or not self.trees:
            return draw.blob(draw.below(200))
        if kind == 1:
            return draw.pick(self.corpus)
        tree = self.trees[draw.below(self._valid)] if self._valid and draw.below(4) else draw.pick(self.trees)
        self._halfway, self._left = pack(broken_tree(tree, self.trees, draw)), 1
        while draw.below(4) == 0 and len(self._halfway) < KEPT_TREE_BYTES_MAX:
            tree = tree_of(self._halfway)
            self._halfway = pack(broken_tree(tree, self.trees, draw))
        return self._halfway

    def _next_bytes(self, draw: Draw) -> bytes:
        kind = draw.below(20)
        if kind == 0:
            return draw.blob(draw.below(200))
        data = draw.pick(self.corpus)
        for _ in range(draw.below(4)):
            data = self._spoilt(data, draw)
        return data

    def _spoilt(self, data: bytes, draw: Draw) -> bytes:
        words = self.probe.words
        if words and draw.below(3) == 0:
            place = draw.below(len(data) + 1)
            return data[:place] + draw.pick(words) + data[place + draw.below(12) :]
        return broken_bytes(data, self.corpus, draw)

    def _next_story(self, draw: Draw) -> bytes:
        if not self.corpus or draw.below(2):
            return draw.blob(1 + draw.below(self.target.story_bytes))
        data = draw.pick(self.corpus)
        for _ in range(1 + draw.below(6)):
            data = broken_bytes(data, self.corpus, draw)
        return data[: 2 * self.target.story_bytes]
