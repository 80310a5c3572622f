"""Proves what each answer of the relay's directory is believed for, what it frees, and what it says to people."""

from answerback.core.arrival import Arrival
from answerback.core.departure import ABSENT_AGAIN_S, Departure
from answerback.core.effects import Answered, Effect, News, Tell, Transmit, Warned
from answerback.core.facts import (
    DropDraft,
    DropOutgoing,
    KeepContact,
    KeepCopy,
    KeepDeviceKeys,
    KeepDeviceList,
    KeepDraft,
    KeepOutgoing,
    KeepOwnList,
    KeepRatchet,
    KeepSealKey,
    KeepStep,
)
from answerback.core.lanes import Hold
from answerback.core.lookup import DEVICE_LIST, FORGED_AGAIN_S, Lookup
from answerback.core.rollback import Rollback
from answerback.crypto.identity import DeviceKeys, next_device_list
from answerback.crypto.prekeys import make_seal_key, prekeys_to_publish
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.ids import AccountId
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.model.timeline import Stage
from answerback.wire.frames import (
    Announce,
    Announced,
    Claimed,
    ClientFrame,
    Listed,
    LookUp,
    Publish,
    Published,
    Resolved,
)
from tests.core.families import Family, machines_of
from tests.core.specimens import NOW, kept, letter, message_number, stages_told

NO_KEYS = Cause.RECIPIENT_NO_KEYS


class Asker:
    """Ann's device, which asks, and the two families it knows."""

    def __init__(self, *, up: bool = True) -> None:
        self.ann, self.bea = Family(1), Family(2)
        self.machines = machines_of(self.ann, self.bea, up=up)
        self.departure = Departure(self.machines)
        arrival = Arrival(self.machines, self.departure)
        self.lookup = Lookup(self.machines, self.departure, arrival, Rollback(self.machines, self.departure))

    def asks_for(self, account: AccountId) -> int:
        """Ask for a list; the question's number."""
        (frame,) = frames(self.departure.want_list(account))
        assert isinstance(frame, LookUp)
        return frame.request

    def hears_list(self, family: Family, *lists: Signed, seal_keys: tuple[Signed, ...] = ()) -> list[Effect]:
        """Ask for a family's list, and hear this."""
        request = self.asks_for(family.account)
        return self.lookup.listed(Listed(request, family.account, list(lists), list(seal_keys)), now=NOW)


def frames(effects: list[Effect]) -> list[ClientFrame]:
    return [effect.frame for effect in effects if isinstance(effect, Transmit)]


def told(effects: list[Effect]) -> list[News]:
    return [effect.news for effect in effects if isinstance(effect, Tell)]


def longer(family: Family) -> Signed:
    """The family's next list, with one more device."""
    devices = [keys.device(0) for keys in (*family.keys, DeviceKeys.generate())]
    return next_device_list(family.root, family.lists[-1], devices, 0)


# ---- lists


def test_a_fresh_seal_key_frees_what_waited_for_it_and_nothing_else() -> None:
    asker = Asker()
    phone, laptop = (keys.device_id for keys in asker.bea.keys)
    lanes = asker.machines.lanes
    waits = Hold(NO_KEYS, 500.0)
    full = Hold(Cause.RECIPIENT_MAILBOX_FULL, 500.0)
    lanes.hold(phone, Lane.NORMAL, waits)
    lanes.hold(phone, Lane.URGENT, full)
    lanes.hold(laptop, Lane.NORMAL, waits)
    asker.hears_list(asker.bea, seal_keys=tuple(asker.bea.seal_keys))
    assert lanes.held(phone, Lane.NORMAL) == waits, "that key was known"
    fresh = make_seal_key(asker.bea.keys[0], now_ms=1)[1]
    effects = asker.hears_list(asker.bea, seal_keys=(fresh,))
    assert KeepSealKey(phone, fresh) in kept(effects)
    held = [lanes.held(device, lane) for device, lane in ((phone, Lane.NORMAL), (phone, Lane.URGENT))]
    assert held == [None, full]
    assert lanes.held(laptop, Lane.NORMAL) == waits


