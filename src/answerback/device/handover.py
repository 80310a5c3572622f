"""Reads this device's history from its disk, page by page, for another device of the same account."""

import asyncio
import contextlib

from answerback.core.handover import NO_DIGEST, Progress, Wanted
from answerback.device.agent import Agent, AgentEnded
from answerback.model.errors import StorageError
from answerback.model.ids import DeviceId
from answerback.model.notes import NoteKind
from answerback.storage.history import History
from answerback.storage.messages import KeptMessage
from answerback.wire.codec import decode, encode
from answerback.wire.letters import Page, PastCopy, PastMessage, PastStep, Post

PAGE_BYTES = 32 * 1024
"""A page is closed at this size; with the largest text, and what became of it, it still fits one envelope."""
STEPS_BYTES_MAX = 8 * 1024
"""Of the timeline of one message; what is longer stays behind, and the stages of its copies travel."""
CONTACTS_PER_PAGE = 100
MESSAGES_PER_PAGE = 256
LOOK_S = 0.2
"""How often it is looked whether there is room for a page: answers are no news of their own to this task."""


def page_of(history: History, wanted: Wanted) -> Page:
    """Read the page that was wanted; of constant size, however long the history is."""
    messages: list[PastMessage] = []
    size_bytes, cursor, is_more = 0, wanted.cursor, False
    for kept in history.messages(limit=MESSAGES_PER_PAGE, before=wanted.cursor):
        past = past_of(history, kept)
        size_bytes += len(encode(past))
        if messages and size_bytes > PAGE_BYTES:
            is_more = True
            break
        messages.append(past)
        cursor = kept.arrival
    is_more = is_more or bool(history.messages(limit=1, before=cursor))
    first = (wanted.number - 1) * CONTACTS_PER_PAGE
    contacts, names = history.contacts(), history.device_names()
    return Page(
        0,
        0,
        cursor,
        messages,
        [(each.handle, each.account) for each in contacts[first : first + CONTACTS_PER_PAGE]],
        [(each.device, each.name) for each in names[first : first + CONTACTS_PER_PAGE]],
        NO_DIGEST,
        not is_more and first + CONTACTS_PER_PAGE >= max(len(contacts), len(names)),
    )


def past_of(history: History, kept: KeptMessage) -> PastMessage:
    """Write one message as history."""
    message = kept.message
    post = Post(
        message.id,
        message.conversation,
        sorted(message.recipients),
        message.text,
        message.attachment,
        message.urgency,
        message.stamp,
        sorted(message.written_after),
        message.expires_ms,
    )
    copies, steps = [], []
    if kept.mine:
        copies = [PastCopy(each.account, each.device, each.lane, each.stage) for each in history.copies(message.id)]
        steps = [
            PastStep(each.device, each.step.stage, each.step.evidence, each.step.wall_ms, each.step.cause.value,
                     each.step.attempt)
            for each in history.steps(message.id)
        ]  # fmt: skip
        if len(encode(steps)) > STEPS_BYTES_MAX:
            steps = []
    return PastMessage(post, message.author, message.author_device, kept.arrived_wall_ms, copies, steps)


def histories(history: History) -> dict[DeviceId, tuple[bool, int, int, str]]:
    """Say for each device whether the history is given or taken, how many messages of how many, and how it stands."""
    found: dict[DeviceId, tuple[bool, int, int, str]] = {}
    for note in history.notes():
        if note.kind in (NoteKind.HISTORY_GIVEN, NoteKind.HISTORY_TAKEN):
            progress = decode(note.value, Progress)
            giving = note.kind is NoteKind.HISTORY_GIVEN
            found[DeviceId(note.about)] = (giving, progress.done, progress.total, progress.state.value)
    return found


def offer(agent: Agent, device: DeviceId) -> int:
    """Offer all that is here to another device of ours; returns how many messages that is."""
    total, cursor = agent.journal.extent()
    agent.change(
        lambda engine, now: engine.then(engine.handover.offer(device, total=total, cursor=cursor, now=now), now=now)
    )
    return total


async def serve(agent: Agent) -> None:
    """Bring pages to the engine as there is room for them, until the agent ends."""
    with contextlib.suppress(AgentEnded):
        while not agent.ended.is_set():
            for wanted in list(agent.engine.handover.wanted()):
                with contextlib.suppress(StorageError):  # it is wanted again when the disk is well
                    _bring(agent, wanted)
            await asyncio.sleep(0 if any(agent.engine.handover.wanted()) else LOOK_S)


def _bring(agent: Agent, wanted: Wanted) -> None:
    page = page_of(agent.journal, wanted)
    agent.change(lambda engine, now: engine.then(engine.handover.page(wanted, page, now=now), now=now))
