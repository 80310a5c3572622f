"""A relay that all tests of this floor share, and fresh people for each."""

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.faces.village import Person, Village, village


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    with village(tmp_path_factory.mktemp("village")) as running:
        yield running


_numbers = itertools.count(1)


@pytest.fixture
def somebody(town: Village) -> Callable[[], Person]:
    """Makes a registered person whom no other test knows."""

    def make() -> Person:
        number = next(_numbers)
        return town.person(f"person{number}", "--name", f"laptop {number}")

    return make


@pytest.fixture(scope="session")
def ann(town: Village) -> Person:
    return town.person("ann", "--name", "ann's laptop")


@pytest.fixture(scope="session")
def bea(town: Village) -> Person:
    return town.person("bea", "--name", "bea's laptop")
