"""A relay's store put back from an older copy costs nobody a message; accounts made since need their people."""

import asyncio
from pathlib import Path

from tests.errands.restored import NEW, lose_and_count

MESSAGES = 24
"""A short version; docs/proof.md gives the figures of the long one."""


def test_what_was_at_risk_when_a_store_was_lost_arrives_from_its_authors(tmp_path: Path) -> None:
    outcome = asyncio.run(lose_and_count(tmp_path, messages=MESSAGES, seed=3))
    assert outcome.at_risk > 0
    assert (outcome.lost, outcome.twice) == (0, 0)
    assert outcome.with_a_code == len(NEW), "accounts that the copy knows need nobody"
