"""Knows the truth of the whole world, and objects to every change that says otherwise."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from answerback.core.effects import Progressed
from answerback.core.facts import Fact, KeepCopy, KeepMessage, KeepRatchet, KeepSeen, KeepStep, RaiseStage
from answerback.core.lanes import STRICT
from answerback.lab.simulation.truth import Sent
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId, MessageId
from answerback.model.timeline import Stage
from answerback.wire.frames import ClientFrame, Hello, Submit, Taken, TakeOver, Took

if TYPE_CHECKING:
    from answerback.lab.simulation.town import Town
    from answerback.lab.simulation.villager import Villager

EARLY_MS = 2_000
"""How far a device's idea of the relay's clock may be off: a round trip on the worst link here."""


ANSWER_LATE_S = 300.0
"""How old an answer of the relay may be: the longest partition, and an agent stopped for minutes after it."""


def unsaved_ratchets(facts: Iterable[object]) -> Iterable[str]:
    """What one change keeps of sealed and opened mail without the ratchets that made or opened it."""
    facts = list(facts)
    stepped = {(fact.device, fact.lane) for fact in facts if isinstance(fact, KeepRatchet)}
    devices = {device for device, _ in stepped}
    for fact in facts:
        if isinstance(fact, KeepCopy) and fact.sealed is not None and (fact.device, fact.lane) not in stepped:
            yield "sealed a copy and did not save the ratchet with it"
        if isinstance(fact, KeepSeen) and fact.opened and fact.device not in devices:
            yield "opened an envelope and did not save the ratchet with it"


class Witness:
    """Sees every commit and every frame of every device."""

    def __init__(self, town: "Town") -> None:
        self._town = town

    def committed(self, who: "Villager", facts: Iterable[Fact]) -> None:
        """Object to what was kept just now against the truth."""
        facts = list(facts)
        arrived = False
        for fact in facts:
            if isinstance(fact, KeepStep) or (
                isinstance(fact, RaiseStage) and self._has_copy(who, fact.message, fact.device)
            ):
                self._step(who, fact)
            elif isinstance(fact, KeepCopy) and fact.sealed is not None and fact.envelope is not None:
                self._town.truth.sealed.add(fact.envelope)
            elif isinstance(fact, KeepSeen):
                self._town.truth.taken[who.device, fact.id] += 1
                if self._town.truth.taken[who.device, fact.id] > 1 + self._town.truth.restored[who.device]:
                    self._object("once", who, "opened one envelope twice")
            elif isinstance(fact, KeepMessage):
                arrived |= fact.message.author_device != who.device
        if arrived and not any(isinstance(fact, KeepSeen) for fact in facts):
            self._object("once", who, "kept a message without its envelope's hash")
        for what in unsaved_ratchets(facts):
            self._object("kept", who, what)

    def sent(self, who: "Villager", frames: list[ClientFrame]) -> None:
        """Object to frames that leave before what they say is on the disk."""
        for frame in frames:
            if isinstance(frame, Submit):
                lanes = [envelope.lane in STRICT for envelope in frame.envelopes]
                if lanes != sorted(lanes, reverse=True):
                    self._object("ordered", who, "sent something urgent behind what is not, in one frame")
                for envelope in frame.envelopes:
                    self._town.truth.submitted[who.device, envelope.id] += 1
                    if envelope.device in self._town.truth.ghosts:
                        self._object("private", who, "sealed something for a device that nobody has added")
                    was_kept = envelope.id in self._town.truth.sealed
                    if not was_kept and not who.disk.has("SELECT 1 FROM copies WHERE envelope = ?", (envelope.id,)):
                        self._object("kept", who, "sent an envelope that is not on its disk")
            elif isinstance(frame, Took):
                self._took(who, frame.entries)
            elif isinstance(frame, TakeOver):
                self._town.truth.moves[who.device] += 1
                self._town.chronicle.faults["took_over"] += 1
                self._took(who, frame.taken)
            elif isinstance(frame, Hello):
                self._took(who, [entry for entry in frame.taken if self._is_believed(who, entry)])

    def told(self, who: "Villager", news: Progressed) -> None:
        """Object to news of a device that the message was never for; the rest was looked at when it was kept."""
        if news.device is not None and not self._has_copy(who, news.message, news.device):
            stage, name = news.step.stage.name, self._name(news.message)
            self._object("honest", who, f"told {stage} of {name} for a device it never went to")

    # ---- private

    @staticmethod
    def _has_copy(who: "Villager", message: MessageId, device: DeviceId) -> bool:
        return who.disk.has("SELECT 1 FROM copies WHERE message = ? AND device = ?", (message, device))

    def _step(self, who: "Villager", fact: KeepStep | RaiseStage) -> None:
        stage, device = fact.step.stage, fact.device
        if device is None:
            if stage is Stage.EXPIRED:
                self._expired(who, fact.message)
            elif stage is Stage.FAILED:
                self._failed_whole(who, fact.message, fact.step.cause)
            return
        if stage is Stage.ACCEPTED:
            copy = who.agent.engine.machines.outbox.copy((fact.message, device)) if who.agent else None
            if copy is not None and copy.envelope not in self._town.truth.stored:
                self._object("honest", who, f"claimed {self._name(fact.message)} accepted; the relay never stored it")
        elif stage in (Stage.DELIVERED, Stage.READ):
            self._answered(who, fact.message, device, stage)
        elif stage is Stage.EXPIRED:
            self._expired(who, fact.message)
        elif stage is Stage.FAILED:
            self._failed(who, fact.message, device, fact.step.cause)

    def _answered(self, who: "Villager", message: MessageId, device: DeviceId, stage: Stage) -> None:
        there = self._town.villager(device)
        if (device, message) in self._town.truth.gone:
            return  # it was there
        sent = self._town.truth.sent.get(message)
        engine = who.agent.engine if who.agent is not None else None
        answers, key = self._town.truth.answers, (who.device, engine, message, device, int(stage))
        answers[key] += 1
        if answers[key] > 1 + self._town.truth.restored[who.device]:  # what a backup forgot is news once more
            self._object("once", who, f"told {stage.name} of {self._name(message)} twice for one device")
        if there is None or not has_message(there, who.account, message):
            self._object("honest", who, f"claimed {self._name(message)} {stage.name}; it is not on that device's disk")
        elif sent is not None and not has_file(there, sent):
            self._object("honest", who, f"claimed {self._name(message)} {stage.name}; its file is not there")
        elif stage is Stage.READ and (device, message) not in self._town.truth.read:
            self._object("honest", who, f"claimed {self._name(message)} READ; nobody read it there")

    def _expired(self, who: "Villager", message: MessageId) -> None:
        sent = self._town.truth.sent.get(message)
        if sent is not None and self._town.latest_ms < sent.ends_ms - EARLY_MS:
            early_s = (sent.ends_ms - self._town.wall_ms) / 1000
            self._object("honest", who, f"gave {self._name(message)} up {early_s:.0f} s before its time")

    def _failed_whole(self, who: "Villager", message: MessageId, cause: Cause) -> None:
        sent = self._town.truth.sent.get(message)
        if sent is None or (cause is Cause.RECIPIENT_HANDLE_UNKNOWN and self._nobody_known(sent)):
            return
        if not (sent.is_for_nobody and cause is Cause.RECIPIENT_HANDLE_UNKNOWN):
            self._object("kept", who, f"gave {self._name(message)} up because of {cause.value}")

    def _failed(self, who: "Villager", message: MessageId, device: DeviceId, cause: Cause) -> None:
        is_gone = device in self._town.truth.revoked
        if cause is Cause.RECIPIENT_DEVICE_GONE and not is_gone:
            self._object("honest", who, f"said that {self._town.name(device)} is gone; it is not")
        elif (message, device) in self._town.truth.refused_for_good:
            return
        elif cause is Cause.MESSAGE_FILE_MISSING and self._is_file_gone(who):  # sent, and then put back, or lost
            self._town.truth.refused_for_good.add((message, device))
        elif message in self._town.truth.sent and cause is not Cause.RECIPIENT_DEVICE_GONE:
            self._object("kept", who, f"gave {self._name(message)} up because of {cause.value}")

    def _is_file_gone(self, who: "Villager") -> bool:
        truth = self._town.truth
        return truth.restored[who.device] > 0 or who.device in truth.lost_files

    def _nobody_known(self, sent: Sent) -> bool:
        """Whether the relay, having lost its store, really did not know one of its handles just now."""
        absent = self._town.truth.absent_until_s
        now_s = self._town.loop.time()
        return any(now_s <= absent.get(account, 0.0) + ANSWER_LATE_S for account in sent.recipients)

    def _is_believed(self, who: "Villager", entry: Taken) -> bool:
        """Whether the relay forgets mail because of this: only if it holds some just there."""
        there = (
            "SELECT 1 FROM envelope JOIN device ON device.number = envelope.mailbox"
            " WHERE device.id = ? AND lane = ? AND position = ?"
        )
        return self._town.office.disk.has(there, (who.device, int(entry.lane), entry.position))

    def _took(self, who: "Villager", entries: Iterable[Taken]) -> None:
        if who.device in self._town.truth.misled:
            return  # a place it was told of is not where its mail is
        upto = {int(entry.lane): entry.position for entry in entries}
        rows = self._town.office.disk.rows(
            "SELECT envelope.id, lane, position FROM envelope JOIN device ON device.number = envelope.mailbox"
            " WHERE device.id = ? AND expires_s > ?",  # what has expired is never handed over
            (who.device, self._town.latest_ms // 1000),
        )
        for identity, lane, position in rows:
            assert isinstance(identity, bytes)
            assert isinstance(lane, int)
            assert isinstance(position, int)
            if (who.device, identity) in self._town.truth.gone:
                continue  # it was on this disk, before an older copy was put in its place
            if position <= upto.get(lane, 0) and not who.disk.has("SELECT 1 FROM seen WHERE id = ?", (identity,)):
                self._object("kept", who, "acknowledged mail that is not on its disk")

    def _name(self, message: MessageId) -> str:
        return self._town.name(message)

    def _object(self, checker: str, who: "Villager", what: str) -> None:
        self._town.chronicle.object(checker, who.name, what)


def has_file(who: "Villager", sent: Sent) -> bool:
    """Whether what came with a message is whole on a device's disk; true of a message without a file."""
    return sent.file is None or sent.file in who.folder.received.values()


def has_message(who: "Villager", author: AccountId, message: MessageId) -> bool:
    """Whether a message is on a device's disk."""
    return who.disk.has("SELECT 1 FROM messages WHERE author = ? AND id = ?", (author, message))
