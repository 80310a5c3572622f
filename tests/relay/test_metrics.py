"""Operators see numbers under a closed set of labels."""

from answerback.model.causes import Cause
from answerback.model.errors import StorageError
from answerback.model.ids import DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.relay.admission import Admission, Strain
from answerback.relay.calls import Tally
from answerback.relay.effects import Close, Event, Note, Send
from answerback.relay.knocking import Outcome
from answerback.relay.metrics import RelayMetrics
from answerback.relay.resumption import Judgement
from answerback.relay.switchboard import Fate
from answerback.storage.group_commit import Committed
from answerback.storage.relay_commands import NOTHING_TAKEN, Done, Sweep, Take
from answerback.wire.frames import Acceptance, Accepted, Farewell, Pong, Refusal, Refused

IDENTITY = EnvelopeId(bytes(16))


def value(metrics: RelayMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"answerback_{name}", labels)


def test_what_is_said_is_counted_by_what_it_means() -> None:
    metrics = RelayMetrics()
    metrics.said(
        [
            Send(1, Accepted([Acceptance(IDENTITY, 1, 0)] * 3)),
            Send(1, Refused([Refusal(IDENTITY, Cause.RECIPIENT_MAILBOX_FULL.value, 1)])),
            Send(1, Farewell(Cause.RELAY_BUSY.value, 1)),
            Send(1, Pong(1, 1)),
            Close(1),
        ]
    )
    assert value(metrics, "envelopes_accepted_total") == 3
    assert value(metrics, "envelopes_refused_total", cause="recipient.mailbox_full") == 1
    assert value(metrics, "farewells_total", cause="relay.busy") == 1


def test_every_cause_has_its_label_from_the_start() -> None:
    metrics = RelayMetrics()
    assert {value(metrics, "envelopes_refused_total", cause=cause.value) for cause in Cause} == {0}


def test_a_commit_is_counted_and_what_was_taken_by_it() -> None:
    metrics = RelayMetrics()
    take = Take(DeviceId(b"d"), NOTHING_TAKEN)
    metrics.committed(Committed([take, Sweep(0), take], [Done(2), Done(9), Done(1)], None, 0.004))
    metrics.committed(Committed([take], None, StorageError("no"), 0.1))
    assert value(metrics, "envelopes_taken_total") == 3
    assert value(metrics, "commits_failed_total") == 1
    assert value(metrics, "commit_seconds_count") == 2
    assert value(metrics, "commit_commands_sum") == 4


def test_tickets_and_times_to_come_back_are_counted() -> None:
    metrics = RelayMetrics()
    metrics.said(
        [
            Note(Event.TICKET, 1, detail=Judgement.STALE.value),
            Note(Event.OPENED, 1),
            Send(1, Farewell(Cause.RELAY_STOPPING.value, 5_000)),
            Send(1, Farewell(Cause.ACCOUNT_DEVICE_REVOKED.value, -1)),
        ]
    )
    assert {each.value: value(metrics, "tickets_total", judgement=each.value) for each in Judgement} == {
        **dict.fromkeys((each.value for each in Judgement), 0),
        Judgement.STALE.value: 1,
    }
    assert value(metrics, "returns_given_total") == 1


def test_what_is_put_off_is_counted_once_however_often_it_is_looked_at() -> None:
    metrics, admission = RelayMetrics(), Admission(lambda: 0.0, strain=Strain.BULK)
    admission.put_off_count[Lane.BULK] = 3
    admission.return_ms(after_s=5.0, now_s=0.0)
    for _ in range(2):
        metrics.admitted(admission, now_s=0.0)
    assert value(metrics, "envelopes_put_off_total", lane="bulk") == 3
    assert value(metrics, "strain") == Strain.BULK
    assert (value(metrics, "returns_ahead_seconds") or 0.0) >= 5.0


def test_datagrams_and_calls_are_counted_from_look_to_look() -> None:
    metrics, tally = RelayMetrics(), Tally()
    for round_number in (1, 2):
        tally.fates[Fate.TAKEN] += 2
        tally.fates[Fate.FORGED] += 1
        tally.calls += 5
        tally.heard += 1
        metrics.calls.show(tally, pauses=3 * round_number)
        metrics.calls.show(tally, pauses=3 * round_number)
        assert value(metrics, "datagrams_total", fate="taken") == 2 * round_number
        assert value(metrics, "datagrams_total", fate="forged") == round_number
        assert value(metrics, "datagrams_total", fate="unknown") == 0
        assert value(metrics, "calls_total") == 5 * round_number
        assert value(metrics, "called_devices_heard_total") == round_number
        assert value(metrics, "datagram_pauses_total") == 3 * round_number


def test_pushes_are_counted_by_what_became_of_them_and_the_failed_in_all() -> None:
    metrics = RelayMetrics()
    for outcome in (Outcome.TAKEN, Outcome.TAKEN, Outcome.LATER, Outcome.GONE):
        metrics.pushes.pushed(outcome)
    assert value(metrics, "pushes_total", outcome="taken") == 2
    assert value(metrics, "pushes_total", outcome="refused") == 0
    assert value(metrics, "pushes_failed_total") == 2
