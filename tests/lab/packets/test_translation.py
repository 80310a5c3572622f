"""A NAT leads answers back to whoever asked, until it forgets."""

from answerback.lab.packets.datagrams import Flow, flow_of
from answerback.lab.packets.translation import PORT_MAX, PORT_MIN, Translation
from tests.lab.packets.bytes_of_packets import is_sound, packet_of

INSIDE, OUTSIDE, ELSEWHERE = b"\x0a\x46\x00\x02", b"\x0a\x47\x00\x01", b"\x0a\x47\x00\x02"
RELAY = (b"\x0a\x48\x00\x01", 7443)


def out(nat: Translation, port: int = 40_000, *, at_s: float = 0.0) -> Flow:
    packet = packet_of((INSIDE, port), RELAY)
    flow = flow_of(packet)
    assert flow is not None
    translated = nat.outward(packet, flow, at_s=at_s)
    assert is_sound(translated)
    seen = flow_of(translated)
    assert seen is not None
    return seen


def back(nat: Translation, seen: Flow, *, at_s: float = 0.0) -> Flow | None:
    translated = nat.inward(packet_of(RELAY, (seen.source, seen.source_port)), at_s=at_s)
    return flow_of(translated) if translated is not None else None


def test_an_answer_comes_back_to_whoever_asked() -> None:
    nat = Translation(OUTSIDE)
    first, second = out(nat, 40_000), out(nat, 40_001)
    assert first.source == second.source == OUTSIDE
    assert first.source_port != second.source_port
    returned = back(nat, second)
    assert returned is not None
    assert (returned.target, returned.target_port) == (INSIDE, 40_001)


def test_one_flow_keeps_its_port() -> None:
    nat = Translation(OUTSIDE)
    assert out(nat).source_port == out(nat, at_s=5.0).source_port


def test_after_a_rebinding_the_same_flow_comes_from_another_port_and_old_answers_are_lost() -> None:
    nat = Translation(OUTSIDE)
    before = out(nat)
    nat.rebind()
    assert back(nat, before) is None
    after = out(nat)
    assert after.source_port != before.source_port
    assert back(nat, after) is not None
    assert nat.rebindings == 1


def test_a_rebinding_may_change_the_address() -> None:
    nat = Translation(OUTSIDE)
    out(nat)
    nat.rebind(ELSEWHERE)
    assert out(nat).source == ELSEWHERE == nat.outside


def test_what_was_silent_too_long_is_forgotten_and_traffic_of_either_side_keeps_it() -> None:
    nat = Translation(OUTSIDE, idle_s_max=10.0)
    seen = out(nat)
    assert back(nat, seen, at_s=9.0) is not None
    assert out(nat, at_s=18.0).source_port == seen.source_port
    assert back(nat, seen, at_s=29.0) is None
    assert out(nat, at_s=29.0).source_port != seen.source_port


def test_a_stranger_reaches_nobody() -> None:
    nat = Translation(OUTSIDE)
    assert nat.inward(packet_of(RELAY, (OUTSIDE, PORT_MIN)), at_s=0.0) is None
    assert nat.inward(packet_of(RELAY, (ELSEWHERE, PORT_MIN)), at_s=0.0) is None
    assert nat.inward(b"", at_s=0.0) is None


def test_ports_come_round_again_past_those_in_use() -> None:
    nat = Translation(OUTSIDE)
    kept = out(nat, 1).source_port
    nat._next_port = PORT_MAX
    assert kept == PORT_MIN
    assert [out(nat, port).source_port for port in (2, 3)] == [PORT_MAX, PORT_MIN + 1]
