"""Proves that one address cannot pass for many, and that many cannot fill the memory."""

import ipaddress

import pytest

from answerback.relay import addresses
from answerback.relay.addresses import Buckets, Presence, asking_address, grouped, is_loopback
from answerback.relay.limits import Rate

PROXY = (ipaddress.ip_network("10.0.0.0/8"),)


def test_an_address_that_used_its_tokens_waits_and_others_do_not() -> None:
    buckets = Buckets(Rate(burst=2, per_s=0.5))
    assert [buckets.take("a", now_s=0) for _ in range(2)] == [0, 0]
    assert buckets.take("a", now_s=0) == pytest.approx(2)
    assert buckets.take("b", now_s=0) == 0
    assert buckets.take("a", now_s=2) == 0


def test_the_number_of_addresses_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "BUCKETS_MAX", 3)
    buckets = Buckets(Rate(burst=1, per_s=0.001))
    for number in range(100):
        assert buckets.take(str(number), now_s=0) == 0
    assert len(buckets._buckets) == 3
    assert buckets.take("99", now_s=0) > 0


def test_presence_is_bounded_for_each_and_for_all() -> None:
    present = Presence(each_max=2, all_max=3)
    assert [present.enter(name) for name in "aaabb"] == [True, True, False, True, False]
    present.leave("a")
    assert present.enter("b")
    assert present.count == 3


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("no address", "unknown"),
    ],
)
def test_addresses_of_one_network_are_one(address: str, group: str) -> None:
    assert grouped(address) == group


def test_what_a_client_claims_about_itself_is_not_believed() -> None:
    assert asking_address("192.0.2.7", forwarded_for=["198.51.100.1"], trusted=()) == "192.0.2.7"
    assert asking_address("192.0.2.7", forwarded_for=["198.51.100.1"], trusted=PROXY) == "192.0.2.7"


def test_behind_proxies_the_first_untrusted_hop_from_the_right_asks() -> None:
    lines = ["1.1.1.1, 198.51.100.1", "10.0.0.9"]
    assert asking_address("10.0.0.1", forwarded_for=lines, trusted=PROXY) == "198.51.100.1"
    assert asking_address("10.0.0.1", forwarded_for=[], trusted=PROXY) == "10.0.0.1"
    assert asking_address("10.0.0.1", forwarded_for=["rubbish"], trusted=PROXY) == "rubbish"


def test_loopback_is_known_in_every_spelling() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("192.0.2.7", "::2", "", "localhost.example")))
