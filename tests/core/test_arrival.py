"""Proves that what arrives is kept before it is acknowledged, answered once, and checked before it is believed."""

from answerback.core.arrival import PARKED_MAX
from answerback.core.effects import Save, Tell, Transmit, Warned
from answerback.core.facts import KeepCursor, KeepMessage, KeepSeen
from answerback.model.causes import Cause
from answerback.model.envelope import Delivery
from answerback.model.ids import ConversationId, EnvelopeId
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.frames import Deliver, Took
from answerback.wire.letters import Post
from tests.core.world import Phone, World


def friends() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    return world, ann, bea


def mail_for(world: World, bea: Phone) -> Deliver:
    rows = sorted(world.relay.box(bea.own.device).rows.items())
    return Deliver([Delivery(position, row.lane, row.id, row.sealed) for position, row in rows])


def test_message_hash_and_acknowledgement_belong_to_one_change() -> None:
    world, ann, bea = friends()
    bea.stop()
    ann.send("bea", text="again")
    world.run(2)
    frame = mail_for(world, bea)
    world.relay.box(bea.own.device).rows.clear()
    bea.start()
    world.run(1)
    effects = bea.engine.received(bea.line, frame, now=bea.now)
    kinds = [type(effect.fact) for effect in effects if isinstance(effect, Save)]
    assert KeepMessage in kinds
    assert KeepSeen in kinds
    assert any(isinstance(effect, Transmit) and isinstance(effect.frame, Took) for effect in effects)


def test_what_comes_again_on_another_connection_is_acknowledged_again() -> None:
    """Seed 181: what acknowledged it had left with the connection before, and the relay waited for it for ever."""
    world, ann, bea = friends()
    bea.stop()
    ann.send("bea", text="again")
    world.run(2)
    frame = mail_for(world, bea)
    bea.start()
    world.run(2)
    effects = bea.engine.received(bea.line, frame, now=bea.now)
    (took,) = [effect.frame for effect in effects if isinstance(effect, Transmit) and isinstance(effect.frame, Took)]
    assert max(entry.position for entry in took.entries) >= max(entry.position for entry in frame.entries)
    assert not any(isinstance(effect, Save) and isinstance(effect.fact, KeepCursor) for effect in effects)


def test_what_nobody_could_have_sent_is_counted_and_acknowledged() -> None:
    _, _, bea = friends()
    noise = Delivery(10**18, Lane.NORMAL, EnvelopeId(b"n" * 16), b"noise" * 100)
    effects = bea.engine.received(bea.line, Deliver([noise]), now=bea.now)
    assert bea.engine._arrival.unreadable == 1
    assert any(isinstance(effect, Transmit) and isinstance(effect.frame, Took) for effect in effects)


def test_a_post_for_another_conversation_than_its_members_is_not_shown_and_never_answered() -> None:
    world, ann, bea = friends()
    departure, now = ann.engine._departure, ann.now
    identity = ann.engine.machines.randomness(16)
    post = Post(
        identity,  # type: ignore[arg-type]
        ConversationId(b"forged".ljust(16, b".")),
        [bea.own.account],
        "forged",
        None,
        Urgency.NORMAL,
        Stamp(1, 0),
        [],
        10**14,
    )
    ann.carry_out(departure.control(post, (bea.own.device,), now=now))
    ann.carry_out(ann.engine.hint(now=now))
    world.run(3)
    assert Warned(Cause.TRUST_SIGNATURE_WRONG, ann.own.account) in bea.news
    assert "forged" not in bea.texts
    seen = [fact for fact in bea.disk.of(KeepSeen) if fact.message == identity]
    assert seen == []


def test_the_parking_place_is_bounded() -> None:
    assert 0 < PARKED_MAX < 10_000


def test_a_reader_tells_of_a_message_once_though_it_comes_in_two_envelopes() -> None:
    world, ann, bea = friends()
    identity = ann.send("bea", text="twice sealed")
    world.run_until(lambda: "twice sealed" in bea.texts, at_most_s=5.0)
    copy = ann.engine.machines.outbox.copy((identity, bea.own.device))
    assert copy is not None
    ann.carry_out(ann.engine._departure.again(copy, reseal=True))
    ann.carry_out(ann.engine.wake(now=ann.now))
    world.run_until(world.settled, at_most_s=30.0)
    assert bea.shown.count("twice sealed") == 1
    assert not any(isinstance(news, Tell) for news in bea.news)
