"""Gives the one shape in which a device is told about: for `--json`, for the agent's local interface, for pages.

Keys are stable; docs/commands.md lists them. Ids of messages are UUIDs, other ids hexadecimal, times milliseconds of
the wall clock. What is unknown is `null`, never left out.
"""

import msgspec


class WaitTold(msgspec.Struct, frozen=True):
    """Why nothing moves, and what happens next."""

    cause: str
    owner: str
    sentence: str
    we_do: str
    you_can: str
    next_attempt_ms: int | None
    next_reason: str


class StepTold(msgspec.Struct, frozen=True):
    """One line of a timeline."""

    stage: str
    evidence: str
    at_ms: int
    cause: str | None
    attempt: int


class CopyTold(msgspec.Struct, frozen=True):
    """The life of one copy, for one device."""

    account: str
    handle: str | None
    device: str
    device_name: str
    own: bool
    """Whether it is for another device of ours."""
    stage: str
    attempts: int
    steps: list[StepTold]
    wait: WaitTold | None
    failure: WaitTold | None
    """The words for a copy that failed or expired."""


class AsideStepTold(msgspec.Struct, frozen=True):
    """One line of a text's life."""

    stage: str
    evidence: str
    at_ms: int
    reason: str | None


class AsideTold(msgspec.Struct, frozen=True):
    """A message's way by a carrier, outside the encryption."""

    carrier: str
    to: str
    stage: str
    sentence: str
    confirms: bool
    """Whether this carrier can ever say that a phone has it."""
    trigger: str
    parts: int
    price: str
    cost: str
    """What all parts cost; empty if nobody said the price."""
    needs_consent: bool
    """To say yes, what it means must be agreed to as well."""
    steps: list[AsideStepTold]


class TimelineTold(msgspec.Struct, frozen=True):
    """What became of one message."""

    id: str
    mine: bool
    author: str | None
    to: list[str]
    text: str
    file_name: str | None
    written_ms: int | None
    expires_ms: int | None
    stage: str
    final: bool
    answered: bool
    steps: list[StepTold]
    copies: list[CopyTold]
    wait: WaitTold | None
    failure: WaitTold | None
    changed: list[str] = []
    """Recipients whose key is not the one it was, and nobody has agreed to that."""
    private: bool = False
    """It never goes by a carrier."""
    asides: list[AsideTold] = []
    """Its ways by a carrier, oldest first."""
    carrier: str | None = None
    """Which carrier brought it, of what came so."""
    unproven: bool = False
    """It came by a carrier only: unencrypted, and nobody proved who sent it."""


class FileTold(msgspec.Struct, frozen=True):
    """A file beside a message."""

    name: str
    size_bytes: int
    media_type: str
    path: str | None
    """Where it is on this device, once it is whole and checked."""


class MessageTold(msgspec.Struct, frozen=True):
    """A message as an inbox shows it."""

    id: str
    mine: bool
    unread: bool
    author: str
    to: list[str]
    text: str
    file: FileTold | None
    urgency: str
    written_ms: int
    arrived_ms: int
    expires_ms: int
    stage: str | None
    """How far it has come; of our own messages only."""
    cause: str | None
    """Why it waits or failed; of our own messages only."""
    verified: bool = False
    """Whether its author's key was compared; of our own: that of every recipient."""
    changed: list[str] = []
    """Author or recipients whose key is not the one it was."""
    private: bool = False
    """It never goes by a carrier."""
    aside: str | None = None
    """How far it has come by a carrier, of our own messages."""
    aside_carrier: str | None = None
    aside_confirms: bool = True
    carrier: str | None = None
    """Which carrier brought it, of what came so, also beside the encrypted one."""
    unproven: bool = False
    """It came by a carrier only: unencrypted, and nobody proved who sent it."""


class HistoryTold(msgspec.Struct, frozen=True):
    """How far the history is on its way to another device of the account, or from it."""

    giving: bool
    done: int
    """Messages."""
    total: int
    state: str
    """`offered`, `moving`, `done`, `declined` or `broken`."""


class DeviceTold(msgspec.Struct, frozen=True):
    """One device of this account."""

    id: str
    name: str
    added_ms: int
    this: bool
    heard_ms: int | None = None
    """When something of it was last opened here; of this device itself, and of one not yet heard of: null."""
    history: HistoryTold | None = None
    """How far the history is that goes to it or comes from it; null if none does."""
    standing: str = "linked"
    """`linked`, or `removed`."""


class DeviceNamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What this device is to be called."""

    name: str


class HistoryAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which device is to be offered the history."""

    device: str


class RevokeAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which device is to be removed from the account."""

    device: str
    """Its id, the beginning of it, or its name."""
    keep_root: bool = False


class PathTold(msgspec.Struct, frozen=True):
    """How one way to the relay stands, and what that rests on."""

    name: str
    in_use: bool
    standby: bool
    metered: bool
    standing: str
    sign: str
    since_ms: int
    rtt_ms: float | None
    rtt_deviation_ms: float
    jitter_ms: float
    loss: float
    bloat_ms: float
    up_bytes_per_s: float
    down_bytes_per_s: float
    heard_ms_ago: int | None
    probes: int
    wasted_bytes: int


class RegistrationTold(msgspec.Struct, frozen=True):
    """How this device stands with its relay."""

    state: str
    cause: str | None
    since_ms: int | None
    doing: str
    ends_ms: int | None
    """When it ends if there is no contact until then."""
    renewing: bool = False
    """Whether it is being made anew because a person asked for it."""
    renewed_ms: int | None = None
    """When that was last done."""
    healed: dict[str, int] = {}
    """What the agent has healed between this device and others since it started, by kind."""


class StatusTold(msgspec.Struct, frozen=True):
    """How this device stands."""

    handle: str
    account: str
    device: str
    device_name: str
    relay: str
    running: bool
    connected: bool
    cause: str | None
    owner: str | None
    next_attempt_ms: int | None
    next_reason: str | None
    rtt_ms: float | None
    rate_bytes_per_s: float | None
    clock_offset_ms: int
    behind: int | None
    prekeys_left: int | None
    attempts: int | None
    wasted_attempts: int | None
    messages: int
    waiting: int
    files_moving: int
    mode: str | None = None
    """How eager the agent is."""
    mode_why: str | None = None
    mode_since_ms: int | None = None
    mode_change: str | None = None
    """What would make it more eager."""
    mode_chosen: str | None = None
    """What the person asked for; null: the device chooses."""
    metered_chosen: bool | None = None
    urgent_left: int | None = None
    """Messages that may still be urgent now."""
    urgent_next_ms: int | None = None
    """When there will be one more."""
    paths: list[PathTold] = []
    """The ways to the relay, the one in use first."""
    verified: int = 0
    """Accounts whose key was compared."""
    changed: list[str] = []
    """Contacts whose key is not the one it was, and nobody has agreed to that."""
    registration: RegistrationTold | None = None


class EventTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened while somebody listens; which keys it has depends on `event`."""

    event: str
    message: MessageTold | None = None
    message_id: str | None = None
    device: str | None = None
    device_name: str | None = None
    stage: str | None = None
    evidence: str | None = None
    at_ms: int | None = None
    connected: bool | None = None
    cause: str | None = None
    path: str | None = None
    question: str | None = None
    mode: str | None = None
    why: str | None = None
    contact: str | None = None
    state: str | None = None
    code: str | None = None
    carrier: str | None = None
    confirms: bool | None = None
    handle: str | None = None
    other: str | None = None
    """The account a handle was moved to, or is asked for by."""
    done: int | None = None
    """Messages of the history that are there."""
    total: int | None = None


class LinkTold(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of linking a device: the code, then who asks, then the device; or why not."""

    link: str | None = None
    code: str | None = None
    asks: str | None = None
    fingerprint: str | None = None
    device: DeviceTold | None = None
    refusal: str | None = None
    cause: str | None = None
    kind: str | None = None


class ContactTold(msgspec.Struct, frozen=True):
    """Somebody, and how sure this account's person is of them."""

    handle: str
    account: str
    safety_number: str
    scan_text: str
    """What the QR code on this screen says to them."""
    verified: str | None
    """By what their key was compared: scan, numbers, code."""
    verified_ms: int | None
    changed_ms: int | None
    """When their handle was found to stand for another account; null: it has not changed, or that was agreed to."""
    held: bool
    """Whether messages to them wait because of that."""
    verdict: str | None = None
    """What a comparison just showed: same, theirs_differs, ours_differs, somebody_else."""


class CodeTold(msgspec.Struct, frozen=True):
    """One turn of comparing a short code."""

    state: str
    code: str | None


class Trouble(msgspec.Struct, frozen=True):
    """Why a request to the agent was refused."""

    kind: str
    message: str
    cause: str | None = None


class SendAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to be sent."""

    to: list[str]
    text: str = ""
    file: str | None = None
    urgent: bool = False
    ttl_s: int | None = None
    private: bool = False


class FallbackTold(msgspec.Struct, frozen=True):
    """What becomes of messages to one contact that do not get through."""

    contact: str
    choice: str
    after_s: float | None
    to: str | None
    """The number that a text would go to."""
    carrier: str | None
    price: str
    file_noted: bool
    agreed_by: str | None
    """Who agreed to what this means; null: nobody, or not to these words and this price."""
    agreed_ms: int | None
    words: str
    """What there is to agree to."""
    wording: int
    carriers: dict[str, str] = {}
    """All carriers that are set up, and what a part costs; empty while no agent runs."""


class FallbackAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A choice for a contact; a `consent` names who has agreed to the words."""

    contact: str
    choice: str
    after_s: float = 0.0
    carrier: str | None = None
    number: str | None = None
    file_noted: bool = False
    consent: str | None = None
    wording: int = 0


class ConsentAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Yes or no to one message's other way; a `consent` names who has agreed to the words as well."""

    message: str
    yes: bool
    by: str
    consent: str | None = None
    wording: int = 0


class ContactAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something about one contact."""

    contact: str
    text: str = ""
    """What was scanned."""
    same: bool | None = None
    """Whether both short codes are the same."""


class WishAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How eager the device is to be; null leaves it to the device."""

    mode: str | None = None
    metered: bool | None = None


class RegisterAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The device is to sign out and in again; with a code, its account is given back to the relay first."""

    gentle: bool = False
    timeout_s: int = 20
    code: str | None = None
    invitation: str = ""


class ReadAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that arrived up to this message has been read."""

    up_to: str


class SentTold(msgspec.Struct, frozen=True):
    """A message that was promised."""

    id: str
