"""Follows a performance from beside: how far each message is, how each device stands, how the link was."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from answerback.core.effects import LinkChanged, News, Progressed
from answerback.faces.demonstration.plan import Plan, Playing
from answerback.faces.demonstration.play import FILE_WORDS, Play
from answerback.faces.demonstration.scene import Actor
from answerback.lab.shaper import Stats
from answerback.model.ids import DeviceId, MessageId
from answerback.model.message import Urgency
from answerback.model.timeline import Stage, Wait

SAMPLES_MAX = 400
"""More columns than any terminal has."""


@dataclass(frozen=True, slots=True)
class Sample:
    """How the bad link was at one moment."""

    up_rate_bps: float
    """0 while nothing gets out."""
    killed: bool
    """Whether the relay was away."""


@dataclass(slots=True)
class Row:
    """One message on its way."""

    id: MessageId
    author: Actor
    others: tuple[DeviceId, ...]
    """The devices that should have it."""
    whole: Stage
    """How far the message is as a whole, before it has copies."""
    copies: dict[DeviceId, Stage] = field(default_factory=dict)

    @property
    def stage(self) -> Stage:
        """The least that is true of all copies."""
        return min(self.of(device) for device in self.others)

    def of(self, device: DeviceId) -> Stage:
        """How far one device's copy is."""
        return self.copies.get(device, self.whole)

    @property
    def open(self) -> bool:
        """Whether somebody's device has not yet answered."""
        return self.stage < Stage.DELIVERED


class View:
    """What can be seen just now."""

    def __init__(self, plan: Plan, playing: Playing, play: Play) -> None:
        self.plan: Final = plan
        self.playing: Final = playing
        self.play: Final = play
        self.scene: Final = play.scene
        self.rows: Final[dict[MessageId, Row]] = {}
        self.samples: Final[deque[Sample]] = deque(maxlen=SAMPLES_MAX)
        self.reconnects = 0
        self._down: Final[set[str]] = set()
        self._began_s = time.monotonic()
        self._stop: Final[list[Callable[[], None]]] = [
            actor.client.agent.listen(self._listener(actor)) for actor in play.scene.actors
        ]

    def close(self) -> None:
        """Look away."""
        while self._stop:
            self._stop.pop()()

    @property
    def elapsed_s(self) -> float:
        """How long the performance has been going on."""
        return time.monotonic() - self._began_s

    @property
    def link(self) -> Stats:
        """How the bad link is now."""
        return self.scene.bad.stats()

    @property
    def delivered(self) -> int:
        """Messages whose authors have every device's answer."""
        return sum(not row.open for row in self.rows.values())

    def newest(self, count: int) -> list[Row]:
        """The last messages, oldest first."""
        return list(self.rows.values())[-count:]

    def words(self, row: Row) -> str:
        """What the message says."""
        line = self.play.promised.get(row.id)
        if line is not None:
            return line.text
        return f"▣ {FILE_WORDS}" if row.id == self.play.picture_id else ""

    def name(self, row: Row) -> str:
        """What to call the message in a sentence."""
        line = self.play.promised.get(row.id)
        return str(line.number) if line is not None else "the photograph"

    def is_urgent(self, row: Row) -> bool:
        """Whether it may overtake others."""
        line = self.play.promised.get(row.id)
        return line is not None and line.urgency is Urgency.URGENT

    def waiting(self) -> tuple[Row, Wait] | None:
        """The message that has waited longest, and why it does."""
        for row in self.rows.values():
            if row.open:
                wait = self._wait_of(row)
                if wait is not None:
                    return row, wait
        return None

    def sample(self) -> None:
        """Remember how the link is now."""
        self.samples.append(Sample(self.link.up_rate_bps, killed=not self.scene.relay.alive))

    # ---- private

    def _wait_of(self, row: Row) -> Wait | None:
        client = row.author.client
        slowest = min(row.others, key=row.of)
        return client.wait_of(row.id, slowest if slowest in row.copies else None)

    def _listener(self, actor: Actor) -> Callable[[News], None]:
        def hear(news: News) -> None:
            if isinstance(news, Progressed):
                self._progressed(actor, news)
            elif isinstance(news, LinkChanged):
                self._link_changed(actor, connected=news.connected)

        return hear

    def _link_changed(self, actor: Actor, *, connected: bool) -> None:
        if not connected:
            self._down.add(actor.label)
        elif actor.label in self._down:
            self._down.discard(actor.label)
            self.reconnects += 1

    def _progressed(self, actor: Actor, news: Progressed) -> None:
        row = self.rows.get(news.message)
        if row is None:
            devices = (each.client.identity.device for each in self.scene.actors if each is not actor)
            row = self.rows[news.message] = Row(news.message, actor, tuple(devices), news.step.stage)
        if news.device is None:
            row.whole = max(row.whole, news.step.stage)
        else:
            row.copies[news.device] = news.step.stage
