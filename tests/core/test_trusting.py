"""Proves that marks reach a person's other devices, that a changed contact is seen first, and that codes verify."""

import pytest
from msgspec import structs

from answerback.core.comparing import LIFETIME_S, Compared
from answerback.core.effects import CodeMoved, Warned
from answerback.core.roster import Learned
from answerback.core.trusting import Agreed, Compare, Marked, Said, WhoIs
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.message import Urgency
from answerback.model.timeline import Stage
from answerback.model.trust import How, Vouched
from answerback.wire.letters import Vouch
from tests.core.world import Phone, World


def friends(*, verified: bool) -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    ann.send("bea", text="hello")
    world.run(3)
    if verified:
        ann.carry_out(ann.engine.trusted(Marked(bea.own.account, How.SCAN), now=ann.now))
    return world, ann, bea


def moved_handle(world: World, bea: Phone) -> Phone:
    """Another account takes the handle, as after a move, or as a relay that lies would have it."""
    other = world.person("bea", "new phone")
    assert world.relay.store.handles["bea"] == other.own.account != bea.own.account
    return other


def warned(phone: Phone) -> list[Cause]:
    return [news.cause for news in phone.news if isinstance(news, Warned)]


def asks(world: World, phone: Phone, handle: str = "bea") -> None:
    phone.carry_out(phone.engine.trusted(WhoIs(handle), now=phone.now))
    world.run(2)


def test_a_mark_is_kept_over_a_restart_and_reaches_the_other_devices() -> None:
    world, ann, bea = friends(verified=False)
    laptop = world.second_device(ann)
    ann.carry_out(ann.engine.trusted(Marked(bea.own.account, How.NUMBERS), now=ann.now))
    world.run(5)
    ann.crash()
    for phone in (ann, laptop):
        mark = phone.engine.machines.trust.verified(bea.own.account)
        assert mark is not None
        assert (mark.how, mark.device) == (How.NUMBERS, ann.own.device)
    laptop.carry_out(laptop.engine.trusted(Marked(bea.own.account, How.WITHDRAWN), now=laptop.now))
    world.run(5)
    assert ann.engine.machines.trust.verified(bea.own.account) is None


def test_a_device_that_is_added_learns_what_was_marked_before() -> None:
    world, ann, bea = friends(verified=True)
    laptop = world.second_device(ann, run_s=8.0)
    mark = laptop.engine.machines.trust.verified(bea.own.account)
    assert mark is not None
    assert mark.how is How.SCAN


def test_nobody_elses_word_marks_an_account() -> None:
    world, ann, bea = friends(verified=False)
    forged = Vouch([Vouched(bea.own.account, How.SCAN, world.clock_ms)])
    bea.carry_out(bea.engine._departure.control(forged, (ann.own.device,), now=bea.now))
    bea.carry_out(bea.engine.hint(now=bea.now))
    world.run(5)
    assert ann.engine.machines.trust.verified(bea.own.account) is None


def test_nothing_goes_to_a_verified_contact_that_changed_until_the_person_agrees() -> None:
    world, ann, bea = friends(verified=True)
    other = moved_handle(world, bea)
    asks(world, ann)
    assert warned(ann) == [Cause.TRUST_CONTACT_CHANGED]
    message = ann.send("bea", text="secret")
    reply, effects = ann.engine.send(
        handles=(),
        accounts=[bea.own.account],
        text="me too",
        attachment=None,
        urgency=Urgency.NORMAL,
        lifetime_s=3600,
        now=ann.now,
    )
    ann.carry_out(effects)
    world.run(60)
    for held in (message, reply):
        wait = ann.engine.wait_of(held, None, now=ann.now)
        assert wait is not None
        assert wait.cause is Cause.TRUST_CONTACT_CHANGED
    ann.crash()
    world.run(40)
    assert other.texts == []
    assert bea.texts == ["hello"]
    ann.carry_out(ann.engine.trusted(Agreed("bea"), now=ann.now))
    world.run(5)
    assert other.texts == ["secret", "me too"]
    assert bea.texts == ["hello"]
    assert ann.engine.machines.trust.change("bea") is None


def test_whoever_compares_the_new_key_has_agreed() -> None:
    world, ann, bea = friends(verified=True)
    other = moved_handle(world, bea)
    asks(world, ann)
    ann.send("bea", text="secret")
    ann.carry_out(ann.engine.trusted(Marked(other.own.account, How.SCAN), now=ann.now))
    world.run(5)
    assert other.texts == ["secret"]


