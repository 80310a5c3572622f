"""A device's side of a carrier under test: its ledger, its words, and what each order has come to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from answerback.core.texting import Pace
from answerback.device import texting
from answerback.device.texting import CarrierTraits, TextCarrier
from answerback.model.handle import parse_handle
from answerback.model.texts import CarrierWord, TextArrived, TextOrder, TextStage
from answerback.storage.text_ledger import open_ledger
from answerback.transport.carriers.roads import OpenRoad
from answerback.transport.carriers.smpp import SmppSettings, open_smpp

PATIENCE_S = 30.0


class Office:
    """A carrier, and somebody who takes its words."""

    def __init__(self, carrier: TextCarrier) -> None:
        self.carrier = carrier
        self.words: list[CarrierWord] = []
        self.last: dict[int, CarrierWord] = {}
        self.arrivals: list[TextArrived] = []

    async def listen(self) -> None:
        async for word in self.carrier.words():
            if isinstance(word, CarrierWord):
                self.words.append(word)
                self.last[word.number] = word
            else:
                self.arrivals.append(word)

    async def send(self, number: int, text: str, to: str = "+49301234567") -> None:
        await self.carrier.submit(TextOrder(number, parse_handle(to), text))

    def count(self, stage: TextStage) -> int:
        return sum(word.stage is stage for word in self.last.values())

    async def until(self, is_so: Callable[[], bool]) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < end_s, f"{self.carrier.trouble!r}, {self.last}"
            await asyncio.sleep(0.01)

    async def until_stage(self, number: int, stage: TextStage) -> CarrierWord:
        await self.until(lambda: number in self.last and self.last[number].stage is stage)
        return self.last[number]


@asynccontextmanager
async def office(
    folder: Path, open_road: OpenRoad, *, pace: Pace | None = None, cut: texting.Cut = texting.Cut.HERE
) -> AsyncIterator[Office]:
    database = open_ledger(folder, key=None)
    traits = CarrierTraits(name="test", kind="test", pace=pace or Pace(answer_s=5.0), cut=cut)
    carrier = TextCarrier(traits, database=database, open_road=open_road)
    desk = Office(carrier)
    carrier.start()
    listening = asyncio.create_task(desk.listen())
    try:
        yield desk
    finally:
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        await carrier.close()
        database.close()


def smpp(port: int, *, is_asked: bool = True, sender: str = "+4930111") -> OpenRoad:
    settings = SmppSettings(
        host="127.0.0.1", port=port, system_id="answer", password="secret", sender=sender, is_asked=is_asked
    )
    return lambda: open_smpp(settings)
