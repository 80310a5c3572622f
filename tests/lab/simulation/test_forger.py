"""Proves that a forged envelope is sealed with the forger's own session, and that a reader believes none of it."""

import pytest

from answerback.core.effects import Effect, Save, Transmit
from answerback.lab.simulation.forger import FORGED, Forgery, sealed
from answerback.model.ids import MessageId, conversation_id
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import Stamp
from answerback.wire.codec import encode
from answerback.wire.letters import Post
from tests.core.world import Phone, World

NUMBER = MessageId(b"m" * 16)


def talking() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(5)
    return world, ann, bea


def post(ann: Phone, bea: Phone) -> Post:
    accounts = frozenset((ann.own.account, bea.own.account))
    end_ms = ann.world.clock_ms + 1_000_000
    talk = conversation_id(accounts)
    return Post(NUMBER, talk, [bea.own.account], FORGED, None, Urgency.NORMAL, Stamp(1, 1), [], end_ms, "ann")


def leave(phone: Phone, effects: list[Effect]) -> None:
    """Past the witness, who would object: no honest device sends what it has not promised."""
    phone.disk.commit([effect.fact for effect in effects if isinstance(effect, Save)])
    phone.to_relay += [encode(effect.frame) for effect in effects if isinstance(effect, Transmit)]


def test_what_is_forged_in_nothing_is_believed_so_that_the_rest_is_for_its_own_reason_not() -> None:
    world, ann, bea = talking()
    identity, effects = sealed(
        ann.engine, Forgery(letter=post(ann, bea), message=NUMBER, lane=Lane.NORMAL), bea.own.device
    )
    assert identity is not None
    leave(ann, effects)
    world.run(5)
    assert bea.texts == ["hello", FORGED]


@pytest.mark.parametrize(
    "wrong",
    [
        {"slip": {"author": b"x" * 16}},
        {"slip": {"reader_device": b"x" * 16}},
        {"slip": {"message": b"x" * 16}},
        {"is_garbage": True},
    ],
    ids=str,
)
def test_nothing_forged_is_shown_and_honest_mail_still_comes(wrong: dict[str, object]) -> None:
    world, ann, bea = talking()
    forgery = Forgery(letter=post(ann, bea), message=NUMBER, lane=Lane.NORMAL, **wrong)  # type: ignore[arg-type]
    identity, effects = sealed(ann.engine, forgery, bea.own.device)
    assert identity is not None
    leave(ann, effects)
    world.run(5)
    ann.send("bea", text="honest")
    world.run(60)
    assert bea.texts == ["hello", "honest"]


def test_without_a_session_or_a_connection_nothing_is_forged() -> None:
    world, ann, bea = talking()
    forgery = Forgery(letter=post(ann, bea), message=NUMBER, lane=Lane.URGENT)
    assert sealed(ann.engine, forgery, bea.own.device) == (None, [])
    world.reachable = False
    ann.drop()
    assert sealed(ann.engine, Forgery(letter=post(ann, bea), message=NUMBER, lane=Lane.NORMAL), bea.own.device) == (
        None,
        [],
    )
