"""A push says nothing but that there is something, to push services of the whole world and to nothing nearer."""

import asyncio
import datetime as dt
import socket
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from py_vapid import Vapid02

from answerback.model.errors import UsageError
from answerback.transport.push import (
    SAID,
    TOPIC,
    Answer,
    PublicNames,
    Pusher,
    PushSettings,
    check_endpoint,
    is_public,
    new_push_key,
    sealed_push,
)
from answerback.wire.frames import Subscribe
from tests.transport.push_stand_in import PushService, push_service

KEY = new_push_key()
CONTACT = "mailto:operator@relay.example"


def pusher_for(service: PushService, *, allows_private: bool = True) -> Pusher:
    return Pusher(PushSettings(key=KEY, contact=CONTACT, allows_private=allows_private), tls=service.tls)


def pushed_once(folder: Path, *responses: web.Response, sealed: bool = True) -> tuple[PushService, Answer]:
    async def play() -> tuple[PushService, Answer]:
        async with push_service(folder) as service:
            service.answers += responses
            pusher = pusher_for(service)
            answer = await pusher.push(service.subscription(sealed=sealed), urgency="high", ttl_s=60)
            await pusher.close()
            return service, answer

    return asyncio.run(play())


def test_a_push_opens_with_the_devices_keys_and_says_nothing_but_that_there_is_something(tmp_path: Path) -> None:
    service, answer = pushed_once(tmp_path)
    (pushed,) = service.pushed
    assert answer.status == 201
    assert service.opened(pushed) == SAID
    assert {name: pushed.headers[name] for name in ("TTL", "Urgency", "Topic", "Content-Encoding")} == {
        "TTL": "60",
        "Urgency": "high",
        "Topic": TOPIC,
        "Content-Encoding": "aes128gcm",
    }


def test_a_push_is_signed_by_the_relay_for_this_service_alone(tmp_path: Path) -> None:
    service, _ = pushed_once(tmp_path)
    signed = service.pushed[0].headers["Authorization"]
    assert Vapid02.verify(signed)
    assert signed.endswith(f"k={Pusher(PushSettings(key=KEY, contact=CONTACT)).public_key}")
    claims = service.claims(service.pushed[0])
    assert claims["aud"] == service.url
    assert claims["sub"] == CONTACT


def test_the_plain_form_says_the_same_to_everybody(tmp_path: Path) -> None:
    service, answer = pushed_once(tmp_path, sealed=False)
    assert answer.status == 201
    assert service.pushed[0].body == SAID
    assert "Content-Encoding" not in service.pushed[0].headers


def test_sealed_pushes_have_one_length_and_are_never_the_same(tmp_path: Path) -> None:
    subscription = PushService(url="https://push.example").subscription()
    sealed = {sealed_push(subscription) for _ in range(5)}
    assert len(sealed) == 5
    assert len({len(each) for each in sealed}) == 1


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    service, answer = pushed_once(tmp_path, web.Response(status=307, headers={"Location": "/elsewhere"}))
    assert answer.status == 307
    assert [pushed.path for pushed in service.pushed] == ["/phone"]


@pytest.mark.parametrize(
    ("said", "least_s", "most_s"),
    [
        ("120", 120, 120),
        ("in an hour", 3500, 3600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("-5", 0, 0),
    ],
)
def test_a_service_says_when_to_come_back_in_seconds_or_as_a_date(
    tmp_path: Path, said: str, least_s: float, most_s: float
) -> None:
    if said == "in an hour":
        said = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(hours=1), usegmt=True)
    _, answer = pushed_once(tmp_path, web.Response(status=429, headers={"Retry-After": said}))
    assert answer.status == 429
    assert least_s <= answer.retry_after_s <= most_s


def test_a_service_that_is_not_there_is_an_answer_and_no_error() -> None:
    async def play() -> Answer:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        pusher = Pusher(PushSettings(key=KEY, contact=CONTACT, allows_private=True))
        try:
            return await pusher.push(Subscribe(f"https://127.0.0.1:{port}/x"), urgency="low", ttl_s=1)
        finally:
            await pusher.close()

    answer = asyncio.run(play())
    assert answer.status == 0
    assert answer.detail


def test_a_service_on_this_machine_is_asked_only_if_the_operator_allows_it(tmp_path: Path) -> None:
    async def play() -> int:
        async with push_service(tmp_path) as service:
            pusher = pusher_for(service, allows_private=False)
            with pytest.raises(UsageError, match="private address"):
                await pusher.push(service.subscription(), urgency="low", ttl_s=1)
            named = Subscribe(service.url.replace("127.0.0.1", "localhost") + "/x")
            assert (await pusher.push(named, urgency="low", ttl_s=1)).status == 0, "a name that leads here neither"
            await pusher.close()
            return len(service.pushed)

    assert asyncio.run(play()) == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://push.example/x",
        "https://",
        "https:///x",
        "https://user:word@push.example/x",
        "https://push.example:0/x",
        "https://push.example:99999/x",
        "https://[::1]/x",
        "https://127.0.0.1/x",
        "https://10.1.2.3:8443/x",
        "https://169.254.169.254/latest",
        "https://2130706433/x",
        "https://127.1/x",
        "gopher://push.example/x",
    ],
)
def test_an_endpoint_that_is_near_or_odd_is_never_asked(url: str) -> None:
    with pytest.raises(UsageError):
        check_endpoint(url, allows_private=False)


def test_an_endpoint_of_the_world_is_asked() -> None:
    for url in ("https://push.example/v1/abc", "https://push.example:8443/x?y=z", "https://93.184.216.34/x"):
        check_endpoint(url, allows_private=False)
    check_endpoint("https://127.0.0.1:8443/x", allows_private=True)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1"),
        *("64:ff9b::a00:1", "2002:a00:1::", "nonsense"),
    ],
)
def test_an_address_that_only_this_network_reaches_is_not_public_in_any_dress(address: str) -> None:
    assert not is_public(address)


def test_a_public_address_is_public_in_any_dress() -> None:
    for address in (
        "93.184.216.34",
        "2606:2800:220:1:248:1893:25c8:1946",
        "::ffff:93.184.216.34",
        "64:ff9b::5db8:d822",
    ):
        assert is_public(address), address


class Zone(AbstractResolver):
    """Names as a hostile zone gives them."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def test_a_name_that_leads_here_among_others_is_asked_at_the_others_only() -> None:
    found = asyncio.run(PublicNames(Zone("10.0.0.1", "93.184.216.34")).resolve("push.example", 443))
    assert [each["host"] for each in found] == ["93.184.216.34"]
    with pytest.raises(OSError, match="no public address"):
        asyncio.run(PublicNames(Zone("127.0.0.1", "::1")).resolve("push.example", 443))


@pytest.mark.parametrize("key", [b"\x04" + bytes(64), b"\x04" + b"\xff" * 64])
def test_keys_that_are_none_are_found_before_anything_is_said(key: bytes) -> None:
    with pytest.raises(UsageError, match="keys"):
        sealed_push(Subscribe("https://push.example/x", key, bytes(16)))
