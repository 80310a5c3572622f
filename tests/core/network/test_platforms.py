"""Every platform's file is whole, gives its reasons, and is refused if it makes no sense."""

import pytest

from answerback.core.network.platforms import REASON_CHARACTERS_MIN, Profile, read_profile
from answerback.core.network.probe_budget import IN_BACKGROUND, IN_FRONT, Platform
from answerback.device.profile import profile_of
from answerback.model.errors import UsageError
from answerback.relay.limits import SILENCE_S_MAX
from tests.house.sources import ROOT, SHIPPED


def text_of(platform: Platform) -> str:
    return (ROOT / SHIPPED / "device" / "platforms" / f"{platform.value}.toml").read_text(encoding="utf-8")


def parts_of(profile: Profile) -> list[tuple[str, str]]:
    kept = (profile.background, profile.keepalive, profile.probes_in_front, profile.probes_in_background)
    return [(part.why, part.source) for part in (*kept, profile.savings, *profile.quirks)]


@pytest.mark.parametrize("platform", Platform)
def test_each_part_of_each_platform_gives_its_reason_and_its_source(platform: Platform) -> None:
    profile = profile_of(platform)
    assert profile.platform is platform
    assert all(len(why) >= REASON_CHARACTERS_MIN and why.endswith(".") and source for why, source in parts_of(profile))


@pytest.mark.parametrize("platform", Platform)
def test_no_platform_is_quiet_for_longer_than_a_relay_bears(platform: Platform) -> None:
    assert profile_of(platform).keepalive.ceiling_s * 1.1 < SILENCE_S_MAX


@pytest.mark.parametrize("platform", Platform)
def test_models_without_files_spend_what_the_files_say(platform: Platform) -> None:
    profile = profile_of(platform)
    assert profile.probes_in_front.allowance == IN_FRONT[platform]
    assert profile.probes_in_background.allowance == IN_BACKGROUND[platform]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("ceiling_s = 1800.0", "ceiling_s = 20.0", "ceiling below their floor"),
        ("per_hour = 30\n", "per_hour = -1\n", "per_hour"),
        ("first_minute = 6", "first_minute = 60", "more may be probed in the background"),
        ("battery_well = 0.2", "battery_well = 0.1", "before it is no longer low"),
        ("background_bytes = 32768", "background_bytes = 99999999", "more is taken at once"),
        ('platform = "android"', 'platform = "telex"', "platform"),
        ("runs_s = 0.0", 'runs_s = "long"', "runs_s"),
        ("sleeps = true", "sleeps = true\nwakes = true", "wakes"),
        ("[savings]", "[savings", "is not what it must be"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(before: str, after: str, said: str) -> None:
    text = text_of(Platform.ANDROID)
    assert before in text
    with pytest.raises(UsageError, match=said):
        read_profile(text.replace(before, after, 1))


def test_no_part_comes_without_its_reason() -> None:
    lines = text_of(Platform.IOS).splitlines()
    for key in ("why = ", "source = "):
        first = next(index for index, line in enumerate(lines) if line.startswith(key))
        with pytest.raises(UsageError, match=key.split()[0]):
            read_profile("\n".join(lines[:first] + lines[first + 1 :]))
