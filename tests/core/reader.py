"""Keeps one device that hears from another account's two, to try arrivals with."""

from answerback.core.arrival import Arrival
from answerback.core.departure import Departure
from answerback.core.effects import Effect, Tell, Transmit, Warned
from answerback.core.facts import KeepSeen
from answerback.core.outbox import Copy
from answerback.model.envelope import Delivery
from answerback.model.ids import AccountId, BlobId, DeviceId, MessageId
from answerback.model.message import Attachment, Lane
from answerback.wire.codec import decode_letter
from answerback.wire.frames import ClientFrame, LookUp, Taken, Took
from answerback.wire.letters import AnyLetter
from tests.core.families import Correspondent, Family, machines_of
from tests.core.specimens import NOW, at, envelope_for, kept, letter

ANN, BEA, STRANGER = Family(1), Family(2), Family(1)
LATER = at(110.0)
FILE = Attachment(BlobId(b"b" * 16), b"k" * 32, 100, 60, b"h" * 32, "a.jpg", "image/jpeg")


class Reader:
    """Ann's device, which hears from Bea's."""

    def __init__(self, *known: Family) -> None:
        self.machines = machines_of(ANN, *(known or (BEA,)))
        self.departure = Departure(self.machines)
        self.arrival = Arrival(self.machines, self.departure)
        self.drawn = 0
        self.machines.randomness = self.draw

    def draw(self, count: int) -> bytes:
        """Give each letter an id of its own."""
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def hears(self, *deliveries: Delivery, at_s: float = 100.0) -> list[Effect]:
        """Take in what the relay hands over."""
        return self.arrival.deliver(deliveries, now=at(at_s))

    def answers(self) -> list[tuple[DeviceId, AnyLetter]]:
        """Take out the control letters it owes."""
        promises = [promise for promise in self.machines.outbox if not promise.letter.answered]
        for promise in promises:
            del self.machines.outbox._promises[promise.id]
        return [(promise.letter.devices[0], decode_letter(promise.letter.letter)) for promise in promises]

    def owes(self, *messages: MessageId, to: Correspondent, lane: Lane = Lane.NORMAL) -> list[Copy]:
        """Promise messages to a device, of which the relay has each, numbered from 1."""
        copies = []
        for number, message in enumerate(messages, start=1):
            outbox = self.machines.outbox
            kept_letter = letter(int.from_bytes(message, "big"), lane=lane, recipients=(BEA.account,))
            outbox.accept(kept_letter, now=NOW)
            outbox.lay_out(message, [(BEA.account, to.id)])
            copy = outbox.copy((message, to.id))
            assert copy is not None
            envelope = envelope_for(copy)
            outbox.sealed(copy, envelope, sequence=number, now=NOW)
            outbox.leaving(copy, now=NOW)
            outbox.written(envelope.id, now=NOW)
            outbox.accepted(envelope.id, away_s=0, boot=b"b", now=NOW)
            copies.append(copy)
        return copies


def pair() -> tuple[Reader, Correspondent]:
    return Reader(), Correspondent(BEA, ANN)


def frames(effects: list[Effect]) -> list[ClientFrame]:
    return [effect.frame for effect in effects if isinstance(effect, Transmit)]


def looked_up(effects: list[Effect]) -> list[AccountId]:
    return [frame.account for frame in frames(effects) if isinstance(frame, LookUp)]


def took(*positions: tuple[Lane, int]) -> Took:
    return Took([Taken(lane, position) for lane, position in positions])


def seen(effects: list[Effect]) -> list[KeepSeen]:
    return [fact for fact in kept(effects) if isinstance(fact, KeepSeen)]


def warned(effects: list[Effect]) -> list[Warned]:
    told = [effect.news for effect in effects if isinstance(effect, Tell)]
    return [news for news in told if isinstance(news, Warned)]
