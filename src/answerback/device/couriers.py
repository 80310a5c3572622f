"""Hands orders to the carriers that are set up, and tells the engine what they say."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from answerback.core.courier import Beside, Carried, CarrierGiven, TextIn
from answerback.core.effects import Effect, Moment
from answerback.core.engine import Engine
from answerback.core.fallback import Terms
from answerback.model.errors import StorageError, UsageError
from answerback.model.texts import CarrierWord, TextArrived, TextOrder, TextStage
from answerback.transport.ports import Carrier

log = logging.getLogger(__name__)

AGAIN_S = 1.0
"""After the disk has refused a carrier's word: it is not let go of before it is kept."""
Make = Callable[[Callable[[Engine, Moment], list[Effect]]], None]
Spawn = Callable[[Coroutine[Any, Any, None], str], object]


class Couriers:
    """The carriers of one device."""

    def __init__(self, carriers: Iterable[Carrier], make: Make, spawn: Spawn) -> None:
        self._carriers: Final = {carrier.name: carrier for carrier in carriers}
        self._make: Final = make
        self._spawn: Final = spawn

    @property
    def given(self) -> list[CarrierGiven]:
        """What an engine must know of each."""
        return [
            CarrierGiven(Terms(each.name, each.price, each.is_confirming, each.parts))
            for each in self._carriers.values()
        ]

    def start(self) -> None:
        """Hear what each of them says."""
        for carrier in self._carriers.values():
            self._spawn(self._listen(carrier), "carrier")

    def carry(self, name: str, order: TextOrder) -> None:
        """Hand an order over; what becomes of it is heard later."""
        carrier = self._carriers.get(name)
        if carrier is None:
            log.warning("! order %d waits for the carrier %s, which is not set up", order.number, name)
            return
        self._spawn(self._submit(carrier, order), "text")

    async def close(self) -> None:
        """Let go of all of them."""
        for carrier in self._carriers.values():
            await carrier.close()

    async def _submit(self, carrier: Carrier, order: TextOrder) -> None:
        try:
            await carrier.submit(order)
        except UsageError as error:
            log.warning("! %s does not take order %d", carrier.name, order.number)
            await self._tell(Carried(CarrierWord(order.number, TextStage.FAILED, carrier.name, 0, str(error))))

    async def _listen(self, carrier: Carrier) -> None:
        async for said in carrier.words():
            await self._tell(TextIn(said) if isinstance(said, TextArrived) else Carried(said))

    async def _tell(self, event: Beside) -> None:
        """Have it kept before the carrier is asked for its next word: that is what tells it that this one is kept."""
        while True:
            try:
                self._make(lambda engine, now: engine.beside(event, now=now))
            except StorageError as error:
                log.error("! the disk refused what a carrier said: %s", error)  # noqa: TRY400 - its message says it all
                await asyncio.sleep(AGAIN_S)
            else:
                return
