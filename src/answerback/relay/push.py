"""Wakes sleeping devices through their push services: keeps where, knocks when the schedule says, learns from answers.

What is decided is decided in `knocking`; here its wishes are carried out, a few at once, beside the mail road. Nothing
waits for this: a push service that is slow or gone costs a device its wake-up and nobody anything else.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from random import SystemRandom
from typing import Final, Protocol

from answerback.model.errors import StorageError, UsageError
from answerback.model.ids import DeviceId
from answerback.relay.knocking import TTL_S, Knock, Knocking, Outcome
from answerback.relay.metrics import PushMetrics
from answerback.storage.push_store import PushStore
from answerback.storage.turns import Turns
from answerback.transport.push import AT_ONCE_MAX, Answer
from answerback.wire.frames import Subscribe

_log = logging.getLogger(__name__)
_GONE: Final = frozenset({401, 403, 404, 410})
"""There is no such subscription any more (RFC 8030 §7.3), or it is another relay's key's (RFC 8292 §4.2)."""
_LATER: Final = frozenset({0, 408, 425, 429})
_SERVER_FAULTS = 500
_TAKEN = range(200, 300)


class Pushes(Protocol):
    """What carries a push: `transport.push.Pusher`."""

    async def push(self, subscription: Subscribe, *, urgency: str, ttl_s: int) -> Answer:
        """Say that there is something."""
        ...


class PushRoad:
    """The relay's way to devices that hold no connection."""

    def __init__(
        self,
        knocking: Knocking,
        pusher: Pushes,
        *,
        store: PushStore,
        turns: Turns,
        metrics: PushMetrics,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`store` is used in the thread that writes, through `turns`."""
        self._knocking: Final = knocking
        self._pusher: Final = pusher
        self._store: Final = store
        self._turns: Final = turns
        self._metrics: Final = metrics
        self._now_s: Final = now_s
        self._stirred: Final = asyncio.Event()
        self._room: Final = asyncio.Semaphore(AT_ONCE_MAX)
        self._chance: Final = SystemRandom().random

    def remember(self, *, now_ms: int) -> None:
        """Learn who can be woken, and knock where mail waits: a push may have been lost with the last run."""
        for device, subscription in self._store.all():
            self._knocking.knows(device, subscription)
        for device, lane in self._store.waiting(now_ms=now_ms):
            self._knocking.mail(device, lane, now_s=self._now_s())

    def stir(self) -> None:
        """Look again: something was said to the schedule."""
        self._stirred.set()

    async def run(self) -> None:
        """Knock until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._stirred.clear()
                for device, subscription in self._knocking.take_wishes().items():
                    await self._keep(device, subscription)
                for knock in self._knocking.wake(now_s=self._now_s()):
                    group.create_task(self._knock(knock))
                self._metrics.subscriptions.set(self._knocking.count)
                wake_at_s = self._knocking.wake_at_s
                wait_s = None if wake_at_s is None else max(wake_at_s - self._now_s(), 0.0)
                with contextlib.suppress(TimeoutError):  # not `wait_for`: Python 3.11's may lose a cancellation
                    async with asyncio.timeout(wait_s):
                        await self._stirred.wait()

    async def _keep(self, device: DeviceId, subscription: Subscribe) -> None:
        now_ms = time.time_ns() // 1_000_000
        try:
            if not subscription.endpoint:
                await self._turns.take(lambda: self._store.drop(device))
            elif not await self._turns.take(lambda: self._store.put(device, subscription, now_ms=now_ms)):
                self._knocking.forget(device)
        except StorageError as error:  # the device sees in its next welcome that it is not held, and says it again
            self._knocking.forget(device)
            _log.error("a push subscription could not be kept: %s", error)

    async def _drop(self, device: DeviceId, subscription: Subscribe) -> bool:
        try:
            return await self._turns.take(lambda: self._store.drop(device, endpoint=subscription.endpoint))
        except StorageError as error:
            _log.error("a push subscription could not be dropped: %s", error)
            return True  # forgotten in this run; the next learns of it in the same way

    async def _knock(self, knock: Knock) -> None:
        subscription, retry_after_s, outcome = None, 0.0, Outcome.GONE
        async with self._room:
            try:
                subscription = await self._turns.take(lambda: self._store.of(knock.device))
                if subscription is not None:
                    answer = await self._pusher.push(subscription, urgency=knock.urgency.value, ttl_s=TTL_S)
                    outcome, retry_after_s = outcome_of(answer.status), answer.retry_after_s
            except UsageError as error:
                _log.warning("= device %s cannot be woken where it said: %s", knock.device.hex()[:8], error)
            except StorageError as error:
                outcome = Outcome.LATER
                _log.error("a push subscription could not be read: %s", error)
        if outcome is Outcome.GONE and subscription is not None and not await self._drop(knock.device, subscription):
            outcome = Outcome.LATER  # it gave another one meanwhile
        self._knocking.answered(knock, outcome, retry_after_s=retry_after_s, draw=self._chance(), now_s=self._now_s())
        self._metrics.pushed(outcome)
        self.stir()


def outcome_of(status: int) -> Outcome:
    """Say what a push service's answer means for the knock."""
    if status in _TAKEN:
        return Outcome.TAKEN
    if status in _GONE:
        return Outcome.GONE
    return Outcome.LATER if status in _LATER or status >= _SERVER_FAULTS else Outcome.REFUSED
