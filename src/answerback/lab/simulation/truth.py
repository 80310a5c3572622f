"""Knows what really happened in one world: what was stored, read, shown, lost, revoked."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.core.effects import HandleChanged, Warned
from answerback.core.engine import Engine
from answerback.lab.simulation.disk import Disk
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
    file: bytes | None = field(default=None, repr=False)
    """What came with it."""
    is_answer: bool = False
    """It names accounts, not handles: it leaves at once, though an earlier one still looks its handle up."""
    is_for_nobody: bool = False
    """One of its handles is nobody's: it cannot be sent."""
    behind_ms: int = 0
    """How far behind its author's clock was, if the relay had not told that run the time: if it is set right and the
    agent begins again before the relay has, nobody can know that this time has not passed."""

    @property
    def ends_ms(self) -> int:
        """The earliest that its author may honestly believe its time to be over."""
        return self.at_ms + self.lifetime_s * 1000 - self.behind_ms


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
    moves: Counter[DeviceId] = field(default_factory=Counter)
    """How often a device has said that mail goes on another of its connections from now on."""
    pushed_back: Counter[EnvelopeId] = field(default_factory=Counter)
    """How often the relay refused an envelope, or said that it had lost it."""
    taken: Counter[tuple[DeviceId, EnvelopeId]] = field(default_factory=Counter)
    """How often a device kept that an envelope had come; more than once, and it opened it more than once."""
    answers: Counter[tuple[DeviceId, Engine | None, MessageId, DeviceId, int]] = field(default_factory=Counter)
    """How often each engine of a device took the same receipt for news; one begun again from the disk is another."""
    revoked: set[DeviceId] = field(default_factory=set)
    changed: set[AccountId] = field(default_factory=set)
    """Accounts whose list of devices changed while people were writing."""
    relay_forgot: bool = False
    """The relay lost mail, or keys, behind everybody's back: nobody can keep an order over that."""
    relay_was_full: bool = False
    """The relay refused mail for a while: what was under way behind it may have been taken before it."""
    relay_ahead_ms: int = 0
    """How far ahead the relay's clock has been, of true time or of what it showed before: ends are set by it, and mail
    expires by it, there is no other."""
    relay_behind_ms: int = 0
    """How far behind true time it has been."""
    clocks_were_set: bool = False
    restored: Counter[DeviceId] = field(default_factory=Counter)
    """How often an older copy of a device's journal was put back."""
    absent_until_s: dict[AccountId, float] = field(default_factory=dict)
    """Until when a relay that had lost its store did not know an account."""
    relay_lied: bool = False
    """The relay said what was not so: it cannot have made anybody believe it, but it can have cost any order."""
    somebody_lied: bool = False
    """A contact sealed what its client would never seal."""
    lied_about: set[AccountId] = field(default_factory=set)
    """Accounts whose newest list the relay kept from somebody, by a forged one in its place."""
    misled: set[DeviceId] = field(default_factory=set)
    """Devices that were handed mail in a lane, and so at a place, where it was not."""
    lost_files: set[DeviceId] = field(default_factory=set)
    """Authors whose disk lost a file that waited: its message cannot leave any more."""
    refused_for_good: set[tuple[MessageId, DeviceId]] = field(default_factory=set)
    """Copies of which the relay said that it will never take them."""
    gone: set[tuple[DeviceId, bytes]] = field(default_factory=set)
    """Messages and envelopes that a device had, and that the older copy of its journal does not have."""

    directory_lied: bool = False
    """The relay showed somebody another directory than everybody else."""
    ghosts: set[DeviceId] = field(default_factory=set)
    """Devices that were shown as an account's, and that nobody of the account has added."""
    warned: dict[DeviceId, list[Warned]] = field(default_factory=lambda: defaultdict(list))
    """What each device's person was told of that is not right."""

    heard: dict[DeviceId, list[HandleChanged]] = field(default_factory=lambda: defaultdict(list))
    """What each device's person was told of handles of their own."""
    moved: dict[str, AccountId] = field(default_factory=dict)
    """Handles that have gone to another account, and to which."""

    def went_back(self, device: DeviceId, disk: Disk, put_back: Callable[[], None]) -> None:
        """Learn what a device forgets when an older copy of its journal is put back."""
        before = _held(disk)
        put_back()
        self.restored[device] += 1
        self.gone |= {(device, identity) for identity in before - _held(disk)}

    def committed(self, batch: list[Command], answers: list[Answer]) -> None:
        """Learn what the relay has on its disk now."""
        for command, answer in zip(batch, answers, strict=True):
            if isinstance(command, Append) and isinstance(answer, Appended):
                kept = zip(command.envelopes, answer.fates, strict=True)
                self.stored |= {envelope.id for envelope, fate in kept if fate.cause is None}


def _held(disk: Disk) -> set[bytes]:
    rows = disk.rows("SELECT id FROM messages UNION ALL SELECT id FROM drafts UNION ALL SELECT id FROM seen")
    return {bytes(row[0]) for row in rows if isinstance(row[0], bytes)}
