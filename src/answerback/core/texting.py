"""Sends each text once: what is submitted when, what an answer means, and what is in doubt.

Theory. The one hard moment is a submission without an answer. The network may have it or not; to send it again may
cost its person a second text, and not to may cost the first. So a part is written down as OUT *before* its first byte
leaves. When the connection ends it is in DOUBT, and only evidence ends that: an answer, a receipt that names it, or,
from a network that can be asked and has done with the earlier connection, the word that it is not there. Only that last
one lets a part be submitted again. Without evidence it stays in doubt for ever, and is said to be.

A part is WAITING → OUT → TAKEN → DELIVERED, or FAILED; an order is as far as its least part. What the network says
more than once, late or in another order changes nothing: DELIVERED is proof and beats all.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from answerback.core.text_facts import DropText, EndOrder, KeepOrder, KeepPart, KeepWord, TextFact
from answerback.model.handle import Handle
from answerback.model.moment import Moment
from answerback.model.texts import CarrierWord, KeptOrder, PartState, TextOrder, TextPart, TextStage
from answerback.wire.delivery_receipts import DeliveryReceipt, MessageState

ORDERS_MAX = 10_000
"""Orders not yet ended; more are refused, for something is wrong: a person does not send so many texts."""
EARLY_RECEIPTS_MAX = 1_000
"""Receipts that came before the answer that gives their id; a centre writes both within seconds."""
ASKED_AT_ONCE_MAX = 10
GIVE_UP_MS = 24 * 3_600_000
"""What could not be submitted for a day says nothing any more: it has failed, and its person is told."""
RECEIPT_MS_MAX = 7 * 86_400_000
"""Networks try for two or three days; a receipt that has not come by now does not come."""
PAUSE_S, PAUSE_S_MAX = 1.0, 60.0
"""After "not so fast": the first pause, doubled each time."""
TEMPORARY_TRIES_MAX = 5
"""A network that refuses the same part so often for reasons of its own refuses it for good."""
REFERENCES: Final = 1 << 16
Key = tuple[int, int]
NOBODY: Final[Key] = (-1, -1)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a network may be spoken to."""

    window: int = 10
    """Submissions without an answer at once."""
    per_second: float = 0.0
    """What the contract allows; 0 is any."""
    answer_s: float = 30.0
    """A network that has not answered by now is left, and met again."""


@dataclass(frozen=True, slots=True)
class SubmitPart:
    """Hand a part to the network; the KeepPart beside it comes first."""

    order: TextOrder
    part: TextPart
    parts: int


