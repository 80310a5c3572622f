"""Proves which interfaces are paths, in which order, what they cost, and what their networks are called."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.model.paths import ANY_PATH, NETWORK_BYTES, PathSeen
from answerback.transport.interfaces import (
    METERED_SETTING,
    Interface,
    Look,
    chosen_source,
    is_here,
    metered_patterns,
    name_of,
    paths_of,
    with_names_kept,
)

WIFI = Interface(
    "wlan0", frozenset({"10.0.0.2"}), has_ipv4=True, has_ipv6=False, known_by=b"gateway 02:..:01", is_chosen=True
)
MODEM = Interface("wwan0", frozenset({"2001:db8::2"}), has_ipv4=False, has_ipv6=True, known_by=b"line wwan0")
TUNNEL = Interface("wg0", frozenset({"10.9.0.2"}), has_ipv4=True, has_ipv6=False, known_by=b"line wg0", is_tunnel=True)


@pytest.fixture(autouse=True)
def _unsaid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(METERED_SETTING, raising=False)


def test_what_the_system_would_choose_comes_first() -> None:
    assert [path.name for path in paths_of(Look((MODEM, WIFI)))] == ["wlan0", "wwan0"]
    other = (replace(MODEM, is_chosen=True), replace(WIFI, is_chosen=False))
    assert [path.name for path in paths_of(Look(other))] == ["wwan0", "wlan0"]


def test_a_path_says_what_it_can_do() -> None:
    (wifi, modem) = paths_of(Look((MODEM, WIFI)), key=b"mine")
    assert wifi == PathSeen(
        "wlan0",
        name_of(WIFI.known_by, b"mine"),
        is_metered=False,
        has_ipv4=True,
        has_ipv6=False,
        addresses=frozenset({"10.0.0.2"}),
    )
    assert (modem.has_ipv4, modem.has_ipv6, modem.is_metered) == (False, True, True)


def test_a_modem_is_metered_unless_the_person_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def metered() -> set[str]:
        return {path.name for path in paths_of(Look((WIFI, MODEM))) if path.is_metered}

    assert metered() == {"wwan0"}
    monkeypatch.setenv(METERED_SETTING, "wlan*, usb0")
    assert metered() == {"wlan0"}
    monkeypatch.setenv(METERED_SETTING, "")
    assert metered() == set()
    assert metered_patterns() == []
    assert [path.is_metered for path in paths_of(Look((WIFI, MODEM)), metered=["w*"])] == [True, True]


def test_nobody_is_led_past_a_tunnel_that_the_system_goes_through() -> None:
    beside = (replace(WIFI, is_chosen=False), MODEM)
    assert [path.name for path in paths_of(Look((*beside, replace(TUNNEL, is_chosen=True))))] == ["wg0"]
    assert [path.name for path in paths_of(Look((WIFI, TUNNEL)))] == ["wlan0", "wg0"]


def test_a_relay_on_this_very_machine_is_reached_over_no_interface() -> None:
    (path,) = paths_of(Look((WIFI,), is_here=True))
    assert path.name == ANY_PATH
    assert not path.is_metered
    assert is_here(["192.0.2.7"], ["192.0.2.7"])
    assert is_here(["127.0.0.1"], ["127.0.0.53"])
    assert is_here(["::1"], ["::1"])
    assert not is_here(["192.0.2.7"], ["192.0.2.8", "fe80::1%2"])
    assert is_here(chosen_source(["127.0.0.1"]), ["127.0.0.1"])


@given(st.binary(), st.binary(max_size=100))
def test_a_network_has_one_short_name_with_each_device(known_by: bytes, key: bytes) -> None:
    assert len(name_of(known_by, key)) == NETWORK_BYTES
    assert name_of(known_by, key) == name_of(known_by, key)
    assert name_of(known_by, b"one device") != name_of(known_by, b"another device")


def test_a_network_nobody_can_name_has_no_name() -> None:
    (path,) = paths_of(Look((replace(WIFI, known_by=b""),)))
    assert path.network == b""


def test_a_name_stays_while_the_path_does() -> None:
    (named,) = paths_of(Look((WIFI,)))
    nameless = replace(named, network=b"")
    assert with_names_kept([named], [nameless]) == (named,)
    for other in (
        replace(nameless, arrivals=1),
        replace(nameless, addresses=frozenset({"10.0.0.9"})),
        replace(nameless, name="wlan1"),
    ):
        assert with_names_kept([named], [other]) == (other,)
    moved = replace(named, network=b"elsewhere"[:NETWORK_BYTES])
    assert with_names_kept([named], [moved]) == (moved,)
