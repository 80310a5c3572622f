"""Carries files in pieces that resume, one piece at a time, so that a lost connection costs one piece at most.

Theory. A file is encrypted once, staged on this device's disk and travels as a blob. Its message's copies leave only
when the whole blob is at the relay; the recipient's device answers back only when it has the whole file. A piece is
what is put on a disk at once, some seconds of the measured rate; on its way it is cut into chunks, and how many of
those may be under way is decided by `wire/flight.py`. One transfer runs at a time: two would share the same link.
Small files have turns of their own among the large ones (`wire/turns.py`).

A transfer belongs to one author's message, never to a blob alone: whoever shares a group knows the ids of its blobs,
and could name one first, with a key that does not open it, to keep the file from everybody else.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from answerback.core.effects import Download, Effect, FileReady, Reason, Save, Tell, Upload, Wake
from answerback.core.facts import KeepTransfer
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, BlobId, MessageId
from answerback.model.message import Lane, Urgency
from answerback.wire.turns import Turns, lane_of_file

PIECE_BYTES_MIN = 16 * 1024
PIECE_BYTES_START = 32 * 1024
PIECE_BYTES_MAX = 1024 * 1024
PIECE_S = 8.0
"""Between two pieces the line is empty for a round trip and a write to disk: a hundredth of this on most links."""
AGAIN_S = 2.0
"""After a piece that failed while the connection stands; the connection's own fate decides the rest."""
MISSING_AGAIN_S = 60.0
"""The relay has not got the blob: its sender was asked to bring it again; look then, and ever less often."""
MISSING_AGAIN_S_MAX = 6 * 3600.0


PostKey = tuple[AccountId, MessageId]
"""What names a person's message: its author too, since another author could take its id."""


@dataclass(slots=True)
class _Transfer:
    author: AccountId
    message: MessageId
    blob: BlobId
    uploading: bool
    total_bytes: int
    done_bytes: int = 0
    again_s: float = 0.0
    misses: int = 0

    @property
    def key(self) -> PostKey:
        return self.author, self.message

    @property
    def lane(self) -> Lane:
        """By its size: what else is known of it is sealed, or in the letter."""
        return lane_of_file(Urgency.NORMAL, media_type="", size_bytes=self.total_bytes)

    def fact(self, *, finished: bool) -> Save:
        return Save(
            KeepTransfer(
                self.author, self.message, self.blob, self.uploading, self.total_bytes, self.done_bytes, finished
            )
        )


MayFetch = Callable[[AccountId, MessageId, int], bool]
"""Whether the file of this author's message, of so many bytes, is fetched now."""


