"""What a device remembers in a few bytes, kind by kind."""

from enum import Enum, unique


@unique
class HistoryState(Enum):
    """How the history of one device stands with another of the same account."""

    OFFERED = "offered"
    MOVING = "moving"
    DONE = "done"
    """All of it is there, and every byte is what was sent."""
    DECLINED = "declined"
    BROKEN = "broken"
    """What came is not what was sent; what is there is kept."""


@unique
class NoteKind(Enum):
    """What a note is about."""

    ROOT = "root"
    """The seed of the account's root key, where it is another than registration or linking gave this device."""
    NEXT_ROOT = "next root"
    """The seed of the root key of a device list that may be on its way."""
    DEVICE_NAME = "device name"
    NEXT_DEVICE = "next device"
    """The keys of the new device that this one is about to become, and with which key they are encrypted."""
    SUPERSEDED = "superseded"
    """Another state of this device has spoken since this one: what this one may never do again."""
    UNINTRODUCED = "unintroduced"
    """This device took the place of another, and its contacts have not heard of it yet."""
    HISTORY_GIVEN = "history given"
    """How far the history is with another device of ours."""
    HISTORY_TAKEN = "history taken"
    """How far the history of another device of ours is here."""
    FORMER_DEVICE = "former device"
    """A device that an account's list no longer names; the note is the account."""
    OWN_HANDLE = "own handle"
    """What the relay has told last of a handle of this account, so that it is told people once."""
