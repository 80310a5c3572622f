"""Counts what the relay does, for operators: closed sets of labels, never a device, a handle or content."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from answerback.model.causes import Cause
from answerback.relay.effects import Effect, Send
from answerback.storage.group_commit import Committed
from answerback.storage.relay_commands import Done, Take
from answerback.wire.frames import Accepted, Deliver, Farewell, Refused

_COMMIT_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BATCH: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)


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
        ended = Counter("answerback_farewells", "Connections the relay ended, by cause", ["cause"], registry=registry)
        self._refused = {cause.value: refused.labels(cause.value) for cause in Cause}
        self._ended = {cause.value: ended.labels(cause.value) for cause in Cause}
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
                case Farewell(cause=cause):
                    self._ended[cause].inc()
                case _:
                    pass

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