@dataclass(frozen=True, slots=True)
class AskPart:
    """Ask the network whether it has this part."""

    order: TextOrder
    part: TextPart
    parts: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the connection: the network does not answer."""


TextEffect = TextFact | SubmitPart | AskPart | HangUp


@dataclass(slots=True)
class Texting:
    """The orders of one carrier. After each verb the shell keeps what is to be kept, and only then speaks."""

    carrier: str
    pace: Pace = field(default_factory=Pace)
    reference: int = 0
    """The last one given."""
    _orders: dict[int, KeptOrder] = field(default_factory=dict)
    _parts: dict[Key, TextPart] = field(default_factory=dict)
    _by_id: dict[str, Key] = field(default_factory=dict)
    _by_reference: dict[int, Key] = field(default_factory=dict)
    _waiting: OrderedDict[Key, None] = field(default_factory=OrderedDict)
    _out: dict[Key, float] = field(default_factory=dict)
    """Submitted on this connection and not answered: since when."""
    _doubtful: list[Key] = field(default_factory=list)
    _asked: set[Key] = field(default_factory=set)
    _early: OrderedDict[str, DeliveryReceipt] = field(default_factory=OrderedDict)
    _is_open: bool = False
    _window: float = 1.0
    _pause_s: float = 0.0
    _not_before_s: float = 0.0

    def restore(self, kept: Iterable[KeptOrder]) -> list[TextEffect]:
        """Take the ledger back after a start: what was OUT is in doubt."""
        effects: list[TextEffect] = []
        for each in kept:
            self._add(each)
            crashed = [part for part in each.parts if part.state is PartState.OUT]
            for part in crashed:
                effects += self._become(part, PartState.DOUBT, reason="this program ended before the answer")
        return effects

    def accept(self, order: TextOrder, *, parts: int, charged: int, digest: bytes, now: Moment) -> list[TextEffect]:
        """Take an order whose number the ledger does not know."""
        if order.number in self._orders:
            return []
        is_full = len(self._orders) >= ORDERS_MAX
        state = PartState.FAILED if is_full else PartState.WAITING
        reason = "too many texts wait for this carrier" if is_full else ""
        stage = TextStage.FAILED if is_full else TextStage.HANDED
        made = tuple(
            TextPart(order.number, index, self._next_reference(), state, reason=reason) for index in range(parts)
        )
        kept = KeptOrder(order, digest, now.wall_ms, made, charged, stage, reason)
        word = CarrierWord(order.number, stage, self.carrier, charged, reason)
        if is_full:
            return [KeepOrder(kept), KeepWord(word), EndOrder(order.number)]
        self._add(kept)
        return [KeepOrder(kept), KeepWord(word), *self._flow(now)]

    def opened(self, *, can_ask: bool, now: Moment) -> list[TextEffect]:
        """A connection stands, and whatever was said on earlier ones is done with."""
        self._is_open, self._window = True, float(self.pace.window)
        self._asked.clear()
        doubtful = [key for key, part in self._parts.items() if part.state is PartState.DOUBT]
        self._doubtful = doubtful[::-1] if can_ask else []
        return self._flow(now)

    def broken(self, *, reason: str, now: Moment) -> list[TextEffect]:  # noqa: ARG002 - every verb is given the time
        """The connection ended; what it had not answered is in doubt."""
        self._is_open = False
        out, self._out = list(self._out), {}
        self._asked.clear()
        self._doubtful = []
        effects: list[TextEffect] = []
        for key in out:
            if self._parts[key].state is PartState.OUT:
                effects += self._become(self._parts[key], PartState.DOUBT, reason=reason)
        return effects

    def answered(self, key: Key, *, id: str, now: Moment) -> list[TextEffect]:  # noqa: A002 - what it is
        """The network has taken a part, and calls it this."""
        self._out.pop(key, None)
        part = self._parts.get(key)
        if part is None:
            return self._flow(now)
        if now.now_s >= self._not_before_s:
            self._pause_s = 0.0
        self._window = min(self._window + 1 / self._window, float(self.pace.window))
        effects = self._taken(part, id)
        return effects + self._flow(now)

    def refused(self, key: Key, *, reason: str, is_temporary: bool, too_fast: bool, now: Moment) -> list[TextEffect]:
        """The network has not taken a part, and says so."""
        self._out.pop(key, None)
        part = self._parts.get(key)
        effects: list[TextEffect] = []
        if too_fast:
            self._pause_s = min(max(PAUSE_S, 2 * self._pause_s), PAUSE_S_MAX)
            self._not_before_s = max(self._not_before_s, now.now_s + self._pause_s)
            self._window = max(1.0, self._window / 2)
        if part is not None and part.state in (PartState.OUT, PartState.DOUBT):
            may_again = too_fast or (is_temporary and part.tries < TEMPORARY_TRIES_MAX)
            effects = self._become(part, PartState.WAITING) if may_again else self._fail_order(part, reason)
            if may_again and not too_fast:
                self._not_before_s = max(self._not_before_s, now.now_s + PAUSE_S)
        return effects + self._flow(now)

    def unsent(self, key: Key, *, now: Moment) -> list[TextEffect]:
        """Nothing of this submission left this machine: there is no doubt."""
        self._out.pop(key, None)
        part = self._parts.get(key)
        is_ours = part is not None and part.state in (PartState.OUT, PartState.DOUBT)
        effects = self._become(part, PartState.WAITING) if part is not None and is_ours else []
        return effects + self._flow(now)

    def located(self, key: Key, *, receipt: DeliveryReceipt | None, is_absent: bool, now: Moment) -> list[TextEffect]:
        """The answer to a question: the network has it, has not, or (neither) does not say."""
        self._asked.discard(key)
        part = self._parts.get(key)
        effects: list[TextEffect] = []
        if part is not None and part.state is PartState.DOUBT:
            if receipt is not None:
                effects = self._taken(part, receipt.id)
                effects += self._learn(self._parts.get(key), receipt)
            elif is_absent:
                effects = self._become(part, PartState.WAITING)
        return effects + self._flow(now)

    def receipt(self, receipt: DeliveryReceipt, *, to: Handle, now: Moment) -> list[TextEffect]:
        """Learn what the network says of a message to this handle."""
        part = self._meant(receipt, to)
        if part is None:
            if receipt.id:
                self._early[receipt.id] = receipt
                if len(self._early) > EARLY_RECEIPTS_MAX:
                    self._early.popitem(last=False)
            return []
        return self._learn(part, receipt) + self._flow(now)

    def wake(self, now: Moment) -> list[TextEffect]:
        """Do what is due."""
        effects: list[TextEffect] = []
        while (oldest := self._oldest_waiting()) is not None and now.wall_ms - oldest.since_ms >= GIVE_UP_MS:
            part = self._parts[next(iter(self._waiting))]
            effects += self._fail_order(part, "the carrier could not take it within a day")
        while self._orders and now.wall_ms - (kept := next(iter(self._orders.values()))).since_ms >= RECEIPT_MS_MAX:
            effects += self._end(kept.order.number)
        if self._out and now.now_s - min(self._out.values()) >= self.pace.answer_s:
            return [*effects, HangUp()]
        return effects + self._flow(now)

    def wake_at(self, now: Moment) -> float | None:
        """When there is something to do again though nothing happens (`now_s`); None if never."""
        dues: list[float] = []
        for kept, limit_ms in (
            (self._oldest_waiting(), GIVE_UP_MS),
            (next(iter(self._orders.values()), None), RECEIPT_MS_MAX),
        ):
            if kept is not None:
                dues.append(now.now_s + max(0.0, (kept.since_ms + limit_ms - now.wall_ms) / 1000))
        if self._out:
            dues.append(min(self._out.values()) + self.pace.answer_s)
        if self._is_open and self._waiting and len(self._out) < int(self._window):
            dues.append(self._not_before_s)
        return min(dues, default=None)

    def unended(self) -> list[KeptOrder]:
        """Return the orders that may still change, as they are now."""
        return [replace(kept, parts=tuple(self._parts_of(kept))) for kept in self._orders.values()]

    def _flow(self, now: Moment) -> list[TextEffect]:
        effects: list[TextEffect] = []
        while self._is_open and self._doubtful and len(self._asked) < ASKED_AT_ONCE_MAX:
            part = self._parts.get(self._doubtful.pop())
            if part is not None and part.state is PartState.DOUBT:
                self._asked.add(part.key)
                kept = self._orders[part.number]
                effects.append(AskPart(kept.order, part, len(kept.parts)))
        while (
            self._is_open
            and self._waiting
            and len(self._out) < int(self._window)
            and now.now_s >= self._not_before_s
            and (key := next(iter(self._waiting))) not in self._out
        ):
            part = self._parts[key]
            part = replace(part, tries=part.tries + 1)
            kept = self._orders[part.number]
            effects += self._become(part, PartState.OUT)
            effects.append(SubmitPart(kept.order, self._parts[key], len(kept.parts)))
            self._out[key] = now.now_s
            if self.pace.per_second > 0:
                self._not_before_s = now.now_s + 1 / self.pace.per_second
        return effects

    def _taken(self, part: TextPart, id: str) -> list[TextEffect]:  # noqa: A002 - what it is
        named = replace(part, id=id or part.id)
        if part.state in (PartState.TAKEN, PartState.DELIVERED, PartState.FAILED):
            effects = self._become(named, part.state, reason=part.reason)
        else:
            effects = self._become(named, PartState.TAKEN)
        early = self._early.pop(id, None) if id else None
        return effects + (self._learn(self._parts.get(part.key), early) if early is not None else [])

    def _learn(self, part: TextPart | None, receipt: DeliveryReceipt) -> list[TextEffect]:
        if part is None or part.state is PartState.DELIVERED:
            return []
        named = replace(part, id=part.id or receipt.id)
        if receipt.state is MessageState.DELIVERED:
            return self._become(named, PartState.DELIVERED)
        if receipt.state.is_failure:
            error = f", error {receipt.error}" if receipt.error else ""
            return self._become(named, PartState.FAILED, reason=f"the carrier says {receipt.state.name}{error}")
        return [] if part.state in (PartState.TAKEN, PartState.FAILED) else self._become(named, PartState.TAKEN)

    def _meant(self, receipt: DeliveryReceipt, to: Handle) -> TextPart | None:
        """Find the part a receipt speaks of: by the network's id, else by our reference and whom it was to."""
        by_id = self._parts.get(self._by_id.get(receipt.id, NOBODY)) if receipt.id else None
        if by_id is not None:
            return by_id  # whatever form of the number the network writes
        ours = self._parts.get(self._by_reference.get(-1 if receipt.reference is None else receipt.reference, NOBODY))
        if ours is None or not ours.tries or (ours.id and receipt.id and ours.id != receipt.id):
            return None  # an id of its own means that the reference is an older part's
        return ours if self._orders[ours.number].order.to == to else None

    def _fail_order(self, part: TextPart, reason: str) -> list[TextEffect]:
        """Fail a part, and with it those of its text that have not left: half a text helps nobody."""
        others = [self._parts[part.number, other.index] for other in self._orders[part.number].parts]
        effects = self._become(part, PartState.FAILED, reason=reason)
        for other in others:
            if other.state is PartState.WAITING and other.index != part.index:
                effects += self._become(other, PartState.FAILED, reason="another part of the text was refused")
        return effects

    def _oldest_waiting(self) -> KeptOrder | None:
        return self._orders[next(iter(self._waiting))[0]] if self._waiting else None

    def _become(self, part: TextPart, state: PartState, *, reason: str = "") -> list[TextEffect]:
        """Change a part, and say so if its order is another now."""
        part = replace(part, state=state, reason=reason)
        if part == self._parts.get(part.key):
            return []
        self._index(part)
        if state is PartState.WAITING:
            self._waiting.move_to_end(part.key, last=False)  # it has waited for longest
        kept = self._orders[part.number]
        effects: list[TextEffect] = [KeepPart(part)]
        stage, why = self._standing(kept)
        if (stage, why) != (kept.stage, kept.reason):
            self._orders[part.number] = replace(kept, stage=stage, reason=why)
            effects.append(KeepWord(CarrierWord(part.number, stage, self.carrier, kept.charged, why)))
        states = {each.state for each in self._parts_of(kept)}
        if states <= {PartState.DELIVERED}:
            effects += self._end(part.number)
        elif states <= {PartState.TAKEN, PartState.DELIVERED, PartState.FAILED}:
            effects.append(DropText(part.number))
        return effects

    def _standing(self, kept: KeptOrder) -> tuple[TextStage, str]:
        parts = list(self._parts_of(kept))
        for state, stage in (
            (PartState.FAILED, TextStage.FAILED),
            (PartState.DOUBT, TextStage.IN_DOUBT),
            (PartState.WAITING, TextStage.HANDED),
            (PartState.OUT, TextStage.HANDED),
            (PartState.TAKEN, TextStage.SENT),
        ):
            found = next((part for part in parts if part.state is state), None)
            if found is not None:
                return stage, found.reason
        return TextStage.DELIVERED, ""

    def _end(self, number: int) -> list[TextEffect]:
        kept = self._orders.pop(number)
        for each in kept.parts:
            part = self._parts.pop(each.key)
            self._waiting.pop(part.key, None)
            self._by_id.pop(part.id, None)
            self._by_reference.pop(part.reference, None)
        return [EndOrder(number)]

    def _add(self, kept: KeptOrder) -> None:
        self._orders[kept.order.number] = kept
        for part in kept.parts:
            self._index(part)

    def _index(self, part: TextPart) -> None:
        self._parts[part.key] = part
        self._by_reference[part.reference] = part.key
        if part.id:
            self._by_id[part.id] = part.key
        if part.state is PartState.WAITING:
            self._waiting[part.key] = None
        else:
            self._waiting.pop(part.key, None)

    def _parts_of(self, kept: KeptOrder) -> Iterator[TextPart]:
        for part in kept.parts:
            yield self._parts.get(part.key, part)

    def _next_reference(self) -> int:
        for _ in range(REFERENCES):
            self.reference = (self.reference + 1) % REFERENCES
            if self.reference not in self._by_reference:
                break
        return self.reference
