"""What a device sends in trouble is counted stretch by stretch, and troubles that overlap are one."""

from dataclasses import replace

import pytest

from answerback.lab.links import generate_link
from answerback.lab.packets.datagrams import TCP
from answerback.lab.packets.reaching import Stretch, reach, stretches_of
from answerback.lab.packets.roads import Traffic
from answerback.lab.packets.scenarios import Trouble
from answerback.lab.schedule import Piece, Rates
from tests.lab.packets.bytes_of_packets import packet_of

GOOD = generate_link("good")
GAPPY = replace(GOOD, up=Rates((Piece(3.0, 1e6), Piece(2.0, 0.0), Piece(5.0, 1e6))))
INSIDE, RELAY = b"\x0a\x46\x00\x02", (b"\x0a\x48\x00\x01", 7443)


def stretch(start_s: float, end_s: float, *, recorded: bool = False, announced: bool = False, path: int = 0) -> Stretch:
    return Stretch(path=path, start_s=start_s, end_s=end_s, announced=announced, recorded=recorded)


def test_a_stretch_counts_what_was_sent_in_it_and_attempts_once_however_often_they_are_repeated() -> None:
    traffic = Traffic()
    syn = packet_of((INSIDE, 40_000), RELAY, protocol=TCP, content=b"")
    other = packet_of((INSIDE, 40_001), RELAY, protocol=TCP, content=b"")
    for at_s, packet in ((9.0, syn), (10.5, syn), (11.5, other), (12.5, other), (25.0, syn)):
        traffic.take(packet, at_s=at_s)
    found = reach(traffic, stretch(0.0, 10.0), from_s=10.0)
    assert (found.attempts, found.packets, found.bytes) == (1, 3, 3 * len(syn))


def test_probes_are_counted_in_the_first_minute_and_a_minute_after() -> None:
    traffic = Traffic()
    for second in range(200):
        traffic.take(packet_of((INSIDE, 40_000), RELAY, protocol=TCP, flags=0x10), at_s=float(second))
    found = reach(traffic, stretch(20.0, 140.0), from_s=0.0)
    assert (found.packets, found.packets_first_minute, found.packets_a_minute_after) == (120, 60, 60.0)
    short = reach(traffic, stretch(20.0, 30.0), from_s=0.0)
    assert (short.packets_first_minute, short.packets_a_minute_after) == (10, 0.0)


def test_the_gaps_of_a_link_are_troubles_too() -> None:
    found = stretches_of([], [GAPPY], from_s=0.0, lasted_s=20.0)
    assert [(each.start_s, each.end_s) for each in found] == [(3.0, 5.0), (13.0, 15.0)]
    assert all(each.recorded and not each.announced for each in found)
    [later] = stretches_of([], [GAPPY], from_s=4.0, lasted_s=10.5)
    assert (later.start_s, later.end_s) == pytest.approx((0.0, 1.0))


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble(3.5, 4.0, announced=True), stretch(3.0, 5.0, recorded=True)),
        (Trouble(4.0, 6.0, announced=True), stretch(3.0, 6.0, announced=True)),
        (Trouble(4.0, 4.0, announced=True), stretch(3.0, 5.0, recorded=True)),
    ],
)
def test_troubles_that_overlap_are_one_that_ends_with_the_last(trouble: Trouble, expected: Stretch) -> None:
    assert stretches_of([trouble], [GAPPY], from_s=0.0, lasted_s=10.0) == [expected]


def test_troubles_of_two_paths_stay_apart_and_one_that_has_not_ended_is_left_out() -> None:
    troubles = [
        Trouble(1.0, 2.0, announced=False),
        Trouble(1.0, 2.0, announced=False, path=1),
        Trouble(8.0, 99.0, announced=False),
    ]
    found = stretches_of(troubles, [GOOD, GOOD], from_s=0.0, lasted_s=10.0)
    assert found == [stretch(1.0, 2.0), stretch(1.0, 2.0, path=1)]
