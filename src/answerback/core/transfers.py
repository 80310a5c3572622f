"""Carries files in pieces that resume, one piece at a time, so that a lost connection costs one piece at most.

Theory. A file is encrypted once, staged on this device's disk and travels as a blob. Its message's copies leave only
when the whole blob is at the relay; the recipient's device answers back only when it has the whole file. A piece is
sized to about a second of the measured rate. One transfer runs at a time: two would share the same link.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from answerback.core.effects import Download, Effect, KeepTransfer, Reason, Save, Upload, Wake
from answerback.model.ids import BlobId, MessageId

PIECE_BYTES_MIN = 16 * 1024
PIECE_BYTES_START = 32 * 1024
PIECE_BYTES_MAX = 512 * 1024
PIECE_S = 1.0
AGAIN_S = 2.0
"""After a piece that failed while the connection stands; the connection's own fate decides the rest."""
MISSING_AGAIN_S = 60.0
"""The relay has not got the blob: its sender was asked to bring it again; look then, and ever less often."""
MISSING_AGAIN_S_MAX = 6 * 3600.0


@dataclass(slots=True)
class _Transfer:
    blob: BlobId
    message: MessageId
    uploading: bool
    total_bytes: int
    done_bytes: int = 0
    again_s: float = 0.0
    misses: int = 0

    def fact(self, *, finished: bool) -> Save:
        return Save(KeepTransfer(self.blob, self.message, self.uploading, self.total_bytes, self.done_bytes, finished))


@dataclass(slots=True)
class Transfers:
    """Files on their way, in the order they were promised."""

    _transfers: dict[tuple[BlobId, bool], _Transfer] = field(default_factory=dict)
    _running: tuple[BlobId, bool] | None = None

    def restore(self, kept: Iterable[KeepTransfer]) -> None:
        """Take back what was under way."""
        for fact in kept:
            if not fact.finished:
                transfer = _Transfer(fact.blob, fact.message, fact.uploading, fact.total_bytes, fact.done_bytes)
                self._transfers[fact.blob, fact.uploading] = transfer

    def add(self, blob: BlobId, message: MessageId, *, uploading: bool, total_bytes: int) -> list[Effect]:
        """Promise to carry a blob; one that is being carried already is the same promise."""
        if (blob, uploading) in self._transfers:
            return []
        transfer = _Transfer(blob, message, uploading, total_bytes)
        self._transfers[blob, uploading] = transfer
        return [transfer.fact(finished=False)]

    def next(self, *, token: bytes, rate_bytes_per_s: float, now_s: float) -> list[Effect]:
        """Start the next piece, unless one is under way."""
        if self._running is not None or not token:
            return []
        ready = [transfer for transfer in self._transfers.values() if transfer.again_s <= now_s]
        if not ready:
            return []
        transfer = ready[0]
        wanted = int(rate_bytes_per_s * PIECE_S) if rate_bytes_per_s else PIECE_BYTES_START
        length = min(max(wanted, PIECE_BYTES_MIN), PIECE_BYTES_MAX, transfer.total_bytes - transfer.done_bytes)
        self._running = transfer.blob, transfer.uploading
        kind = Upload if transfer.uploading else Download
        return [kind(transfer.blob, transfer.done_bytes, length, token)]

    def moved(self, blob: BlobId, *, uploading: bool, done_bytes: int) -> tuple[MessageId | None, list[Effect]]:
        """So much is at its goal and on disk there; the message's id once all of it is."""
        transfer = self._transfers.get((blob, uploading))
        if self._running == (blob, uploading):
            self._running = None
        if transfer is None:
            return None, []
        transfer.done_bytes, transfer.misses = min(done_bytes, transfer.total_bytes), 0
        finished = transfer.done_bytes >= transfer.total_bytes
        if finished:
            del self._transfers[blob, uploading]
        return transfer.message if finished else None, [transfer.fact(finished=finished)]

    def failed(self, blob: BlobId, *, uploading: bool, missing: bool, now_s: float) -> MessageId | None:
        """A piece did not arrive; the message's id if the relay says that it has not got the blob."""
        if self._running == (blob, uploading):
            self._running = None
        transfer = self._transfers.get((blob, uploading))
        if transfer is None:
            return None
        if not missing or uploading:
            transfer.again_s = now_s + AGAIN_S
            # A relay that has lost the beginning of what is being uploaded needs all of it.
            transfer.done_bytes = 0 if missing else transfer.done_bytes
        else:
            transfer.again_s = now_s + min(MISSING_AGAIN_S * 2**transfer.misses, MISSING_AGAIN_S_MAX)
            transfer.misses = min(transfer.misses + 1, 16)
        return transfer.message if missing else None

    def restart(self, blob: BlobId, message: MessageId, *, total_bytes: int) -> list[Effect]:
        """The relay has lost a blob: carry it there again from its beginning, unless that is already under way."""
        return self.add(blob, message, uploading=True, total_bytes=total_bytes)

    def disconnected(self) -> None:
        """The piece under way will report its own end; the others start at once when the link is back."""
        self._running = None
        for transfer in self._transfers.values():
            transfer.again_s = 0.0

    def active(self, message: MessageId, *, uploading: bool) -> bool:
        """Whether a file of this message is still being carried."""
        return any(
            transfer.message == message and transfer.uploading == uploading for transfer in self._transfers.values()
        )

    def progress(self, message: MessageId) -> tuple[int, int] | None:
        """Bytes done and bytes in all of the transfer that belongs to a message."""
        for transfer in self._transfers.values():
            if transfer.message == message:
                return transfer.done_bytes, transfer.total_bytes
        return None

    @property
    def wake_at(self) -> Wake | None:
        """When a failed piece is tried again."""
        if self._running is not None or not self._transfers:
            return None
        return Wake(min(transfer.again_s for transfer in self._transfers.values()), Reason.TRANSFER)

    def __len__(self) -> int:
        """How many files are on their way."""
        return len(self._transfers)
