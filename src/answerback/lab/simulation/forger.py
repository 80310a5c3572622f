"""Seals what an honest client would never seal: a contact's device that says whatever it likes, with its own keys.

Theory. A contact holds real sessions and may put anything into them. What readers believe must not go beyond what that
contact could have said honestly.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from answerback.core.effects import Effect, Save, Transmit
from answerback.core.engine import Engine
from answerback.crypto.seal import lock_letter, seal_envelope
from answerback.model.ids import DeviceId, EnvelopeId, MessageId
from answerback.model.message import Lane
from answerback.wire.codec import encode
from answerback.wire.frames import Submit
from answerback.wire.letters import AnyLetter, Inner, Slip

FORGED: Final = "forged, and shown to nobody"
"""In the text of every post that must not be believed."""
LIFETIME_S: Final = 86_400


@dataclass(slots=True, kw_only=True)
class Forgery:
    """What is in one envelope, and what is wrong with it."""

    letter: AnyLetter
    message: MessageId
    lane: Lane
    slip: dict[str, Any] = field(default_factory=dict)
    """What the slip says otherwise."""
    inner: dict[str, Any] = field(default_factory=dict)
    """What stands otherwise beside it, under the outer seal."""
    is_garbage: bool = False
    """The ratchet opens it, and there is no slip inside."""


def sealed(engine: Engine, forgery: Forgery, reader: DeviceId) -> tuple[EnvelopeId | None, list[Effect]]:
    """Seal it for one device with the session that is there; nothing where there is none."""
    machines, lane = engine.machines, forgery.lane
    account, seal_key = machines.roster.account_of(reader), machines.roster.seal_key(reader)
    is_ready = machines.path.up and machines.sessions.ready(reader, lane)
    if account is None or seal_key is None or not is_ready:
        return None, []
    own, locked = machines.own, lock_letter(forgery.letter)
    sequence, stream = machines.inbox.give(reader, lane)
    version = machines.roster.version(own.account)
    slip = Slip(
        forgery.message,
        locked.key,
        locked.sha256,
        sequence,
        own.account,
        own.device,
        account,
        reader,
        version,
        own.device_name,
    )
    plaintext = b"no slip" if forgery.is_garbage else encode(msgspec.structs.replace(slip, **forgery.slip))
    sessions = machines.sessions
    held = max(sessions._held[reader, lane], key=lambda each: each.good_ms)  # noqa: SLF001 - no client offers this
    olm_type, olm = sessions._ratchet(held).encrypt(plaintext)  # noqa: SLF001
    fact = sessions._fact(reader, lane, held)  # noqa: SLF001
    inner = Inner(own.account, own.device, lane, olm_type, olm, locked.ciphertext)
    inner = msgspec.structs.replace(inner, **forgery.inner)
    envelope = seal_envelope(inner, device=reader, seal_key=seal_key, lane=lane, lifetime_s=LIFETIME_S)
    machines.life += 1
    saves: list[Effect] = [Save(fact), Save(stream), Save(machines.relay_met())]
    return envelope.id, [*saves, Transmit(Submit([envelope], machines.life))]
