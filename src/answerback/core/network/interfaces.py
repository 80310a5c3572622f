"""The paths that lead out of this device, as one look saw them, and what is different from the look before.

Theory. A path is a network interface that leads to the relay; a network is what it leads into, known by a name that
says nothing to strangers. What a look sees is evidence: a path that came, one that leads somewhere else now, one whose
address went. The surprising rule: a network whose name is not known yet is not another network. Its name comes a
moment later, when its gateway has answered, and then the path is only called by its name (`NAMED`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique

from answerback.model.paths import ANY_PATH, PathSeen

__all__ = ["ANY_PATH", "AWAKENING", "ENDING", "Difference", "PathChange", "PathSeen", "changes"]


@unique
class Difference(Enum):
    """What is different about a path."""

    CAME = "came"
    WENT = "went"
    MOVED = "leads into another network"
    RECONNECTED = "its carrier went and came"
    READDRESSED = "an address of it went"
    WIDENED = "it has an address family, or an address, more"
    NARROWED = "it lost an address family"
    NAMED = "its network is known now"
    PRICED = "what a byte costs on it is another matter now"


AWAKENING = frozenset(
    {Difference.CAME, Difference.MOVED, Difference.RECONNECTED, Difference.READDRESSED, Difference.WIDENED}
)
"""Each of these makes it likely that what did not answer a moment ago does so now."""
ENDING = frozenset({Difference.WENT, Difference.MOVED, Difference.READDRESSED})
"""After each of these a line that stood on the path has probably lost its end."""


@dataclass(frozen=True, slots=True)
class PathChange:
    """One path and all that is different about it."""

    name: str
    differences: frozenset[Difference]

    @property
    def is_awakening(self) -> bool:
        """It is worth trying the path now."""
        return bool(self.differences & AWAKENING)

    @property
    def is_ending(self) -> bool:
        """What stood on the path has probably ended."""
        return bool(self.differences & ENDING)


def changes(before: Iterable[PathSeen], after: Iterable[PathSeen]) -> tuple[PathChange, ...]:
    """Compare two looks: paths that went, in the old order, then those that came or are different, in the new one."""
    old, new = {path.name: path for path in before}, {path.name: path for path in after}
    went = [PathChange(name, frozenset({Difference.WENT})) for name in old if name not in new]
    others = [PathChange(name, _differences(old.get(name), path)) for name, path in new.items()]
    return (*went, *(change for change in others if change.differences))


def _differences(old: PathSeen | None, new: PathSeen) -> frozenset[Difference]:
    if old is None:
        return frozenset({Difference.CAME})
    lost = (old.has_ipv4 and not new.has_ipv4) or (old.has_ipv6 and not new.has_ipv6)
    gained = (new.has_ipv4 and not old.has_ipv4) or (new.has_ipv6 and not old.has_ipv6)
    found = {
        Difference.MOVED: bool(old.network and new.network) and old.network != new.network,
        Difference.NAMED: bool(new.network) and not old.network,
        Difference.RECONNECTED: old.arrivals != new.arrivals,
        Difference.READDRESSED: not old.addresses <= new.addresses,
        Difference.WIDENED: gained or not new.addresses <= old.addresses,
        Difference.NARROWED: lost,
        Difference.PRICED: old.is_metered != new.is_metered,
    }
    return frozenset(difference for difference, is_so in found.items() if is_so)
