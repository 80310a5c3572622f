"""Proves that an order reaches its carrier from the disk, and that a carrier's word is on the disk before the next."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from answerback.core.effects import Effect, Moment
from answerback.device.couriers import Couriers
from answerback.model.errors import StoreFullError, UsageError
from answerback.model.handle import Handle
from answerback.model.texts import CarrierWord, TextArrived, TextOrder, TextStage

ORDER = TextOrder(7, Handle("+49301234567"), "hello")


class StandIn:
    """A carrier of this process."""

    name = "sms"
    price = "0.07 EUR"
    is_confirming = True
    is_encrypted = False

    def __init__(self, *words: CarrierWord | TextArrived, refuses: bool = False) -> None:
        self.orders: list[TextOrder] = []
        self.kept: list[CarrierWord | TextArrived] = []
        self.is_closed = False
        self._words = words
        self._refuses = refuses

    def parts(self, text: str) -> int:
        return -(-len(text) // 150)

    async def submit(self, order: TextOrder) -> None:
        if self._refuses:
            raise UsageError("not in my alphabet")
        self.orders.append(order)

    async def words(self) -> AsyncIterator[CarrierWord | TextArrived]:
        for word in self._words:
            yield word
            self.kept.append(word)  # asked for the next: this one is on the caller's disk

    async def close(self) -> None:
        self.is_closed = True


class Shell:
    """An agent that only writes down what was changed, on a disk that may refuse at first."""

    def __init__(self, refusals: int = 0) -> None:
        self.heard: list[object] = []
        self.refusals = refusals
        self.tasks: list[asyncio.Task[None]] = []

    def change(self, make: object) -> None:
        assert callable(make)
        if self.refusals:
            self.refusals -= 1
            raise StoreFullError("no space")
        make(self, Moment(0.0, 0))

    def beside(self, event: object, *, now: Moment) -> list[Effect]:
        self.heard.append(event)
        return []

    def spawn(self, work: Coroutine[Any, Any, None], _name: str) -> None:
        self.tasks.append(asyncio.ensure_future(work))


def couriers(shell: Shell, *carriers: StandIn) -> Couriers:
    return Couriers(carriers, shell.change, shell.spawn)


def test_words_and_texts_are_told_and_each_is_kept_before_the_next_is_asked_for() -> None:
    async def run() -> None:
        word = CarrierWord(7, TextStage.SENT, "sms", 1)
        text = TextArrived(Handle("+49301234567"), "hi", "sms", b"1")
        carrier, shell = StandIn(word, text), Shell()
        beside = couriers(shell, carrier)
        beside.start()
        await asyncio.gather(*shell.tasks)
        assert [getattr(event, "word", None) or getattr(event, "text", None) for event in shell.heard] == [word, text]
        assert carrier.kept == [word, text]
        await beside.close()
        assert carrier.is_closed

    asyncio.run(run())


def test_a_word_that_the_disk_refuses_is_not_let_go_of() -> None:
    async def run() -> None:
        word = CarrierWord(7, TextStage.SENT, "sms", 1)
        carrier, shell = StandIn(word), Shell(refusals=1)
        couriers(shell, carrier).start()
        await asyncio.sleep(0.05)
        assert (carrier.kept, shell.heard) == ([], [])
        await asyncio.gather(*shell.tasks)
        assert carrier.kept == [word]
        assert len(shell.heard) == 1

    asyncio.run(run())


def test_an_order_goes_to_the_carrier_it_names_and_what_that_cannot_take_has_failed() -> None:
    async def run() -> None:
        taking, refusing, shell = StandIn(), StandIn(refuses=True), Shell()
        couriers(shell, taking).carry("sms", ORDER)
        couriers(shell, taking).carry("another", ORDER)
        couriers(shell, refusing).carry("sms", ORDER)
        await asyncio.gather(*shell.tasks)
        assert taking.orders == [ORDER]
        (heard,) = shell.heard
        assert getattr(heard, "word", None) == CarrierWord(7, TextStage.FAILED, "sms", 0, "not in my alphabet")

    asyncio.run(run())


def test_an_engine_is_told_what_each_carrier_costs_and_can_say() -> None:
    (given,) = couriers(Shell(), StandIn()).given
    assert (given.terms.name, given.terms.price, given.terms.confirms, given.terms.parts("x" * 600)) == (
        "sms",
        "0.07 EUR",
        True,
        4,
    )
