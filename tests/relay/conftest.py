"""What the relay's tests share: people whose keys are made once."""

import pytest

from tests.relay.residents import Resident, residents


@pytest.fixture(scope="session")
def people() -> list[Resident]:
    return residents(4)
