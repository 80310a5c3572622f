"""What a stage offers: places to start processes in, a way to the far end, a beginning and an end."""

from collections.abc import Callable
from enum import Enum, unique
from typing import Protocol

from answerback.lab.packets.children import Child, Said
from answerback.lab.packets.emulating import Report


@unique
class Place(Enum):
    """Where a process of the lab is."""

    NEAR = "the device's side of the link"
    FAR = "the rest of the world"


class Stage(Protocol):
    """Where a run takes place."""

    @property
    def far_host(self) -> str:
        """The address on which a far process listens."""

    @property
    def far_port(self) -> int:
        """The port on which the relay listens; 0 for any."""

    async def lead_to(self, port: int) -> tuple[str, int]:
        """Say where the device finds a far process that listens on a port."""
        ...

    async def start(self, place: Place, child: str, *arguments: str, hear: Callable[[Said], None] | None) -> Child:
        """Start a process in a place; it is ended with the stage."""
        ...

    async def begin(self) -> float:
        """Let the scenario begin; say when that was, by the machine's clock."""
        ...

    async def end(self) -> Report | None:
        """Let the scenario end; say what was measured, if anything was."""
        ...
