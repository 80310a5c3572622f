"""Proves that devices are listed, named and removed from the command line, and that a removal asks first."""

from collections.abc import Callable

import pytest

from answerback.faces.commands import devices
from tests.faces.village import Person, Village


def test_a_device_is_named_listed_and_removed(somebody: Callable[[], Person], town: Village, bea: Person) -> None:
    owner = somebody()
    other = town.linked(owner)
    assert owner.run("devices", "name", "big", "desk").exit_code == 0
    told = {device["name"]: device for device in owner.told("devices")}
    assert set(told) == {"big desk", "other"}
    assert told["big desk"]["this"]
    assert bea.run("send", owner.handle, "hello").exit_code in (0, 3)
    assert other.lines("inbox")[-1]["text"] == "hello"
    assert "(this device)" in owner.run("devices").stdout
    # Nobody is here to say yes.
    assert owner.run("devices", "revoke", "other").exit_code == 2
    assert owner.run("devices", "revoke", "nobody's", "--yes").exit_code == 2
    assert len(owner.told("devices")) == 2
    removed = owner.run("devices", "revoke", "OTHER", "--yes")
    assert removed.exit_code == 0, removed.output
    assert "recovery show" in removed.output
    assert [device["name"] for device in owner.told("devices")] == ["big desk"]
    # It says why it is out, and its history is there.
    assert other.lines("inbox")[-1]["text"] == "hello"
    refused = other.run("send", bea.handle, "I am still here", "--wait", "relay", "--timeout", "5")
    assert "removed from your account" in refused.output
    # Removed is removed, for whoever was interrupted the first time: they too hear that the phrase is another.
    again = owner.run("devices", "revoke", "other", "--yes")
    assert again.exit_code == 0, again.output
    assert "recovery show" in again.output
    assert "None of your devices" in owner.run("devices", "revoke", "nobody's", "--yes").output


def test_a_person_may_say_no(somebody: Callable[[], Person], town: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = somebody()
    town.linked(owner)
    monkeypatch.setattr(devices, "is_person", lambda: True)
    assert owner.run("devices", "revoke", "other", given="n\n").exit_code == 5
    assert len(owner.told("devices")) == 2