def test_a_contact_that_was_never_verified_is_not_followed_without_a_word_either() -> None:
    world, ann, bea = friends(verified=False)
    other = moved_handle(world, bea)
    asks(world, ann)
    ann.crash()
    change = ann.engine.machines.trust.change("bea")
    assert change is not None
    assert (change.before, change.after, change.held) == (bea.own.account, other.own.account, True)
    assert warned(ann) == [Cause.TRUST_CONTACT_CHANGED]
    message = ann.send("bea", text="hi")
    world.run(5)
    assert (ann.stage(message), other.texts) == (Stage.QUEUED, [])
    ann.carry_out(ann.engine.trusted(Agreed("bea"), now=ann.now))
    world.run(5)
    assert ann.stage(message) is Stage.DELIVERED
    assert other.texts == ["hi"]


def test_a_relay_that_takes_its_answer_back_leaves_everything_as_it_was() -> None:
    world, ann, bea = friends(verified=True)
    moved_handle(world, bea)
    asks(world, ann)
    ann.send("bea", text="secret")
    world.relay.store.handles["bea"] = bea.own.account
    asks(world, ann)
    world.run(40)
    assert ann.engine.machines.trust.changes == ()
    assert bea.texts == ["hello", "secret"]


def test_a_stranger_who_goes_by_a_verified_contacts_handle_does_not_get_their_name() -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea@example.org")
    ann.send("bea@example.org", text="hello")
    world.run(3)
    ann.carry_out(ann.engine.trusted(Marked(bea.own.account, How.SCAN), now=ann.now))
    other = world.person("bea@example.org", "new phone")
    other.send("ann", text="it is me, bea")
    world.run(5)
    assert warned(ann) == [Cause.TRUST_CONTACT_CHANGED]
    assert ann.engine._departure.contacts["bea@example.org"] == bea.own.account


@pytest.mark.parametrize("verified", [True, False])
def test_a_device_that_a_contact_adds_is_news_and_nothing_waits_for_it(*, verified: bool) -> None:
    world, ann, bea = friends(verified=verified)
    world.second_device(bea)
    message = ann.send("bea", text="both")
    world.run(10)
    assert warned(ann) == [Cause.TRUST_DEVICE_ADDED]
    assert ann.stage(message) is Stage.DELIVERED
    assert (ann.engine.machines.trust.verified(bea.own.account) is not None) is verified


def test_a_device_that_is_added_to_ones_own_account_is_told_to_the_devices_that_did_not_do_it() -> None:
    world, ann, bea = friends(verified=False)
    laptop = world.second_device(bea)
    world.run(10)
    tablet = world.second_device(bea)  # by the phone; or by somebody who stole the account's key
    world.run(10)
    laptop.carry_out(laptop.engine.look_up(bea.own.account, now=laptop.now))
    world.run(10)
    assert Cause.ACCOUNT_DEVICE_ADDED in warned(laptop)
    assert Cause.ACCOUNT_DEVICE_ADDED not in warned(ann) + warned(tablet)


def test_the_first_list_of_somebody_new_adds_no_device() -> None:
    _, ann, bea = friends(verified=False)
    assert warned(ann) == warned(bea) == []


# ---- another root key of the same account --------------------------------------------------------------------------


def rekeys(ann: Phone, bea: Phone) -> None:
    """As a look-up would show it: bea's account has another root key than a moment ago."""
    machines, trusting = ann.engine.machines, ann.engine._arrival.trusting
    entry = machines.roster._entries[bea.own.account]
    old = entry.list.root_key
    entry.list = structs.replace(entry.list, root_key=b"another root key".ljust(32, b"."))
    ann.carry_out(trusting.listed(bea.own.account, Learned(()), old_root=old, now=ann.now))


def test_a_verified_account_with_another_root_key_is_held_like_a_changed_contact() -> None:
    world, ann, bea = friends(verified=True)
    rekeys(ann, bea)
    assert warned(ann) == [Cause.TRUST_ROOT_CHANGED]
    message = ann.send("bea", text="secret")
    world.run(40)
    wait = ann.engine.wait_of(message, None, now=ann.now)
    assert wait is not None
    assert wait.cause is Cause.TRUST_CONTACT_CHANGED
    asks(world, ann)
    assert ann.engine.machines.trust.change("bea") is not None, "the same account is no answer taken back"
    ann.carry_out(ann.engine.trusted(Agreed("bea"), now=ann.now))
    world.run(5)
    assert bea.texts == ["hello", "secret"]
    assert ann.engine.machines.trust.verified(bea.own.account) is None, "nobody compared the new key"


