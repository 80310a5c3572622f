"""Keeps one engine without a world, which hears only what a test says to it."""

from answerback.core.effects import Effect, Moment, Tell, Transmit
from answerback.core.engine import Engine
from answerback.core.machines import Self
from answerback.core.memory import Memory
from answerback.model.causes import Cause
from answerback.model.ids import BlobId, DeviceId, MessageId
from answerback.model.message import Attachment, Lane, Urgency
from answerback.wire.codec import decode_letter
from answerback.wire.frames import (
    Challenge,
    RelayFrame,
    Welcome,
)
from tests.core.families import PICKLE_KEY, Family, begin

WALL_MS = 10**12
RELAY_MS = WALL_MS + 1000
FILE = Attachment(BlobId(b"b" * 16), b"k" * 32, 100, 60, b"h" * 32, "a.jpg", "image/jpeg")


def at(now_s: float) -> Moment:
    return Moment(now_s, WALL_MS + round(now_s * 1000))


def welcome(**said: object) -> Welcome:
    plain: dict[str, object] = {
        "clock_ms": RELAY_MS,
        "store": b"store",
        "boot": b"boot",
        "token": b"token",
        "waiting": 3,
        "head": 9,
        "list_version": 2,
        "prekeys_left": 100,
        "seal_key": b"",
    }
    return Welcome(**(plain | said))  # type: ignore[arg-type]


class Device:
    """Ann's engine, which knows Bea's two devices."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.ann, self.bea = Family(1, sealed_ms=WALL_MS), Family(2, sealed_ms=WALL_MS)
        own = Self(self.ann.account, self.ann.keys[0].device_id, "phone", "ann")
        self.drawn = 0
        self.line = 0
        self.engine = Engine(own, self.ann.keys[0], pickle_key=PICKLE_KEY, randomness=self.draw, memory=memory)
        self.machines = self.engine.machines
        for each in (self.ann, self.bea):
            self.machines.roster.learn(each.account, each.lists, each.seal_keys)
        versions = enumerate(self.ann.lists, start=1)
        self.machines.registration.lists = dict(versions)
        for keys in self.bea.keys:
            for lane in Lane:
                begin(self.machines, keys, lane)
        self.engine._departure.contacts["bea"] = self.bea.account

    def draw(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def connects(self, now_s: float = 1.0, **said: object) -> list[Effect]:
        """Connect, and hear this welcome."""
        self.opens(now_s)
        self.engine.received(self.line, Challenge(b"n" * 32, b"relay", 0), now=at(now_s))
        return self.hears(welcome(**said), now_s=now_s)

    def opens(self, now_s: float = 1.0, *, took_s: float = 0.0) -> None:
        """Begin, and have the first probe answered after so long, and set up at once."""
        self.engine.start(now=at(now_s - took_s))
        self.line = self.machines.path.numbers.given
        self.engine.answered(self.line, now=at(now_s))
        self.engine.opened(self.line, now=at(now_s))

    def hears(self, frame: RelayFrame, *, now_s: float) -> list[Effect]:
        """The relay says something on the newest connection."""
        return self.engine.received(self.line, frame, now=at(now_s))

    def settles(self, *, now_s: float) -> list[Effect]:
        """All that was asked is answered, nothing is on its way, and the clock goes on."""
        for number in list(self.machines.questions._by_number):
            self.machines.questions.answered(number)
        self.engine.wake(now=at(now_s))
        return self.engine.wake(now=at(now_s))

    def loses(self, cause: Cause = Cause.NETWORK_STALLED, *, now_s: float) -> list[Effect]:
        """The newest connection ends."""
        return self.engine.lost(self.line, cause, now=at(now_s))

    def sends(self, *handles: str, now_s: float = 2.0, lifetime_s: int = 600) -> tuple[MessageId, list[Effect]]:
        return self.engine.send(
            handles=handles,
            text="hello",
            attachment=None,
            urgency=Urgency.NORMAL,
            lifetime_s=lifetime_s,
            now=at(now_s),
        )

    def answers(self) -> list[tuple[DeviceId, object]]:
        promises = [promise for promise in self.machines.outbox if not promise.letter.answered]
        return [(promise.letter.devices[0], decode_letter(promise.letter.letter)) for promise in promises]


def told(effects: list[Effect]) -> list[object]:
    return [effect.news for effect in effects if isinstance(effect, Tell)]


def frames(effects: list[Effect]) -> list[object]:
    return [effect.frame for effect in effects if isinstance(effect, Transmit)]