def test_a_device_that_left_its_list_ends_its_copies() -> None:
    asker = Asker()
    outbox, gone = asker.machines.outbox, asker.bea.keys[0].device_id
    outbox.accept(letter(1, recipients=(asker.bea.account,)), now=NOW)
    asker.departure.address(message_number(1))
    effects = asker.hears_list(asker.bea, asker.bea.list_without(0))
    copy = outbox.copy((message_number(1), gone))
    assert copy is not None
    assert (copy.stage, copy.cause) == (Stage.FAILED, Cause.RECIPIENT_DEVICE_GONE)
    assert stages_told(effects) == [Stage.FAILED]


def test_ones_own_lists_are_kept_for_the_day_the_relay_has_lost_them_and_nobody_elses() -> None:
    asker = Asker()
    newer = longer(asker.ann)
    effects = asker.hears_list(asker.ann, newer)
    own = [fact for fact in kept(effects) if isinstance(fact, KeepOwnList)]
    assert own == [KeepOwnList(3, newer)]
    assert KeepDeviceList(asker.ann.account, 3, newer) in kept(effects)
    assert not any(isinstance(fact, KeepOwnList) for fact in kept(asker.hears_list(asker.bea, longer(asker.bea))))


def test_a_list_of_ones_own_that_does_not_check_is_said_and_not_kept() -> None:
    asker = Asker()
    forged = Signed(asker.ann.lists[1].body, b"x" * 64)
    after_next = next_device_list(asker.ann.root, longer(asker.ann), [asker.ann.keys[0].device(0)], 0)
    for wrong in (forged, after_next):
        effects = asker.hears_list(asker.ann, wrong)
        assert told(effects) == [Warned(Cause.TRUST_SIGNATURE_WRONG, asker.ann.account)]
        assert kept(effects) == []


# ---- handles


def draft(asker: Asker) -> KeepDraft:
    made = KeepDraft(
        id=message_number(1),
        handles=("bea",),
        accounts=(),
        text="hello",
        attachment=None,
        urgency=Urgency.NORMAL,
        stamp=Stamp(1, 0),
        lifetime_s=60,
        accepted_wall_ms=0,
    )
    asker.departure.draft(made, now=NOW)
    return made


def test_a_handle_that_is_somebodys_makes_a_message_of_the_draft() -> None:
    asker = Asker()
    draft(asker)
    effects = asker.lookup.resolved(Resolved(1, "bea", asker.bea.account), now=NOW)
    assert kept(effects)[0] == KeepContact("bea", asker.bea.account)
    assert told(effects)[0] == Answered("bea", asker.bea.account, None)
    assert DropDraft(message_number(1)) in kept(effects)
    (promised,) = [fact for fact in kept(effects) if isinstance(fact, KeepOutgoing) and not fact.addressed]
    assert promised.recipients == (asker.bea.account,)
    assert asker.departure.drafts == {}


def test_a_handle_that_is_nobodys_fails_the_message_and_says_so() -> None:
    asker = Asker()
    draft(asker)
    effects = asker.lookup.resolved(Resolved(1, "bea", AccountId(b"")), now=NOW)
    unknown = Cause.RECIPIENT_HANDLE_UNKNOWN
    assert told(effects)[0] == Answered("bea", None, unknown)
    assert stages_told(effects) == [Stage.FAILED]
    assert DropDraft(message_number(1)) in kept(effects)
    (step,) = [fact.step for fact in kept(effects) if isinstance(fact, KeepStep)]
    assert step.cause is unknown
    assert asker.departure.contacts == {}


def test_an_answer_about_another_handle_or_device_than_was_asked_about_is_not_believed() -> None:
    asker = Asker()
    draft(asker)
    assert asker.lookup.resolved(Resolved(1, "cid", asker.bea.account), now=NOW) == []
    assert asker.departure.contacts == {}
    phone, laptop = (keys.device_id for keys in asker.bea.keys)
    asker.departure.want_prekey(phone, Lane.NORMAL)
    prekey = prekeys_to_publish(asker.bea.keys[1], 1)[0]
    assert asker.lookup.claimed(Claimed(2, laptop, prekey), now=NOW) == []
    assert not asker.machines.sessions.ready(laptop, Lane.NORMAL)


