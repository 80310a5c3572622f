"""What a program can choose, ask and answer about messages that do not get through.

consent = Consent(by="Ann, in the settings of her app")          # only after she has read `Client.fallbacks.words`
me.fallbacks.choose("+49 …", Choice.AFTER, after_s=600, carrier="sms", consent=consent)
sent = await me.send("+49 …", text="on my way")
sent.fallback("sms", consent=consent)                            # now, for this message
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from answerback.core.courier import Agreed, Answered, FallbackChosen
from answerback.core.effects import Effect, Moment
from answerback.core.engine import Engine
from answerback.core.facts import KeepConsent, KeepFallback
from answerback.model.errors import UsageError
from answerback.model.fallback import BY_CHARACTERS_MAX, WORDING, Aside, AsideStage, Choice, Obstacle
from answerback.model.handle import parse_handle
from answerback.model.ids import AccountId, MessageId
from answerback.storage.history import History

if TYPE_CHECKING:
    from answerback.device.agent import Agent


@dataclass(frozen=True, slots=True)
class Consent:
    """A yes that a program passes on: who gave it, and to which words. It is kept with the time."""

    by: str
    wording: int = WORDING


@dataclass(frozen=True, slots=True)
class Chosen:
    """What becomes of messages to one contact that do not get through, and what was agreed to."""

    choice: KeepFallback | None
    consent: KeepConsent | None
    """The newest one for this contact and carrier, if it was not taken back."""


class Fallbacks:
    """Choices, consents and answers of one device."""

    def __init__(self, agent: "Agent") -> None:
        self._agent: Final = agent

    @property
    def carriers(self) -> dict[str, str]:
        """The carriers that are set up, and what a part costs by each."""
        return {terms.name: terms.price for terms in self._agent.engine.machines.fallback.carriers.values()}

    def of(self, contact: str) -> Chosen:
        """What was chosen for a contact. Raises `UsageError` for a handle nobody here knows."""
        return chosen(self._agent.journal, contact)

    def choose(
        self,
        contact: str,
        choice: Choice,
        *,
        after_s: float = 0.0,
        carrier: str | None = None,
        number: str | None = None,
        is_file_noted: bool = False,
        consent: Consent | None = None,
    ) -> None:
        """Choose for a contact; `after` sends without asking again, and so needs a consent now.

        Raises `UsageError` where there is no such contact, number or carrier, or no consent for `after`; then nothing
        was changed.
        """
        account = account_of(self._agent.journal, contact)
        name = carrier or self._only_carrier(choice)
        handle = parse_handle(number).text if number else _number_of(self._agent.journal, account, contact)
        kept = KeepFallback(account, handle, name, choice, after_s, is_file_noted)
        if choice is Choice.AFTER and consent is None:
            raise UsageError("to send without asking again somebody must agree first: give a consent")
        _check(consent)

        def make(engine: Engine, now: Moment) -> list[Effect]:
            if consent is not None and choice is not Choice.NEVER and name not in engine.machines.fallback.carriers:
                raise UsageError(f"there is no carrier {name!r} on this device: what it costs cannot be shown")
            effects = engine.beside(FallbackChosen(kept), now=now)
            if consent is not None and choice is not Choice.NEVER:
                effects += engine.beside(Agreed(account, consent.by), now=now)
            return effects

        self._agent.change(make)

    def answer(
        self,
        message: MessageId,
        *,
        yes: bool,
        by: str = "",
        carrier: str | None = None,
        consent: Consent | None = None,
    ) -> None:
        """Say yes or no to one message's other way: to what was offered, or, with yes, also before that.

        Raises `RefusedError` with `fallback.consent_needed` where nobody has agreed yet to what it means for this
        contact and no consent is given, with `fallback.impossible` where it can never go so; `UsageError` else.
        """
        _check(consent)
        who = consent.by if consent else by
        event = Answered(message, yes, who, agrees=consent is not None, carrier=carrier)
        self._agent.change(lambda engine, now: engine.beside(event, now=now))

    def obstacle(self, message: MessageId) -> Obstacle | None:
        """Why a message could not go by another way now, even if its person asked; none if it could."""
        return self._agent.engine.courier.obstacle(message)

    def asides(self, message: MessageId) -> tuple[Aside, ...]:
        """A message's ways by a carrier, oldest first."""
        return asides(self._agent.journal, message)

    def _only_carrier(self, choice: Choice) -> str:
        names = list(self._agent.engine.machines.fallback.carriers)
        if len(names) == 1 or (choice is Choice.NEVER and names):
            return names[0]
        if choice is Choice.NEVER:
            return ""
        told = "there are several: say which" if names else "none is set up on this device"
        raise UsageError(f"a text needs a carrier; {told}")


def asides(history: History, message: MessageId) -> tuple[Aside, ...]:
    """Tell the lives of a message's texts."""
    covered = {(kept.account, kept.carrier, kept.handle, kept.price) for kept in history.consents() if _stands(kept)}
    return tuple(
        Aside(
            number=text.number,
            message=text.message,
            account=text.account,
            handle=text.handle,
            carrier=text.carrier,
            confirms=text.confirms,
            stage=text.stage,
            trigger=text.trigger,
            parts=text.parts,
            price=text.price,
            needs_consent=text.stage is AsideStage.OFFERED
            and (text.account, text.carrier, text.handle, text.price) not in covered,
            steps=steps,
        )
        for text, steps in history.texts(message)
    )


def chosen(history: History, contact: str) -> Chosen:
    """What was chosen for a contact, from the disk."""
    account = account_of(history, contact)
    choice = next((kept for kept in history.fallbacks() if kept.account == account), None)
    consents = [kept for kept in history.consents() if kept.account == account and _stands(kept)]
    consent = next((kept for kept in reversed(consents) if choice and kept.carrier == choice.carrier), None)
    return Chosen(choice, consent)


def account_of(history: History, contact: str) -> AccountId:
    """Find a contact by a handle. Raises `UsageError` for one that nobody here knows."""
    handle = parse_handle(contact).text
    account = next((known.account for known in history.contacts() if known.handle == handle), None)
    if account is None:
        raise UsageError(f"{handle} is not known here yet: it is once a message went there or came from there")
    return account


def _number_of(history: History, account: AccountId, contact: str) -> str:
    given = parse_handle(contact).text
    if given.startswith("+"):
        return given
    numbers = [known.handle for known in history.contacts() if known.account == account and known.handle[:1] == "+"]
    if len(numbers) > 1:
        raise UsageError("several numbers are known of this contact: say which")
    return numbers[0] if numbers else given


def _stands(consent: KeepConsent) -> bool:
    return not consent.withdrawn_ms and consent.wording == WORDING


def _check(consent: Consent | None) -> None:
    if consent is not None and not 0 < len(consent.by) <= BY_CHARACTERS_MAX:
        raise UsageError(f"say who agrees, in at most {BY_CHARACTERS_MAX} characters")
    if consent is not None and consent.wording != WORDING:
        raise UsageError("this consent is to other words than those that are shown now: ask again")
