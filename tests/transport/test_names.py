"""Proves that nobody waits for a name server twice, and that IPv4 is reached from where there is only IPv6."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.transport import names
from answerback.transport.names import (
    FAILED_AGAIN_S,
    NAT64_NAME,
    OLD_AFTER_S,
    Address,
    Names,
    behind,
    prefixes_in,
    system_lookup,
)

PORT = 7443


class Resolver:
    """A name server that answers as it is told to, when it is told to."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []
        self.is_silent = False
        self.now_s = 1_000.0

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if self.is_silent:
            await asyncio.Event().wait()
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self.answers[host]

    def names(self, host: str) -> Names:
        return Names(host, lookup=self, now_s=lambda: self.now_s)


def played(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 20))


async def hosts(asked: Names, *, ipv4: bool = True, ipv6: bool = True) -> list[str]:
    return [address.host for address in await asked.addresses(PORT, ipv4=ipv4, ipv6=ipv6)]


def test_only_the_first_who_dials_waits_for_the_name_server() -> None:
    async def story() -> None:
        resolver = Resolver(relay_example=["192.0.2.1", "192.0.2.2"])
        found = resolver.names("relay.example")
        assert await hosts(found) == ["192.0.2.1", "192.0.2.2"]
        resolver.is_silent = True
        for again_s in (FAILED_AGAIN_S, OLD_AFTER_S):
            resolver.now_s += again_s
            found.failed()
            assert await hosts(found) == ["192.0.2.1", "192.0.2.2"]
        found.moved()
        await asyncio.sleep(0)
        assert await hosts(found) == ["192.0.2.1", "192.0.2.2"]
        assert len(resolver.asked) == 2, "one question is on its way, and is not asked again"
        await found.close()

    played(story)


def test_during_an_outage_the_name_is_looked_up_now_and_then_and_after_a_move_at_once() -> None:
    async def story() -> None:
        resolver = Resolver(relay_example=["192.0.2.1"])
        found = resolver.names("relay.example")
        await found.addresses(PORT)
        for _ in range(100):
            found.failed()
            await asyncio.sleep(0)
        assert len(resolver.asked) == 1
        resolver.now_s += FAILED_AGAIN_S
        found.failed()
        await asyncio.sleep(0)
        assert len(resolver.asked) == 2
        await asyncio.sleep(0)
        found.moved()
        await asyncio.sleep(0)
        assert len(resolver.asked) == 3
        await found.close()

    played(story)


def test_the_address_that_answered_stands_first_also_after_a_lookup_in_another_order() -> None:
    async def story() -> None:
        resolver = Resolver(relay_example=["2001:db8::1", "192.0.2.1"])
        found = resolver.names("relay.example")
        await found.addresses(PORT)
        found.answered("192.0.2.1")
        assert await hosts(found) == ["192.0.2.1", "2001:db8::1"]
        resolver.answers["relay.example"] = ["2001:db8::2", "2001:db8::1", "192.0.2.1"]
        found.moved()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await hosts(found) == ["192.0.2.1", "2001:db8::1", "2001:db8::2"]
        resolver.answers["relay.example"] = ["198.51.100.1"]
        resolver.now_s += OLD_AFTER_S
        await found.addresses(PORT)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await hosts(found) == ["198.51.100.1"], "what the name no longer says is forgotten"
        await found.close()

    played(story)


def test_a_lookup_that_fails_takes_nothing_away() -> None:
    async def story() -> None:
        resolver = Resolver(relay_example=["192.0.2.1"])
        found = resolver.names("relay.example")
        await found.addresses(PORT)
        resolver.answers["relay.example"] = []
        for _ in ("it has no address", "there is no such name"):
            found.moved()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert await hosts(found) == ["192.0.2.1"]
            resolver.answers.clear()
        await found.close()

    played(story)


def test_who_knows_nothing_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "LOOKUP_S_MAX", 0.01)

    async def story() -> None:
        resolver = Resolver()
        found = resolver.names("relay.example")
        with pytest.raises(socket.gaierror):
            await found.addresses(PORT)
        resolver.is_silent = True
        with pytest.raises(socket.gaierror):
            await found.addresses(PORT)
        await found.close()

    played(story)


def test_a_lookup_goes_on_when_whoever_asked_is_told_to_stop() -> None:
    async def story() -> None:
        resolver = Resolver(relay_example=["192.0.2.1"])
        answer = asyncio.Event()

        async def slow(host: str) -> Sequence[str]:
            await answer.wait()
            return await resolver(host)

        found = Names("relay.example", lookup=slow)
        first = asyncio.create_task(found.addresses(PORT))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        answer.set()
        assert await hosts(found) == ["192.0.2.1"]
        assert resolver.asked == ["relay.example"]
        await found.close()

    played(story)


def test_an_address_is_never_looked_up() -> None:
    async def story() -> None:
        for host in ("192.0.2.1", "2001:db8::1"):
            resolver = Resolver()
            found = resolver.names(host)
            found.failed()
            found.moved()
            assert await hosts(found) == [host]
            assert found.known == (host,)
            assert not resolver.asked
            await found.close()

    played(story)


def test_each_path_is_given_the_families_it_has() -> None:
    async def story() -> None:
        found = Resolver(relay_example=["2001:db8::1", "192.0.2.1"]).names("relay.example")
        assert await hosts(found, ipv6=False) == ["192.0.2.1"]
        assert await hosts(found, ipv4=False) == ["2001:db8::1"]
        assert await hosts(found, ipv4=False, ipv6=False) == ["2001:db8::1", "192.0.2.1"]

    played(story)


def test_where_there_is_only_ipv6_an_ipv4_address_is_given_behind_the_networks_prefix() -> None:
    async def story() -> None:
        resolver = Resolver(ipv4only_arpa=["64:ff9b::c000:aa", "64:ff9b::c000:ab", "192.0.0.170"])
        found = resolver.names("198.51.100.7")
        assert await hosts(found, ipv4=False) == ["64:ff9b::c633:6407"]
        assert await hosts(found, ipv4=False) == ["64:ff9b::c633:6407"]
        assert resolver.asked == [NAT64_NAME]
        assert await hosts(found) == ["198.51.100.7"]
        resolver.answers[NAT64_NAME] = ["2001:db8:64::c000:aa"]
        found.moved()  # another network has another prefix
        assert await hosts(found, ipv4=False) == ["2001:db8:64::c633:6407"]
        resolver.answers.clear()
        found.moved()
        assert await hosts(found, ipv4=False) == ["198.51.100.7"], "and the system says why it cannot"
        await found.close()

    played(story)


@given(st.sampled_from([96, 64, 56, 48, 40, 32]), st.ip_addresses(v=4), st.binary(min_size=4, max_size=4))
def test_a_prefix_of_every_length_is_found_by_the_name_everybody_knows(
    bits: int, address: ipaddress.IPv4Address, start: bytes
) -> None:
    prefix = ipaddress.IPv6Network((start + bytes(12), bits))
    assert prefixes_in([behind(prefix, "192.0.0.170"), behind(prefix, "192.0.0.171"), "192.0.0.170"])[0] == prefix
    packed = ipaddress.IPv6Address(behind(prefix, str(address))).packed
    assert packed[8] == 0 or bits == 96
    assert packed[: bits // 8] == prefix.network_address.packed[: bits // 8]


def test_an_answer_that_is_no_translation_names_no_prefix() -> None:
    assert prefixes_in(["2001:db8::1", "192.0.0.170"]) == ()


def test_the_examples_of_the_standard_come_out() -> None:
    for prefix, written in {
        "2001:db8::/32": "2001:db8:c000:221::",
        "2001:db8:100::/40": "2001:db8:1c0:2:21::",
        "2001:db8:122::/48": "2001:db8:122:c000:2:2100::",
        "2001:db8:122:300::/56": "2001:db8:122:3c0:0:221::",
        "2001:db8:122:344::/64": "2001:db8:122:344:c0:2:2100::",
        "2001:db8:122:344::/96": "2001:db8:122:344::c000:221",
    }.items():
        assert behind(ipaddress.IPv6Network(prefix), "192.0.2.33") == str(ipaddress.IPv6Address(written))


def test_the_systems_own_resolver_is_asked() -> None:
    async def story() -> None:
        assert "127.0.0.1" in await system_lookup("localhost")
        with pytest.raises(socket.gaierror):
            await system_lookup("no-such-name.invalid")

    played(story)


def test_an_address_is_given_as_the_system_wants_it() -> None:
    tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    assert Address("192.0.2.1", 1).info == (socket.AF_INET, *tcp, ("192.0.2.1", 1))
    (index, loopback), *_ = socket.if_nameindex()
    assert Address(f"fe80::1%{loopback}", 2).info == (socket.AF_INET6, *tcp, ("fe80::1", 2, 0, index))
    assert Address("fe80::1%7", 2).info[4] == ("fe80::1", 2, 0, 7)
    assert Address("2001:db8::1", 3).info[4] == ("2001:db8::1", 3, 0, 0)


def test_this_very_machine_is_known_without_asking() -> None:
    resolver = Resolver()
    assert set(resolver.names("localhost").known) == {"127.0.0.1", "::1"}
    assert not resolver.asked


def test_who_wants_to_know_is_told_when_other_addresses_are_learned() -> None:
    async def story() -> None:
        resolver = Resolver(relay_example=["192.0.2.1", "192.0.2.2"])
        found = resolver.names("relay.example")
        told: list[tuple[str, ...]] = []
        found.learned = lambda: told.append(found.known)
        await found.addresses(PORT)
        resolver.answers["relay.example"].reverse()
        found.moved()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        resolver.answers["relay.example"] = ["192.0.2.3"]
        found.moved()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == [("192.0.2.1", "192.0.2.2"), ("192.0.2.3",)]
        await found.close()

    played(story)
