"""How far a message has come, and the evidence that proves it.

A message has one timeline for each device it goes to (a *copy*). A stage is only ever claimed with evidence; stages
only move forward; `waiting` is not a stage but a cause beside the stage reached.
"""

from dataclasses import dataclass
from enum import IntEnum, unique

import msgspec

from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId, MessageId


@unique
class Stage(IntEnum):
    """How far one copy has come, in order."""

    COMPOSED = 0
    QUEUED = 1
    SEALED = 2
    SENT = 3
    ACCEPTED = 4
    DELIVERED = 5
    READ = 6
    FAILED = 8
    EXPIRED = 9

    @property
    def final(self) -> bool:
        """Nothing more will be tried after this."""
        return self >= Stage.FAILED

    @property
    def answered(self) -> bool:
        """The recipient's device itself said so."""
        return self in (Stage.DELIVERED, Stage.READ)


@unique
class Evidence(IntEnum):
    """What proves a stage: who or what said so."""

    NONE = 0
    JOURNAL = 1
    """It is on this device's disk."""
    RATCHET = 2
    """It was sealed, and ratchet and ciphertext are on disk."""
    SOCKET = 3
    """The operating system took the bytes."""
    RELAY = 4
    """The relay said that it is on its disk."""
    RECEIPT = 5
    """The recipient's device said so, end to end encrypted."""
    CLOCK = 6
    """The time its author gave it has run out."""
    REFUSAL = 7
    """The relay or the recipient refused it, with a cause."""
    CARRIER = 8
    """A carrier outside the encryption said so; nothing proves it."""
    CARRIER_RECEIPT = 9
    """The carrier says that its network has confirmed it: the phone has it. Whether anybody saw it, nobody knows."""
    PERSON = 10
    """A person at this device said so."""
    REPAIR = 11
    """A device or the relay said that something between devices is broken: it is being mended; the cause says what."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One line of a timeline: what was known, when, and why we believe it."""

    stage: Stage
    evidence: Evidence
    wall_ms: int
    cause: Cause = Cause.UNKNOWN
    """Why it waits or failed; `unknown` where the stage needs no cause."""
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Why nothing moves just now, and what happens next."""

    cause: Cause
    next_attempt_ms: int | None
    """When the next attempt is due, on this device's wall clock; none if an event is awaited, not a time."""
    next_reason: str
    """The id of what is awaited: a `Reason` of the core."""


@dataclass(frozen=True, slots=True)
class CopyTimeline:
    """The life of one copy: for which device, the steps so far, and what it waits for."""

    message: MessageId
    account: AccountId
    device: DeviceId
    device_name: str
    stage: Stage
    attempts: int
    steps: tuple[Step, ...]
    wait: Wait | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """What became of one message, copy by copy."""

    message: MessageId
    stage: Stage
    """The least that is true of every copy that still counts."""
    steps: tuple[Step, ...]
    """What happened to the message as a whole, before it had copies."""
    copies: tuple[CopyTimeline, ...]
    wait: Wait | None
