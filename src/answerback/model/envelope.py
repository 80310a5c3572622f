"""One sealed copy for one device: all that a relay ever sees of a message."""

import msgspec

from answerback.model.bounds import ItsDevice, ItsEnvelope, Natural
from answerback.model.message import Lane

SEALED_BYTES_MAX = 64 * 1024
"""The largest envelope: text up to 48 KiB with its seals and padding. Files travel as blobs."""


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """Ciphertext for one device. `id` is the hash of `sealed`, so the same bytes are the same envelope."""

    id: ItsEnvelope
    device: ItsDevice
    lane: Lane
    lifetime_s: Natural
    """How long the relay may keep it, counted on the relay's clock from acceptance."""
    sealed: bytes

    def __repr__(self) -> str:
        """Show which one it is, not what is in it."""
        return f"Envelope({self.id.hex()}, {self.lane.name}, {len(self.sealed)} bytes)"


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """An envelope as its mailbox hands it over."""

    position: Natural
    """Where it stands in the mailbox. Grows for ever and is taken from the relay's clock (µs) where that is ahead, so
    that a relay restored from a backup does not give out a position twice."""
    lane: Lane
    id: ItsEnvelope
    sealed: bytes

    def __repr__(self) -> str:
        """Show which one it is, not what is in it."""
        return f"Delivery({self.position}, {self.lane.name}, {self.id.hex()})"
