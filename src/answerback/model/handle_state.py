"""What can become of a handle that points, or pointed, to an account."""

from enum import IntEnum, unique


@unique
class HandleState(IntEnum):
    """How a handle stands for one account; numbers are on the wire and on disks."""

    OURS = 0
    """It points to this account."""
    LEAVING = 1
    """Another account has proven it and gets it later, unless a device of this account objects."""
    LEFT = 2
    """It points to another account now."""
    COMING = 3
    """This account has proven it and gets it later, unless the account that has it objects."""
    CAME = 4
    """It points to this account now, and pointed to another one before."""
    REFUSED = 5
    """The account that has it objected: it does not come."""
    STAYED = 6
    """A device of this account objected, or the other account gave up: it stays."""
    REMOVED = 7
    """A device of this account removed it."""
