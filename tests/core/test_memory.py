"""Proves that an engine begins the same from nothing and from an empty memory."""

from answerback.core.engine import Engine
from answerback.core.machines import Self
from answerback.core.memory import START, Memory
from answerback.crypto.identity import DeviceKeys
from answerback.model.stamp import Stamp
from tests.core.specimens import ANN
from tests.core.world import PICKLE_KEY


def test_an_empty_memory_is_a_beginning() -> None:
    keys = DeviceKeys.generate()
    own = Self(ANN, keys.device_id, "phone", "ann")
    engine = Engine(own, keys, pickle_key=PICKLE_KEY, randomness=bytes, memory=Memory())
    assert len(engine.machines.outbox) == 0
    assert engine.machines.threads.clock.last == START == Stamp(0, 0)
    assert engine.wake_at is None
