"""Knows what really happened in one world: what was stored, read, shown, lost, revoked."""

from collections import Counter
from dataclasses import dataclass, field

from answerback.model.ids import AccountId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import Urgency
from answerback.storage.relay_commands import Answer, Append, Appended, Command


@dataclass(slots=True, kw_only=True)
class Sent:
    """One message somebody wrote, as the world knows it."""

    id: MessageId
    number: int
    text: str
    author: DeviceId
    recipients: frozenset[AccountId]
    urgency: Urgency
    at_ms: int
    lifetime_s: int


@dataclass(slots=True)
class Truth:
    """What no machine of the system knows as a whole."""

    sent: dict[MessageId, Sent] = field(default_factory=dict)
    stored: set[EnvelopeId] = field(default_factory=set)
    """Every envelope the relay ever had on its disk."""
    sealed: set[EnvelopeId] = field(default_factory=set)
    """Every envelope its author ever had on its disk; it may leave though its letter has ended meanwhile."""
    read: set[tuple[DeviceId, MessageId]] = field(default_factory=set)
    shown: Counter[tuple[DeviceId, AccountId, MessageId]] = field(default_factory=Counter)
    """How often a person was told that a message is here."""
    submitted: Counter[tuple[DeviceId, EnvelopeId]] = field(default_factory=Counter)
    connections: Counter[DeviceId] = field(default_factory=Counter)
    pushed_back: Counter[EnvelopeId] = field(default_factory=Counter)
    """How often the relay refused an envelope, or said that it had lost it."""
    revoked: set[DeviceId] = field(default_factory=set)
    changed: set[AccountId] = field(default_factory=set)
    """Accounts whose list of devices changed while people were writing."""
    relay_forgot: bool = False
    """The relay lost mail, or keys, behind everybody's back: nobody can keep an order over that."""
    relay_was_full: bool = False
    """The relay refused mail for a while: what was under way behind it may have been taken before it."""
    clocks_were_set: bool = False

    def committed(self, batch: list[Command], answers: list[Answer]) -> None:
        """Learn what the relay has on its disk now."""
        for command, answer in zip(batch, answers, strict=True):
            if isinstance(command, Append) and isinstance(answer, Appended):
                kept = zip(command.envelopes, answer.fates, strict=True)
                self.stored |= {envelope.id for envelope, fate in kept if fate.cause is None}
