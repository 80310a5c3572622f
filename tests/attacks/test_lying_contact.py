"""Proves what a contact who lies cannot do: stop or flood a reader, or speak about what is not theirs."""

import pytest

from answerback.core.effects import Arrived, Transmit, Warned
from answerback.core.facts import KeepOutgoing, KeepStream
from answerback.core.questions import HANDLES_AT_ONCE
from answerback.model.bounds import INSTANT_MS_MAX, NATURAL_MAX
from answerback.model.causes import Cause
from answerback.model.ids import AccountId, BlobId, DeviceId, EnvelopeId, MessageId, conversation_id
from answerback.model.message import Attachment, Lane, Message, Urgency
from answerback.model.stamp import Stamp, in_order
from answerback.model.timeline import Stage
from answerback.relay.limits import REQUESTS_LATE_MAX
from answerback.wire.codec import encode
from answerback.wire.frames import Resolve
from answerback.wire.letters import AnyLetter, Gap, Nack, Post, Receipt, Void
from tests.core.world import Phone, World


def scene() -> tuple[World, Phone, Phone, Phone]:
    """Ann, who is attacked; Bea, her friend; and Eve, who may write to her and lies."""
    world = World()
    ann, bea, eve = world.person("ann"), world.person("bea"), world.person("eve")
    world.run(2)
    bea.send("ann", text="hello")
    eve.send("ann", text="hello from eve")
    world.run(3)
    assert ann.texts == ["hello", "hello from eve"]
    return world, ann, bea, eve


def forge(eve: Phone, ann: Phone, letter: AnyLetter, *, lane: Lane = Lane.CONTROL) -> None:
    """Have Eve's device seal any letter for Ann's, authentically."""
    engine = eve.engine
    effects = engine._departure.control(letter, (ann.own.device,), now=eve.now)
    promise = list(engine.machines.outbox)[-1]
    for copy in promise.copies.values():
        copy.lane = lane
    eve.carry_out([*effects, *engine._then([], eve.now)])


def post(eve: Phone, ann: Phone, number: int, **changes: object) -> Post:
    members = frozenset((eve.own.account, ann.own.account))
    fields: dict[str, object] = {
        "message": MessageId(number.to_bytes(16, "big")),
        "conversation": conversation_id(members),
        "recipients": [ann.own.account],
        "text": f"forged {number}",
        "attachment": None,
        "urgency": Urgency.NORMAL,
        "stamp": Stamp(1, 0),
        "written_after": [],
        "expires_ms": 0,
    }
    return Post(**(fields | changes))  # type: ignore[arg-type]


def sealed_post(eve: Phone, ann: Phone, letter: Post, *, lane: Lane = Lane.NORMAL) -> None:
    """A post whose slip names it: as a modified client would send it."""
    kept = KeepOutgoing(
        id=letter.message,
        lane=lane,
        letter=encode(letter),
        recipients=(),
        devices=(ann.own.device,),
        answered=False,
        accepted_wall_ms=0,
        expires_ms=eve.now.wall_ms * 2,
    )
    engine = eve.engine
    effects = engine.machines.outbox.accept(kept, now=eve.now)
    effects += engine._departure.address(kept.id)
    eve.carry_out([*effects, *engine._then([], eve.now)])


def friends_go_on(world: World, ann: Phone, bea: Phone, *, restart: bool = True) -> None:
    """Whatever Eve did: Bea and Ann still reach each other, also after a restart."""
    world.objections.clear()
    if restart:
        ann.crash()
    world.run(3)
    there, back = bea.send("ann", text="still there?"), ann.send("bea", text="yes")
    world.run(10)
    assert ann.texts[-1] == "still there?"
    assert bea.texts == ["yes"]
    assert (bea.stage(there, ann), ann.stage(back, bea)) == (Stage.DELIVERED, Stage.DELIVERED)


IDS = [n.to_bytes(16, "big") for n in range(3000)]


