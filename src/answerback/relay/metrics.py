"""Counts what the relay does, for operators: closed sets of labels, never a device, a handle or content."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from answerback.model.causes import Cause
from answerback.relay.admission import TRICKLE, Admission
from answerback.relay.calls import Tally
from answerback.relay.conversation import SCHEDULED
from answerback.relay.effects import Effect, Event, Note, Send
from answerback.relay.knocking import Outcome
from answerback.relay.resumption import Judgement
from answerback.relay.switchboard import Fate
from answerback.storage.group_commit import Committed
from answerback.storage.relay_commands import Done, Take
from answerback.wire.frames import Accepted, Deliver, Farewell, Refused

_COMMIT_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BATCH: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)


class EntranceMetrics:
    """How a crowd gets in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        fates = Counter(
            "answerback_entrances", "Connections that came, by what became of them", ["fate"], registry=registry
        )
        self.begun = fates.labels("begun")
        self.gone = fates.labels("gone")
        """Hung up while they waited."""
        self.failed = fates.labels("failed")
        """Began, and did not get through TLS."""
        self.turned_away = fates.labels("turned away")
        self.waiting = Gauge("answerback_entrance_waiting", "Connections that wait to begin", registry=registry)
        self.wait_s = Gauge("answerback_entrance_wait_seconds", "How long who comes now will wait", registry=registry)
        self.capacity_per_s = Gauge(
            "answerback_entrance_capacity", "Connections begun in a second while others waited", registry=registry
        )


class CallMetrics:
    """What is said by datagram."""

    def __init__(self, registry: CollectorRegistry) -> None:
        fates = Counter(
            "answerback_datagrams", "Datagrams that came, by what became of them", ["fate"], registry=registry
        )
        self._fates = {fate: fates.labels(fate.value) for fate in Fate}
        self._calls = Counter("answerback_calls", "Datagrams sent to call silent devices", registry=registry)
        self._heard = Counter(
            "answerback_called_devices_heard", "Devices that spoke, or came back, after a call", registry=registry
        )
        self._pauses = Counter(
            "answerback_datagram_pauses", "Times that more datagrams came than may be read", registry=registry
        )
        self._shown = Tally()
        self._pauses_shown = 0

    def show(self, tally: Tally, *, pauses: int) -> None:
        """Count what has happened since the last look."""
        for fate, count in tally.fates.items():
            self._fates[fate].inc(count - self._shown.fates[fate])
        self._calls.inc(tally.calls - self._shown.calls)
        self._heard.inc(tally.heard - self._shown.heard)
        self._pauses.inc(pauses - self._pauses_shown)
        self._shown = Tally(tally.fates.copy(), tally.calls, tally.heard)
        self._pauses_shown = pauses


class PushMetrics:
    """How sleeping devices are woken."""

    def __init__(self, registry: CollectorRegistry) -> None:
        pushes = Counter("answerback_pushes", "Pushes, by what became of them", ["outcome"], registry=registry)
        self._outcomes = {outcome.value: pushes.labels(outcome.value) for outcome in Outcome}
        self._failed = Counter("answerback_pushes_failed", "Pushes that were not taken", registry=registry)
        self.subscriptions = Gauge(
            "answerback_push_subscriptions", "Devices that can be woken by push", registry=registry
        )

    def pushed(self, outcome: Outcome) -> None:
        """Count one push."""
        self._outcomes[outcome.value].inc()
        self._failed.inc(outcome is not Outcome.TAKEN)


