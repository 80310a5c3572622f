"""Proves that a report says only what there is evidence for, and what it says while nobody is at work."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.core.facts import (
    DropRatchet,
    Fact,
    KeepCopy,
    KeepDeviceName,
    KeepDraft,
    KeepMessage,
    KeepStep,
    RaiseStage,
)
from answerback.core.network.standing import Sign, Standing
from answerback.device.client import Client
from answerback.device.home import open_journal
from answerback.device.reports import AGENT_STOPPED, path_statuses, timeline
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId, EnvelopeId
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Evidence, Stage, Step, Timeline, Wait
from answerback.storage.journal import Journal
from tests.core.several_paths import CELLULAR, RTT_S, WIFI, with_two
from tests.core.specimens import ANN, BEA, LAPTOP, PHONE, TABLET, a_message, letter, message_number
from tests.device.relays import town

OWN_LAPTOP = DeviceId(b"own laptop".ljust(16, b"."))
MESSAGE = message_number(1)
BUSY = Wait(Cause.RELAY_BUSY, 7, "retry.told")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal.open(tmp_path, key=None)
    yield opened
    opened.close()


def step(stage: Stage, device: DeviceId | None = None) -> KeepStep:
    return KeepStep(MESSAGE, device, Step(stage, Evidence.JOURNAL, 5))


def copy(device: DeviceId, stage: Stage, *, own: bool = False) -> KeepCopy:
    envelope = EnvelopeId((bytes(16) + device)[-32:])
    return KeepCopy(MESSAGE, ANN if own else BEA, device, Lane.NORMAL, stage, 1, 1, envelope, b"sealed", None)


def told(journal: Journal, *facts: Fact, running: bool = True) -> Timeline:
    journal.commit([KeepMessage(a_message(1), 1), letter(1), *facts])
    found = timeline(journal, MESSAGE, own=ANN, wait_of=(lambda message, device: BUSY) if running else None)
    assert found is not None
    return found


def test_nothing_is_told_of_what_is_unknown(journal: Journal) -> None:
    assert timeline(journal, MESSAGE, own=ANN, wait_of=None) is None


def test_a_stage_is_what_a_step_on_the_disk_says(journal: Journal) -> None:
    report = told(journal)
    assert (report.stage, report.steps, report.copies) == (Stage.COMPOSED, (), ())
    report = told(journal, step(Stage.QUEUED))
    assert (report.stage, [each.stage for each in report.steps]) == (Stage.QUEUED, [Stage.QUEUED])
    report = told(journal, step(Stage.SEALED, PHONE), copy(PHONE, Stage.SEALED))
    assert report.stage is Stage.SEALED
    assert [each.stage for each in report.copies[0].steps] == [Stage.SEALED]
    assert [each.stage for each in report.steps] == [Stage.QUEUED]  # a copy's step is that copy's alone


def test_a_message_has_come_as_far_as_the_copy_that_is_furthest_behind(journal: Journal) -> None:
    report = told(journal, copy(PHONE, Stage.READ), copy(LAPTOP, Stage.DELIVERED), copy(TABLET, Stage.SENT))
    assert report.stage is Stage.SENT
    report = told(journal, RaiseStage(MESSAGE, TABLET, Step(Stage.DELIVERED, Evidence.RECEIPT, 9)))
    assert report.stage is Stage.DELIVERED


def test_a_device_that_is_gone_does_not_hold_a_message_back_unless_all_are(journal: Journal) -> None:
    report = told(journal, copy(PHONE, Stage.DELIVERED), copy(LAPTOP, Stage.FAILED))
    assert report.stage is Stage.DELIVERED
    assert [each.stage for each in report.copies] == [Stage.DELIVERED, Stage.FAILED]
    report = told(journal, copy(PHONE, Stage.EXPIRED))
    assert report.stage is Stage.FAILED
    assert report.stage.final


def test_our_own_other_devices_do_not_count_while_there_are_others(journal: Journal) -> None:
    own = copy(OWN_LAPTOP, Stage.SEALED, own=True)
    assert told(journal, own).stage is Stage.SEALED  # a message to ourselves alone
    assert told(journal, copy(PHONE, Stage.DELIVERED)).stage is Stage.DELIVERED


def test_only_what_is_open_waits(journal: Journal) -> None:
    report = told(journal, copy(PHONE, Stage.READ), copy(LAPTOP, Stage.FAILED), copy(TABLET, Stage.ACCEPTED))
    assert [each.wait for each in report.copies] == [None, None, BUSY]
    assert report.wait is None  # each copy has its own


def test_without_an_agent_everything_open_waits_for_one(journal: Journal) -> None:
    report = told(journal, step(Stage.QUEUED), running=False)
    assert report.wait == AGENT_STOPPED
    assert AGENT_STOPPED.cause is Cause.NETWORK_AGENT_STOPPED
    report = told(journal, copy(PHONE, Stage.READ), copy(TABLET, Stage.SENT), running=False)
    assert [each.wait for each in report.copies] == [None, AGENT_STOPPED]
    assert report.wait is None
    report = told(journal, copy(TABLET, Stage.FAILED), running=False)
    assert [each.wait for each in report.copies] == [None, None]


def test_what_came_from_others_waits_for_nothing(journal: Journal) -> None:
    journal.commit([KeepMessage(a_message(1, author=BEA), 1)])
    report = timeline(journal, MESSAGE, own=ANN, wait_of=None)
    assert report is not None
    assert report.wait is None


def test_a_draft_has_a_timeline_before_it_has_a_message(journal: Journal) -> None:
    draft = KeepDraft(MESSAGE, ("new@example.org",), (), "hi", None, Urgency.NORMAL, Stamp(1, 0), 60, 1)
    journal.commit([draft, step(Stage.QUEUED)])
    report = timeline(journal, MESSAGE, own=ANN, wait_of=None)
    assert report is not None
    assert (report.stage, report.wait) == (Stage.QUEUED, AGENT_STOPPED)


def test_a_device_is_called_what_it_calls_itself_or_by_its_id(journal: Journal) -> None:
    report = told(journal, copy(PHONE, Stage.SENT), copy(LAPTOP, Stage.SENT), KeepDeviceName(PHONE, "Bea's phone"))
    assert [each.device_name for each in report.copies] == ["Bea's phone", f"device {LAPTOP.hex()[:6]}"]
    assert [each.attempts for each in report.copies] == [1, 1]


def test_each_way_to_the_relay_is_told_with_what_its_standing_rests_on() -> None:
    stand, _, second = with_two()
    stand.wakes(1.0)
    first_told, second_told = path_statuses(stand.machines.paths, now_s=stand.now_s)
    assert (first_told.name, first_told.is_in_use, first_told.is_standby) == (WIFI, True, False)
    assert (second_told.name, second_told.is_in_use, second_told.is_standby) == (CELLULAR, False, True)
    assert (first_told.verdict.standing, first_told.verdict.sign) == (Standing.UP, Sign.HEARD)
    assert first_told.rtt_s is not None
    assert RTT_S <= first_told.rtt_s < 3 * RTT_S
    assert first_told.heard_s is not None
    assert 1.0 <= first_told.heard_s <= 1.2
    stand.loses(second)
    assert path_statuses(stand.machines.paths, now_s=stand.now_s)[1].is_standby is False


def test_what_was_mended_between_real_devices_is_told_of_the_message_also_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            ann, bea = await place.person("ann"), await place.person("bea")
            async with Client.open(ann) as writer:
                async with Client.open(bea) as reader:
                    for _ in range(2):
                        await (await writer.send("bea@example.org", text="hello")).delivered(timeout_s=30)
                        await (await reader.send("ann@example.org", text="hello back")).delivered(timeout_s=30)
                with contextlib.closing(open_journal(bea)) as disk:
                    lost = disk.load().ratchets
                    disk.commit([DropRatchet(each.device, each.lane, each.session) for each in lost])
                sent = await writer.send("bea@example.org", text="sealed to what is lost")
                async with Client.open(bea):
                    await sent.delivered(timeout_s=30)
            with contextlib.closing(open_journal(ann)) as journal:
                told = timeline(journal, sent.id, own=writer.identity.account, wait_of=None)
            assert told is not None
            (copy,) = told.copies
            assert [step.cause for step in copy.steps if step.evidence is Evidence.REPAIR] == [Cause.HEALING_SESSION]
            assert copy.stage is Stage.DELIVERED

    asyncio.run(run())