def test_what_was_promised_before_the_root_key_changed_goes_to_no_new_device_until_the_person_agrees() -> None:
    world, ann, bea = friends(verified=True)
    bea.stop()
    message = ann.send("bea", text="late")
    world.run(3)
    rekeys(ann, bea)
    ann.engine.machines.outbox.unaddress(message)  # a newer list was mentioned
    world.run(60)
    promise = ann.engine.machines.outbox.promise(message)
    assert promise is not None
    assert (promise.addressed, promise.cause) == (False, Cause.TRUST_CONTACT_CHANGED)
    ann.carry_out(ann.engine.trusted(Agreed("bea"), now=ann.now))
    assert promise.addressed


def test_comparing_the_new_root_key_lets_go_and_stays_verified() -> None:
    world, ann, bea = friends(verified=True)
    rekeys(ann, bea)
    ann.send("bea", text="secret")
    world.run(1)
    ann.carry_out(ann.engine.trusted(Marked(bea.own.account, How.SCAN), now=ann.now))
    world.run(5)
    assert bea.texts == ["hello", "secret"]
    assert ann.engine.machines.trust.verified(bea.own.account) is not None
    assert ann.engine.machines.trust.changes == ()


def test_an_unverified_account_with_another_root_key_is_told_and_not_held() -> None:
    world, ann, bea = friends(verified=False)
    rekeys(ann, bea)
    ann.send("bea", text="hi")
    world.run(5)
    assert warned(ann) == [Cause.TRUST_ROOT_CHANGED]
    assert bea.texts == ["hello", "hi"]


def test_a_mark_made_before_the_key_changed_does_not_vouch_for_the_new_one() -> None:
    _, ann, bea = friends(verified=False)
    stale = Vouched(bea.own.account, How.SCAN, 5, b"the key of before".ljust(32, b"."))
    ann.carry_out(ann.engine._arrival.trusting._mark([stale], DeviceId(b"laptop".ljust(16, b".")), now=ann.now))
    change = ann.engine.machines.trust.change("bea")
    assert change is not None
    assert change.held


# ---- the short code ------------------------------------------------------------------------------------------------


def code_of(phone: Phone) -> str:
    return next(news.code for news in reversed(phone.news) if isinstance(news, CodeMoved) and news.code)


def states(phone: Phone) -> list[Compared]:
    return [news.state for news in phone.news if isinstance(news, CodeMoved)]


def test_two_people_compare_a_code_and_are_verified_on_all_their_devices() -> None:
    world, ann, bea = friends(verified=False)
    tablet = world.second_device(bea)
    bea.send("ann", text="a new one")
    world.run(3)
    ann.carry_out(ann.engine.trusted(Compare(bea.own.account), now=ann.now))
    world.run(3)
    assert states(bea) == states(tablet) == [Compared.WAITING]
    bea.carry_out(bea.engine.trusted(Compare(ann.own.account), now=bea.now))
    world.run(3)
    assert code_of(ann) == code_of(bea)
    ann.carry_out(ann.engine.trusted(Said(bea.own.account, same=True), now=ann.now))
    world.run(3)
    assert ann.engine.machines.trust.verified(bea.own.account) is None
    bea.carry_out(bea.engine.trusted(Said(ann.own.account, same=True), now=bea.now))
    world.run(5)
    for phone, account in ((ann, bea.own.account), (bea, ann.own.account), (tablet, ann.own.account)):
        mark = phone.engine.machines.trust.verified(account)
        assert mark is not None
        assert mark.how is How.CODE


def test_a_code_that_is_said_to_differ_is_loud_and_marks_nobody() -> None:
    world, ann, bea = friends(verified=False)
    for phone, other in ((ann, bea), (bea, ann)):
        phone.carry_out(phone.engine.trusted(Compare(other.own.account), now=phone.now))
        world.run(3)
    ann.carry_out(ann.engine.trusted(Said(bea.own.account, same=False), now=ann.now))
    world.run(3)
    assert warned(ann) == [Cause.TRUST_CODES_DIFFER]
    assert states(bea)[-1] is Compared.REFUSED
    assert ann.engine.machines.trust.verified(bea.own.account) is None


def test_a_comparison_that_nobody_takes_up_is_over_in_time_and_says_so() -> None:
    world, ann, bea = friends(verified=False)
    bea.stop()
    ann.carry_out(ann.engine.trusted(Compare(bea.own.account), now=ann.now))
    world.run(LIFETIME_S + 30)
    assert states(ann) == [Compared.ASKED, Compared.OVER]
