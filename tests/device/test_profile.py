"""A device knows what it is: from its owner, or from its system."""

from pathlib import Path

import pytest

from answerback.core.network.probe_budget import Platform
from answerback.core.network.repetitions import DOUBLING, LINEAR, UNKNOWN, repetitions
from answerback.device.profile import VARIABLE, own_platform, own_repetitions, profile_of
from answerback.model.errors import UsageError


def test_an_owner_says_what_a_device_is() -> None:
    assert own_platform({VARIABLE: "embedded"}) is Platform.EMBEDDED
    assert own_platform({VARIABLE: "iOS"}) is Platform.IOS
    with pytest.raises(UsageError, match="'toaster' is not"):
        own_platform({VARIABLE: "toaster"})


def test_otherwise_its_system_does_and_an_unknown_one_holds_nothing_back() -> None:
    assert own_platform({}, system="android") is Platform.ANDROID
    assert own_platform({}, system="ios") is Platform.IOS
    assert own_platform({}, system="haiku") is Platform.DESKTOP
    assert not profile_of(own_platform({}, system="haiku")).background.sleeps


def test_the_kernel_says_how_it_repeats_and_an_older_one_by_saying_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tcp_syn_linear_timeouts"
    assert own_repetitions(file, system="linux") == DOUBLING
    for said, told in (("4\n", LINEAR), ("0\n", DOUBLING), ("2", repetitions(2)), ("", UNKNOWN), ("four", UNKNOWN)):
        file.write_text(said, encoding="ascii")
        assert own_repetitions(file, system="linux") == told
    assert own_repetitions(file, system="darwin") == UNKNOWN
    assert own_repetitions(tmp_path / "nowhere" / "file", system="linux") == UNKNOWN, "nobody can tell"
