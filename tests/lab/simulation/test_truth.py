"""Proves that the truth about the relay's disk is what was committed and not refused."""

from answerback.lab.simulation.truth import Truth
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import DeviceId, envelope_id
from answerback.model.message import Lane
from answerback.storage.relay_commands import Append, Appended, Denied, Fate


def envelope(text: bytes) -> Envelope:
    return Envelope(envelope_id(text), DeviceId(b"d" * 16), Lane.NORMAL, 60, text)


def test_only_what_was_appended_and_not_refused_was_stored() -> None:
    truth = Truth()
    kept, refused, denied = envelope(b"kept"), envelope(b"refused"), envelope(b"denied")
    batch = [Append(1, [kept, refused], 10, 0), Append(1, [denied], 10, 0)]
    fates = Appended([Fate(7, None, 1, 0), Fate(0, Cause.RECIPIENT_MAILBOX_FULL, 1, 0)])
    truth.committed(list(batch), [fates, Denied(Cause.RELAY_STORE_FULL)])
    assert truth.stored == {kept.id}
