"""Keeps all machines of one device side by side; they never hold each other, only the composers see them all."""

from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.core.catchup import Catchup
from answerback.core.comparing import Comparing
from answerback.core.facts import KeepRelay
from answerback.core.fallback import Fallback
from answerback.core.healing import Healing
from answerback.core.inbox import Inbox
from answerback.core.lanes import Lanes
from answerback.core.lease import Lease
from answerback.core.network.hedging import Hedging
from answerback.core.network.path import Path
from answerback.core.network.paths import Paths
from answerback.core.network.urgent_budget import UrgentBudget
from answerback.core.outbox import Outbox
from answerback.core.questions import Questions
from answerback.core.registration import Registration
from answerback.core.relay_clock import RelayClock
from answerback.core.roster import Roster
from answerback.core.sessions import Sessions
from answerback.core.text_arrivals import TextArrivals
from answerback.core.threads import Threads
from answerback.core.transfers import Transfers
from answerback.core.transparency import Transparency
from answerback.core.trust import Trust
from answerback.model.ids import AccountId, DeviceId
from answerback.wire.flight import Flight

Randomness = Callable[[int], bytes]
"""So many random bytes: the operating system's in an agent, seeded in a simulator."""


@dataclass(frozen=True, slots=True)
class Self:
    """Who this device is."""

    account: AccountId
    device: DeviceId
    device_name: str
    handle: str

    def __repr__(self) -> str:
        """Say which device, not whose."""
        return f"Self(device {self.device.hex()})"


@dataclass(slots=True)
class Machines:
    """One of each."""

    own: Self
    sessions: Sessions
    randomness: Randomness
    paths: Paths = field(default_factory=Paths)
    hedging: Hedging = field(default_factory=Hedging)
    clock: RelayClock = field(default_factory=RelayClock)
    questions: Questions = field(default_factory=Questions)
    lanes: Lanes = field(default_factory=Lanes)
    outbox: Outbox = field(default_factory=Outbox)
    inbox: Inbox = field(default_factory=Inbox)
    roster: Roster = field(default_factory=Roster)
    registration: Registration = field(default_factory=Registration)
    lease: Lease = field(default_factory=Lease)
    healing: Healing = field(default_factory=Healing)
    catchup: Catchup = field(default_factory=Catchup)
    transfers: Transfers = field(default_factory=Transfers)
    threads: Threads = field(default_factory=Threads)
    trust: Trust = field(default_factory=Trust)
    comparing: Comparing = field(default_factory=Comparing)
    transparency: Transparency = field(default_factory=Transparency)
    urgent_budget: UrgentBudget = field(default_factory=UrgentBudget)
    root: bytes = field(default=b"", repr=False)
    """The seed of the account's root key, if this device holds it."""
    next_root: bytes = field(default=b"", repr=False)
    """The seed of the root key of a device list that may be on its way to the relay."""
    fallback: Fallback = field(default_factory=Fallback)
    text_arrivals: TextArrivals = field(default_factory=TextArrivals)
    may_renew: bool = False
    """Whether this device can become a new one by itself, should it turn out to be a copy of one that goes on."""
    token: bytes = field(default=b"", repr=False)
    """Bearer token for blobs, from the last welcome."""
    store: bytes = b""
    boot: bytes = b""
    """The relay's store and run met last."""
    life: int = 0
    """How often this device has said hello, or sealed: a copy of its disk knows less."""

    @property
    def path(self) -> Path:
        """The way to the relay that carries the mail, or that is asked first whether it can."""
        return self.paths.current

    @property
    def flight(self) -> Flight:
        """What is on its way to the relay, and how much of it there may be."""
        return self.outbox.flight

    def relay_met(self) -> KeepRelay:
        """What is to be remembered of the relay met last, and of what it was told."""
        return KeepRelay(self.store, self.boot, self.clock.offset_ms, self.life)

    def draw(self) -> float:
        """A random number in [0, 1)."""
        return int.from_bytes(self.randomness(4), "big") / 2**32
