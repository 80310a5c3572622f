"""Plays the conversation: each line is sent when it is due, whatever the link does, and everything is waited for."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from answerback.core.effects import Arrived, FileReady, News
from answerback.faces.demonstration.scene import Actor, Scene, handle_of
from answerback.faces.demonstration.script import Line, Person, number_of
from answerback.model.ids import MessageId
from answerback.model.message import Message

FILE_AFTER = 0.2
"""The photograph goes on its way when this share of the lines is written: there is time left for it to arrive."""
FILE_WORDS = "From my window just now"
LOOK_S = 0.25
"""How often it is asked whether everything has its answer, besides at each arrival."""


class Play:
    """One performance: what was promised so far, and who has what."""

    def __init__(self, scene: Scene, script: tuple[Line, ...], picture: Path) -> None:
        self.scene: Final = scene
        self.script: Final = script
        self.promised: Final[dict[MessageId, Line]] = {}
        self.picture_id: MessageId | None = None
        self._picture: Final = picture
        self._arrived: Final[dict[str, set[MessageId]]] = {actor.label: set() for actor in scene.actors}
        self._numbers: Final[set[int]] = set()
        """The lines that have come to the person they are for."""
        self._unread: Final[dict[Person, list[Message]]] = {person: [] for person in Person}
        self._files: Final[set[str]] = set()
        self._changed = asyncio.Event()
        self._began_s = 0.0

    async def perform(self, *, patience_s: float) -> bool:
        """Send everything, then wait for the answers; false if patience ends first."""
        self._began_s = time.monotonic()
        with ExitStack() as listening:
            for actor in self.scene.actors:
                listening.callback(actor.client.agent.listen(self._listener(actor)))
            try:
                async with asyncio.timeout(self.script[-1].at_s + patience_s), asyncio.TaskGroup() as group:
                    for person in Person:
                        group.create_task(self._speak(person))
                    group.create_task(self._send_picture())
                    group.create_task(self._until(self._complete))
            except TimeoutError:
                return False
        return True

    # ---- speaking

    async def _speak(self, person: Person) -> None:
        writer = self.scene.of(person)[0]
        for line in (line for line in self.script if line.by is person):
            await self._until_due(line)
            if line.answers is not None:
                await self._until(lambda line=line: line.answers in self._numbers)  # type: ignore[misc]
            self._read(writer)
            sent = await writer.client.send(handle_of(person.other).text, text=line.text, urgency=line.urgency)
            self.promised[sent.id] = line
            self._changed.set()

    async def _send_picture(self) -> None:
        at = self.script[int(len(self.script) * FILE_AFTER)]
        await self._until_due(at)
        handle = handle_of(Person.BEA).text
        sent = await self.scene.ada.client.send(handle, text=FILE_WORDS, file=self._picture)
        self.picture_id = sent.id
        self._changed.set()

    async def _until_due(self, line: Line) -> None:
        await asyncio.sleep(max(0.0, self._began_s + line.at_s - time.monotonic()))

    def _read(self, reader: Actor) -> None:
        """Whoever writes has read what came before."""
        unread = self._unread[reader.person]
        if unread:
            reader.client.read(unread)
            unread.clear()

    # ---- listening

    def _listener(self, actor: Actor) -> Callable[[News], None]:
        is_writer = actor is self.scene.of(actor.person)[0]

        def hear(news: News) -> None:
            if isinstance(news, Arrived):
                self._arrived[actor.label].add(news.message.id)
                if is_writer and news.message.author != actor.client.identity.account:
                    self._numbers.add(number_of(news.message.text))
                    self._unread[actor.person].append(news.message)
            elif isinstance(news, FileReady) and news.cause is None:
                self._files.add(actor.label)
            self._changed.set()

        return hear

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), LOOK_S)
            except TimeoutError:
                continue

    def _complete(self) -> bool:
        """Everything is promised, has arrived everywhere, and its author knows."""
        if (
            len(self.promised) < len(self.script)
            or self.picture_id is None
            or len(self._files) < len(self.scene.of(Person.BEA))
        ):
            return False
        everything = {*self.promised, self.picture_id}
        for actor in self.scene.actors:
            own = {identity for identity, line in self.promised.items() if actor is self.scene.of(line.by)[0]}
            if actor is self.scene.ada:
                own.add(self.picture_id)
            if everything - own - self._arrived[actor.label]:
                return False
        return not any(actor.client.status().waiting for actor in self.scene.actors)
