"""Decides when a message may go by another way, and lets none go that nobody agreed to.

Theory. Three things must be there before a carrier hears of a text: a *choice* for this contact (never, unless somebody
said otherwise), a *reason* (nothing got the message nearer for as long as was chosen) and a *consent* on the disk: to
this number, this carrier, this price and these words. All orders pass one gate, `_order`, which looks for the third; no
verb goes round it. An order is kept, with its number, in the same change that hands it out; after a crash it is handed
out again under the same number, by which the carrier knows it. What is ordered is never ordered again unless the
carrier says that it failed and a person asks: a text in doubt stays in doubt.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from answerback.core.effects import CarryText, Effect, Moment, Save, Tell, TextProgressed
from answerback.core.facts import KeepConsent, KeepFallback, KeepPrivate, KeepText, KeepTextStep
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.fallback import (
    AFTER_S_MAX,
    AFTER_S_MIN,
    ASK_S,
    ASK_URGENT_S,
    BY_CHARACTERS_MAX,
    PARTS_MAX,
    REASON_CHARACTERS_MAX,
    WORDING,
    AsideStage,
    AsideStep,
    Choice,
    Obstacle,
    Trigger,
    body_of,
    evidence_of,
    stage_of,
    tagged,
    text_number,
)
from answerback.model.handle import Handle
from answerback.model.ids import AccountId, MessageId
from answerback.model.message import Urgency
from answerback.model.texts import CarrierWord, TextOrder

TEXTS_MAX = 10_000
"""Texts remembered; a word about an older one is about something that nobody waits for any more."""
_LATER = {
    AsideStage.ORDERED: frozenset(AsideStage) - {AsideStage.OFFERED, AsideStage.DECLINED, AsideStage.LAPSED},
    AsideStage.HANDED: frozenset({AsideStage.SENT, AsideStage.DELIVERED, AsideStage.IN_DOUBT, AsideStage.FAILED}),
    AsideStage.IN_DOUBT: frozenset({AsideStage.SENT, AsideStage.DELIVERED, AsideStage.FAILED}),
    AsideStage.SENT: frozenset({AsideStage.DELIVERED, AsideStage.FAILED}),
    AsideStage.FAILED: frozenset({AsideStage.DELIVERED}),
}
"""Which word may follow which: late and repeated ones change nothing, and a delivery receipt is stronger than all."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A carrier that is there: what it is called and costs, and as how many parts it would take a text."""

    name: str
    price: str
    confirms: bool
    parts: Callable[[str], int] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message of ours that waits, as far as fallback needs to know it."""

    message: MessageId
    account: AccountId | None
    """Whom it is for, if that is one account and not our own."""
    text: str = field(repr=False)
    has_file: bool
    urgency: Urgency
    is_answered: bool
    """A device of theirs has it."""


@dataclass(slots=True)
class Fallback:
    """What was chosen, agreed to and ordered."""

    carriers: dict[str, Terms] = field(default_factory=dict)
    choices: dict[AccountId, KeepFallback] = field(default_factory=dict)
    private: set[MessageId] = field(default_factory=set)
    _consents: dict[tuple[AccountId, str], KeepConsent] = field(default_factory=dict)
    """The newest for each contact and carrier."""
    _texts: dict[int, KeepText] = field(default_factory=dict)
    _by_message: dict[MessageId, KeepText] = field(default_factory=dict)
    """The newest of each message."""
    _unheard: set[int] = field(default_factory=set)
    """Ordered in an earlier run, and not handed out in this one."""
    strange_words: int = 0
    """Said by a carrier about nothing that was ordered from it."""

    def restore(
        self,
        *,
        choices: Iterable[KeepFallback],
        consents: Iterable[KeepConsent],
        texts: Iterable[KeepText],
        private: Iterable[KeepPrivate],
    ) -> None:
        """Take back what is on the disk; what was ordered and not answered for is handed out again."""
        self.choices = {choice.account: choice for choice in choices}
        self._consents = {(consent.account, consent.carrier): consent for consent in consents}
        self.private = {kept.message for kept in private}
        for text in texts:
            self._remember(text)
        self._unheard = {text.number for text in self._texts.values() if text.stage is AsideStage.ORDERED}

    # ---- looking

    @property
    def is_active(self) -> bool:
        """Whether anything can ever come of looking."""
        return bool(self._unheard) or any(choice.choice is not Choice.NEVER for choice in self.choices.values())

    @property
    def unheard(self) -> list[KeepText]:
        """The orders that a carrier may not have heard of."""
        return [self._texts[number] for number in sorted(self._unheard)]

    @property
    def offered(self) -> list[KeepText]:
        """The offers that nobody has answered."""
        return [text for text in self._by_message.values() if text.stage is AsideStage.OFFERED]

    def text_of(self, message: MessageId) -> KeepText | None:
        """The newest text of a message."""
        return self._by_message.get(message)

    def due_s(self, account: AccountId, urgency: Urgency) -> float | None:
        """How long a message to this contact waits before another way is thought of; none if never."""
        choice = self.choices.get(account)
        if choice is None or choice.choice is Choice.NEVER:
            return None
        if choice.choice is Choice.AFTER:
            return choice.after_s
        return ASK_URGENT_S if urgency is Urgency.URGENT else ASK_S

    def consent(self, account: AccountId) -> KeepConsent | None:
        """The yes that stands for this contact: to the number, carrier, price and words as they are now."""
        choice = self.choices.get(account)
        terms = self.carriers.get(choice.carrier) if choice else None
        if choice is None or terms is None:
            return None
        kept = self._consents.get((account, choice.carrier))
        asked = (choice.handle, terms.price, WORDING, 0)
        return kept if kept and (kept.handle, kept.price, kept.wording, kept.withdrawn_ms) == asked else None

    def obstacle(self, waiting: Waiting, *, owner: AccountId | None) -> Obstacle | None:
        """Why this message cannot go by another way, whoever asks; `owner`: whose the chosen number is now."""
        choice = self.choices.get(waiting.account) if waiting.account is not None else None
        terms = self.carriers.get(choice.carrier) if choice else None
        before = self._by_message.get(waiting.message)
        body = self._body(waiting)
        found = (
            (waiting.account is None, Obstacle.GROUP),
            (waiting.message in self.private, Obstacle.PRIVATE),
            (choice is None or choice.choice is Choice.NEVER, Obstacle.NEVER),
            (waiting.is_answered, Obstacle.ANSWERED),
            (waiting.urgency is Urgency.BACKGROUND, Obstacle.BACKGROUND),
            (waiting.has_file and not (choice and choice.is_file_noted), Obstacle.FILE),
            (not body.strip(), Obstacle.EMPTY),
            (owner != waiting.account, Obstacle.NUMBER_GONE),
            (terms is None, Obstacle.NO_CARRIER),
            (before is not None and before.stage.ordered and before.stage is not AsideStage.FAILED, Obstacle.THERE),
            (terms is not None and self._parts(terms, waiting) > PARTS_MAX, Obstacle.TOO_LONG),
        )
        return next((obstacle for is_so, obstacle in found if is_so), None)

    # ---- what people say

    def given(self, terms: Terms) -> None:
        """A carrier is there."""
        self.carriers[terms.name] = terms

    def keep_private(self, message: MessageId) -> list[Effect]:
        """This message never goes by a carrier."""
        self.private.add(message)
        return [Save(KeepPrivate(message))]

    def choose(self, choice: KeepFallback, *, now: Moment) -> list[Effect]:
        """Take a person's choice for a contact; `never` takes back what was agreed to, as does another carrier.

        Raises `UsageError` for a time out of bounds.
        """
        if choice.choice is Choice.AFTER and not AFTER_S_MIN <= choice.after_s <= AFTER_S_MAX:
            raise UsageError("the time to wait is between a minute and seven days")
        effects: list[Effect] = []
        for key, consent in list(self._consents.items()):
            kept_for = None if choice.choice is Choice.NEVER else choice.carrier
            if consent.account == choice.account and consent.carrier != kept_for and not consent.withdrawn_ms:
                self._consents[key] = replace(consent, withdrawn_ms=max(now.wall_ms, 1))
                effects.append(Save(self._consents[key]))
        self.choices[choice.account] = choice
        return [Save(choice), *effects]

    def agree(self, account: AccountId, *, by: str, now: Moment) -> list[Effect]:
        """A person says yes to what this contact's carrier does. Raises `UsageError` where there is none."""
        choice = self.choices.get(account)
        if choice is None or choice.choice is Choice.NEVER:
            raise UsageError("nothing goes to this contact by another way: choose `ask` or `after` first")
        terms = self.carriers.get(choice.carrier)
        if terms is None:
            raise UsageError(f"there is no carrier {choice.carrier!r} on this device: what it costs cannot be shown")
        if not by or len(by) > BY_CHARACTERS_MAX:
            raise UsageError(f"say who agrees, in at most {BY_CHARACTERS_MAX} characters")
        given_ms = max(now.wall_ms, 1)
        consent = KeepConsent(account, choice.handle, choice.carrier, terms.price, WORDING, by, given_ms, 0)
        self._consents[account, choice.carrier] = consent
        return [Save(consent)]

    def answer(
        self, waiting: Waiting, *, yes: bool, owner: AccountId | None, by: str, agrees: bool, now: Moment
    ) -> list[Effect]:
        """A person says yes or no to one message's other way.

        Raises `UsageError` where it cannot go, and `RefusedError` where nobody has agreed yet to what that means and
        `agrees` does not say so either.
        """
        obstacle = self.obstacle(waiting, owner=owner)
        offer = self._by_message.get(waiting.message)
        if not yes:
            if offer is None or offer.stage is not AsideStage.OFFERED:
                raise UsageError("nothing was offered for this message")
            return self._moved(offer, AsideStage.DECLINED, now=now)
        if obstacle is not None:
            raise RefusedError(Cause.FALLBACK_IMPOSSIBLE, obstacle.value)
        assert waiting.account is not None
        if self.consent(waiting.account) is None and not agrees:
            raise RefusedError(Cause.FALLBACK_CONSENT_NEEDED)
        agreed = [] if self.consent(waiting.account) else self.agree(waiting.account, by=by, now=now)
        trigger = offer.trigger if offer and offer.stage is AsideStage.OFFERED else Trigger.PERSON
        return [*agreed, *self._order(waiting, trigger, agreed_ms=max(now.wall_ms, 1), now=now)]

    # ---- what time brings

    def consider(self, waiting: Waiting, trigger: Trigger, *, owner: AccountId | None, now: Moment) -> list[Effect]:
        """A message has waited as long as was chosen: offer the other way, or take it where that was agreed to."""
        before = self._by_message.get(waiting.message)
        if self.obstacle(waiting, owner=owner) is not None or waiting.account is None:
            return []
        if before is not None and before.stage is not AsideStage.OFFERED:
            return []  # declined, lapsed or failed: asking again is a person's turn
        choice = self.choices[waiting.account]
        if choice.choice is Choice.AFTER and self.consent(waiting.account) is not None:
            return self._order(waiting, trigger, agreed_ms=0, now=now)
        if before is not None:
            return []
        text = self._text(waiting, choice, trigger, AsideStage.OFFERED, agreed_ms=0)
        return self._kept(text, now=now)

    def lapse(self, text: KeepText, *, now: Moment) -> list[Effect]:
        """What was offered is not needed any more."""
        return self._moved(text, AsideStage.LAPSED, now=now)

    def hand_again(self, text: KeepText, waiting: Waiting | None, *, now: Moment) -> list[Effect]:
        """Hand out an order of an earlier run, whose carrier may have heard of it or not: under its own number.

        Where the message was answered meanwhile, or its person took the consent back, it is not handed out; then nobody
        here knows whether the carrier had it, and that is said.
        """
        if text.carrier not in self.carriers:
            return []  # it may be there later
        self._unheard.discard(text.number)
        is_wanted = waiting is not None and not waiting.is_answered and self.consent(text.account) is not None
        choice = self.choices.get(text.account)
        if waiting is None or not is_wanted or choice is None or choice.handle != text.handle:
            return self._moved(text, AsideStage.IN_DOUBT, now=now, reason="not needed, or not wanted, any more")
        return [CarryText(text.carrier, self._placed(text, waiting))]

    # ---- what a carrier says

    def carried(self, word: CarrierWord, *, now: Moment) -> list[Effect]:
        """Learn what became of an order; words about what was not ordered from this carrier change nothing."""
        text = self._texts.get(word.number)
        if text is None or text.carrier != word.carrier or not text.stage.ordered:
            self.strange_words += 1
            return []
        self._unheard.discard(word.number)
        stage = stage_of(word.stage, confirms=text.confirms)
        if stage not in _LATER.get(text.stage, ()):
            return []
        text = replace(text, parts=max(word.parts, 0) or text.parts)
        return self._moved(text, stage, now=now, reason=word.reason)

    # ---- private

    def _order(self, waiting: Waiting, trigger: Trigger, *, agreed_ms: int, now: Moment) -> list[Effect]:
        """The one gate: nothing reaches a carrier but through here, and here only with a consent that stands."""
        assert waiting.account is not None
        if self.consent(waiting.account) is None:
            raise RefusedError(Cause.FALLBACK_CONSENT_NEEDED)
        choice = self.choices[waiting.account]
        text = self._text(waiting, choice, trigger, AsideStage.ORDERED, agreed_ms=agreed_ms)
        return [*self._kept(text, now=now), CarryText(text.carrier, self._placed(text, waiting))]

    def _text(
        self, waiting: Waiting, choice: KeepFallback, trigger: Trigger, stage: AsideStage, *, agreed_ms: int
    ) -> KeepText:
        terms = self.carriers[choice.carrier]
        before = self._by_message.get(waiting.message)
        attempt = 1 if before is None else before.attempt + (before.stage is AsideStage.FAILED)
        number = self._number(waiting.message, choice, attempt)
        while (known := self._texts.get(number)) is not None and known.message != waiting.message:
            attempt += 1  # two messages of one moment whose hashes begin alike
            number = self._number(waiting.message, choice, attempt)
        return KeepText(
            number=number,
            message=waiting.message,
            account=choice.account,
            handle=choice.handle,
            carrier=choice.carrier,
            confirms=terms.confirms,
            stage=stage,
            trigger=trigger,
            attempt=attempt,
            parts=self._parts(terms, waiting),
            price=terms.price,
            agreed_ms=agreed_ms,
        )

    @staticmethod
    def _number(message: MessageId, choice: KeepFallback, attempt: int) -> int:
        return text_number(message, carrier=choice.carrier, handle=choice.handle, attempt=attempt)

    def _placed(self, text: KeepText, waiting: Waiting) -> TextOrder:
        return TextOrder(text.number, Handle(text.handle), tagged(self._body(waiting), waiting.message))

    @staticmethod
    def _body(waiting: Waiting) -> str:
        return body_of(waiting.text, has_file=waiting.has_file)

    def _parts(self, terms: Terms, waiting: Waiting) -> int:
        try:
            return terms.parts(tagged(self._body(waiting), waiting.message))
        except UsageError:
            return PARTS_MAX + 1  # not in any number of parts

    def _moved(self, text: KeepText, stage: AsideStage, *, now: Moment, reason: str = "") -> list[Effect]:
        return self._kept(replace(text, stage=stage), now=now, reason=reason)

    def _kept(self, text: KeepText, *, now: Moment, reason: str = "") -> list[Effect]:
        self._remember(text)
        step = AsideStep(text.stage, evidence_of(text.stage), now.wall_ms, reason[:REASON_CHARACTERS_MAX])
        told = TextProgressed(text.message, text.number, text.carrier, text.confirms, step)
        return [Save(text), Save(KeepTextStep(text.number, step)), Tell(told)]

    def _remember(self, text: KeepText) -> None:
        self._texts[text.number] = text
        newest = self._by_message.get(text.message)
        if newest is None or newest.attempt <= text.attempt:
            self._by_message[text.message] = text
        while len(self._texts) > TEXTS_MAX:
            old = self._texts.pop(next(iter(self._texts)))
            self._unheard.discard(old.number)
            if self._by_message.get(old.message) is old:
                del self._by_message[old.message]
