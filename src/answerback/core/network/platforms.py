"""Says what each kind of device lets a program do: time in the background, keep-alives, probes, push.

Theory. A messenger does not choose what it may do while nobody looks: its platform does. What is known of that is
data, a file a platform beside the shell that reads it (`device/profile.py`), each part with its reason and its source,
so that it can be corrected without touching a decision. Here such a file becomes a value, checked: a number that makes
no sense, or a part without its reason, is refused when the program starts and not when a phone is in a pocket.
"""

import tomllib
from typing import Annotated, Final

import msgspec

from answerback.core.network.probe_budget import Allowance, Platform
from answerback.model.errors import UsageError

DAY_S = 86_400.0
"""No keep-alive is rarer: a device that is silent for a day is not connected in any useful sense."""
REASON_CHARACTERS_MIN = 20
"""A reason is a sentence."""

_Seconds = Annotated[float, msgspec.Meta(gt=0, le=DAY_S)]
_Count = Annotated[int, msgspec.Meta(gt=0, le=100_000)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=1 << 40)]
_Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
_Reason = Annotated[str, msgspec.Meta(min_length=REASON_CHARACTERS_MIN)]
_Source = Annotated[str, msgspec.Meta(min_length=3)]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One part of a profile; none is without its reason and its source."""

    why: _Reason
    source: _Source


class Background(_Part, frozen=True):
    """What a program may do while nobody looks at it."""

    sleeps: bool
    """Whether it is held back at all; where it is not, nobody has to look."""
    holds_connection: bool
    """Whether a connection survives there."""
    runs_s: Annotated[float, msgspec.Meta(ge=0, le=DAY_S)]
    """For how long it goes on running after it has left the front; 0 where that has no end."""
    has_push: bool
    """Whether its system wakes it when a push comes."""


class KeepAlives(_Part, frozen=True):
    """How far apart packets that keep a connection open may be."""

    floor_s: _Seconds
    """Closer would be chatter."""
    live_s: _Seconds
    """The longest while somebody looks: a dead connection is noticed by then."""
    ceiling_s: _Seconds
    """The longest while nobody does."""
    radio_tail_s: _Seconds
    """For how long the radio stays awake after a packet: packets closer than this are one wake-up."""


class Probes(_Part, frozen=True):
    """What may be spent on finding the network again."""

    first_minute: _Count
    per_minute: _Count
    per_hour: _Count
    price_s: _Seconds

    @property
    def allowance(self) -> Allowance:
        """The same, as the budget takes it."""
        return Allowance(
            first_minute=self.first_minute,
            per_minute=self.per_minute,
            per_hour=self.per_hour,
            price_s=self.price_s,
        )


class Savings(_Part, frozen=True):
    """When to economise, and how much a device then takes at once."""

    battery_low: _Share
    battery_well: _Share
    """Back above this a battery is no longer low."""
    economical_bytes: _Bytes
    """Of mail that is not urgent, in one go."""
    background_bytes: _Bytes


class Quirk(_Part, frozen=True):
    """Something this platform does that people notice; the doctor knows it by its name."""

    name: Annotated[str, msgspec.Meta(pattern="^[a-z_]+$")]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one platform allows."""

    platform: Platform
    background: Background
    keepalive: KeepAlives
    probes_in_front: Probes
    probes_in_background: Probes
    savings: Savings
    quirks: tuple[Quirk, ...] = ()


def read_profile(text: str) -> Profile:
    """Read one platform's file; raises `UsageError` if it does not say what it must."""
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageError(f"a platform's profile is not what it must be: {error}") from error
    for fault, is_so in _faults(profile).items():
        if is_so:
            raise UsageError(f"the profile of {profile.platform.value} says that {fault}")
    return profile


FALLBACK: Final = Platform.DESKTOP
"""Where nobody says what a device is: the one that holds nothing back."""


def _faults(profile: Profile) -> dict[str, bool]:
    keepalive, front, back = profile.keepalive, profile.probes_in_front, profile.probes_in_background
    return {
        "keep-alives have a ceiling below their floor": not (
            keepalive.floor_s <= keepalive.live_s <= keepalive.ceiling_s
        ),
        "more may be probed in the background than in front": (
            back.first_minute > front.first_minute or back.per_minute > front.per_minute
        ),
        "a battery is well before it is no longer low": profile.savings.battery_well <= profile.savings.battery_low,
        "more is taken at once in the background than when economising": (
            profile.savings.background_bytes > profile.savings.economical_bytes
        ),
    }
