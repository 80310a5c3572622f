"""Counts what became of the messages of a run, and how soon after each trouble they came again: pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from answerback.lab.packets.accuracy import Accuracy
from answerback.lab.packets.emulating import Report
from answerback.lab.packets.reaching import Stretch

UP: Final = "up"
DOWN: Final = "down"


@dataclass(slots=True)
class Letter:
    """One message of a run; times are seconds since its beginning."""

    name: str
    way: str
    urgent: bool
    promised_s: float | None = None
    arrived_s: list[float] = field(default_factory=list)


class Ledger:
    """All messages of a run."""

    def __init__(self) -> None:
        self.letters: Final[dict[str, Letter]] = {}

    def write(self, name: str, *, way: str, urgent: bool) -> None:
        """Take note that a message is to be sent."""
        self.letters[name] = Letter(name, way, urgent)

    def promised(self, name: str, *, at_s: float, urgent: bool | None = None) -> None:
        """Take note that its device has promised it, and whether as urgent: each sender has a budget of that."""
        if name in self.letters:
            letter = self.letters[name]
            letter.promised_s = at_s
            letter.urgent = letter.urgent if urgent is None else urgent

    def arrived(self, name: str, *, at_s: float) -> None:
        """Take note that it has come, perhaps again."""
        if name in self.letters:
            self.letters[name].arrived_s.append(at_s)

    @property
    def complete(self) -> bool:
        """Whether everything has come that was written."""
        return all(letter.arrived_s for letter in self.letters.values())


class Spread(msgspec.Struct, frozen=True):
    """How long something took, by nearest rank, in milliseconds; None where nothing was measured."""

    count: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """One trouble, what the device sent in it, and how soon messages came again."""

    stretch: Stretch
    up_s: float | None
    """From the end of the trouble to the first message from the device, less what it was written later; None if none
    came."""
    down_s: float | None
    """The same, to the device."""
    urgent_s: float | None
    """The longest delay of an urgent message that was written meanwhile, either way."""
    urgent_gap_up_s: float | None = None
    """The longest that one from the device waited, from the beginning of the trouble at the earliest: those under way
    then, too."""
    urgent_gap_down_s: float | None = None
    """The same, to the device."""
    attempts: int | None = None
    packets: int | None = None
    bytes: int | None = None
    packets_first_minute: int | None = None
    packets_a_minute_after: float | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has shown."""

    scenario: str
    policy: str
    seed: int
    links: list[str]
    stage: str
    notice: str
    lasted_s: float
    sent: int
    delivered: int
    lost: int
    duplicated: int
    delay: Spread
    urgent: Spread
    recoveries: list[Recovery]
    file_s: float | None
    """How long the file took, if there was one and it came."""
    attempts: int | None
    wasted_attempts: int | None
    """Those begun in a trouble."""
    up_packets: int | None
    up_bytes: int | None
    down_packets: int | None
    down_bytes: int | None
    drops: dict[str, int]
    rebindings: int
    accuracy: Accuracy | None
    rate_ratio: float | None
    """The rate carried to the recording's, over seconds in which packets never stopped waiting."""
    priority: str
    happened: list[tuple[float, str]]
    urgent_up_ms: list[float] = []
    """Each delay of an urgent message from the device, in the order they were written."""

    @property
    def good(self) -> bool:
        """Whether everything came, once."""
        return self.lost == 0 and self.duplicated == 0


def spread(values_s: Iterable[float]) -> Spread:
    """Sum up times."""
    ranked = sorted(values_s)
    if not ranked:
        return Spread(0, None, None, None)

    def rank_ms(share: float) -> float:
        return round(ranked[min(int(share * len(ranked)), len(ranked) - 1)] * 1000, 1)

    return Spread(len(ranked), rank_ms(0.5), rank_ms(0.99), rank_ms(1.0))


def each_ms(letters: Iterable[Letter]) -> list[float]:
    """How long each message took that came, in milliseconds."""
    return [round(delay_s * 1000, 1) for delay_s in delays_s(letters)]


def delays_s(letters: Iterable[Letter]) -> list[float]:
    """How long each message took that came."""
    return [
        letter.arrived_s[0] - letter.promised_s
        for letter in letters
        if letter.arrived_s and letter.promised_s is not None
    ]


def recovered_s(letters: Iterable[Letter], *, way: str, end_s: float) -> float | None:
    """How long after the end of a trouble the first message came; one that was written later has waited for less."""
    arrived = [
        (letter.arrived_s[0], letter.arrived_s[0] - max(end_s, letter.promised_s))
        for letter in letters
        if letter.way == way and letter.promised_s is not None and letter.arrived_s and letter.arrived_s[0] > end_s
    ]
    return round(min(arrived)[1], 4) if arrived else None


def _urgent_s(letters: Iterable[Letter], stretch: Stretch) -> float | None:
    written = [
        letter
        for letter in letters
        if letter.urgent and letter.promised_s is not None and stretch.start_s <= letter.promised_s <= stretch.end_s
    ]
    return max((round(each, 4) for each in delays_s(written)), default=None)


def _urgent_gap_s(letters: Iterable[Letter], stretch: Stretch, *, way: str) -> float | None:
    waited = [
        letter.arrived_s[0] - max(letter.promised_s, stretch.start_s)
        for letter in letters
        if letter.urgent and letter.way == way and letter.arrived_s
        if letter.promised_s is not None and letter.promised_s <= stretch.end_s
    ]
    return max((round(each, 4) for each in waited if each > 0), default=None)


def recoveries_of(letters: Sequence[Letter], report: Report | None, stretches: Iterable[Stretch]) -> list[Recovery]:
    """Tell of each trouble; without an emulator there are no packets to tell of."""

    def recovery_of(stretch: Stretch) -> Recovery:
        return Recovery(
            stretch=stretch,
            up_s=recovered_s(letters, way=UP, end_s=stretch.end_s),
            down_s=recovered_s(letters, way=DOWN, end_s=stretch.end_s),
            urgent_s=_urgent_s(letters, stretch),
            urgent_gap_up_s=_urgent_gap_s(letters, stretch, way=UP),
            urgent_gap_down_s=_urgent_gap_s(letters, stretch, way=DOWN),
        )

    if report is None:
        return [recovery_of(each) for each in stretches]
    return [
        msgspec.structs.replace(
            recovery_of(each.stretch),
            attempts=each.attempts,
            packets=each.packets,
            bytes=each.bytes,
            packets_first_minute=each.packets_first_minute,
            packets_a_minute_after=each.packets_a_minute_after,
        )
        for each in report.reaches
    ]
