"""Proves that a path is a value, and that the path without a name has none."""

from answerback.model.paths import ANY_PATH, NETWORK_BYTES, PathSeen


def test_two_looks_that_saw_the_same_are_equal() -> None:
    network = b"n" * NETWORK_BYTES
    one = PathSeen("eth0", network, is_metered=False, has_ipv4=True, has_ipv6=False)
    assert one == PathSeen("eth0", network, is_metered=False, has_ipv4=True, has_ipv6=False)
    assert len({one, PathSeen("eth1", network, is_metered=False, has_ipv4=True, has_ipv6=False)}) == 2


def test_whatever_the_system_chooses_is_no_interface() -> None:
    assert not ANY_PATH
