"""Hears the news of one agent, in order, however slow the listener is."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from answerback.core.effects import News
from answerback.device.agent import Agent

NEWS_MAX = 10_000
"""News kept for one slow listener; one that is further behind reads the journal instead."""


class Hearing:
    """The news of one listener, in order."""

    def __init__(self, agent: Agent) -> None:
        self._agent: Final = agent
        self._news: deque[News] = deque(maxlen=NEWS_MAX)
        self._more: Final = asyncio.Event()
        self._stops: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        """Begin to hear."""
        self._stops = [self._agent.listen(self._take), self._agent.mourn(self._more.set)]
        return self

    def __exit__(self, *_: object) -> None:
        """Hear no more."""
        while self._stops:
            self._stops.pop()()

    async def get(self) -> News:
        """Wait for the next piece of news. Raises `AgentEnded` once none can come."""
        while not self._news:
            self._agent.check_alive()
            self._more.clear()
            await self._more.wait()
        return self._news.popleft()

    def _take(self, news: News) -> None:
        self._news.append(news)
        self._more.set()
