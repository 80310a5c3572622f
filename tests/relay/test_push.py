"""On real sockets: a sleeping device is woken once, for people, and what its push service answers is heeded."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from answerback.model.message import Lane
from answerback.relay.app import RelayNode
from answerback.relay.knocking import TTL_S, Knocking, Outcome
from answerback.relay.metrics import PushMetrics
from answerback.relay.push import PushRoad, outcome_of
from answerback.storage.push_store import PushStore
from answerback.storage.turns import Turns
from answerback.transport.push import SAID, Pusher, PushSettings, new_push_key
from answerback.wire.frames import Accepted, Ping, Pong, Submit, Subscribe
from answerback.wire.subscriptions import subscription_name
from tests.relay.client import at_home
from tests.relay.residents import Resident, envelope, move_in
from tests.transport.push_stand_in import PushService, push_service

PATIENCE_S = 20.0
KEY = new_push_key()


@contextlib.asynccontextmanager
async def relay(folder: Path, people: list[Resident], service: PushService) -> AsyncIterator[RelayNode]:
    """A relay whose pushes go to a service on this machine."""
    settings = PushSettings(key=KEY, contact="mailto:operator@relay.example", allows_private=True)
    pusher = Pusher(settings, tls=service.tls)
    node = RelayNode(folder, pusher=pusher)
    await node.start("127.0.0.1", 0)
    await node.group.call(lambda: move_in(node.database, people))
    try:
        yield node
    finally:
        await node.stop()
        await pusher.close()


async def subscribe(node: RelayNode, who: Resident, subscription: Subscribe) -> None:
    """Say where to be woken, and be gone."""
    async with at_home(node.port, who) as device:
        await device.say(subscription)
        await device.say(Ping(1))
        await device.hear_a(Pong)


async def send(node: RelayNode, who: Resident, to: Resident, text: str, *, lane: Lane = Lane.NORMAL) -> None:
    async with at_home(node.port, who) as device:
        await device.say(Submit([envelope(to, text, lane=lane)]))
        await device.hear_a(Accepted)


async def until_away(node: RelayNode, who: Resident) -> None:
    """Wait until the relay has noticed that a device is gone."""
    await node._until(lambda: node.exchange.conversations.live(who.device) is None)
    assert node.exchange.conversations.live(who.device) is None


def counted(node: RelayNode, outcome: Outcome) -> float | None:
    return node.metrics.registry.get_sample_value("answerback_pushes_total", {"outcome": outcome.value})


async def until_counted(node: RelayNode, outcome: Outcome, count: int) -> None:
    """Wait until the relay has taken in so many answers."""
    async with asyncio.timeout(PATIENCE_S):
        while counted(node, outcome) != count:  # noqa: ASYNC110 - a counter tells nobody that it counts
            await asyncio.sleep(0.01)  # 0 would keep the interpreter from the thread that writes


def test_a_sleeping_device_is_woken_once_until_it_has_come(tmp_path: Path, people: list[Resident]) -> None:
    async def story() -> None:
        ann, bea = people[:2]
        async with push_service(tmp_path) as service, relay(tmp_path, people, service) as node:
            subscription = service.subscription()
            await subscribe(node, bea, subscription)
            await until_away(node, bea)
            await send(node, ann, bea, "a receipt", lane=Lane.CONTROL)
            for number in range(3):
                await send(node, ann, bea, f"text {number}")
            (pushed,) = await service.until(1)
            assert service.opened(pushed) == SAID
            assert (pushed.headers["Urgency"], pushed.headers["TTL"]) == ("normal", str(TTL_S))
            await until_counted(node, Outcome.TAKEN, 1)
            async with at_home(node.port, bea) as device:
                assert device.welcome is not None
                assert device.welcome.push == subscription_name(subscription)
                await device.take(4)
                await send(node, ann, bea, "while it is here")
                await device.take(1)
            await until_away(node, bea)
            await send(node, ann, bea, "urgent", lane=Lane.URGENT)
            assert [each.headers["Urgency"] for each in await service.until(2)] == ["normal", "high"]

    asyncio.run(story())


@pytest.mark.parametrize("status", [404, 410])
def test_a_subscription_that_is_gone_is_forgotten_on_the_disk_too(
    tmp_path: Path, people: list[Resident], status: int
) -> None:
    async def story() -> None:
        ann, bea = people[:2]
        async with push_service(tmp_path) as service, relay(tmp_path, people, service) as node:
            service.answers = [web.Response(status=status)]
            await subscribe(node, bea, service.subscription())
            await until_away(node, bea)
            await send(node, ann, bea, "one")
            await until_counted(node, Outcome.GONE, 1)
            await send(node, ann, bea, "two")
            async with at_home(node.port, bea) as device:
                assert device.welcome is not None
                assert device.welcome.push == b"", "so it knows, and may give another"
                await device.take(2)
            assert await node.group.call(lambda: PushStore(node.database).all()) == []
            assert len(service.pushed) == 1

    asyncio.run(story())


def test_a_push_that_is_put_off_comes_when_the_service_said(tmp_path: Path, people: list[Resident]) -> None:
    async def story() -> None:
        ann, bea = people[:2]
        async with push_service(tmp_path) as service, relay(tmp_path, people, service) as node:
            service.answers = [web.Response(status=503, headers={"Retry-After": "1000"})]
            await subscribe(node, bea, service.subscription())
            await until_away(node, bea)
            began_s = asyncio.get_running_loop().time()
            await send(node, ann, bea, "one")
            await until_counted(node, Outcome.LATER, 1)
            due_s = node.exchange.knocking.wake_at_s
            assert due_s is not None
            assert due_s - began_s >= 1000
            assert node.metrics.registry.get_sample_value("answerback_pushes_failed_total") == 1

    asyncio.run(story())


def test_after_a_restart_devices_that_mail_waits_for_are_woken_and_others_are_not(
    tmp_path: Path, people: list[Resident]
) -> None:
    async def story() -> None:
        ann, bea, cid = people[:3]
        async with push_service(tmp_path) as service:
            async with relay(tmp_path, people, service) as node:
                service.answers = [web.Response(status=503, headers={"Retry-After": "1000"})]
                await subscribe(node, bea, service.subscription("bea"))
                await subscribe(node, cid, service.subscription("cid"))
                await until_away(node, bea)
                await send(node, ann, bea, "one")
                await until_counted(node, Outcome.LATER, 1)
            async with relay(tmp_path, [], service):
                await service.until(2)
            assert [pushed.path for pushed in service.pushed] == ["/bea", "/bea"]

    asyncio.run(story())


def test_a_subscription_where_nobody_may_be_asked_is_dropped_and_nobody_is_asked(
    tmp_path: Path, people: list[Resident]
) -> None:
    async def story() -> None:
        ann, bea = people[:2]
        async with push_service(tmp_path) as service, relay(tmp_path, people, service) as node:
            await subscribe(node, bea, Subscribe("https://[::1]:8080/x"))
            await until_away(node, bea)
            await send(node, ann, bea, "one")
            await until_counted(node, Outcome.GONE, 1)
            assert node.exchange.knocking.count == 0

    asyncio.run(story())


def test_a_device_takes_its_subscription_back(tmp_path: Path, people: list[Resident]) -> None:
    async def story() -> None:
        ann, bea = people[:2]
        async with push_service(tmp_path) as service, relay(tmp_path, people, service) as node:
            await subscribe(node, bea, service.subscription())
            await subscribe(node, bea, Subscribe(""))
            await until_away(node, bea)
            await send(node, ann, bea, "one")
            assert await node.group.call(lambda: PushStore(node.database).all()) == []
            assert service.pushed == []

    asyncio.run(story())


def test_a_stop_is_heard_also_in_the_moment_something_is_to_be_looked_at(
    tmp_path: Path, people: list[Resident]
) -> None:
    async def story() -> None:
        async with push_service(tmp_path) as service, relay(tmp_path, people, service) as node:
            pusher = Pusher(PushSettings(key=KEY, contact="mailto:operator@relay.example"))
            knocking = Knocking()
            knocking.knows(people[0].device, service.subscription())
            knocking.mail(people[0].device, Lane.NORMAL, now_s=time.monotonic() + 1000.0)  # so that it waits for a time
            road = PushRoad(
                knocking,
                pusher,
                store=PushStore(node.database),
                turns=Turns(node.group, node.database),
                metrics=PushMetrics(CollectorRegistry()),
            )
            running = asyncio.create_task(road.run())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            road.stir()
            running.cancel()
            done, _ = await asyncio.wait([running], timeout=PATIENCE_S)
            assert done == {running}

    asyncio.run(story())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (201, Outcome.TAKEN),
        (202, Outcome.TAKEN),
        (0, Outcome.LATER),
        (429, Outcome.LATER),
        (502, Outcome.LATER),
        (404, Outcome.GONE),
        (410, Outcome.GONE),
        (301, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (403, Outcome.GONE),
        (413, Outcome.REFUSED),
    ],
)
def test_an_answer_says_whether_to_try_again(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome
