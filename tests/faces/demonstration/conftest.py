"""Plays one performance for all tests here."""

import pytest

from tests.faces.demonstration.performance import Performance, perform


@pytest.fixture(scope="session")
def performance() -> Performance:
    """The one that was played."""
    return perform()
