"""Proves that no frame of a relay, in whatever order, makes the engine fail, now or when it is started again."""

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerback.core.engine import Engine
from answerback.core.facts import Fact
from answerback.crypto.identity import DeviceKeys
from answerback.model.errors import PeerError
from answerback.model.ids import envelope_id
from answerback.storage.journal import Journal
from answerback.wire.codec import decode_relay_frame, encode
from answerback.wire.frames import Challenge, Deliver, Farewell, RelayFrame
from tests.attacks.forgery import forged
from tests.core.world import PICKLE_KEY, Phone, World

STEPS_MAX = 60
KINDS = list(get_args(RelayFrame))


class Witnessed:
    """Writes what a phone keeps into a real journal as well."""

    def __init__(self, phone: Phone, folder: Path) -> None:
        self.journal = Journal.open(folder, key=None)
        self._phone, self._commit = phone, phone.disk.commit
        self.journal.commit(list(phone.disk.facts.values()))
        phone.disk.commit = self._keep  # type: ignore[method-assign]

    def _keep(self, facts: Iterable[Fact]) -> None:
        kept = list(facts)
        self._commit(kept)
        self.journal.commit(kept)

    def restarted(self) -> Engine:
        memory = self.journal.load()
        assert memory.device_keys is not None
        keys = DeviceKeys.from_pickle(memory.device_keys.pickle, PICKLE_KEY)
        randomness = self._phone.world.random.randbytes
        return Engine(self._phone.own, keys, pickle_key=PICKLE_KEY, randomness=randomness, memory=memory)


def busy_phone() -> tuple[World, Phone]:
    """A phone in the middle of everything: mail accepted, mail on its way, a file, a handle nobody has."""
    world = World()
    world.strict = False
    ann, bea, _ = world.person("ann"), world.person("bea"), world.person("cid")
    world.run(2)
    ann.send("bea", "cid", text="hi", file=world.file())
    bea.send("ann", text="hello")
    ann.send("nobody@x.example", text="is there anybody?")
    world.run(1.5)
    world.relay.holds_commits = True
    ann.send("bea", text="on its way")
    world.run(0.5)
    ann.send("cid", text="and another")
    return world, ann


def known_to(world: World, phone: Phone) -> list[bytes]:
    """Bytes that mean something to a phone: ids, keys and signatures for a liar to put in the wrong place."""
    store, outbox = world.relay.store, phone.engine.machines.outbox
    copies = [copy for promise in outbox for copy in promise.copies.values()]
    signed = [each for lists in store.lists.values() for each in lists]
    signed += [*store.seal_keys.values(), *(keys[0] for keys in store.prekeys.values() if keys)]
    found: list[bytes] = [each for there in world.phones for each in (there.own.device, there.own.account)]
    found += [part for each in signed for part in (each.body, each.signature)]
    found += [part for copy in copies for part in (copy.message, copy.envelope, copy.sealed) if part]
    return found


def as_heard(frame: RelayFrame) -> RelayFrame | None:
    """What comes of a frame on the wire; none if it is refused there."""
    if isinstance(frame, Deliver):
        entries = [msgspec.structs.replace(entry, id=envelope_id(entry.sealed)) for entry in frame.entries]
        frame = Deliver(entries)
    with contextlib.suppress(PeerError):
        return decode_relay_frame(encode(frame))
    return None


def reconnect(phone: Phone) -> None:
    phone.engine.machines.path.recovery.budget._last_minute_s.clear()  # forgers end more connections than it has probes
    phone.connect()
    phone.carry_out(phone.engine.received(phone.line, Challenge(b"n" * 32, b"relay", 0), now=phone.now))


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_story_of_forged_frames_stops_an_agent(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world, ann = busy_phone()
    witnessed = Witnessed(ann, tmp_path_factory.mktemp("ann"))
    known = known_to(world, ann)
    for _ in range(data.draw(st.integers(1, STEPS_MAX))):
        if data.draw(st.integers(0, 9)) == 0:
            world.now_s += data.draw(st.sampled_from([0.1, 5.0, 31.0, 4000.0]))
            ann.carry_out(ann.engine.wake(now=ann.now))
        if not ann.engine.machines.path.up:
            reconnect(ann)
        frame = data.draw(forged(data.draw(st.sampled_from(KINDS)), known=known))
        asked = sorted(ann.engine.machines.questions._by_number)
        if hasattr(frame, "request") and asked and data.draw(st.booleans()):
            frame = msgspec.structs.replace(frame, request=data.draw(st.sampled_from(asked)))
        heard = as_heard(frame)
        if heard is None or (isinstance(heard, Challenge | Farewell) and data.draw(st.integers(0, 9))):
            continue
        ann.carry_out(ann.engine.received(ann.line, heard, now=ann.now))
        ann.moving.clear()
    ann.send("bea", text="after all that")
    witnessed.restarted().start(now=ann.now)
    witnessed.journal.close()
