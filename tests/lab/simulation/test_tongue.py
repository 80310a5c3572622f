"""Proves that a lie is told once it fits, as often as it was meant to be, and that the truth is told otherwise."""

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from answerback.lab.simulation.clock import VirtualLoop
from answerback.lab.simulation.tongue import Lie, Tongue
from answerback.lab.simulation.wires import Wire
from answerback.wire.codec import decode_relay_frame
from answerback.wire.frames import Located, Pong, Published, RelayFrame


@dataclass
class Ear:
    """The device's end of a connection."""

    device: str = "ann phone"
    is_ended: bool = False
    heard: list[RelayFrame] = field(default_factory=list)

    @property
    def down(self) -> "Ear":
        return self

    def put(self, data: bytes) -> None:
        self.heard.append(decode_relay_frame(data))


@dataclass
class Speaker:
    """A tongue, and what it was heard to do."""

    told: list[tuple[str, str]] = field(default_factory=list)
    noted: list[RelayFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tongue = Tongue(lambda kind, whom: self.told.append((kind, whom)), self.noted.append)

    def say(self, ear: Ear, frame: RelayFrame) -> None:
        self.tongue.say(cast("Wire", ear), frame)


def greater(frame: RelayFrame, _device: str) -> list[RelayFrame]:
    return [Published(frame.request, 99)] if isinstance(frame, Published) else []


def test_without_a_lie_every_frame_is_said_as_it_is() -> None:
    speaker, ear = Speaker(), Ear()
    speaker.say(ear, Pong(1, 2))
    assert (ear.heard, speaker.told) == ([Pong(1, 2)], [])


def test_a_lie_waits_for_a_frame_it_fits_and_is_told_as_often_as_it_says() -> None:
    speaker, ear = Speaker(), Ear()
    speaker.tongue.lies.append(Lie("more_keys", greater, times=2))
    for frame in (Pong(1, 2), Published(1, 5), Published(2, 5), Published(3, 5)):
        speaker.say(ear, frame)
    assert ear.heard == [Pong(1, 2), Published(1, 99), Published(2, 99), Published(3, 5)]
    assert speaker.told == [("more_keys", "ann phone")] * 2
    assert speaker.tongue.lies == []


def test_a_lie_may_be_told_once_more_later_but_not_on_a_connection_that_has_ended() -> None:
    async def run(*, ends: bool) -> list[RelayFrame]:
        speaker, ear = Speaker(), Ear()
        speaker.tongue.lies.append(Lie("more_keys", greater, again_s=5.0))
        speaker.say(ear, Published(1, 5))
        ear.is_ended = ends
        await asyncio.sleep(6.0)
        return ear.heard

    for ends, times in ((False, 2), (True, 1)):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            assert runner.run(run(ends=ends)) == [Published(1, 99)] * times


@pytest.mark.parametrize("is_ended", [False, True])
def test_what_is_said_of_mail_is_noted_if_it_is_said_at_all(is_ended: bool) -> None:  # noqa: FBT001 - a parameter
    speaker, ear = Speaker(), Ear(is_ended=is_ended)
    speaker.say(ear, Located([]))
    assert speaker.noted == ([] if is_ended else [Located([])])
