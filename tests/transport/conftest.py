"""A device's own network for tests; where the system allows none, the tests say so."""

from collections.abc import Iterator

import pytest

from answerback.lab.packets.namespaces import make_namespace
from answerback.lab.packets.troubles import NamespacesRefused
from tests.transport.networks import Networks


@pytest.fixture
def networks() -> Iterator[Networks]:
    try:
        make_namespace().close()
    except NamespacesRefused as error:
        pytest.skip(f"NOT TRIED: paths need a system that lets tests make networks ({error})")
    made = Networks()
    try:
        yield made
    finally:
        made.close()
