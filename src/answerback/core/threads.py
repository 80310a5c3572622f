"""The order of each conversation: stamps that never run back, and what a new message is written after."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.model.ids import AccountId, ConversationId, MessageId
from answerback.model.message import WRITTEN_AFTER_MAX, Message
from answerback.model.stamp import HybridClock, Stamp, in_order

KNOWN_MAX = 100_000
"""Messages remembered by id, so that one that was sealed twice is shown once; the journal refuses older ones."""


@dataclass(slots=True)
class Threads:
    """What this device has seen of its conversations."""

    clock: HybridClock = field(default_factory=HybridClock)
    _heads: dict[ConversationId, dict[MessageId, Stamp]] = field(default_factory=dict)
    _known: dict[tuple[AccountId, MessageId], None] = field(default_factory=dict)

    def restore(self, recent: Iterable[Message], *, last_stamp: Stamp) -> None:
        """Take back from disk the ends of each conversation."""
        self.clock.last = last_stamp
        for message in in_order(recent):
            self.add(message)

    def add(self, message: Message) -> bool:
        """Take in a message; false if it was here before."""
        if (message.author, message.id) in self._known:
            return False
        self.remember(message.author, message.id)
        heads = self._heads.setdefault(message.conversation, {})
        for earlier in message.written_after:
            heads.pop(earlier, None)
        heads[message.id] = message.stamp
        while len(heads) > WRITTEN_AFTER_MAX:
            del heads[next(iter(heads))]
        return True

    def remember(self, author: AccountId, message: MessageId) -> None:
        """Know a message by its id, wherever it is kept."""
        self._known[author, message] = None
        while len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]

    def knows(self, author: AccountId, message: MessageId) -> bool:
        """Whether this message is here."""
        return (author, message) in self._known

    def heads(self, conversation: ConversationId, *, before: Stamp | None = None) -> frozenset[MessageId]:
        """What a message written now is written after; one that was written with an earlier stamp, of what was then."""
        heads = self._heads.get(conversation, {})
        return frozenset(head for head, stamp in heads.items() if before is None or stamp < before)
