"""Decides when bytes that left arrive: delay, and the stall of each lost packet.

A relay of sockets cannot lose a packet: TCP on both sides of it would never know. What a program above TCP can see of
a loss is that everything behind it waits until the packet was sent again, so that is what is played: a stall of one
retransmission timeout, doubled for each time the same packet is lost again (RFC 6298 §5.5), in one connection only.
"""

from random import Random

from answerback.lab.links import Link
from answerback.lab.schedule import PACKET_BYTES

RTO_VARIANCE_S_MIN = 0.2
"""RFC 6298 §2.4 asks for a timeout of at least 1 s; the senders people really have (Linux) stay 0.2 s above the rtt."""

RTO_S_MAX = 60.0
"""RFC 6298 §2.5: a bound on the timeout may be placed, of at least 60 s."""


def rto_s(link: Link) -> float:
    """What a sender on this link waits before it sends a lost packet again."""
    # RFC 6298 §2.3: rtt + 4 x variation. Jitter spread evenly over its range deviates by a quarter of it on average.
    return min(2 * link.delay_s + link.jitter_s + max(RTO_VARIANCE_S_MIN, link.jitter_s), RTO_S_MAX)


class Flight:
    """What one direction of one connection has in the air."""

    def __init__(self, link: Link, *, random: Random) -> None:
        """Begin with an empty air; the randomness decides what is lost."""
        self._link = link
        self._random = random
        self._rto_s = rto_s(link)
        self._landed_s = 0.0

    def lose(self, size_bytes: int) -> tuple[int, float]:
        """Say how many packets of so many bytes are lost, and for how long they stall those behind them."""
        lost, stall_s = 0, 0.0
        if self._link.loss > 0:
            for _ in range(-(-size_bytes // PACKET_BYTES)):
                wait_s = self._rto_s
                while self._random.random() < self._link.loss:
                    lost, stall_s = lost + 1, stall_s + wait_s
                    wait_s = min(2 * wait_s, RTO_S_MAX)
        return lost, stall_s

    def land(self, *, left_s: float, stall_s: float) -> float:
        """Say when what left arrives; nothing overtakes within a connection."""
        self._landed_s = max(self._landed_s, left_s + self._link.delay_at(left_s) + stall_s)
        return self._landed_s
