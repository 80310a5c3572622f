"""Proves that a listener hears all in order, no more once it has left, and is told when nothing can come."""

from pathlib import Path

import pytest

from answerback.core.effects import Warned
from answerback.device.agent import AgentEnded
from answerback.device.hearing import NEWS_MAX, Hearing
from answerback.model.causes import Cause
from tests.device.lines import Place, jumping


def test_news_come_in_order_the_oldest_are_lost_and_the_end_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        async with Place(tmp_path).living("ann") as (ann, _):
            causes = [list(Cause)[number % len(Cause)] for number in range(NEWS_MAX + 3)]
            with Hearing(ann.agent) as slow:
                for cause in causes:
                    ann.agent._tell(Warned(cause))
                heard = [await slow.get() for _ in range(NEWS_MAX)]
                assert heard == [Warned(cause) for cause in causes[3:]]
            ann.agent._tell(Warned(Cause.UNKNOWN))
            await ann.agent.stop()
            with pytest.raises(AgentEnded):
                await slow.get()

    jumping(run())
