"""Describes a link as plain values, and finds the link a person asked for by name or by recording."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random

from answerback.lab import places
from answerback.lab.places import Place
from answerback.lab.recordings import read_recording
from answerback.lab.schedule import Schedule, next_in_cycle
from answerback.model.errors import UsageError

RECORDING_DELAY_S = 0.020
"""One-way delay of a recorded link: a recording tells when packets cross, not how far they travel. The authors of the
first such recordings played them with 20 ms each way (Winstein et al., NSDI 2013)."""

EDGE_S = 1e-6
"""An edge counts as reached this long before it: sums of floats may fall short of it by less."""


class Signal(Enum):
    """Which directions of a link carry anything at a moment."""

    PRESENT = "signal"
    UPLINK_LOST = "nothing gets out"
    DOWNLINK_LOST = "nothing comes in"
    LOST = "no signal"


@dataclass(frozen=True, slots=True)
class Link:
    """A link between a device and the network; up is from the device."""

    name: str
    description: str
    up: Schedule
    down: Schedule
    delay_s: float
    """One way, each way; a round trip takes twice as long."""
    jitter_s: float = 0.0
    """At most this much more delay, spikes aside."""
    wobble_s: tuple[float, ...] = (0.0,)
    """The delay on top of `delay_s` at every `WOBBLE_STEP_S`, repeated for ever; between two steps it slides."""
    loss: float = 0.0
    """The share of packets that are lost and have to be sent again."""
    resets_s: tuple[float, ...] = ()
    """When connections are reset, within one period of `up`."""

    def signal_at(self, at_s: float) -> Signal:
        """Which directions carry anything at a moment."""
        up_lost = self.up.outages.at(at_s + EDGE_S) is not None
        down_lost = self.down.outages.at(at_s + EDGE_S) is not None
        if up_lost and down_lost:
            return Signal.LOST
        if up_lost:
            return Signal.UPLINK_LOST
        return Signal.DOWNLINK_LOST if down_lost else Signal.PRESENT

    def next_reset_s(self, after_s: float) -> float | None:
        """When connections are next reset."""
        return next_in_cycle(self.resets_s, period_s=self.up.outages.period_s, after_s=after_s)

    def next_change_s(self, after_s: float) -> float | None:
        """When something next begins, ends or is reset; None on a link without outages."""
        after_s += EDGE_S
        edges = (
            self.up.outages.next_edge_s(after_s),
            self.down.outages.next_edge_s(after_s),
            self.next_reset_s(after_s),
        )
        return min((edge for edge in edges if edge is not None), default=None)

    def delay_at(self, at_s: float) -> float:
        """The one-way delay of what leaves at a moment."""
        step, within = divmod(at_s / places.WOBBLE_STEP_S, 1.0)
        before = self.wobble_s[int(step) % len(self.wobble_s)]
        behind = self.wobble_s[(int(step) + 1) % len(self.wobble_s)]
        return self.delay_s + before + (behind - before) * within


_PLACES: dict[str, Callable[[Random], Place]] = {
    "good": places.good,
    "tunnel": places.tunnel,
    "train": places.train,
    "lift": places.lift,
    "crowd": places.crowd,
}

NAMES: tuple[str, ...] = tuple(_PLACES)
"""The links that come with Answerback."""


def parse_link(text: str, *, seed: int = 0) -> Link:
    """Find the link that `text` asks for: a name, two recordings `UP,DOWN`, or the stem two recordings share."""
    asked = text.strip()
    if not asked:
        raise UsageError(f"A link is needed: {_choices()}.")
    if asked in _PLACES:
        return generate_link(asked, seed=seed)
    paths = asked.split(",")
    if len(paths) == 1:
        try:
            return _pair_of_stem(asked)
        except (OSError, ValueError) as error:  # no name that a file could have
            raise UsageError(f"There is no link {asked[:40]!r}; {_choices()}.") from error
    if len(paths) > 2 or not all(path.strip() for path in paths):
        raise UsageError(f"{text!r} is not a pair of recordings; exactly UP,DOWN is expected.")
    up, down = (Path(path.strip()) for path in paths)
    return _recorded(
        f"{up.name},{down.name}", up=up, down=down, note=f"up as recorded in {up.name}, down in {down.name}"
    )


def generate_link(name: str, *, seed: int = 0) -> Link:
    """Make one of the links that come with Answerback; one seed makes one link, on every machine."""
    place = _PLACES[name](Random(f"{name}:{seed}"))
    return Link(
        name,
        place.description,
        place.up,
        place.down,
        delay_s=place.delay_s,
        jitter_s=place.jitter_s,
        wobble_s=place.wobble_s,
        loss=place.loss,
        resets_s=place.resets_s,
    )


def _pair_of_stem(stem: str) -> Link:
    up, down = Path(f"{stem}.up"), Path(f"{stem}.down")
    if not down.is_file():
        if up.is_file():
            raise UsageError(f"There is {up} but no {down}; a recording needs at least the way down.")
        hint = " Leave .up or .down away from the stem." if stem.endswith((".up", ".down")) else ""
        raise UsageError(f"There is no link {stem!r} and no recording {down}; {_choices()}.{hint}")
    name = Path(stem).name
    if up.is_file():
        return _recorded(name, up=up, down=down, note="up and down as recorded")
    return _recorded(name, up=down, down=down, note=f"{up.name} is missing, so {down.name} is used for both directions")


def _recorded(name: str, *, up: Path, down: Path, note: str) -> Link:
    up_schedule = read_recording(up)
    down_schedule = up_schedule if up == down else read_recording(down)
    description = f"A recording: {note}; {RECORDING_DELAY_S * 1000:.0f} ms each way."
    return Link(name, description, up_schedule, down_schedule, delay_s=RECORDING_DELAY_S)


def _choices() -> str:
    return f"known are {', '.join(NAMES)}, or UP,DOWN for two recordings, or the stem they share"
