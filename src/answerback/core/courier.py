"""Joins fallback and the mail: which messages have waited too long, and what carriers and people say of them.

How long something has waited is reckoned in this run's own seconds only, never by a wall clock: a clock that is set
forward must not cost money, nor a secret. A device that was off or asleep has not tried to reach anybody meanwhile, so
that time does not count either.
"""

from dataclasses import dataclass
from typing import assert_never

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Reason, Wake
from answerback.core.facts import KeepFallback
from answerback.core.fallback import Terms, Waiting
from answerback.core.machines import Machines
from answerback.core.outbox import Promise
from answerback.model.errors import UsageError
from answerback.model.fallback import AsideStage, Obstacle, Trigger
from answerback.model.ids import AccountId, MessageId
from answerback.model.message import Urgency
from answerback.model.texts import CarrierWord, TextArrived
from answerback.model.timeline import Stage
from answerback.wire.codec import decode_letter
from answerback.wire.letters import Post

LOOK_S = 1.0
"""At most so often are all promises looked through."""
LOOK_AGAIN_S = 30.0


@dataclass(frozen=True, slots=True)
class CarrierGiven:
    """A carrier is set up on this device."""

    terms: Terms


@dataclass(frozen=True, slots=True)
class FallbackChosen:
    """A person has chosen what becomes of messages to a contact that do not get through."""

    choice: KeepFallback


@dataclass(frozen=True, slots=True)
class Agreed:
    """A person has agreed, for a contact, to what its carrier can read and costs."""

    account: AccountId
    by: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A person has said yes or no to one message's other way."""

    message: MessageId
    yes: bool
    by: str
    agrees: bool
    """They were shown what it means, and agree to that as well."""
    carrier: str | None = None
    """If they named one, it must be the one chosen for this contact."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A carrier has said what became of an order."""

    word: CarrierWord


@dataclass(frozen=True, slots=True)
class TextIn:
    """A carrier has brought a text."""

    text: TextArrived


Beside = CarrierGiven | FallbackChosen | Agreed | Answered | Carried | TextIn
"""Everything that may happen beside the road to the relay."""


