"""Keeps one device that writes to another account's two, to try departures with."""

from dataclasses import replace

from answerback.core.departure import (
    Departure,
)
from answerback.core.effects import Effect, Moment, Transmit
from answerback.core.facts import KeepDraft
from answerback.core.lanes import Hold
from answerback.core.outbox import Copy
from answerback.model.ids import BlobId, DeviceId
from answerback.model.message import Attachment, Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.frames import ClientFrame, Submit
from tests.core.families import Family, begin, machines_of
from tests.core.specimens import letter, message_number

NOW = Moment(100.0, 7_000_000)
FILE = Attachment(BlobId(b"b" * 16), b"k" * 32, 100, 60, b"h" * 32, "a.jpg", "image/jpeg")


class Writer:
    """Ann's device, which writes to Bea's two."""

    def __init__(self, *, up: bool = True, ready: bool = True) -> None:
        self.ann, self.bea = Family(1), Family(2)
        self.machines = machines_of(self.ann, self.bea, up=up)
        self.departure = Departure(self.machines)
        self.drawn = 0
        self.machines.randomness = self.draw
        for keys in self.bea.keys if ready else ():
            for lane in Lane:
                begin(self.machines, keys, lane)

    @property
    def devices(self) -> list[DeviceId]:
        """Bea's devices, as they stand on her list."""
        return [device.id for device in self.machines.roster.devices(self.bea.account)]

    def draw(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def promises(self, number: int, *, text: bytes = b"", lane: Lane = Lane.NORMAL, devices: int = 2) -> list[Copy]:
        """Promise a letter to Bea's devices, or the first of them."""
        made = letter(number, lane=lane, recipients=(self.bea.account,))
        self.machines.outbox.accept(replace(made, letter=made.letter + text), now=NOW)
        targets = [(self.bea.account, device) for device in self.devices[:devices]]
        self.machines.outbox.lay_out(made.id, targets)
        promise = self.machines.outbox.promise(made.id)
        assert promise is not None
        for copy in promise.copies.values():
            self.departure.queue(copy)
        return list(promise.copies.values())

    def hold_of(self, copy: Copy) -> Hold | None:
        return self.machines.lanes.held(copy.device, copy.lane)


def draft(*handles: str, attachment: Attachment | None = None, lifetime_s: int = 60) -> KeepDraft:
    return KeepDraft(
        id=message_number(1),
        handles=handles,
        accounts=(),
        text="hello",
        attachment=attachment,
        urgency=Urgency.URGENT,
        stamp=Stamp(5, 1),
        lifetime_s=lifetime_s,
        accepted_wall_ms=3,
    )


def frames(effects: list[Effect]) -> list[ClientFrame]:
    return [effect.frame for effect in effects if isinstance(effect, Transmit)]


def submitted(effects: list[Effect]) -> list[list[DeviceId]]:
    found = [frame for frame in frames(effects) if isinstance(frame, Submit)]
    return [[envelope.device for envelope in frame.envelopes] for frame in found]
