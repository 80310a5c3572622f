"""Plants a mistake somebody made, plays the story that prevents it, and expects the story to notice."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

Story = Callable[..., None]
"""A test of this room; it takes nothing, or `tmp_path`."""
Mistake = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Planted:
    """One mistake in one story, and what the story says then."""

    story: Story
    mistake: Mistake
    notices: str
    """Part of the message of the assertion that fails: failing for another reason proves nothing."""
    error: type[Exception] = AssertionError
    """Another one where the mistake stops the agent itself."""

    def must_be_noticed(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        """Play the story with the mistake in it."""
        self.mistake(patch)
        known = {"tmp_path": folder}
        taken = {name: known[name] for name in inspect.signature(self.story).parameters}
        with pytest.raises(self.error, match=self.notices):
            self.story(**taken)

    def __str__(self) -> str:
        """Name the mistake, for the list of tests."""
        return self.mistake.__name__


def each_of(*planted: Planted) -> pytest.MarkDecorator:
    """Run a test once for each planted mistake."""
    return pytest.mark.parametrize("planted", planted, ids=str)