@dataclass(slots=True)
class Courier:
    """The composer of everything that goes beside the road."""

    machines: Machines
    departure: Departure
    _began_s: float | None = None
    _unreached_s: float | None = None
    """Since when the relay has not been reached; none while it is."""
    _look_at_s: float | None = None
    _looked_s: float = 0.0
    _promises: int = -1
    """How many there were at the last look."""

    def take(self, event: Beside, *, now: Moment) -> list[Effect]:
        """Take in one event. Raises `UsageError` and `RefusedError`, and has changed nothing then."""
        fallback = self.machines.fallback
        self._promises = -1
        match event:
            case CarrierGiven(terms):
                fallback.given(terms)
                return []
            case FallbackChosen(choice):
                self._check(choice)
                return fallback.choose(choice, now=now)
            case Agreed(account, by):
                return fallback.agree(account, by=by, now=now)
            case Answered():
                return self._answered(event, now=now)
            case Carried(word):
                return fallback.carried(word, now=now)
            case TextIn(text):
                sender = self.departure.contacts.get(text.sender.text)
                stamp = self.machines.threads.clock.tick(wall_ms=self.machines.clock.stamp_ms(now))
                own = self.machines.own.account
                return self.machines.text_arrivals.came(text, account=sender, own=own, stamp=stamp, now=now)
            case _:
                assert_never(event)

    def obstacle(self, message: MessageId) -> Obstacle | None:
        """Why a message could not go by another way now, even if its person asked."""
        promise = self.machines.outbox.promise(message)
        waiting = self._waiting(promise) if promise is not None else None
        if waiting is None:
            return Obstacle.ENDED
        return self.machines.fallback.obstacle(waiting, owner=self._owner(waiting.account))

    # ---- time

    @property
    def wake_at(self) -> Wake | None:
        """When something may have waited long enough."""
        return None if self._look_at_s is None else Wake(self._look_at_s, Reason.FALLBACK_DUE)

    def look(self, *, now: Moment) -> list[Effect]:
        """After every change, and when it is time, look for what has waited too long."""
        if self._began_s is None:
            self._began_s = now.now_s
        if self.machines.path.works:
            self._unreached_s = None
        elif self._unreached_s is None:
            self._unreached_s = now.now_s
        fallback = self.machines.fallback
        if not fallback.is_active and not fallback.offered:
            self._look_at_s = None
            return []
        if len(self.machines.outbox) != self._promises:
            soon_s = max(self._looked_s + LOOK_S, now.now_s)
            self._look_at_s = soon_s if self._look_at_s is None else min(self._look_at_s, soon_s)
        if self._look_at_s is None or now.now_s < self._look_at_s:
            return []
        return self._look_through(now)

    def _look_through(self, now: Moment) -> list[Effect]:
        fallback, outbox = self.machines.fallback, self.machines.outbox
        self._looked_s, self._promises = now.now_s, len(outbox)
        effects: list[Effect] = []
        for text in fallback.offered:
            if self._is_over(text.message):
                effects += fallback.lapse(text, now=now)
        for text in fallback.unheard:
            held = outbox.promise(text.message)
            effects += fallback.hand_again(text, self._waiting(held) if held else None, now=now)
        next_s = now.now_s + LOOK_AGAIN_S
        has_candidates = False
        for promise in outbox:
            waiting = self._candidate(promise)
            if waiting is None:
                continue
            has_candidates = True
            trigger, at_s = self._due(promise, waiting, now=now)
            if at_s > now.now_s:
                next_s = min(next_s, at_s)
            elif trigger is not None:
                effects += fallback.consider(waiting, trigger, owner=self._owner(waiting.account), now=now)
        self._look_at_s = next_s if has_candidates or fallback.offered else None
        return effects

    def _due(self, promise: Promise, waiting: Waiting, *, now: Moment) -> tuple[Trigger | None, float]:
        """What has kept a message, and when it will have done so for as long as was chosen, if nothing changes."""
        assert waiting.account is not None
        after_s = self.machines.fallback.due_s(waiting.account, waiting.urgency)
        assert after_s is not None
        assert self._began_s is not None
        began_s = max(promise.promised_s, self._began_s)
        trigger, since_s = Trigger.AWAY, began_s
        theirs = [copy for copy in promise.copies.values() if copy.account == waiting.account and copy.open]
        for accepted_s in [copy.accepted_s for copy in theirs if copy.stage is Stage.ACCEPTED]:
            since_s = max(since_s, began_s if accepted_s is None else accepted_s)
        keeping = [copy.cause for copy in theirs if copy.stage is not Stage.ACCEPTED] if theirs else [promise.cause]
        if all(cause is not None and cause.layer == "recipient" for cause in keeping):
            return trigger, since_s + after_s  # it waits for the other side alone
        if self._unreached_s is None:
            return None, now.now_s + after_s  # it is on its way
        return Trigger.RELAY, max(since_s, self._unreached_s) + after_s

    # ---- private

    def _check(self, choice: KeepFallback) -> None:
        terms = self.machines.fallback.carriers.get(choice.carrier)
        if self.departure.contacts.get(choice.handle) != choice.account:
            raise UsageError("this number is not known to be this contact's")
        if not choice.handle.startswith("+") and (terms is None or terms.confirms):
            raise UsageError("a text goes to a phone number, and this is none")
        if choice.account == self.machines.own.account:
            raise UsageError("this is yourself")

    def _answered(self, event: Answered, *, now: Moment) -> list[Effect]:
        promise = self.machines.outbox.promise(event.message)
        waiting = self._waiting(promise) if promise is not None else None
        if waiting is None:
            raise UsageError("this message is not tried any more, or was not sent from this device")
        owner = self._owner(waiting.account)
        fallback = self.machines.fallback
        choice = fallback.choices.get(waiting.account) if waiting.account is not None else None
        if event.carrier is not None and choice is not None and choice.carrier != event.carrier:
            raise UsageError(f"what was chosen for this contact is the carrier {choice.carrier!r}")
        return fallback.answer(waiting, yes=event.yes, owner=owner, by=event.by, agrees=event.agrees, now=now)

    def _owner(self, account: AccountId | None) -> AccountId | None:
        """Whose the number is that was chosen for a contact: numbers change hands."""
        choice = self.machines.fallback.choices.get(account) if account is not None else None
        return self.departure.contacts.get(choice.handle) if choice is not None else account

    def _recipient(self, promise: Promise) -> AccountId | None:
        others = [account for account in promise.letter.recipients if account != self.machines.own.account]
        return others[0] if len(others) == 1 else None

    def _candidate(self, promise: Promise) -> Waiting | None:
        """A message that time may bring to an offer or an order; cheap for all others."""
        account = self._recipient(promise) if promise.letter.answered and not promise.letter.devices else None
        choice = self.machines.fallback.choices.get(account) if account is not None else None
        if account is None or choice is None or promise.id in self.machines.fallback.private:
            return None
        if self.machines.fallback.due_s(account, _urgency(promise)) is None or self._has_answered(promise, account):
            return None
        text = self.machines.fallback.text_of(promise.id)
        return self._waiting(promise) if text is None or text.stage is AsideStage.OFFERED else None

    def _waiting(self, promise: Promise) -> Waiting | None:
        letter = decode_letter(promise.letter.letter) if promise.letter.answered else None
        if not isinstance(letter, Post):
            return None
        account = self._recipient(promise)
        has_file = letter.attachment is not None
        is_answered = account is not None and self._has_answered(promise, account)
        return Waiting(promise.id, account, letter.text, has_file, letter.urgency, is_answered)

    @staticmethod
    def _has_answered(promise: Promise, account: AccountId) -> bool:
        return any(copy.stage.answered for copy in promise.copies.values() if copy.account == account)

    def _is_over(self, message: MessageId) -> bool:
        promise = self.machines.outbox.promise(message)
        account = self._recipient(promise) if promise is not None else None
        return promise is None or (account is not None and self._has_answered(promise, account))


def _urgency(promise: Promise) -> Urgency:
    return Urgency(int(promise.letter.lane))
