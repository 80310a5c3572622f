"""Valid inputs taken from real conversations: what the product itself says is what is broken afterwards."""

import functools
from collections import defaultdict
from pathlib import Path
from typing import Any, Final
from unittest import mock

from answerback.model.message import Urgency
from answerback.wire import codec
from tests.core.world import World

GOLDEN: Final = Path(__file__).parents[1] / "wire" / "golden"
EACH_MAX: Final = 40
"""Of one kind; more would only be more of the same."""


@functools.cache
def golden(file: str) -> tuple[bytes, ...]:
    """One of every frame or letter, as committed bytes."""
    lines = (GOLDEN / file).read_text(encoding="ascii").splitlines()
    return tuple(bytes.fromhex(line.split()[1]) for line in lines if line)


@functools.cache
def conversation() -> dict[str, tuple[bytes, ...]]:
    """What was read from the wire while people talked: by what it was, as bytes."""
    heard: dict[str, list[bytes]] = defaultdict(list)
    read = codec._read

    def listen(decoder: Any, data: bytes, *, what: str) -> Any:  # noqa: ANN401 - stands in for a generic function
        heard[what].append(data)
        return read(decoder, data, what=what)

    with mock.patch.object(codec, "_read", listen):
        _talk(World())
    return {what: tuple(_varied(said)) for what, said in heard.items()}


def _talk(world: World) -> None:
    ann, bea, cid = (world.person(name) for name in ("ann", "bea", "cid"))
    world.run(2)
    second = world.second_device(ann)
    ann.send("bea", "cid", text="hello both", file=world.file(60_000))
    bea.send("ann", text="urgent", urgency=Urgency.URGENT)
    world.run(5)
    bea.read(*bea.disk.messages.values())
    bea.stop()
    cid.send("bea", text="lost on the way", lifetime_s=3)
    ann.send("bea", text="lost, too")
    ann.send("nobody@x.example", text="is there anybody?")
    world.run(5)
    world.relay.lose_mailboxes()
    world.run(20)
    bea.start()
    ann.send("bea", text="after a gap")
    world.run(120)
    world.revoke(ann, second)
    world.run(5)


def _varied(said: list[bytes]) -> list[bytes]:
    """Different lengths first: frames of one kind and length differ in their keys only."""
    by_shape = {(data[:8], len(data) // 16): data for data in said}
    return list(by_shape.values())[:EACH_MAX]