class RelayMetrics:
    """The mail road's numbers in one registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = self.registry = registry or CollectorRegistry()
        self.connections = Gauge("answerback_connections", "Connections, strangers included", registry=registry)
        self.devices = Gauge("answerback_devices_connected", "Devices that have proven who they are", registry=registry)
        self.accepted = Counter("answerback_envelopes_accepted", "Envelopes put on disk", registry=registry)
        self.delivered = Counter("answerback_envelopes_delivered", "Envelopes handed to a socket", registry=registry)
        self.taken = Counter("answerback_envelopes_taken", "Envelopes that are on a device's disk", registry=registry)
        refused = Counter("answerback_envelopes_refused", "Envelopes not kept, by cause", ["cause"], registry=registry)
        put_off = Counter("answerback_envelopes_put_off", "Envelopes put off, by lane", ["lane"], registry=registry)
        ended = Counter("answerback_farewells", "Connections the relay ended, by cause", ["cause"], registry=registry)
        self._put_off = {lane: put_off.labels(lane.name.lower()) for lane in TRICKLE}
        self._put_off_before = dict.fromkeys(TRICKLE, 0)
        tickets = Counter("answerback_tickets", "Tickets shown, by judgement", ["judgement"], registry=registry)
        self._tickets = {judgement.value: tickets.labels(judgement.value) for judgement in Judgement}
        self._refused = {cause.value: refused.labels(cause.value) for cause in Cause}
        self._ended = {cause.value: ended.labels(cause.value) for cause in Cause}
        self.deferred = Counter("answerback_returns_given", "Times to come back given to devices", registry=registry)
        self.returns_ahead_s = Gauge(
            "answerback_returns_ahead_seconds", "How far the times given to devices reach", registry=registry
        )
        self.strain = Gauge(
            "answerback_strain", "Put off: 0 nothing, 1 background, 2 bulk too, 3 normal mail too", registry=registry
        )
        self.entrance = EntranceMetrics(registry)
        self.calls = CallMetrics(registry)
        self.pushes = PushMetrics(registry)
        self.commit_s = Histogram(
            "answerback_commit_seconds", "Time of one durable commit", buckets=_COMMIT_S, registry=registry
        )
        self.batch = Histogram(
            "answerback_commit_commands", "Commands in one commit", buckets=_BATCH, registry=registry
        )
        self.commits_failed = Counter("answerback_commits_failed", "Commits that failed", registry=registry)
        self.mailbox_rows = Gauge("answerback_mailbox_envelopes", "Envelopes that wait", registry=registry)
        self.mailbox_bytes = Gauge("answerback_mailbox_bytes", "Bytes of envelopes that wait", registry=registry)
        self.queue_depth = Gauge("answerback_commit_queue", "Commands that wait for a commit", registry=registry)
        self.loop_lag_s = Gauge("answerback_loop_lag_seconds", "How late the event loop last was", registry=registry)

    def said(self, effects: Sequence[Effect]) -> None:
        """Count what is said to devices."""
        for effect in effects:
            if isinstance(effect, Note) and effect.event is Event.TICKET:
                self._tickets[effect.detail].inc()
            if not isinstance(effect, Send):
                continue
            match effect.frame:
                case Accepted(entries=accepted):
                    self.accepted.inc(len(accepted))
                case Deliver(entries=delivered):
                    self.delivered.inc(len(delivered))
                case Refused(entries=refused):
                    for entry in refused:
                        self._refused[entry.cause].inc()
                case Farewell(cause=cause, retry_after_ms=retry_ms):
                    self._ended[cause].inc()
                    self.deferred.inc(cause in SCHEDULED and retry_ms >= 0)
                case _:
                    pass

    def admitted(self, admission: Admission, *, now_s: float) -> None:
        """Show what is put off now, and count what has been since the last look."""
        self.strain.set(admission.strain)
        self.returns_ahead_s.set(admission.returns_ahead_s(now_s=now_s))
        for lane, count in admission.put_off_count.items():
            self._put_off[lane].inc(count - self._put_off_before[lane])
            self._put_off_before[lane] = count

    def committed(self, committed: Committed) -> None:
        """Count one commit."""
        self.commit_s.observe(committed.commit_s)
        self.batch.observe(len(committed.batch))
        if committed.answers is None:
            self.commits_failed.inc()
            return
        taken = sum(
            answer.count
            for command, answer in zip(committed.batch, committed.answers, strict=True)
            if isinstance(command, Take) and isinstance(answer, Done)
        )
        if taken:
            self.taken.inc(taken)
