"""Proves what a promised letter puts on disk, what it asks for, and whom it is addressed to."""

from dataclasses import replace

from answerback.core.departure import (
    CONTROL_LIFETIME_MS,
)
from answerback.core.effects import Progressed, Save, Tell, Transmit
from answerback.core.facts import DropDraft, DropOutgoing, KeepCopy, KeepMessage, KeepOutgoing, KeepStep
from answerback.model.bounds import INSTANT_MS_MAX
from answerback.model.causes import Cause
from answerback.model.ids import conversation_id
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Evidence, Stage, Step
from answerback.wire.codec import decode_letter
from answerback.wire.frames import LookUp, Resolve
from answerback.wire.letters import Post, Receipt
from tests.core.families import Family
from tests.core.specimens import a_message, kept, letter, message_number
from tests.core.writer import FILE, NOW, Writer, draft, frames

# ---- promising


def test_a_draft_is_on_disk_and_told_before_its_handles_are_asked_for() -> None:
    writer = Writer()
    step = Step(Stage.QUEUED, Evidence.JOURNAL, NOW.wall_ms, Cause.QUEUE_FETCHING_KEYS)
    effects = writer.departure.draft(draft("bea", "cid"), now=NOW)
    assert effects == [
        Save(draft("bea", "cid")),
        Save(KeepStep(message_number(1), None, step)),
        Tell(Progressed(message_number(1), None, step)),
        Transmit(Resolve(1, "bea")),
        Transmit(Resolve(2, "cid")),
    ]
    assert writer.departure.draft(draft("bea", "cid"), now=NOW) == [], "promised once, asked once"


def test_a_draft_is_not_written_after_what_came_while_it_waited_for_its_recipients() -> None:
    writer = Writer()
    talk = conversation_id(frozenset({writer.ann.account, writer.bea.account}))
    seen = replace(a_message(8), conversation=talk, stamp=Stamp(5, 0))
    answer = replace(a_message(9, after=(1,)), conversation=talk, stamp=Stamp(5, 2))
    writer.machines.threads.add(seen)
    writer.departure.draft(draft("bea"), now=NOW)
    writer.machines.threads.add(answer)  # to this very message, which a backup made a draft again
    writer.departure.contacts["bea"] = writer.bea.account
    promised = kept(writer.departure.draft(draft("bea"), now=NOW))
    assert [fact.message.written_after for fact in promised if isinstance(fact, KeepMessage)] == [{seen.id}]


def test_a_draft_that_fails_is_kept_as_a_message_with_its_cause() -> None:
    writer = Writer()
    writer.departure.draft(draft("bea"), now=NOW)
    unknown = Cause.RECIPIENT_HANDLE_UNKNOWN
    message, *others = writer.departure.draft_failed(draft("bea"), unknown, now=NOW)
    step = Step(Stage.FAILED, Evidence.REFUSAL, NOW.wall_ms, unknown)
    assert others == [
        Save(DropDraft(message_number(1))),
        Save(KeepStep(message_number(1), None, step)),
        Tell(Progressed(message_number(1), None, step)),
    ]
    assert isinstance(message, Save)
    assert isinstance(message.fact, KeepMessage)
    assert (message.fact.message.text, message.fact.message.recipients) == ("hello", frozenset())
    assert writer.departure.drafts == {}


