"""Proves that the random stories can fail: each planted defect is found within some seeds."""

from collections.abc import Callable, Sequence

import pytest

from answerback.core.arrival import Arrival, Replies
from answerback.core.catchup import Catchup
from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Save, Transmit
from answerback.core.facts import Fact, KeepCopy, KeepMessage, KeepRatchet, KeepSeen
from answerback.core.inbox import Inbox
from answerback.core.outbox import Copy, Outbox, Promise
from answerback.core.sessions import Opened, Sessions
from answerback.core.threads import Threads
from answerback.core.transfers import Transfers
from answerback.model.envelope import Delivery
from answerback.model.ids import DeviceId
from answerback.model.timeline import Stage
from answerback.wire.codec import encode
from answerback.wire.frames import Took
from answerback.wire.letters import Receipt
from tests.core.disk import Disk
from tests.core.story import Story
from tests.core.world import Phone

SEEDS_MAX = 40
Plant = Callable[[pytest.MonkeyPatch], None]


def dedupe_is_off(patch: pytest.MonkeyPatch) -> None:
    """Neither the bytes nor the message's id are recognised; the disk takes what it is given."""
    patch.setattr(Threads, "add", lambda *_: True)
    keep = Disk._keep

    def always(disk: Disk, fact: Fact) -> None:
        if isinstance(fact, KeepMessage):
            disk.arrivals.append(fact.message.id)
            disk.messages[fact.message.author, fact.message.id] = fact.message
        else:
            keep(disk, fact)

    patch.setattr(Disk, "_keep", always)


def acknowledged_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    carry_out = Phone.carry_out

    def hasty(phone: Phone, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Transmit) and isinstance(effect.frame, Took) and phone.connected:
                phone.to_relay.append(encode(effect.frame))
                phone.world.relay_hears(phone)
        carry_out(phone, effects)

    patch.setattr(Phone, "carry_out", hasty)


def without(kind: type) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        carry_out = Phone.carry_out

        def forgetful(phone: Phone, effects: list[Effect]) -> None:
            carry_out(phone, [e for e in effects if not (isinstance(e, Save) and isinstance(e.fact, kind))])

        patch.setattr(Phone, "carry_out", forgetful)

    plant.__name__ = f"{kind.__name__}_is_not_saved"
    return plant


def receipts_for_unopened_mail(patch: pytest.MonkeyPatch) -> None:
    """Whatever cannot be opened is answered as if it were delivered: by the envelope's copy, which its author knows."""
    give_up = Arrival._give_up

    def lie(arrival: Arrival, delivery: Delivery, device: DeviceId | None, *, now: Moment) -> list[Effect]:
        effects = give_up(arrival, delivery, device, now=now)
        for phone in WORLD:
            copy = phone.engine.machines.outbox.copy_of(delivery.id)
            if copy is not None and device is not None:
                effects += arrival.departure.control(Receipt([copy.message], []), (device,), now=now)
        return effects

    patch.setattr(Arrival, "_give_up", lie)


def nobody_asks_where_mail_is(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Catchup, "page", lambda *_: None)


def cursor_moves_over_parked_mail(patch: pytest.MonkeyPatch) -> None:
    take = Inbox.take

    def careless(inbox: Inbox, delivery: Delivery) -> KeepSeen | None:
        before = take(inbox, delivery)
        inbox._done.add(delivery.id)
        return before

    patch.setattr(Inbox, "take", careless)


def what_was_under_way_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Outbox, "connection_lost", lambda *_: [])


def receipts_cause_receipts(patch: pytest.MonkeyPatch) -> None:
    opened = Arrival._opened

    def chatty(
        arrival: Arrival, delivery: Delivery, opened_now: Opened, replies: Replies, *, now: Moment
    ) -> list[Effect]:
        effects = opened(arrival, delivery, opened_now, replies, now=now)
        return [
            *effects,
            *arrival.departure.control(
                Receipt([opened_now.slip.message], []), (opened_now.slip.author_device,), now=now
            ),
        ]

    patch.setattr(Arrival, "_opened", chatty)


def promise_ends_at_the_relay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Promise, "_owed", lambda _, copy: copy.open and copy.stage < Stage.ACCEPTED)


def order_of_leaving_is_lost(patch: pytest.MonkeyPatch) -> None:
    queue = Departure.queue

    def backwards(departure: Departure, copy: Copy) -> None:
        copy.order = -abs(copy.order)
        queue(departure, copy)

    patch.setattr(Departure, "queue", backwards)


def copies_leave_before_their_file(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Transfers, "active", lambda *_, **__: False)


def sessions_are_never_renewed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sessions, "replace", lambda *_, now, **__: now.now_s)


WORLD: list[Phone] = []
PLANTS: Sequence[Plant] = (
    dedupe_is_off,
    acknowledged_before_the_commit,
    without(KeepRatchet),
    without(KeepSeen),
    without(KeepCopy),
    receipts_for_unopened_mail,
    nobody_asks_where_mail_is,
    cursor_moves_over_parked_mail,
    what_was_under_way_is_forgotten,
    receipts_cause_receipts,
    promise_ends_at_the_relay,
    order_of_leaving_is_lost,
    copies_leave_before_their_file,
    sessions_are_never_renewed,
)
GENTLE = (order_of_leaving_is_lost, what_was_under_way_is_forgotten)
"""Found in stories where nothing else may disturb the order."""


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_defect_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    monkeypatch.setattr("tests.core.story.HEAL_S_MAX", 7200.0)
    for seed in range(SEEDS_MAX):
        story = Story(seed, gentle=plant in GENTLE)
        WORLD[:] = story.world.phones
        if story.play():
            return
    pytest.fail(f"{plant.__name__} was not found in {SEEDS_MAX} stories")


def test_the_same_stories_without_a_defect_find_nothing() -> None:
    assert [seed for seed in range(3) if Story(seed).play()] == []
