"""People of the stories: two phones in a world in memory, strangers or friends."""

import copy
from collections.abc import Iterable

from answerback.core.effects import Warned
from answerback.core.facts import KeepRatchet
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.wire.codec import decode_relay_frame, encode
from answerback.wire.frames import RelayFrame
from tests.core.disk import Disk
from tests.core.world import Phone, World

RESTORED = Warned(Cause.DEVICE_RESTORED)


def strangers(seed: int = 0) -> tuple[World, Phone, Phone]:
    """Ann and Bea have registered and never met."""
    world = World(seed)
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    return world, ann, bea


def friends(seed: int = 0) -> tuple[World, Phone, Phone]:
    """Ann and Bea have written to each other; nothing is owed."""
    world, ann, bea = strangers(seed)
    ann.send("bea", text="hello")
    world.run(3)
    bea.send("ann", text="hello yourself")
    world.run(3)
    assert world.settled()
    return world, ann, bea


def tell(phone: Phone, frame: RelayFrame) -> None:
    """Have a phone hear a frame as it comes from the wire."""
    phone.carry_out(phone.engine.received(phone.line, decode_relay_frame(encode(frame)), now=phone.now))


def renewals(*phones: Phone) -> int:
    """How often these phones, in this run, gave up a session for a fresh one."""
    return sum(phone.engine.machines.sessions.renewals for phone in phones)


def ratchets(phone: Phone) -> dict[tuple[DeviceId, Lane, str], str]:
    """All sessions on a phone's disk, as they stand."""
    kept: Iterable[KeepRatchet] = phone.disk.of(KeepRatchet)
    return {(fact.device, fact.lane, fact.session): fact.pickle for fact in kept}


def put_back(phone: Phone, older: Disk) -> None:
    """Go on from an older copy of a phone's disk, as after a restored backup; what was shown before is forgotten."""
    phone.stop()
    phone.disk = copy.deepcopy(older)
    phone.news.clear()
    phone.start()
