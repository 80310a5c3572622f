"""What a run of the lab is asked to be, checked before anything is started."""

from dataclasses import dataclass, field

from answerback.lab.links import parse_link
from answerback.lab.packets.addresses import PATHS_MAX
from answerback.lab.packets.fading import Share
from answerback.lab.packets.policies import Policy
from answerback.lab.packets.scenarios import Befall, Plot, Plug, Scenario, Switch, Wish
from answerback.lab.packets.weather import QUEUE_BYTES_MAX
from answerback.model.errors import UsageError

PATIENCE_S_USUAL = 60.0
"""How long after a scenario's end what is still missing is waited for."""

URGENT_EVERY = 5
"""One message in so many is urgent."""

FILE_BYTES_MAX = 50_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run."""

    scenario: Scenario
    policy: Policy
    links: tuple[str, ...]
    """One for each path: a name, or UP,DOWN."""
    wish: Wish = field(default_factory=Wish)
    every_s: float | None = None
    """How far apart messages are written, each way; the scenario says where nothing is asked for."""
    queue_bytes_max: int = QUEUE_BYTES_MAX
    drops_gaps: bool = False
    """Whether packets vanish in the gaps of recordings, instead of waiting for their end."""
    from_s: float = 0.0
    patience_s: float = PATIENCE_S_USUAL
    file_bytes: int = 0
    """A file of this size goes up beside the messages; 0 is none."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.links) <= PATHS_MAX:
            raise UsageError(f"a device has 1 or {PATHS_MAX} paths")
        if self.scenario.needs_second and len(self.links) < PATHS_MAX:
            raise UsageError(f"{self.scenario.name} needs a second path: --second-path UP,DOWN, or a name")
        if self.every_s is not None and not 0.01 <= self.every_s <= 3600:
            raise UsageError("messages are 0.01 to 3600 s apart")
        if not 0 <= self.file_bytes <= FILE_BYTES_MAX:
            raise UsageError(f"a file has at most {FILE_BYTES_MAX} bytes")
        if self.file_bytes and not self.policy.carries_files:
            raise UsageError(f"{self.policy.name} carries no files")
        if self.from_s < 0 or self.patience_s < 0 or self.queue_bytes_max <= 0:
            raise UsageError("a time before the beginning, or a queue without room")
        for text in self.links:
            parse_link(text, seed=self.wish.seed)

    @property
    def plot(self) -> Plot:
        """What happens."""
        return self.scenario.plot(self.wish)

    @property
    def spacing_s(self) -> float:
        """How far apart messages are written."""
        return self.every_s or self.plot.every_s


def loopback_shares(plan: Plan) -> tuple[Share, ...]:
    """Play a scenario's outages as stretches without any rate. Raises `UsageError` if nothing would be left of it."""
    plot = plan.plot
    if len(plan.links) > 1 or not all(_is_outage(happening.deed) for happening in plot.happenings):
        raise UsageError(
            f"{plan.scenario.name} needs network namespaces, and this system does not allow them; without them there "
            "are only outages of one path: `answerback lab scenarios` says more"
        )
    shares = [Share(0.0, 1.0)]
    for trouble in plot.troubles:
        shares += [Share(trouble.start_s + plan.from_s, 0.0), Share(trouble.end_s + plan.from_s, 1.0)]
    return tuple(shares)


def _is_outage(deed: object) -> bool:
    if isinstance(deed, Befall):
        return deed.ways == ("up", "down") and deed.change in {(), (("hole", True),)}
    return isinstance(deed, Switch | Plug)
