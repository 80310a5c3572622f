"""Proves that the relay's word moves a copy to accepted and no further, and is doubted when it should be."""

from answerback.core.catchup import ANSWER_DUE_S, RENEW_AFTER_INQUIRIES, RESEAL_AFTER_INQUIRIES
from answerback.core.confirmation import GONE_AGAIN_S, Confirmation
from answerback.core.departure import Departure
from answerback.core.effects import Effect, Transmit
from answerback.core.engine import LOOK_S
from answerback.core.facts import KeepCopy
from answerback.core.lanes import Hold
from answerback.core.network.recovery import TOLD_S_MAX
from answerback.core.outbox import Copy
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.wire.codec import decode_client_frame
from answerback.wire.flight import Kind
from answerback.wire.frames import Acceptance, Accepted, Inquire, Located, LookUp, Refusal, Refused, Whereabouts
from tests.core.families import Family, begin, machines_of
from tests.core.specimens import NOW, at, envelope_for, kept, letter, stages_told
from tests.core.world import Phone, World


def accepted() -> tuple[World, Phone, Phone, bytes]:
    """Ann's message is at the relay; Bea is away."""
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    bea.stop()
    identity = ann.send("bea", text="away")
    world.run(1)
    return world, ann, bea, identity


def inquiries(phone: Phone) -> list[Inquire]:
    return [frame for frame in map(decode_client_frame, phone.to_relay) if isinstance(frame, Inquire)]


def test_what_the_relay_says_of_unknown_envelopes_changes_nothing() -> None:
    _, ann, _, _ = accepted()
    unknown = Refusal(b"?" * 16, Cause.RECIPIENT_DEVICE_GONE.value, -1)  # type: ignore[arg-type]
    frames = ann.sent_frames
    for frame in (Refused([unknown]), Located([]), Accepted([])):
        ann.carry_out(ann.engine.received(ann.line, frame, now=ann.now))
    assert ann.sent_frames == frames


def test_a_device_that_is_away_is_a_cause_and_asked_about_late() -> None:
    world, ann, bea, _ = accepted()
    (copy,) = [c for p in ann.engine.machines.outbox for c in p.copies.values() if c.device == bea.own.device]
    assert (copy.stage, copy.cause) == (Stage.ACCEPTED, Cause.RECIPIENT_DEVICE_AWAY)
    world.run(ANSWER_DUE_S + 2 * LOOK_S)
    assert copy.inquiries == 0


def test_after_another_run_of_the_relay_everything_it_accepted_is_asked_about_and_only_that() -> None:
    world, ann, bea, _ = accepted()
    (copy,) = [c for p in ann.engine.machines.outbox for c in p.copies.values() if c.device == bea.own.device]
    attempts = copy.attempts
    ann.drop()
    world.run(3)
    assert copy.inquiries == 0
    world.relay.crash()
    world.run(3)
    assert (copy.inquiries, copy.attempts) == (1, attempts)
    assert copy.boot == world.relay.boot
    world.run(3600)
    assert copy.attempts == attempts


def test_a_retry_after_that_is_negative_is_for_good_but_for_a_device_that_may_have_been_replaced() -> None:
    world, ann, bea, _ = accepted()
    world.relay.refuse[bea.own.device] = Cause.RECIPIENT_DEVICE_GONE, -1
    identity = ann.send("bea", text="gone?")
    world.run(5)
    assert ann.stage(identity, bea) is not Stage.FAILED
    world.relay.refuse[bea.own.device] = Cause.RELAY_STORE_FULL, -1
    world.run(30)
    assert ann.stage(identity, bea) is Stage.FAILED


# ---- the relay's word, one entry after the other

ANN, BEA = Family(1), Family(3)
UNKNOWN = EnvelopeId(b"?" * 16)
LATER = at(102.0)


def under_way() -> tuple[Confirmation, list[Copy]]:
    """A letter on its way to Bea's three devices."""
    machines = machines_of(ANN, BEA)
    machines.boot = b"boot"
    outbox = machines.outbox
    outbox.accept(letter(1, recipients=(BEA.account,)), now=NOW)
    outbox.lay_out(letter(1).id, [(BEA.account, keys.device_id) for keys in BEA.keys])
    promise = outbox.promise(letter(1).id)
    assert promise is not None
    copies = list(promise.copies.values())
    for copy in copies:
        envelope = envelope_for(copy)
        outbox.sealed(copy, envelope, sequence=1, now=NOW)
        outbox.leaving(copy, now=NOW)
        outbox.written(envelope.id, now=NOW)
    return Confirmation(machines, Departure(machines)), copies