def test_a_message_and_its_letter_say_the_same_and_are_on_disk_together() -> None:
    writer = Writer()
    writer.departure.contacts["bea"] = writer.bea.account
    earlier = replace(draft("bea"), id=message_number(9))
    writer.departure.draft(earlier, now=NOW)
    effects = writer.departure.draft(draft("bea", attachment=FILE), now=NOW)
    facts = kept(effects)
    assert isinstance(facts[0], KeepMessage)
    message, end_ms = facts[0].message, NOW.wall_ms + 60_000
    talk = conversation_id(frozenset({writer.ann.account, writer.bea.account}))
    assert (message.id, message.author) == (message_number(1), writer.ann.account)
    assert message.author_device == writer.machines.own.device
    assert (message.conversation, message.recipients) == (talk, frozenset({writer.bea.account}))
    assert (message.text, message.attachment, message.urgency, message.stamp) == (
        "hello",
        FILE,
        Urgency.URGENT,
        Stamp(5, 1),
    )
    assert (message.written_after, message.expires_ms) == (frozenset({message_number(9)}), end_ms)
    assert facts[0].arrived_wall_ms == NOW.wall_ms
    promised = next(fact for fact in facts if isinstance(fact, KeepOutgoing))
    post = decode_letter(promised.letter)
    assert promised == KeepOutgoing(
        id=message.id,
        lane=Lane.URGENT,
        letter=promised.letter,
        recipients=(writer.bea.account,),
        devices=(),
        answered=True,
        accepted_wall_ms=NOW.wall_ms,
        expires_ms=end_ms,
        blob=FILE.blob,
    )
    assert post == Post(
        message.id,
        talk,
        [writer.bea.account],
        "hello",
        FILE,
        Urgency.URGENT,
        Stamp(5, 1),
        [message_number(9)],
        end_ms,
        "ann",
    )
    assert DropDraft(message.id) not in facts, "it never was one on disk"
    assert writer.machines.threads.heads(talk) == {message.id}
    assert writer.machines.transfers.progress((writer.ann.account, message.id)) == (0, FILE.sealed_bytes)
    assert len([fact for fact in facts if isinstance(fact, KeepCopy)]) == 2
    waiting = [turn[1][0] for turn in iter(writer.machines.lanes.next, None)]
    assert message_number(9) in waiting
    assert message.id not in waiting, "no copy leaves before its file is at the relay"
    writer.machines.transfers._transfers.clear()
    writer.departure.file_arrived(message.id)
    assert {turn[1] for turn in iter(writer.machines.lanes.next, None)} == {
        (message.id, device) for device in writer.devices
    }
    writer.departure.file_arrived(message_number(77))


def test_no_lifetime_ends_after_the_last_moment_that_can_be_sent() -> None:
    writer = Writer()
    writer.departure.contacts["bea"] = writer.bea.account
    (first, *_) = kept(writer.departure.draft(draft("bea", lifetime_s=10**12), now=NOW))
    assert isinstance(first, KeepMessage)
    assert first.message.expires_ms == INSTANT_MS_MAX


def test_a_receipt_goes_to_its_devices_alone_and_ends_with_the_relays_word() -> None:
    writer = Writer()
    effects = writer.departure.control(Receipt([message_number(3)], []), (writer.devices[0],), now=NOW)
    promised, copy, addressed = kept(effects)
    assert isinstance(promised, KeepOutgoing)
    assert decode_letter(promised.letter) == Receipt([message_number(3)], [])
    assert promised == KeepOutgoing(
        id=promised.id,
        lane=Lane.CONTROL,
        letter=promised.letter,
        recipients=(),
        devices=(writer.devices[0],),
        answered=False,
        accepted_wall_ms=NOW.wall_ms,
        expires_ms=NOW.wall_ms + CONTROL_LIFETIME_MS,
    )
    assert isinstance(copy, KeepCopy)
    assert (copy.account, copy.device, copy.lane) == (writer.bea.account, writer.devices[0], Lane.CONTROL)
    assert addressed == replace(promised, addressed=True)
    assert promised.id[:6] == NOW.wall_ms.to_bytes(6, "big")


# ---- addressing