@pytest.mark.parametrize(
    "letter",
    [
        Nack([], [Gap(lane, 0, NATURAL_MAX) for lane in Lane], []),
        Nack([], [Gap(Lane.NORMAL, NATURAL_MAX, 0)] * 2000, []),
        Nack([EnvelopeId(each) for each in IDS], [], []),
        Nack([], [], [BlobId(each) for each in IDS]),
        Void([Gap(lane, 0, NATURAL_MAX) for lane in Lane]),
        Void([Gap(Lane.URGENT, 5, 1)] * 2000),
        Receipt([MessageId(each) for each in IDS], []),
        Receipt([], [MessageId(each) for each in IDS]),
    ],
    ids=["all numbers", "backwards", "envelopes", "files", "void of all", "void backwards", "delivered", "read"],
)
def test_huge_and_senseless_calls_for_repair_harm_nobody_else(letter: AnyLetter) -> None:
    world, ann, bea, eve = scene()
    world.strict = isinstance(letter, Nack | Void)  # what Eve says of messages that never were is no claim of Ann's
    forge(eve, ann, letter)
    world.run(5)
    friends_go_on(world, ann, bea)


def test_nobody_answers_for_anybody_elses_device() -> None:
    world, ann, bea, eve = scene()
    bea.stop()
    message = ann.send("bea", text="for bea alone")
    world.run(2)
    forge(eve, ann, Receipt([message], [message]))
    envelopes = [copy.envelope for copy in ann.engine.machines.outbox.promise(message).copies.values()]  # type: ignore[union-attr]
    forge(eve, ann, Nack([each for each in envelopes if each], [Gap(Lane.NORMAL, 1, 9)], []))
    world.run(5)
    assert ann.stage(message, bea) is Stage.ACCEPTED
    copy = ann.engine.machines.outbox.copy((message, bea.own.device))
    assert copy is not None
    assert (copy.envelope in envelopes, copy.reseals) == (True, 0)


def test_nobody_voids_anybody_elses_numbers() -> None:
    world, ann, bea, eve = scene()
    stream = ann.engine.machines.inbox._streams[bea.own.device, Lane.NORMAL]
    stream.missing, stream.seen = [(2, 3)], 4
    forge(eve, ann, Void([Gap(Lane.NORMAL, 0, NATURAL_MAX)]))
    world.run(1)
    assert stream.missing[:1] == [(2, 3)]


def test_a_number_far_ahead_makes_no_reader_ask_for_all_before_it() -> None:
    world, ann, bea, eve = scene()
    eve.engine.machines.inbox._streams[ann.own.device, Lane.NORMAL].given = NATURAL_MAX - 1
    eve.send("ann", text="the last number there is")
    world.run(5)
    assert "the last number there is" in ann.texts
    assert all(fact.missing == () for fact in ann.disk.of(KeepStream))
    friends_go_on(world, ann, bea)


@pytest.mark.parametrize(
    "changes",
    [
        {"conversation": conversation_id(frozenset())},
        {"recipients": [AccountId(b"x" * 16)], "conversation": conversation_id(frozenset((AccountId(b"x" * 16),)))},
        {"recipients": []},
    ],
    ids=["another conversation", "without the reader", "nobody"],
)
def test_a_post_that_lies_about_who_takes_part_is_not_shown(changes: dict[str, object]) -> None:
    world, ann, bea, eve = scene()
    sealed_post(eve, ann, post(eve, ann, 7, **changes))
    world.run(3)
    assert "forged 7" not in ann.texts
    friends_go_on(world, ann, bea)


def test_a_stamp_from_the_far_future_orders_its_own_message_only() -> None:
    world, ann, bea, eve = scene()
    sealed_post(eve, ann, post(eve, ann, 7, stamp=Stamp(INSTANT_MS_MAX, NATURAL_MAX), expires_ms=INSTANT_MS_MAX))
    world.run(3)
    assert "forged 7" in ann.texts
    friends_go_on(world, ann, bea, restart=False)
    assert ann.message("yes").stamp.wall_ms < world.clock_ms + 1000


def test_messages_that_each_claim_to_follow_the_other_are_both_shown() -> None:
    world, ann, bea, eve = scene()
    ids = [MessageId(number.to_bytes(16, "big")) for number in (7, 8)]
    sealed_post(eve, ann, post(eve, ann, 7, written_after=[ids[1], ids[0]]))
    sealed_post(eve, ann, post(eve, ann, 8, written_after=[ids[0]]))
    world.run(3)
    shown = [message.text for message in in_order(ann.disk.messages.values())]
    assert {"forged 7", "forged 8"} <= set(shown)
    friends_go_on(world, ann, bea)