def at_the_relay() -> tuple[Confirmation, list[Copy]]:
    """A letter that the relay accepted for all three, and that is asked about."""
    confirmation, copies = under_way()
    confirmation.accepted(Accepted([Acceptance(envelope(copy), 2, 0) for copy in copies]), now=NOW)
    confirmation.machines.catchup.doubt(copies)
    assert [type(effect) for effect in confirmation.inquire()] == [Transmit]
    return confirmation, copies


def envelope(copy: Copy) -> EnvelopeId:
    assert copy.envelope is not None
    return copy.envelope


def looked_up(effects: list[Effect]) -> list[AccountId]:
    frames = [effect.frame for effect in effects if isinstance(effect, Transmit)]
    return [frame.account for frame in frames if isinstance(frame, LookUp)]


def saved(effects: list[Effect]) -> list[DeviceId]:
    return [fact.device for fact in kept(effects) if isinstance(fact, KeepCopy)]


def test_each_copy_the_relay_names_is_accepted_and_their_bytes_are_one_sample_of_its_rate() -> None:
    confirmation, copies = under_way()
    size = sum(len(copy.sealed or b"") for copy in copies)
    entries = [Acceptance(UNKNOWN, 9, 0), *(Acceptance(envelope(copy), 2, 60) for copy in copies)]
    effects = confirmation.accepted(Accepted(entries), now=LATER)
    assert stages_told(effects) == [Stage.ACCEPTED] * 3
    assert {copy.cause for copy in copies} == {Cause.RECIPIENT_DEVICE_AWAY}
    assert {copy.boot for copy in copies} == {b"boot"}
    assert confirmation.machines.path.estimate.up_bytes_per_s == size / 2.0
    assert looked_up(effects) == [], "the newest list is here"
    confirmation.accepted(Accepted(entries), now=at(103.0))
    assert confirmation.machines.path.estimate.up_bytes_per_s == size / 2.0, "said again, it measures nothing"


def test_a_slow_sample_counts_only_if_the_window_was_full() -> None:
    for share, is_counted in ((4, False), (1, True)):
        confirmation, copies = under_way()
        machines = confirmation.machines
        machines.path.estimate.confirmed(10_000, 1.0, is_full=True)
        machines.flight.left("rest", int(machines.flight.window_bytes / share), kind=Kind.CHUNK, now_s=1.0)
        confirmation.accepted(Accepted([Acceptance(envelope(copies[0]), 2, 0)]), now=LATER)
        assert (machines.path.estimate.up_bytes_per_s < 10_000) == is_counted


def test_a_newer_list_named_with_an_acceptance_is_looked_up_before_the_letter_may_end() -> None:
    confirmation, copies = under_way()
    entries = [Acceptance(envelope(copies[0]), 2, 0), Acceptance(envelope(copies[1]), 3, 0)]
    effects = confirmation.accepted(Accepted(entries), now=LATER)
    assert looked_up(effects) == [BEA.account]
    assert stages_told(effects) == [Stage.ACCEPTED] * 2
    assert confirmation.machines.roster.stale(BEA.account)
    promise = confirmation.machines.outbox.promise(copies[1].message)
    assert promise is not None
    assert not promise.addressed


def test_each_refusal_says_its_cause_and_when_the_copy_is_tried_again() -> None:
    confirmation, (first, second, third) = under_way()
    full, busy = Cause.RECIPIENT_MAILBOX_FULL, Cause.RELAY_BUSY
    entries = [
        Refusal(UNKNOWN, full.value, 1),
        Refusal(envelope(first), full.value, 5000),
        Refusal(envelope(second), busy.value, 0),
        Refusal(envelope(third), Cause.MESSAGE_TOO_LARGE.value, -1),
    ]
    effects = confirmation.refused(Refused(entries), now=LATER)
    assert stages_told(effects) == [Stage.SEALED, Stage.SEALED, Stage.FAILED]
    lanes = confirmation.machines.lanes
    assert lanes.held(first.device, Lane.NORMAL) == Hold(full, 107.0)
    assert lanes.held(second.device, Lane.NORMAL) == Hold(busy, 102.0)
    assert lanes.held(third.device, Lane.NORMAL) is None
    assert (first.retry_at_s, second.retry_at_s) == (107.0, 102.0)
    assert len(lanes) == 2, "both wait for their turn"