# ---- keys


def test_a_key_that_checks_begins_a_session_and_frees_its_lane() -> None:
    asker = Asker()
    phone = asker.bea.keys[0].device_id
    asker.machines.lanes.hold(phone, Lane.URGENT, Hold(Cause.QUEUE_FETCHING_KEYS))
    asker.departure.want_prekey(phone, Lane.URGENT)
    prekey = prekeys_to_publish(asker.bea.keys[0], 1)[0]
    (fact,) = kept(asker.lookup.claimed(Claimed(1, phone, prekey), now=NOW))
    assert isinstance(fact, KeepRatchet)
    assert (fact.device, fact.lane, fact.good_ms) == (phone, Lane.URGENT, NOW.wall_ms)
    assert asker.machines.sessions.ready(phone, Lane.URGENT)
    assert asker.machines.lanes.held(phone, Lane.URGENT) is None


def test_a_device_without_keys_is_asked_about_ever_less_often_and_its_list_is_looked_up() -> None:
    asker = Asker()
    phone, laptop = (keys.device_id for keys in asker.bea.keys)
    untils = []
    for request, device in ((1, phone), (3, phone), (4, laptop)):
        asker.departure.want_prekey(device, Lane.NORMAL)
        effects = asker.lookup.claimed(Claimed(request, device, None), now=NOW)
        assert [frame.account for frame in frames(effects) if isinstance(frame, LookUp)] == (
            [asker.bea.account] if request == 1 else []
        ), "its list is asked for once at a time"
        hold = asker.machines.lanes.held(device, Lane.NORMAL)
        assert hold is not None
        assert hold.cause is NO_KEYS
        untils.append(hold.until_s)
    first = NOW.now_s + ABSENT_AGAIN_S
    assert untils == [first, NOW.now_s + 1.5 * ABSENT_AGAIN_S, first]


def test_a_key_its_device_never_signed_is_said_and_another_is_asked_for_after_a_while() -> None:
    asker = Asker()
    phone = asker.bea.keys[0].device_id
    asker.departure.want_prekey(phone, Lane.NORMAL)
    forged = prekeys_to_publish(DeviceKeys.generate(), 1)[0]
    effects = asker.lookup.claimed(Claimed(1, phone, forged), now=NOW)
    assert effects == [Tell(Warned(Cause.TRUST_SIGNATURE_WRONG, asker.bea.account))]
    held = asker.machines.lanes.held(phone, Lane.NORMAL)
    assert held == Hold(Cause.TRUST_SIGNATURE_WRONG, NOW.now_s + FORGED_AGAIN_S)
    assert not asker.machines.sessions.ready(phone, Lane.NORMAL)


def test_a_key_for_a_device_that_has_left_its_list_begins_nothing() -> None:
    asker = Asker()
    phone = asker.bea.keys[0].device_id
    asker.departure.want_prekey(phone, Lane.NORMAL)
    asker.machines.roster.learn(asker.bea.account, [asker.bea.list_without(0)], [])
    prekey = prekeys_to_publish(asker.bea.keys[0], 1)[0]
    assert asker.lookup.claimed(Claimed(1, phone, prekey), now=NOW) == []


# ---- our own


def test_a_list_the_relay_has_taken_is_kept_and_letters_get_copies_for_its_new_device() -> None:
    asker = Asker()
    newer = longer(asker.ann)
    outbox = asker.machines.outbox
    outbox.accept(letter(1, recipients=(asker.bea.account,)), now=NOW)
    asker.departure.address(message_number(1))
    (announced,) = frames(asker.lookup.announce(newer))
    assert announced == Announce(1, newer)
    effects = asker.lookup.announced(Announced(1, 3), now=NOW)
    assert told(effects)[0] == Answered(DEVICE_LIST, asker.ann.account, None)
    facts = kept(effects)
    assert facts[:2] == [KeepDeviceList(asker.ann.account, 3, newer), KeepOwnList(3, newer)]
    assert [fact.account for fact in facts if isinstance(fact, KeepCopy)] == [asker.ann.account]
    assert [frame.account for frame in frames(effects) if isinstance(frame, LookUp)] == [asker.ann.account]


