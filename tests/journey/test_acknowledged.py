"""What a relay acknowledged is there after it was killed, whatever the reader was doing."""

import asyncio
from pathlib import Path

import pytest

from tests.journey.acknowledged import READERS, tally


@pytest.mark.parametrize("reader", READERS)
def test_no_acknowledged_mail_is_lost_by_a_killed_relay(reader: str, tmp_path: Path) -> None:
    found = asyncio.run(tally(tmp_path, reader=reader, seconds=0.5, rate=1000.0))
    assert found.acknowledged > 0
    assert (found.lost_acknowledged, found.duplicated) == (0, 0)
