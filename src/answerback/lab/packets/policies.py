"""How a device recovers: the product as it is, and rivals with the least protocol that can be measured the same way.

A policy sets up both ends over a stage and gives them back as two `Correspondent`s, who take `send` and say `sent` and
`arrived`. So a further policy is one more entry here, and a process that speaks these words.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from answerback.lab.packets.children import Child, Said
from answerback.lab.packets.speaking import UNCALLED
from answerback.lab.packets.stage import Place, Stage
from answerback.model.errors import UsageError

NEAR_HANDLE: Final = "ada@example.org"
FAR_HANDLE: Final = "bea@example.org"


@dataclass(frozen=True, slots=True)
class Correspondent:
    """One end of the conversation."""

    child: Child
    to: str

    def send(self, name: str, *, urgent: bool) -> None:
        """Write a message; its text is its name."""
        self.child.tell({"do": "send", "name": name, "to": self.to, "urgent": urgent})

    def send_file(self, name: str, path: Path) -> None:
        """Write a message with a file."""
        self.child.tell({"do": "file", "name": name, "to": self.to, "path": str(path)})


@dataclass(frozen=True, slots=True)
class Pair:
    """Both ends."""

    near: Correspondent
    far: Correspondent


Hear = Callable[[Said], None]
SetUp = Callable[[Stage, Path, int, Hear], Awaitable[Pair]]
"""Given the stage, an empty folder, the seed, and who hears what both ends say."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A way to recover."""

    name: str
    description: str
    set_up: SetUp
    carries_files: bool
    is_told: bool = False
    """Whether the device is told when each trouble ends, as nobody can be outside a lab."""


async def _set_up_product(stage: Stage, folder: Path, _seed: int, hear: Hear, *, calls: bool = True) -> Pair:
    """Start a relay and two people's devices, and have them register; the device's goes over the link."""
    settings = [str(folder / "relay"), stage.far_host, str(stage.far_port), *([] if calls else [UNCALLED])]
    relay = await stage.start(Place.FAR, "host_child", *settings, hear=None)
    ready = await relay.heard("ready")
    host, port = await stage.lead_to(ready["port"])
    near = await stage.start(Place.NEAR, "device_child", str(folder / "near"), hear=hear)
    far = await stage.start(Place.FAR, "device_child", str(folder / "far"), hear=hear)
    pin = ready["pin"]
    await _register(far, relay, url=f"https://{stage.far_host}:{ready['port']}", pin=pin, handle=FAR_HANDLE)
    await _register(near, relay, url=f"https://{host}:{port}", pin=pin, handle=NEAR_HANDLE)
    return Pair(Correspondent(near, FAR_HANDLE), Correspondent(far, NEAR_HANDLE))


async def _register(device: Child, relay: Child, *, url: str, pin: str, handle: str) -> None:
    device.tell({"do": "enter", "url": url, "pin": pin, "handle": handle})
    await device.heard("asked")
    code = (await relay.heard("code"))["code"]
    device.tell({"code": code})
    await device.heard("ready")


def _rival(habit: str) -> SetUp:
    async def set_up(stage: Stage, _folder: Path, seed: int, hear: Hear) -> Pair:
        far = await stage.start(Place.FAR, "stand_in_child", stage.far_host, str(stage.far_port), hear=hear)
        host, port = await stage.lead_to((await far.heard("ready"))["port"])
        near = await stage.start(Place.NEAR, "rival_child", habit, str(seed), host, str(port), hear=hear)
        return Pair(Correspondent(near, FAR_HANDLE), Correspondent(far, NEAR_HANDLE))

    return set_up


POLICIES: Final[tuple[Policy, ...]] = (
    Policy("answerback", "The product as it is: a relay and agents.", _set_up_product, carries_files=True),
    Policy(
        "answerback-by-tcp",
        "The product with a relay without datagrams: it calls nobody, and all probes are connections.",
        partial(_set_up_product, calls=False),
        carries_files=True,
    ),
    Policy(
        "fixed-30s",
        "Asks every 30 s whether the connection lives, and tries every 30 s.",
        _rival("fixed-30s"),
        carries_files=True,
    ),
    Policy(
        "backoff-jitter", "The same, and tries after 0 to 1, 2, 4 … 60 s.", _rival("backoff-jitter"), carries_files=True
    ),
    Policy(
        "passive-tcp",
        "Leaves everything to TCP, and tries again when that gives up.",
        _rival("passive-tcp"),
        carries_files=True,
    ),
    Policy(
        "oracle",
        "Is told when each trouble ends, and tries in that moment.",
        _rival("oracle"),
        carries_files=True,
        is_told=True,
    ),
)


def find_policy(name: str) -> Policy:
    """Find a policy by its name."""
    for policy in POLICIES:
        if policy.name == name:
            return policy
    raise UsageError(f"There is no policy {name!r}; known are {', '.join(each.name for each in POLICIES)}.")
