"""Proves that no letter of a contact, properly sealed and full of nonsense, makes the engine fail, now or later."""

from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerback.crypto.prekeys import check_prekey
from answerback.crypto.seal import lock_letter
from answerback.model.devices import SealKey
from answerback.model.envelope import Delivery
from answerback.model.errors import UsageError
from answerback.model.ids import conversation_id
from answerback.model.message import Lane
from answerback.wire.codec import decode
from answerback.wire.frames import Deliver
from answerback.wire.letters import AnyLetter, Post, Slip
from tests.attacks.forgery import forged
from tests.attacks.test_forged_frames import Witnessed, busy_phone, known_to
from tests.core.world import Phone

LETTERS_MAX = 20
KINDS = list(get_args(AnyLetter))


def delivered(eve: Phone, ann: Phone, letter: AnyLetter, slip: Slip, *, lane: Lane, position: int) -> Deliver | None:
    """Seal a letter as Eve's device would, with any slip around it; none if it fits no envelope."""
    world, sessions = eve.world, eve.engine.machines.sessions
    if not sessions._held.get((ann.own.device, lane)):
        device = eve.engine.machines.roster.device(ann.own.device)
        assert device is not None
        prekey = check_prekey(world.relay.store.fallback[ann.own.device], device)
        sessions.begin(device, lane, prekey, now=eve.now)
    locked = lock_letter(letter)
    slip = msgspec.structs.replace(slip, key=locked.key, letter_sha256=locked.sha256, reader_device=ann.own.device)
    seal_key = decode(world.relay.store.seal_keys[ann.own.device].body, SealKey)
    try:
        envelope, _ = sessions.seal(locked, slip, lane=lane, seal_key=seal_key, lifetime_s=60)
    except UsageError:
        return None
    return Deliver([Delivery(position, lane, envelope.id, envelope.sealed)])


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_story_of_forged_letters_stops_an_agent(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world, ann = busy_phone()
    world.relay.holds_commits = False
    eve = world.phones[1]
    eve.send("ann", text="so that she knows us")
    world.run(3)
    witnessed = Witnessed(ann, tmp_path_factory.mktemp("ann"))
    known = known_to(world, ann)
    own = (eve.own.account, eve.own.device)
    for number in range(data.draw(st.integers(1, LETTERS_MAX))):
        letter = data.draw(forged(data.draw(st.sampled_from(KINDS)), known=known))
        slip = data.draw(forged(Slip, known=known))
        if data.draw(st.integers(0, 4)):
            slip = msgspec.structs.replace(slip, author=own[0], author_device=own[1])
        if isinstance(letter, Post) and data.draw(st.integers(0, 4)):
            members = frozenset((*letter.recipients, ann.own.account, own[0]))
            recipients = sorted(members - {own[0]})
            letter = msgspec.structs.replace(
                letter, message=slip.message, recipients=recipients, conversation=conversation_id(members)
            )
        lane = data.draw(st.sampled_from(list(Lane)))
        frame = delivered(eve, ann, letter, slip, lane=lane, position=10**16 + number)
        if frame is not None:
            ann.carry_out(ann.engine.received(ann.line, frame, now=ann.now))
            ann.moving.clear()
        world.now_s += data.draw(st.sampled_from([0.0, 3.0, 40.0]))
        ann.carry_out(ann.engine.wake(now=ann.now))
    witnessed.restarted().start(now=ann.now)
    assert len(witnessed.journal.messages(limit=50)) <= 50
    witnessed.journal.close()
