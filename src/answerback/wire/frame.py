"""What all frames are: values with a name."""

import msgspec


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """What all frames share: they are values."""
