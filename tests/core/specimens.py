"""Letters, devices and moments to try machines with."""

from answerback.core.effects import Effect, Moment, Progressed, Save, Tell
from answerback.core.facts import Fact, KeepOutgoing
from answerback.core.outbox import Copy, Outbox
from answerback.model.envelope import Envelope
from answerback.model.ids import AccountId, BlobId, ConversationId, DeviceId, MessageId, envelope_id
from answerback.model.message import Lane, Message, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage
from answerback.wire.codec import encode
from answerback.wire.letters import Receipt

ANN, BEA, CID = (AccountId(name.ljust(16, b".")) for name in (b"ann", b"bea", b"cid"))
PHONE, LAPTOP, TABLET = (DeviceId(name.ljust(16, b".")) for name in (b"phone", b"laptop", b"tablet"))
TALK = ConversationId(b"talk".ljust(16, b"."))
BLOB = BlobId(b"b" * 16)
DAY_MS = 86_400_000


def at(now_s: float, wall_ms: int | None = None) -> Moment:
    """A moment so many seconds after the start."""
    return Moment(now_s, round(now_s * 1000) if wall_ms is None else wall_ms)


NOW = at(100.0)


def message_number(number: int) -> MessageId:
    """The id of a message."""
    return MessageId(number.to_bytes(16, "big"))


def letter(
    number: int = 1,
    *,
    lane: Lane = Lane.NORMAL,
    answered: bool = True,
    devices: tuple[DeviceId, ...] = (),
    recipients: tuple[AccountId, ...] = (BEA,),
    expires_ms: int = DAY_MS,
    blob: BlobId | None = None,
) -> KeepOutgoing:
    """A promised letter."""
    body = encode(Receipt([message_number(number)], []))
    return KeepOutgoing(
        message_number(number), lane, body, recipients, devices, answered, 0, expires_ms, addressed=False, blob=blob
    )


def sealed_bytes(number: int, device: DeviceId) -> bytes:
    """Bytes that differ for each letter and device."""
    return b"sealed" + number.to_bytes(4, "big") + device


def envelope_for(copy: Copy, salt: bytes = b"") -> Envelope:
    """What a copy travels as."""
    sealed = sealed_bytes(int.from_bytes(copy.message, "big"), copy.device) + salt
    return Envelope(envelope_id(sealed), copy.device, copy.lane, 60, sealed)


def laid_out(outbox: Outbox, number: int = 1, *devices: DeviceId, answered: bool = True) -> list[Copy]:
    """Promise a letter to these devices of one account."""
    kept = letter(number, answered=answered)
    outbox.accept(kept, now=NOW)
    outbox.lay_out(kept.id, [(BEA, device) for device in devices or (PHONE,)])
    promise = outbox.promise(kept.id)
    assert promise is not None
    return list(promise.copies.values())


def under_way(outbox: Outbox, copy: Copy, *, sequence: int = 1) -> Envelope:
    """Seal a copy, send it, and let the socket take it."""
    envelope = envelope_for(copy)
    outbox.sealed(copy, envelope, sequence=sequence, now=NOW)
    outbox.leaving(copy, now=NOW)
    outbox.written(envelope.id, now=NOW)
    return envelope


def kept(effects: list[Effect]) -> list[Fact]:
    """The facts that effects ask to keep."""
    return [effect.fact for effect in effects if isinstance(effect, Save)]


def stages_told(effects: list[Effect]) -> list[Stage]:
    """The stages that effects tell."""
    told = [effect.news for effect in effects if isinstance(effect, Tell)]
    return [news.step.stage for news in told if isinstance(news, Progressed)]


def a_message(
    number: int,
    *,
    author: AccountId = ANN,
    device: DeviceId = PHONE,
    stamp: Stamp | None = None,
    after: tuple[int, ...] = (),
) -> Message:
    """A message of one conversation."""
    return Message(
        id=message_number(number),
        conversation=TALK,
        author=author,
        author_device=device,
        recipients=frozenset({ANN, BEA} - {author}),
        text=str(number),
        attachment=None,
        urgency=Urgency.NORMAL,
        stamp=stamp or Stamp(number, 0),
        written_after=frozenset(message_number(earlier) for earlier in after),
        expires_ms=DAY_MS,
    )