def test_a_note_to_oneself_written_while_a_device_is_being_added_waits_for_it() -> None:
    asker = Asker()
    asker.lookup.announce(longer(asker.ann))
    asker.machines.outbox.accept(letter(1, recipients=(asker.ann.account,)), now=NOW)
    assert DropOutgoing(message_number(1)) not in kept(asker.departure.address(message_number(1)))
    effects = asker.lookup.announced(Announced(1, 3), now=NOW)
    assert [fact.account for fact in kept(effects) if isinstance(fact, KeepCopy)] == [asker.ann.account]


def test_a_list_the_relay_refused_is_said_and_the_newest_one_looked_up() -> None:
    asker = Asker()
    newer = longer(asker.ann)
    asker.lookup.announce(newer)
    changed = Cause.TRUST_KEYS_CHANGED
    effects = asker.lookup.announced(Announced(1, 7, changed.value), now=NOW)
    assert told(effects) == [Answered(DEVICE_LIST, asker.ann.account, changed)]
    assert kept(effects) == []
    assert asker.machines.roster.version(asker.ann.account) == 2
    assert [frame.account for frame in frames(effects) if isinstance(frame, LookUp)] == [asker.ann.account]


def test_a_relay_that_lost_our_lists_is_given_them_one_after_the_other() -> None:
    asker = Asker()
    first, second = asker.ann.lists
    known = asker.machines.registration.lists
    known.update({1: first, 2: second})
    (again,) = frames(asker.lookup.rollback.of_lists(0))
    assert again == Announce(1, first)
    effects = asker.lookup.announced(Announced(1, 1), now=NOW)
    assert effects == [Transmit(Announce(2, second))], "nobody is told: it is old news"
    assert asker.lookup.announced(Announced(2, 2), now=NOW) == []
    asker.lookup.announce(first)
    assert asker.lookup.announced(Announced(3, 1, Cause.TRUST_KEYS_CHANGED.value), now=NOW) == [
        Transmit(Announce(4, second))
    ], "it had that one already"
    asker.machines.questions.answered(4)
    asker.lookup.announce(first)
    assert asker.lookup.announced(Announced(5, 1, Cause.TRUST_SIGNATURE_WRONG.value), now=NOW) == []


def test_keys_are_published_once_and_counted_when_the_relay_has_them() -> None:
    asker = Asker()
    asker.machines.registration.welcomed(prekeys_left=0, seal_key=b"")
    effects = asker.lookup.upkeep(relay_ms=NOW.wall_ms)
    assert isinstance(kept(effects)[0], KeepDeviceKeys), "saved before they leave"
    (frame,) = frames(effects)
    assert isinstance(frame, Publish)
    assert asker.lookup.upkeep(relay_ms=NOW.wall_ms) == [], "one publication at a time"
    (fact,) = kept(asker.lookup.published(Published(frame.request, 100)))
    assert isinstance(fact, KeepDeviceKeys)
    assert asker.machines.registration.prekeys_left == 100
    assert asker.lookup.upkeep(relay_ms=NOW.wall_ms) == []
    assert asker.lookup.published(Published(frame.request, 3)) == []
    assert asker.machines.registration.prekeys_left == 100


def test_without_a_connection_a_question_waits_for_one() -> None:
    asker = Asker(up=False)
    newer = longer(asker.ann)
    assert asker.lookup.announce(newer) == []
    assert asker.departure.want_list(asker.bea.account) == []
    assert asker.machines.questions.again() == [Announce(1, newer), LookUp(2, asker.bea.account, 2)]
