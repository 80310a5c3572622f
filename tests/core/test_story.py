"""Proves on random stories that whatever happens, a healed world has lost nothing, told nothing false, and is quiet."""

import os

import pytest

from tests.core.story import Story

SEEDS = int(os.environ.get("ANSWERBACK_STORIES", "100"))
"""How many stories are told; thousands by hand."""
ONE_TEST = 20
"""Stories in one test: enough tests to see how far it is, few enough to read."""


@pytest.mark.parametrize("first", range(0, SEEDS, ONE_TEST))
def test_after_any_story_everything_arrived_once_and_everything_told_was_so(first: int) -> None:
    for seed in range(first, min(first + ONE_TEST, SEEDS)):
        story = Story(seed)
        assert story.play() == [], f"seed {seed}: {story.stories}"
