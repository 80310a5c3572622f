"""What becomes of pieces of files: they arrived, they did not, the file is whole, or it is gone.

A file belongs to its message: a message is delivered when its file is whole on disk, and cannot leave without it.
"""

from dataclasses import dataclass

from answerback.core.arrival import Arrival
from answerback.core.departure import Departure
from answerback.core.effects import Download, Effect, FileReady, Moment, Tell, Upload
from answerback.core.machines import Machines
from answerback.model.causes import Cause
from answerback.model.ids import BlobId
from answerback.model.message import Message
from answerback.wire.letters import Nack


@dataclass(slots=True)
class Carriage:
    """The composer of files."""

    machines: Machines
    departure: Departure
    arrival: Arrival

    def moved(self, piece: Upload | Download, *, done_bytes: int) -> list[Effect]:
        """So much of a file is at its goal."""
        finished, effects = self.machines.transfers.moved(piece, done_bytes=done_bytes)
        if finished and isinstance(piece, Upload):
            self.departure.file_arrived(piece.message)
        return effects

    def checked(self, blob: BlobId, message: Message, *, now: Moment) -> list[Effect]:
        """A received file is whole, opened and on disk."""
        own = self.machines.own
        effects: list[Effect] = [Tell(FileReady(message.id, blob))]
        if message.author != own.account or message.author_device != own.device:
            effects += self.arrival.file_arrived(message, now=now)
        return effects

    def failed(self, piece: Upload | Download, *, missing: bool, message: Message | None, now: Moment) -> list[Effect]:
        """A piece did not arrive; if the relay has not got the blob at all, its author is asked to bring it again.

        Once the message has run out its author keeps nothing of it any more, and once that device is off its
        account's list nobody does: then the file is given up.
        """
        machines = self.machines
        if missing and isinstance(piece, Download) and message is not None:
            relay_ms = machines.clock.relay_ms(now)
            is_over = relay_ms is not None and relay_ms > message.expires_ms
            if is_over or machines.roster.device(message.author_device) is None:
                return machines.transfers.give_up(piece)
        machines.transfers.failed(piece, missing=missing, now_s=now.now_s)
        if missing and message is not None and isinstance(piece, Download):
            return self.departure.control(Nack([], [], [piece.blob]), (message.author_device,), now=now)
        return []

    def gone(self, piece: Upload, *, now: Moment) -> list[Effect]:
        """The file to bring is no longer on this disk."""
        machines, promise = self.machines, self.machines.outbox.promise(piece.message)
        if promise is not None and not promise.addressed:
            machines.transfers.failed(piece, missing=True, now_s=now.now_s)  # nobody yet to say it of
            return []
        effects = machines.transfers.abandon((piece.author, piece.message))
        for copy in list(promise.copies.values()) if promise is not None else ():
            if copy.open:
                effects += machines.outbox.failed(copy, Cause.MESSAGE_FILE_MISSING, now=now)
        return effects
