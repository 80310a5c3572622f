"""A device knows what it is: from its owner, or from its system."""

import pytest

from answerback.core.network.probe_budget import Platform
from answerback.device.profile import VARIABLE, own_platform, profile_of
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