def test_a_relay_cannot_put_a_copy_off_for_ever() -> None:
    confirmation, (copy, *_) = under_way()
    year_ms = 366 * 86_400_000
    confirmation.refused(Refused([Refusal(envelope(copy), Cause.RELAY_BUSY.value, year_ms)]), now=LATER)
    assert copy.retry_at_s == LATER.now_s + TOLD_S_MAX


def test_a_device_said_to_be_gone_is_looked_up_and_its_copy_waits_for_the_answer() -> None:
    confirmation, (first, second, _) = under_way()
    gone = Cause.RECIPIENT_DEVICE_GONE
    entries = [Refusal(envelope(first), gone.value, -1), Refusal(envelope(second), gone.value, 10**9)]
    effects = confirmation.refused(Refused(entries), now=LATER)
    assert looked_up(effects) == [BEA.account]
    assert stages_told(effects) == [Stage.SEALED] * 2
    for copy in (first, second):
        held = confirmation.machines.lanes.held(copy.device, Lane.NORMAL)
        assert held == Hold(gone, LATER.now_s + GONE_AGAIN_S)


def test_what_is_held_stays_and_what_is_lost_leaves_again_as_the_same_bytes() -> None:
    confirmation, (held, lost, other) = at_the_relay()
    bytes_before = lost.sealed
    entries = [
        Whereabouts(UNKNOWN, held=False, taken=False, away_s=0),
        Whereabouts(envelope(held), held=True, taken=False, away_s=9),
        Whereabouts(envelope(lost), held=False, taken=False, away_s=0),
    ]
    confirmation.machines.boot = b"next"
    effects = confirmation.located(Located(entries), now=LATER)
    assert saved(effects) == [held.device, lost.device]
    assert (held.stage, held.cause, held.inquiries, held.boot) == (
        Stage.ACCEPTED,
        Cause.RECIPIENT_DEVICE_AWAY,
        1,
        b"next",
    )
    assert (lost.stage, lost.cause, lost.sealed) == (Stage.SEALED, Cause.RELAY_LOST_IT, bytes_before)
    assert len(confirmation.machines.lanes) == 1
    assert confirmation.machines.catchup.doubted == [other.key]
    assert confirmation.located(Located(entries), now=LATER) == [], "not asked"


def test_what_was_taken_and_not_answered_is_sealed_anew_the_second_time_it_is_asked_about() -> None:
    confirmation, (copy, *_) = at_the_relay()
    taken = Located([Whereabouts(envelope(copy), held=False, taken=True, away_s=0)])
    assert looked_up(confirmation.located(taken, now=LATER)) == [copy.account], "its seal key may be another by now"
    assert (copy.stage, copy.cause, copy.inquiries) == (Stage.ACCEPTED, None, 1)
    copy.inquiries = RESEAL_AFTER_INQUIRIES - 1
    confirmation.machines.catchup.doubt([copy])
    confirmation.inquire()
    assert saved(confirmation.located(taken, now=LATER)) == [copy.device]
    assert (copy.stage, copy.cause, copy.sealed, copy.reseals) == (Stage.QUEUED, None, None, 1)


def test_what_was_taken_and_is_missed_by_its_device_is_sealed_anew_at_once() -> None:
    """Its device could not open it, and its call for repair was lost: the same bytes would not come a second time."""
    confirmation, (copy, held, lost) = at_the_relay()
    for each in (copy, held, lost):
        each.missed = True
    entries = [
        Whereabouts(envelope(copy), held=False, taken=True, away_s=0),
        Whereabouts(envelope(held), held=True, taken=False, away_s=0),
        Whereabouts(envelope(lost), held=False, taken=False, away_s=0),
    ]
    bytes_before = lost.sealed
    confirmation.located(Located(entries), now=LATER)
    assert (copy.stage, copy.sealed) == (Stage.QUEUED, None)
    assert held.stage is Stage.ACCEPTED
    assert (lost.stage, lost.sealed) == (Stage.SEALED, bytes_before)
    assert not any(each.missed for each in (copy, held, lost))