@dataclass(slots=True)
class Transfers:
    """Files on their way, in the order they were promised."""

    _transfers: dict[PostKey, _Transfer] = field(default_factory=dict)
    _running: PostKey | None = None
    _turns: Turns = field(default_factory=Turns)
    _given_up: set[PostKey] = field(default_factory=set)
    """Files that will not come: their messages are never said to be delivered."""

    def restore(self, kept: Iterable[KeepTransfer]) -> None:
        """Take back what was under way."""
        for fact in kept:
            if not fact.finished:
                transfer = _Transfer(
                    fact.author, fact.message, fact.blob, fact.uploading, fact.total_bytes, fact.done_bytes
                )
                self._transfers[transfer.key] = transfer
            elif fact.done_bytes < fact.total_bytes:
                self._given_up.add((fact.author, fact.message))

    def add(self, post: PostKey, blob: BlobId, *, uploading: bool, total_bytes: int) -> list[Effect]:
        """Promise to carry a message's file; one that is being carried already is the same promise."""
        if post in self._transfers:
            return []
        transfer = _Transfer(*post, blob, uploading, total_bytes)
        self._transfers[post] = transfer
        return [transfer.fact(finished=False)]

    def next(
        self, *, token: bytes, rate_bytes_per_s: float, now_s: float, may_fetch: MayFetch | None = None
    ) -> list[Effect]:
        """Start the next piece, unless one is under way; what may not be fetched now waits."""
        if self._running is not None or not token:
            return []
        ready = [
            transfer
            for transfer in self._transfers.values()
            if transfer.again_s <= now_s and self._may_move(transfer, may_fetch)
        ]
        if not ready:
            return []
        by_lane: dict[Lane, _Transfer] = {}
        for waiting in ready:
            by_lane.setdefault(waiting.lane, waiting)
        lane = self._turns.next(by_lane, has_room=True, now_s=now_s)
        assert lane is not None, "no file is nobody's turn"
        transfer = by_lane[lane]
        wanted = int(rate_bytes_per_s * PIECE_S) if rate_bytes_per_s else PIECE_BYTES_START
        length = min(max(wanted, PIECE_BYTES_MIN), PIECE_BYTES_MAX, transfer.total_bytes - transfer.done_bytes)
        self._running = transfer.key
        self._turns.spent(lane, length)
        kind = Upload if transfer.uploading else Download
        return [kind(transfer.author, transfer.message, transfer.blob, transfer.done_bytes, length, token)]

    def moved(self, piece: Upload | Download, *, done_bytes: int) -> tuple[bool, list[Effect]]:
        """So much is at its goal and on disk there; whether that is all of it."""
        transfer = self._ended(piece)
        if transfer is None:
            return False, []
        transfer.done_bytes, transfer.misses = min(done_bytes, transfer.total_bytes), 0
        finished = transfer.done_bytes >= transfer.total_bytes
        if finished:
            del self._transfers[transfer.key]
        return finished, [transfer.fact(finished=finished)]

    def failed(self, piece: Upload | Download, *, missing: bool, now_s: float) -> None:
        """A piece did not arrive, perhaps because the relay has not got the blob."""
        transfer = self._ended(piece)
        if transfer is None:
            return
        if not missing or transfer.uploading:
            transfer.again_s = now_s + AGAIN_S
            # A relay that has lost the beginning of what is being uploaded needs all of it.
            transfer.done_bytes = 0 if missing else transfer.done_bytes
        else:
            transfer.again_s = now_s + min(MISSING_AGAIN_S * 2**transfer.misses, MISSING_AGAIN_S_MAX)
            transfer.misses = min(transfer.misses + 1, 16)

    def give_up(self, piece: Download) -> list[Effect]:
        """Nobody is left who could bring this file again."""
        transfer = self._ended(piece)
        if transfer is None:
            return []
        return self._given(transfer)

    def void(self, author: AccountId, blobs: Collection[BlobId]) -> list[Effect]:
        """Their author says that these will never come."""
        over = [
            transfer
            for transfer in self._transfers.values()
            if not transfer.uploading and transfer.author == author and transfer.blob in blobs
        ]
        return [effect for transfer in over for effect in self._given(transfer)]

    def abandon(self, post: PostKey) -> list[Effect]:
        """This device no longer has the file it was to bring."""
        transfer = self._transfers.pop(post, None)
        if self._running == post:
            self._running = None
        return [] if transfer is None else [transfer.fact(finished=True)]

    def retire(self, wanted: Collection[MessageId]) -> list[Effect]:
        """Bring no file any more whose message has ended, but for the piece that is under way."""
        over = [
            transfer.key
            for transfer in self._transfers.values()
            if transfer.uploading and transfer.message not in wanted and transfer.key != self._running
        ]
        return [effect for post in over for effect in self.abandon(post)]

    def restart(self, post: PostKey, blob: BlobId, *, total_bytes: int) -> list[Effect]:
        """The relay has lost a blob: carry it there again from its beginning, unless that is already under way."""
        return self.add(post, blob, uploading=True, total_bytes=total_bytes)

    def disconnected(self) -> None:
        """The piece under way will report its own end; the others start at once when the link is back."""
        self._running = None
        for transfer in self._transfers.values():
            transfer.again_s = 0.0

    def active(self, post: PostKey) -> bool:
        """Whether a file of this message is still on its way, or will never come."""
        return post in self._transfers or post in self._given_up

    def progress(self, post: PostKey) -> tuple[int, int] | None:
        """Bytes done and bytes in all of the transfer that belongs to a message."""
        transfer = self._transfers.get(post)
        return None if transfer is None else (transfer.done_bytes, transfer.total_bytes)

    def wake_at(self, may_fetch: MayFetch | None = None) -> Wake | None:
        """When a failed piece is tried again; what may not be fetched now waits for somebody to say so."""
        if self._running is not None:
            return None
        waiting = [each.again_s for each in self._transfers.values() if self._may_move(each, may_fetch)]
        return Wake(min(waiting), Reason.TRANSFER) if waiting else None

    def __len__(self) -> int:
        """How many files are on their way."""
        return len(self._transfers)

    @property
    def messages(self) -> list[MessageId]:
        """The messages whose files are on their way."""
        return [message for _, message in self._transfers]

    def _given(self, transfer: _Transfer) -> list[Effect]:
        """Give one up."""
        del self._transfers[transfer.key]
        self._given_up.add(transfer.key)
        transfer.done_bytes = min(transfer.done_bytes, transfer.total_bytes - 1)
        missing = FileReady(transfer.message, transfer.blob, Cause.MESSAGE_FILE_MISSING)
        return [transfer.fact(finished=True), Tell(missing)]

    @staticmethod
    def _may_move(transfer: _Transfer, may_fetch: MayFetch | None) -> bool:
        return transfer.uploading or may_fetch is None or may_fetch(*transfer.key, transfer.total_bytes)

    def _ended(self, piece: Upload | Download) -> _Transfer | None:
        post = piece.author, piece.message
        if self._running == post:
            self._running = None
        return self._transfers.get(post)
