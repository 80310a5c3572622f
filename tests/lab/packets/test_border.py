"""The border lets through what its rules say, and a captive portal answers for everybody."""

import pytest

from answerback.lab.packets.addresses import PORTAL, RELAY, RELAY_PORT, inside_of, outside_of, packed
from answerback.lab.packets.border import HTTP_PORT, HTTPS_PORT, Border, Neighbourhood, Rules, Stop
from answerback.lab.packets.datagrams import TCP, UDP, Flow, flow_of
from answerback.lab.packets.translation import Translation
from tests.lab.packets.bytes_of_packets import is_sound, packet_of

ADA = (inside_of(0), 40_000)
THERE = packed(RELAY)
STRANGER = packed("198.51.100.7")


@pytest.fixture
def border() -> Border:
    near = Neighbourhood(THERE, RELAY_PORT, packed(PORTAL))
    return Border(near, Translation(outside_of(0)), inside=ADA[0])


def out(border: Border, target: tuple[bytes, int], *, protocol: int = TCP) -> Flow | None:
    packet = border.outward(packet_of(ADA, target, protocol=protocol), at_s=0.0)
    assert packet is None or is_sound(packet)
    return flow_of(packet) if packet is not None else None


def back(border: Border, flow: Flow) -> Flow | None:
    packet = packet_of((flow.target, flow.target_port), (flow.source, flow.source_port), protocol=flow.protocol)
    returned = border.inward(packet, at_s=0.0)
    assert returned is None or is_sound(returned)
    return flow_of(returned) if returned is not None else None


def test_without_rules_everything_passes_both_ways(border: Border) -> None:
    for protocol in (TCP, UDP):
        seen = out(border, (THERE, RELAY_PORT), protocol=protocol)
        assert seen is not None
        assert (seen.source, seen.target) == (outside_of(0), THERE)
        returned = back(border, seen)
        assert returned is not None
        assert (returned.source, returned.target, returned.target_port) == (THERE, *ADA)


def test_a_blocked_port_swallows_and_another_passes(border: Border) -> None:
    border.rules = Rules(blocked_ports=frozenset({RELAY_PORT}))
    assert out(border, (THERE, RELAY_PORT)) is None
    assert out(border, (THERE, RELAY_PORT + 1)) is not None
    assert border.stops == {Stop.BLOCKED: 1}


def test_the_usual_port_of_the_web_leads_to_the_relay_and_answers_come_from_there(border: Border) -> None:
    border.rules = Rules(blocked_ports=frozenset({RELAY_PORT}))
    seen = out(border, (THERE, HTTPS_PORT))
    assert seen is not None
    assert (seen.target, seen.target_port) == (THERE, RELAY_PORT)
    returned = back(border, seen)
    assert returned is not None
    assert (returned.source, returned.source_port) == (THERE, HTTPS_PORT)


def test_a_portal_answers_plain_http_in_the_name_of_whoever_was_asked(border: Border) -> None:
    border.rules = Rules(captive=True)
    seen = out(border, (STRANGER, HTTP_PORT))
    assert seen is not None
    assert (seen.target, seen.target_port) == (packed(PORTAL), HTTP_PORT)
    returned = back(border, seen)
    assert returned is not None
    assert (returned.source, returned.source_port) == (STRANGER, HTTP_PORT)


def test_a_portal_swallows_everything_else_both_ways(border: Border) -> None:
    before = out(border, (THERE, RELAY_PORT))
    assert before is not None
    border.rules = Rules(captive=True)
    assert out(border, (THERE, RELAY_PORT)) is None
    assert out(border, (THERE, HTTP_PORT), protocol=UDP) is None
    assert back(border, before) is None
    assert border.stops == {Stop.CAPTIVE: 3}


def test_once_signed_in_the_same_port_leads_to_whoever_is_asked_again(border: Border) -> None:
    border.rules = Rules(captive=True)
    assert out(border, (STRANGER, HTTP_PORT)) is not None
    border.rules = Rules()
    seen = out(border, (STRANGER, HTTP_PORT))
    assert seen is not None
    assert seen.target == STRANGER


def test_a_packet_from_an_address_that_is_not_the_networks_own_does_not_pass(border: Border) -> None:
    border.inside = inside_of(0, move=1)
    assert out(border, (THERE, RELAY_PORT)) is None
    assert border.outward(b"\x60" + bytes(40), at_s=0.0) is None
    assert border.inward(b"\x60" + bytes(40), at_s=0.0) is None
    assert border.stops == {Stop.WRONG_SOURCE: 1, Stop.FOREIGN: 2}
