"""Tells who asks, and how often one address may.

Theory. Each address has a bucket of tokens; each request takes some, and one that finds too few is told to wait.
Addresses of one IPv6 /64 are one: whoever has one of them has them all. The number of buckets is bounded.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence

from answerback.relay.limits import Bucket, Rate

BUCKETS_MAX = 20_000
"""About 6 MiB. Beyond that the one unused for longest goes: it had the most time to fill."""
IPV6_PREFIX_BITS = 64
FORWARDED_MAX = 16
"""More proxies in a row than anybody has."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Buckets:
    """How much each address has left; time is handed in."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str, *, now_s: float, tokens: float = 1.0) -> float:
        """Take tokens, and return 0; or take none, and return after how many seconds there will be enough."""
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(self._rate, now_s=now_s)
            if len(self._buckets) > BUCKETS_MAX:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(address)
        return bucket.take(tokens, now_s=now_s)


class Presence:
    """How many things each address has going on at once."""

    def __init__(self, *, each_max: int, all_max: int) -> None:
        self._each_max = each_max
        self._all_max = all_max
        self._counts: dict[str, int] = {}
        self.count = 0

    def enter(self, address: str) -> bool:
        """Count one more; false if that would be too many, and then `leave` must not be called."""
        own = self._counts.get(address, 0)
        if own >= self._each_max or self.count >= self._all_max:
            return False
        self._counts[address] = own + 1
        self.count += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        own = self._counts[address] - 1
        self.count -= 1
        if own:
            self._counts[address] = own
        else:
            del self._counts[address]


def grouped(address: str) -> str:
    """Name the group an address belongs to: itself, or its IPv6 /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"  # all of those share one bucket
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed), IPV6_PREFIX_BITS), strict=False))
    return str(parsed)


def asking_address(peer: str, *, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return who asks: the connection's other end, or, behind proxies we trust, whom the first of them saw.

    Read from the right, because each proxy appends: what stands further left is whatever the client wrote there.
    """
    address = peer
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",")][-FORWARDED_MAX:]
    while hops and _is_trusted(address, trusted):
        address = hops.pop()
    return address


def is_loopback(address: str) -> bool:
    """Say whether an address is this machine's own."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in trusted)
