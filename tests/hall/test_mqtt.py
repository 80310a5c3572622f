"""MQTT: an acknowledgement that promised less than it said."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from answerback.core.effects import Effect, Moment
from answerback.core.outbox import Outbox
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import EnvelopeId
from answerback.model.timeline import Stage
from answerback.relay.conversation import Connection
from answerback.relay.effects import Effect as RelayEffect
from answerback.relay.effects import Moment as RelayMoment
from answerback.relay.effects import Send
from answerback.relay.mailboxes import Mailboxes
from answerback.storage import relay_index
from answerback.storage.relay_commands import Fate
from answerback.storage.relay_store import RelayStore
from answerback.wire.frames import Acceptance, Accepted, Refused, Submit
from tests.hall.people import friends
from tests.hall.planting import Planted, each_of
from tests.relay.drive import Drive
from tests.relay.residents import envelope, residents

ROOM = 10
SENT = 25


def test_a_full_mailbox_refuses_before_it_acknowledges_and_drops_nothing_after(tmp_path: Path) -> None:
    """Mosquitto: of 20,000 messages for somebody offline all were acknowledged, and 19,000 silently dropped.

    Measured by us (docs/why.md).

    https://github.com/eclipse-mosquitto/mosquitto/issues/3687
    https://github.com/eclipse-mosquitto/mosquitto/issues/1593
    """
    ann, bea = residents(2)
    drive = Drive(tmp_path, [ann, bea])
    mail = [envelope(bea, f"letter {number}") for number in range(SENT)]
    with _room_for(ROOM):
        asks = drive.enter(ann)
        drive.say(asks, Submit(mail))
        drive.settle()
        refused = {entry.id: entry for frame in drive.heard(asks, Refused) for entry in frame.entries}
        accepted = drive.accepted(asks)
        drive.begin()
        reads = drive.enter(bea)
        kept = set(drive.take_all(reads))
        assert kept == {letter.sealed for letter in mail if letter.id in accepted}, "acknowledged and dropped"
        assert set(accepted) | set(refused) == {letter.id for letter in mail}, "no word about some"
        assert {entry.cause for entry in refused.values()} == {Cause.RECIPIENT_MAILBOX_FULL.value}
        assert all(entry.retry_after_ms > 0 for entry in refused.values())
        asks = drive.enter(ann)
        drive.say(asks, Submit([letter for letter in mail if letter.id in refused][:ROOM]))
        drive.settle()
        assert len(drive.accepted(asks)) == ROOM, "there is room again"


@contextmanager
def _room_for(rows: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(relay_index, "MAILBOX_ROWS_MAX", rows)
        yield


def the_queue_drops_what_is_too_much(patch: pytest.MonkeyPatch) -> None:
    keep = RelayStore._keep

    def keep_or_drop(store: RelayStore, letter: Envelope, wall_us: int, wall_s: int) -> Fate:
        fate = keep(store, letter, wall_us, wall_s)
        return fate._replace(cause=None) if fate.cause is Cause.RECIPIENT_MAILBOX_FULL else fate

    patch.setattr(RelayStore, "_keep", keep_or_drop)


def test_what_a_full_mailbox_refused_waits_with_its_author_and_says_so() -> None:
    """MQTT: the publisher of a dropped message never learned of it, so it could neither wait nor say anything.

    https://github.com/eclipse-mosquitto/mosquitto/issues/3687
    https://github.com/eclipse-paho/paho.mqtt.golang/issues/458
    """
    world, ann, bea = friends()
    world.relay.refuse[bea.own.device] = Cause.RECIPIENT_MAILBOX_FULL, 300_000
    waiting = [ann.send("bea", text=f"waits {number}") for number in range(5)]
    world.run(5)
    for identity in waiting:
        wait = ann.engine.wait_of(identity, bea.own.device, now=ann.now)
        assert wait is not None, "it was given up"
        assert wait.cause is Cause.RECIPIENT_MAILBOX_FULL
        assert wait.next_attempt_ms is not None
    ann.crash()
    del world.relay.refuse[bea.own.device]
    world.run_until(world.settled, at_most_s=330.0)
    assert bea.texts[1:] == [f"waits {number}" for number in range(5)]
    assert {ann.stage(identity, bea) for identity in waiting} == {Stage.DELIVERED}


def what_is_refused_is_given_up(patch: pytest.MonkeyPatch) -> None:
    def refused(
        outbox: Outbox, envelope: EnvelopeId, cause: Cause, *, retry_at_s: float | None, now: Moment
    ) -> list[Effect]:
        copy = outbox.copy_of(envelope)
        return outbox.failed(copy, cause, now=now) if copy is not None else []

    patch.setattr(Outbox, "refused", refused)


def test_nothing_is_acknowledged_before_it_is_on_the_disk(tmp_path: Path) -> None:
    """Mosquitto: with its default of saving now and then, `kill -9` lost 6,001 of 6,001 acknowledged messages.

    Measured by us (docs/why.md); `autosave_interval` in https://mosquitto.org/man/mosquitto-conf-5.html
    """
    ann, bea = residents(2)
    drive = Drive(tmp_path, [ann, bea])
    mail = [envelope(bea, f"letter {number}") for number in range(SENT)]
    asks = drive.enter(ann)
    drive.say(asks, Submit(mail[:ROOM]))
    drive.settle()
    drive.say(asks, Submit(mail[ROOM:]))
    accepted = set(drive.accepted(asks))
    drive.begin()  # killed between taking mail in and writing it down
    reads = drive.enter(bea)
    kept = set(drive.take_all(reads))
    lost = {letter.sealed for letter in mail if letter.id in accepted} - kept
    assert not lost, f"{len(lost)} messages were acknowledged and are not there"


def acknowledged_when_it_has_been_read(patch: pytest.MonkeyPatch) -> None:
    submit = Mailboxes.submit

    def hasty(
        mailboxes: Mailboxes, connection: Connection, frame: Submit, size_bytes: int, *, moment: RelayMoment
    ) -> list[RelayEffect]:
        entries = [Acceptance(letter.id, 1, 0) for letter in frame.envelopes]
        effects = submit(mailboxes, connection, frame, size_bytes, moment=moment)
        return [Send(connection.number, Accepted(entries)), *effects]

    patch.setattr(Mailboxes, "submit", hasty)


@each_of(
    Planted(
        test_a_full_mailbox_refuses_before_it_acknowledges_and_drops_nothing_after,
        the_queue_drops_what_is_too_much,
        "acknowledged and dropped",
    ),
    Planted(
        test_what_a_full_mailbox_refused_waits_with_its_author_and_says_so, what_is_refused_is_given_up, "given up"
    ),
    Planted(
        test_nothing_is_acknowledged_before_it_is_on_the_disk,
        acknowledged_when_it_has_been_read,
        "were acknowledged and are not there",
    ),
)
def test_each_mistake_of_mqtt_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
