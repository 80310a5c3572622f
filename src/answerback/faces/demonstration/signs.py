"""The signs a picture is drawn with: fine ones, and plain ones for terminals that know no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from answerback.model.timeline import Stage


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs a terminal can show."""

    bars: str
    dark: str
    killed: str
    writes: str
    done: str
    open: str
    on: str
    off: str
    numbers: Sequence[str]
    dash: str
    ellipsis: str
    ticks: dict[Stage, str]


UNICODE: Final = Signs(
    bars="▁▂▃▄▅▆▇█",
    dark="░",
    killed="×",
    writes="✎",
    done="━",
    open="·",
    on="●",
    off="○",
    numbers=("①", "②", "③"),
    dash="–",
    ellipsis="…",
    ticks={
        Stage.COMPOSED: "·",
        Stage.QUEUED: "·",
        Stage.SEALED: "·",
        Stage.SENT: "›",
        Stage.ACCEPTED: "○",
        Stage.DELIVERED: "●",
        Stage.READ: "◉",
        Stage.FAILED: "×",
        Stage.EXPIRED: "×",
    },
)
ASCII: Final = Signs(
    bars="._-=+*#%",
    dark=" ",
    killed="x",
    writes="w",
    done="=",
    open=".",
    on="*",
    off="o",
    numbers=("1", "2", "3"),
    dash="-",
    ellipsis="~",
    ticks={
        Stage.COMPOSED: ".",
        Stage.QUEUED: ".",
        Stage.SEALED: ".",
        Stage.SENT: ">",
        Stage.ACCEPTED: "o",
        Stage.DELIVERED: "*",
        Stage.READ: "#",
        Stage.FAILED: "x",
        Stage.EXPIRED: "x",
    },
)