def test_a_contact_with_a_thousand_handles_costs_one_question() -> None:
    world, ann, bea, eve = scene()
    before = len(ann.engine.machines.questions._asked)
    for number in range(REQUESTS_LATE_MAX * 2):
        sealed_post(eve, ann, post(eve, ann, 1000 + number, handle=f"eve{number}@lies.example"))
    world.run(10)
    told = [news for news in ann.news if isinstance(news, Arrived)]
    assert len(told) >= REQUESTS_LATE_MAX * 2
    assert before <= len(ann.engine.machines.questions._asked) + 1
    assert len(ann.engine._arrival._introduced) <= 2
    friends_go_on(world, ann, bea)


def test_a_person_who_writes_to_two_hundred_strangers_is_not_sent_away_for_it() -> None:
    _, ann, _, _ = scene()
    effects = []
    for number in range(200):
        _, made = ann.engine.send(
            handles=[f"s{number}@b.example"],
            text="x",
            attachment=None,
            urgency=Urgency.NORMAL,
            lifetime_s=3600,
            now=ann.now,
        )
        effects += made
    asked = [effect for effect in effects if isinstance(effect, Transmit) and isinstance(effect.frame, Resolve)]
    assert len(asked) <= HANDLES_AT_ONCE < REQUESTS_LATE_MAX


@pytest.mark.parametrize("sealed_bytes", [0, 1, NATURAL_MAX])
def test_a_file_of_an_absurd_size_stops_no_other(sealed_bytes: int) -> None:
    world, ann, bea, eve = scene()
    world.strict = False  # a file nobody could send is not waited for
    absurd = Attachment(BlobId(b"b" * 16), b"k" * 32, sealed_bytes, NATURAL_MAX, b"h" * 32, "../../a\0\n", "")
    sealed_post(eve, ann, post(eve, ann, 7, attachment=absurd))
    world.run(3)
    world.objections.clear()
    world.strict = True
    sent = bea.send("ann", text="a real one", file=world.file())
    world.run(30)
    assert bea.stage(sent, ann) is Stage.DELIVERED
    friends_go_on(world, ann, bea)


def test_two_authors_of_one_message_id_are_both_shown() -> None:
    world, ann, bea, eve = scene()
    sent = bea.send("ann", text="from bea")
    sealed_post(eve, ann, post(eve, ann, int.from_bytes(sent, "big")))
    world.run(3)
    shown: list[Message] = [message for message in ann.disk.messages.values() if message.id == sent]
    assert {message.author for message in shown} == {bea.own.account, eve.own.account}
    assert bea.stage(sent, ann) is Stage.DELIVERED


def test_a_device_nobody_knows_is_asked_about_once_and_given_up() -> None:
    world, ann, bea, eve = scene()
    own = eve.engine.machines.own
    object.__setattr__(own, "account", AccountId(b"no such account."))
    object.__setattr__(own, "device", DeviceId(b"no such device.."))
    forge(eve, ann, Receipt([], []))
    world.run(3)
    assert ann.engine._arrival.unreadable == 1
    assert not ann.engine.machines.questions.waiting
    friends_go_on(world, ann, bea)


def test_words_in_the_lane_of_receipts_which_no_relay_bounds_are_shown_to_nobody() -> None:
    """A relay bounds what is called urgent; what is said beside that, in a lane that goes first, is not taken."""
    world, ann, bea, eve = scene()
    for number in range(50, 53):
        sealed_post(eve, ann, post(eve, ann, number, urgency=Urgency.URGENT), lane=Lane.CONTROL)
    sealed_post(eve, ann, post(eve, ann, 60), lane=Lane.URGENT)
    world.run(5)
    assert ann.texts == ann.shown == ["hello", "hello from eve", "forged 60"]
    assert {news.cause for news in ann.news if isinstance(news, Warned)} == {Cause.TRUST_SIGNATURE_WRONG}
    friends_go_on(world, ann, bea)


@pytest.mark.parametrize(
    ("lane", "shown"),
    [
        (Lane.URGENT, Urgency.URGENT),
        (Lane.NORMAL, Urgency.NORMAL),
        (Lane.BULK, Urgency.BACKGROUND),
        (Lane.BACKGROUND, Urgency.BACKGROUND),
    ],
)
def test_nothing_is_shown_as_more_urgent_than_the_lane_that_its_relay_has_counted(lane: Lane, shown: Urgency) -> None:
    world, ann, _, eve = scene()
    sealed_post(eve, ann, post(eve, ann, 50, urgency=Urgency.URGENT), lane=lane)
    world.run(5)
    assert ann.message("forged 50").urgency is shown
