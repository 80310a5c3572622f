"""The runs of the packet lab that show what the product's senses are worth, as data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from answerback.lab.links import NAMES

HOLE_S = 30.0
CARRIER_S = 10.0
DIES_S = 3.0
PACE = "0.5"
"""The calm before, between and after is half the lab's usual one: 4 to 7 s."""
TWICE: Final = ("--outages", "2", "--pace", PACE)
UP_MBIT, DOWN_MBIT = 0.8, 8.0
RECORDED_PACKET_BITS: Final = 1500 * 8
"""What one line of a recording stands for."""
RECORDED_S = 60.0
FILE_DYING: Final = 20_000_000
FILE_BESIDE: Final = 20_000_000
FILE_WHOLE: Final = 7_000_000
"""At 0.8 Mbit/s a little more than a minute: how long all of it takes can be waited for."""
SEEDS: Final = (1, 2, 3)
TROUBLES: Final = (
    "nat-timeout",
    "nat-rebinding",
    "blocked-port",
    "captive-portal",
    "mtu-black-hole",
    "flapping",
    "deaf",
    "fade",
    "address-change",
)
TROUBLED: Final = "good"
"""On a link that does nothing by itself, what is seen is the scenario's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run of the lab."""

    part: str
    place: str
    """The link's name; the words below say where it is found."""
    scenario: str
    policy: str = "answerback"
    seed: int = 1
    words: tuple[str, ...] = ()
    is_busy: bool = False
    """Whether it keeps a processor so busy that it is better alone."""

    @property
    def key(self) -> str:
        """The same for the same run of another day."""
        return f"{self.part} {self.place} {self.scenario} {self.policy} {self.seed}"

    def command(self) -> list[str]:
        """What comes behind `answerback`."""
        options = ["--policy", self.policy, "--seed", str(self.seed), "--json"]
        return ["lab", "run", self.scenario, *options, *self.words]


def links(recordings: Path | None) -> dict[str, str]:
    """Name the links of a folder of recordings, and those that come with Answerback, each as the lab takes it."""
    found = {each.stem: str(each.with_suffix("")) for each in sorted(recordings.glob("*.down"))} if recordings else {}
    return found | {name: name for name in NAMES}


def cases(recordings: Path | None, constant: Path) -> Iterator[Case]:
    """Give all runs, part by part; a link of one rate is written into the folder `constant`."""
    named = links(recordings)
    for place, link in named.items():
        for policy in ("answerback", "answerback-by-tcp", "oracle"):
            words = ("--up", link, "--outage", str(HOLE_S), *TWICE)
            yield Case(part="hole", place=place, scenario="black-hole", policy=policy, words=words)
    for place, link in named.items():
        for policy in ("answerback", "oracle"):
            words = ("--up", link, "--outage", str(CARRIER_S), *TWICE)
            yield Case(part="carrier", place=place, scenario="carrier-lost", policy=policy, words=words)
    for seed in SEEDS:
        for place, link in named.items():
            yield _dying(place, link, seed)
    yield from _beside(constant)
    for scenario in TROUBLES:
        yield Case(
            part="trouble",
            place=TROUBLED,
            scenario=scenario,
            words=("--up", TROUBLED, "--outages", "2", "--pace", "1" if scenario == "fade" else PACE),
        )


def _dying(place: str, link: str, seed: int) -> Case:
    # One death a run: the device stays on the second path, which is the better one.
    cut = ("--outage", str(DIES_S), "--outages", "1", "--pace", PACE, "--every", "0.2", "--patience", "20")
    words = ("--up", link, "--second-path", "good", "--file", str(FILE_DYING), *cut)
    return Case(part="dies", place=place, scenario="path-dies", seed=seed, words=words, is_busy=True)


def _beside(constant: Path) -> Iterator[Case]:
    up, down = constant / "constant.up", constant / "constant.down"
    up.write_text(recording(UP_MBIT), encoding="ascii")
    down.write_text(recording(DOWN_MBIT), encoding="ascii")
    # One in five messages is urgent, and a sender's budget is 30 of these: a minute of them, and three such runs.
    words = ("--up", str(up), "--down", str(down), "--pace", "2", "--every", "0.4")
    for seed in SEEDS:
        yield Case(part="alone", place="constant", scenario="steady", seed=seed, words=words)
    for seed in SEEDS:
        file = ("--file", str(FILE_BESIDE), "--patience", "3")
        yield Case(part="beside", place="constant", scenario="steady", seed=seed, words=(*words, *file))
    file = ("--file", str(FILE_WHOLE), "--patience", "60")
    yield Case(part="whole", place="constant", scenario="steady", words=(*words, *file))


def recording(mbit: float) -> str:
    """Write a minute of one rate in the Mahimahi format."""
    gap_ms = RECORDED_PACKET_BITS / (mbit * 1000)
    return "".join(f"{round(number * gap_ms)}\n" for number in range(1, round(RECORDED_S * 1000 / gap_ms) + 1))