def test_accounts_nobody_here_knows_are_looked_up_first() -> None:
    writer, cid, dan = Writer(), Family(1), Family(1)
    made = letter(1, recipients=(cid.account, writer.bea.account, dan.account))
    writer.machines.outbox.accept(made, now=NOW)
    effects = writer.departure.address(made.id)
    assert effects == [Transmit(LookUp(1, cid.account, 0)), Transmit(LookUp(2, dan.account, 0))]
    promise = writer.machines.outbox.promise(made.id)
    assert promise is not None
    assert (promise.cause, promise.copies) == (Cause.QUEUE_FETCHING_KEYS, {})
    assert writer.departure.address(message_number(9)) == []


def test_a_recipient_without_any_device_is_a_cause_and_looked_up_again() -> None:
    writer, nobody = Writer(), Family(0)
    writer.machines.roster.learn(nobody.account, nobody.lists, [])
    made = letter(1, recipients=(nobody.account,))
    writer.machines.outbox.accept(made, now=NOW)
    assert writer.departure.address(made.id) == [Transmit(LookUp(1, nobody.account, 2))]
    promise = writer.machines.outbox.promise(made.id)
    assert promise is not None
    assert promise.cause is Cause.RECIPIENT_NO_DEVICES


def test_while_a_newer_list_is_known_to_exist_a_post_does_not_end() -> None:
    writer = Writer()
    writer.machines.roster.heard(writer.bea.account, 3)
    writer.machines.roster.heard(writer.ann.account, 3)
    writer.machines.outbox.accept(letter(1, recipients=(writer.bea.account,)), now=NOW)
    effects = writer.departure.address(message_number(1))
    assert [fact.device for fact in kept(effects) if isinstance(fact, KeepCopy)] == writer.devices
    assert [frame.account for frame in frames(effects) if isinstance(frame, LookUp)] == [
        writer.bea.account,
        writer.ann.account,
    ]
    promise = writer.machines.outbox.promise(message_number(1))
    assert promise is not None
    assert not promise.addressed
    control = writer.departure.control(Receipt([], []), (writer.devices[0],), now=NOW)
    assert frames(control) == [], "a receipt goes to whom it goes"


def test_a_note_to_oneself_on_an_only_device_is_kept_at_once() -> None:
    writer = Writer()
    writer.machines.outbox.accept(letter(1, recipients=(writer.ann.account,)), now=NOW)
    assert DropOutgoing(message_number(1)) in kept(writer.departure.address(message_number(1)))
    assert len(writer.machines.outbox) == 0


def test_a_changed_list_ends_copies_of_gone_devices_and_gives_posts_copies_for_new_ones() -> None:
    writer, cid = Writer(), Family(1)
    (other_account,) = writer.promises(2, devices=1)
    other_account.account = cid.account
    gone, stays = writer.promises(1)
    writer.departure.control(Receipt([], []), (gone.device,), now=NOW)
    index = [keys.device_id for keys in writer.bea.keys].index(gone.device)
    writer.machines.roster.learn(writer.bea.account, [writer.bea.list_without(index)], [])
    effects = writer.departure.readdress(writer.bea.account, now=NOW)
    assert (gone.stage, gone.cause) == (Stage.FAILED, Cause.RECIPIENT_DEVICE_GONE)
    assert (stays.stage, other_account.stage) == (Stage.QUEUED, Stage.QUEUED)
    ended = [fact for fact in kept(effects) if isinstance(fact, KeepCopy) and fact.stage is Stage.FAILED]
    assert len(ended) == 2, "the post's copy and the receipt's"
    waiting = [turn[1] for turn in iter(writer.machines.lanes.next, None)]
    assert gone.key not in waiting
    assert stays.key in waiting


def test_a_new_device_gets_a_copy_of_every_letter_that_is_under_way() -> None:
    writer = Writer()
    writer.promises(1, devices=1)
    writer.promises(2, devices=1)
    effects = writer.departure.readdress(writer.bea.account, now=NOW)
    copies = [(fact.message, fact.device) for fact in kept(effects) if isinstance(fact, KeepCopy)]
    assert copies == [(message_number(number), writer.devices[1]) for number in (1, 2)]
