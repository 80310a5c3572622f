"""A carrier in a small world: it knows orders by number, says what becomes of them, and brings texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from answerback.core.courier import Agreed, Answered, Carried, CarrierGiven, FallbackChosen, TextIn
from answerback.core.effects import CarryText, Effect
from answerback.core.facts import KeepConsent, KeepFallback, KeepPrivate, KeepText
from answerback.core.fallback import Terms
from answerback.model.fallback import AsideStage, Choice
from answerback.model.handle import Handle
from answerback.model.ids import MessageId
from answerback.model.message import Urgency
from answerback.model.texts import CarrierWord, TextArrived, TextOrder, TextStage
from tests.core.world import Phone, World

SMS = "sms"
PRICE = "0.07 EUR"
PART_CHARACTERS = 150
BEAS_NUMBER = "+49301234567"
ANNS_NUMBER = "+49307654321"


def parts(text: str) -> int:
    return -(-len(text) // PART_CHARACTERS)


@dataclass
class Carrier:
    """What stands between phones and a foreign network. What it has taken, it has for ever."""

    name: str = SMS
    price: str = PRICE
    confirms: bool = True
    orders: dict[int, TextOrder] = field(default_factory=dict)
    submissions: list[int] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        return Terms(self.name, self.price, self.confirms, parts)

    def submit(self, order: TextOrder) -> None:
        """Take an order; one whose number is known must be the same order."""
        self.submissions.append(order.number)
        assert self.orders.setdefault(order.number, order) == order, "one number, one order"

    def word(self, stage: TextStage, number: int | None = None, *, reason: str = "") -> CarrierWord:
        """Say how far an order is; the newest if none is named."""
        found = list(self.orders)[-1] if number is None else number
        return CarrierWord(found, stage, self.name, parts(self.orders[found].text), reason)


class CarriedPhone:
    """A phone with a carrier."""

    def __init__(self, phone: Phone, carrier: Carrier | None = None) -> None:
        self.phone = phone
        self.carrier = carrier or Carrier()
        phone.carry, phone.began = self.carry, self.began
        self.began()

    def began(self) -> None:
        """A run begins: the shell says which carriers there are."""
        self.phone.engine.beside(CarrierGiven(self.carrier.terms), now=self.phone.now)

    def carry(self, effects: Sequence[Effect]) -> None:
        """Hand out what was ordered, as the shell does."""
        for effect in effects:
            if isinstance(effect, CarryText):
                self.check(effect)
                self.carrier.submit(effect.order)

    def check(self, effect: CarryText) -> None:
        """Nothing leaves that is not on the disk with its number, or that nobody agreed to."""
        disk = self.phone.disk
        (text,) = [kept for kept in disk.of(KeepText) if kept.number == effect.order.number]
        assert text.stage.ordered, "the order is on the disk before the carrier hears of it"
        agreed = [
            consent
            for consent in disk.of(KeepConsent)
            if (consent.account, consent.carrier, consent.handle) == (text.account, text.carrier, text.handle)
        ]
        assert any(not consent.withdrawn_ms for consent in agreed), "consented"
        assert KeepPrivate(text.message) not in disk.of(KeepPrivate), "private"

    # ---- what people do

    def sends_privately(self, to: str, text: str) -> MessageId:
        """Promise a message that never goes by the carrier."""
        phone = self.phone
        identity, effects = phone.engine.send(
            handles=[to],
            text=text,
            attachment=None,
            urgency=Urgency.NORMAL,
            lifetime_s=86_400,
            is_private=True,
            now=phone.now,
        )
        phone.carry_out(effects)
        return identity

    def choose(
        self, contact: Phone, choice: Choice, *, after_s: float = 600.0, number: str = BEAS_NUMBER, files: bool = False
    ) -> None:
        """Choose for a contact."""
        kept = KeepFallback(contact.own.account, number, self.carrier.name, choice, after_s, is_file_noted=files)
        self._do(FallbackChosen(kept))

    def agree(self, contact: Phone) -> None:
        """Agree, for a contact, to what goes by the carrier."""
        self._do(Agreed(contact.own.account, "Ann"))

    def answer(self, message: MessageId, *, yes: bool = True, agrees: bool = False) -> None:
        """Answer for one message."""
        self._do(Answered(message, yes, "Ann", agrees))

    # ---- what the carrier does

    def says(self, stage: TextStage, number: int | None = None, *, reason: str = "") -> None:
        """The carrier says how far an order is."""
        self._do(Carried(self.carrier.word(stage, number, reason=reason)))

    def brings(self, text: str, *, sender: str = ANNS_NUMBER, identity: bytes | None = None) -> None:
        """The carrier brings a text."""
        arrival = identity or text.encode()[-16:]
        self._do(TextIn(TextArrived(Handle(sender), text, self.carrier.name, arrival)))

    # ---- what is known

    def stages(self, message: MessageId) -> list[AsideStage]:
        """The life of a message's texts, as it is on the disk."""
        numbers = {kept.number for kept in self.phone.disk.of(KeepText) if kept.message == message}
        return [kept.step.stage for kept in self.phone.disk.text_steps if kept.number in numbers]

    def _do(self, event: Agreed | Answered | FallbackChosen | Carried | TextIn) -> None:
        phone = self.phone
        phone.carry_out(phone.engine.beside(event, now=phone.now))


def known_by_number() -> tuple[World, Phone, Phone, CarriedPhone]:
    """Ann, who has a carrier and has chosen nothing, and Bea: they have written to each other's numbers."""
    world = World()
    ann, bea = world.person(ANNS_NUMBER), world.person(BEAS_NUMBER)
    world.run(2)
    ann.send(BEAS_NUMBER, text="hello")
    bea.send(ANNS_NUMBER, text="hello")
    world.run(3)
    return world, ann, bea, CarriedPhone(ann)
