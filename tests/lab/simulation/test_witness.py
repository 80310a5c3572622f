"""Proves that the witness objects to every kind of falsehood, and to no truth."""

import asyncio
from dataclasses import replace
from pathlib import Path

from answerback.core.facts import KeepCopy, KeepMessage, KeepRatchet, KeepSeen, KeepStep
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.witness import unsaved_ratchets
from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import AccountId, DeviceId, EnvelopeId, MessageId
from answerback.model.message import LIFETIME_S, Lane, Urgency
from answerback.model.timeline import Evidence, Stage, Step
from answerback.wire.frames import Submit, Taken, Took
from tests.lab.simulation.stage import in_town

DEVICE = DeviceId(b"d" * 16)
COPY = KeepCopy(MessageId(b"m" * 16), AccountId(b"a" * 16), DEVICE, Lane.NORMAL, Stage.SEALED, 1, 1, None, b"..", None)


def test_a_seal_or_an_opening_without_its_ratchet_is_objected_to() -> None:
    ratchet = KeepRatchet(DEVICE, Lane.NORMAL, "session", "pickle", 0)
    seen = KeepSeen(EnvelopeId(b"e" * 16), 0, DEVICE)
    assert list(unsaved_ratchets([COPY, ratchet, seen])) == []
    assert list(unsaved_ratchets([replace(COPY, sealed=None)])) == []
    assert len(list(unsaved_ratchets([COPY, seen]))) == 2


def test_claims_that_the_world_contradicts_are_objected_to(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author, reader = town.villagers[0], next(v for v in town.villagers if v.name.startswith("bea"))
        town.office.crash()
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        (message,) = town.truth.sent
        for stage in (Stage.DELIVERED, Stage.READ, Stage.EXPIRED):
            town.witness.committed(author, [KeepStep(message, reader.device, Step(stage, Evidence.RECEIPT, 0))])
        for cause in (Cause.RECIPIENT_DEVICE_GONE, Cause.RECIPIENT_CANNOT_OPEN):
            step = Step(Stage.FAILED, Evidence.REFUSAL, 0, cause)
            town.witness.committed(author, [KeepStep(message, reader.device, step)])
        kinds = [objection.split(":")[0] for objection in town.chronicle.objections]
        assert kinds == ["honest", "honest", "honest", "honest", "kept"]

    in_town(tmp_path, work)


def test_mail_given_up_or_sent_before_it_is_on_the_disk_is_objected_to(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author, reader = town.villagers[0], next(v for v in town.villagers if v.name.startswith("bea"))
        reader.crash()
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(5)
        assert town.chronicle.objections == []
        town.witness.sent(reader, [Took([Taken(Lane.NORMAL, 1 << 60)])])
        assert [objection.split(":")[0] for objection in town.chronicle.objections] == ["kept"]
        town.witness.sent(author, [Submit([_envelope(EnvelopeId(b"never sealed!!!!"))])])
        assert len(town.chronicle.objections) == 2

    in_town(tmp_path, work)


def test_a_message_without_its_envelopes_hash_is_objected_to(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author, reader = town.villagers[0], next(v for v in town.villagers if v.name.startswith("bea"))
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(5)
        assert author.agent is not None
        (kept,) = author.agent.journal.messages(limit=1)
        town.witness.committed(reader, [KeepMessage(kept.message, 0)])
        assert [objection.split(":")[0] for objection in town.chronicle.objections] == ["once"]

    in_town(tmp_path, work)


def test_a_receipt_is_news_once_to_an_engine_and_again_to_one_begun_again_from_the_disk(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        author, reader = town.villagers[0], next(v for v in town.villagers if v.name.startswith("bea"))
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(5)
        (message,) = town.truth.sent
        read = [KeepStep(message, reader.device, Step(Stage.READ, Evidence.RECEIPT, 0))]
        town.truth.read.add((reader.device, message))
        town.witness.committed(author, read)
        author.disk.is_full = True
        town.write(author, ["bea"], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        author.disk.is_full = False
        await asyncio.sleep(5)
        town.witness.committed(author, read)
        assert town.chronicle.objections == []
        town.witness.committed(author, read)
        assert [objection.split(":")[0] for objection in town.chronicle.objections] == ["once"]

    in_town(tmp_path, work)


def _envelope(identity: EnvelopeId) -> Envelope:
    return Envelope(identity, DEVICE, Lane.NORMAL, 60, b"..")
