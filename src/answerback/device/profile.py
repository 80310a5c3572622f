"""Reads what this device's platform allows, from files that come with the program, and what its kernel does."""

import importlib.resources
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from answerback.core.network.platforms import FALLBACK, Profile, read_profile
from answerback.core.network.probe_budget import Platform
from answerback.core.network.repetitions import DOUBLING, UNKNOWN, Repetitions, repetitions
from answerback.model.errors import UsageError

VARIABLE = "ANSWERBACK_PLATFORM"
"""Says what a device is where the program cannot see it: a box without a screen, a phone's terminal."""
_FOLDER = "platforms"
LINEAR_TIMEOUTS = Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
"""After how many pauses of a second Linux doubles them, since 6.5; older ones have no such file, and double at once."""


def profile_of(platform: Platform) -> Profile:
    """Read one platform's profile."""
    file = importlib.resources.files("answerback.device").joinpath(_FOLDER, f"{platform.value}.toml")
    return read_profile(file.read_text(encoding="utf-8"))


def own_platform(environment: Mapping[str, str] | None = None, *, system: str = sys.platform) -> Platform:
    """Say what this device is: as its owner says, or as Python knows its system."""
    said = (os.environ if environment is None else environment).get(VARIABLE, "")
    if said:
        try:
            return Platform(said.lower())
        except ValueError as error:
            known = ", ".join(platform.value for platform in Platform)
            raise UsageError(f"{VARIABLE} is one of {known}; {said[:20]!r} is not") from error
    return {"ios": Platform.IOS, "android": Platform.ANDROID, "emscripten": Platform.BROWSER}.get(system, FALLBACK)


def own_repetitions(file: Path = LINEAR_TIMEOUTS, *, system: str = sys.platform) -> Repetitions:
    """Say when this device's kernel repeats a SYN; where nobody can tell, what any of them may do."""
    if system != "linux":
        return UNKNOWN
    try:
        return repetitions(int(file.read_text(encoding="ascii")))
    except FileNotFoundError:
        return DOUBLING if file.parent.is_dir() else UNKNOWN
    except (OSError, ValueError):
        return UNKNOWN
