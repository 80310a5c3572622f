"""Proves that an account which the relay does not know is looked up now and then, never in a circle."""

from answerback.model.causes import Cause
from answerback.model.ids import AccountId
from answerback.model.message import Urgency
from tests.core.world import World


def test_a_letter_to_an_unknown_account_has_it_looked_up_once_in_half_a_minute() -> None:
    world = World()
    ann = world.person("ann")
    world.run(2)
    nowhere = AccountId(b"no such account.")
    before = ann.sent_frames
    message, effects = ann.engine.send(
        handles=[],
        accounts=[nowhere],
        text="is anybody there?",
        attachment=None,
        urgency=Urgency.NORMAL,
        lifetime_s=3600,
        now=ann.now,
    )
    ann.carry_out(effects)
    world.run(120)
    assert ann.sent_frames - before <= 8, "it asked again at every answer"
    wait = ann.engine.wait_of(message, None, now=ann.now)
    assert wait is not None
    assert wait.cause is Cause.QUEUE_FETCHING_KEYS