def test_what_is_never_answered_gets_a_fresh_session_and_a_fresh_look_at_its_devices() -> None:
    confirmation, (copy, *_) = at_the_relay()
    machines = confirmation.machines
    begin(machines, BEA.keys[0])
    copy.inquiries = RENEW_AFTER_INQUIRIES - 1
    entry = Whereabouts(envelope(copy), held=False, taken=False, away_s=0)
    effects = confirmation.located(Located([entry]), now=LATER)
    assert looked_up(effects) == [BEA.account]
    assert saved(effects) == [copy.device]
    assert not machines.sessions.ready(copy.device, copy.lane)
    assert (copy.stage, copy.sealed, copy.cause) == (Stage.QUEUED, None, Cause.RELAY_LOST_IT)


def test_an_answer_about_a_copy_accepted_in_an_earlier_run_starts_its_wait() -> None:
    confirmation, (first, second, _) = at_the_relay()
    first.accepted_s = None
    entries = [Whereabouts(envelope(copy), held=True, taken=False, away_s=0) for copy in (first, second)]
    confirmation.located(Located(entries), now=LATER)
    assert [copy.accepted_s for copy in (first, second)] == [LATER.now_s, NOW.now_s]
    assert (first.cause, second.cause) == (None, None)


def test_a_welcome_puts_in_doubt_what_another_run_accepted_and_starts_the_wait_of_the_rest() -> None:
    confirmation, (first, second, third) = at_the_relay()
    machines = confirmation.machines
    for copy in (first, second, third):
        machines.catchup.resolved(copy.key)
    first.boot = b"earlier"
    second.accepted_s = None
    confirmation.doubt_earlier_runs(now=LATER)
    assert machines.catchup.doubted == [first.key]
    assert [copy.accepted_s for copy in (second, third)] == [LATER.now_s, NOW.now_s]


def test_what_was_accepted_long_ago_is_asked_about_once_it_is_due_and_not_before() -> None:
    confirmation, copies = at_the_relay()
    machines = confirmation.machines
    machines.catchup.located()
    for copy in copies:
        machines.catchup.resolved(copy.key)
    copies[2].accepted_s = None
    confirmation.doubt_overdue(now=at(NOW.now_s + ANSWER_DUE_S - 0.1))
    assert machines.catchup.doubted == []
    assert confirmation.inquire() == []
    confirmation.doubt_overdue(now=at(NOW.now_s + ANSWER_DUE_S))
    assert machines.catchup.doubted == [copies[0].key, copies[1].key]
    (asked,) = confirmation.inquire()
    assert isinstance(asked, Transmit)
    assert isinstance(asked.frame, Inquire)
    assert [entry.id for entry in asked.frame.entries] == [envelope(copies[0]), envelope(copies[1])]
    assert confirmation.inquire() == [], "one page at a time"


def test_of_many_whereabouts_each_is_heard_and_only_what_was_taken_looks_for_newer_keys() -> None:
    confirmation, (held, lost, taken) = at_the_relay()
    entries = [
        Whereabouts(envelope(held), held=True, taken=False, away_s=0),
        Whereabouts(envelope(lost), held=False, taken=False, away_s=0),
    ]
    assert looked_up(confirmation.located(Located(entries), now=LATER)) == []
    for copy in (held, lost, taken):
        copy.stage, copy.inquiries = Stage.ACCEPTED, 0
        confirmation.machines.catchup.doubt([copy])
    lost.inquiries = RENEW_AFTER_INQUIRIES - 1
    confirmation.inquire()
    entries = [
        Whereabouts(envelope(held), held=True, taken=False, away_s=0),
        Whereabouts(envelope(taken), held=False, taken=True, away_s=0),
    ]
    effects = confirmation.located(Located(entries), now=LATER)
    assert (saved(effects), looked_up(effects)) == ([held.device], [BEA.account])
    confirmation.machines.catchup.doubt([held, lost])
    confirmation.inquire()
    entries = [
        Whereabouts(envelope(held), held=True, taken=False, away_s=0),
        Whereabouts(envelope(lost), held=False, taken=False, away_s=0),
    ]
    assert saved(confirmation.located(Located(entries), now=LATER)) == [held.device, lost.device]
