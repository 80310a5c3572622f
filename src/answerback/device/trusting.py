"""The SDK's part about people: who a contact is, whether their key was compared, and comparing it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from answerback.core.effects import Answered, CodeMoved, News
from answerback.core.facts import KeepChange, KeepVerified
from answerback.core.trusting import Agreed, Compare, Deed, Marked, Said, WhoIs
from answerback.crypto.identity import safety_number
from answerback.crypto.verifying import Verdict, compare_scanned, scan_text
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.handle import parse_handle
from answerback.model.ids import AccountId
from answerback.model.trust import How

if TYPE_CHECKING:
    from answerback.device.client import Client
    from answerback.device.hearing import Hearing

PATIENCE_S = 15.0
"""How long the relay may take to say whose a handle is; what is known here already is told without it."""


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody, as this device knows them now."""

    handle: str = field(repr=False)
    account: AccountId
    """After a change that nobody has agreed to: the new one, which is the one to compare."""
    safety_number: str = field(repr=False)
    """Sixty digits in groups of five; both people see the same."""
    scan_text: str = field(repr=False)
    """What a QR code on our screen says to them."""
    verified: KeepVerified | None
    """How and when their key was compared."""
    change: KeepChange | None
    """The handle stood for another account before, and nobody has agreed to that."""


class Trusting:
    """What a person may do about whose keys are whose; `client.trust`."""

    def __init__(self, client: "Client") -> None:
        self._client: Final = client

    async def contact(self, handle: str, *, timeout_s: float = PATIENCE_S) -> Contact:
        """Say who somebody is: the relay is asked anew, and if it does not answer in time, this disk.

        Raises `RefusedError` if nobody has the handle, or nothing is known of them and the relay cannot be reached.
        """
        text = parse_handle(handle).text
        if text == self._client.identity.handle.text:
            raise UsageError("that is your own handle; give it to the other person")
        with self._client.hearing() as news:
            self._do(WhoIs(text))
            found = await self._found(text, news, timeout_s)
            account = found or self._account(text)
            if account is None:
                cause = self._client.status().cause or Cause.RECIPIENT_HANDLE_UNKNOWN
                raise RefusedError(cause, f"nothing is known of {text} here")
            await self._listed(account, timeout_s)
        return self.known(text)

    def known(self, handle: str) -> Contact:
        """Say the same from what is on this disk. Raises `UsageError` if nothing is."""
        machines = self._client.agent.engine.machines
        account = self._account(handle)
        ours = machines.roster.root_key(self._client.identity.account)
        theirs = machines.roster.root_key(account) if account is not None else None
        if account is None or theirs is None or ours is None:
            raise UsageError(f"the keys of {handle} are not here yet; connect, and try again")
        return Contact(
            handle,
            account,
            safety_number(ours, theirs),
            scan_text(mine=ours, theirs=theirs),
            None if machines.trust.is_other_key(account, theirs) else machines.trust.verified(account),
            machines.trust.change(handle),
        )

    def scan(self, contact: Contact, text: str) -> Verdict:
        """Compare what a camera read from the other's screen, or their sixty digits; if it is the same, mark them.

        Raises `UsageError` if the text is neither.
        """
        machines = self._client.agent.engine.machines
        ours = machines.roster.root_key(self._client.identity.account)
        theirs = machines.roster.root_key(contact.account)
        assert ours is not None
        assert theirs is not None
        verdict = compare_scanned(text, mine=ours, theirs=theirs)
        if verdict is Verdict.SAME:
            self._do(Marked(contact.account, How.SCAN if "://" in text else How.NUMBERS))
        return verdict

    def forget(self, contact: Contact) -> None:
        """Take the mark away, on all of this person's devices."""
        self._do(Marked(contact.account, How.WITHDRAWN))

    def agree(self, handle: str) -> bool:
        """Agree that a handle stands for another account than before; false if nothing has changed."""
        text = parse_handle(handle).text
        has_changed = self._client.agent.engine.machines.trust.change(text) is not None
        self._do(Agreed(text))
        return has_changed

    async def compare(self, contact: Contact) -> AsyncIterator[CodeMoved]:
        """Compare a short code: take part in what they asked, or ask them. Ends when the comparison has."""
        with self._client.hearing() as news:
            self._do(Compare(contact.account))
            while True:
                heard = await news.get()
                if isinstance(heard, CodeMoved) and heard.account == contact.account:
                    yield heard
                    if heard.state.ended:
                        return

    def say(self, contact: Contact, *, same: bool) -> None:
        """Say whether both codes are the same; before there is one, no ends the comparison."""
        self._do(Said(contact.account, same))

    # ---- private

    def _do(self, deed: Deed) -> None:
        self._client.agent.change(lambda engine, now: engine.trusted(deed, now=now))

    def _account(self, handle: str) -> AccountId | None:
        engine = self._client.agent.engine
        change = engine.machines.trust.change(handle)
        return change.after if change is not None else engine.contact(handle)

    async def _found(self, handle: str, news: "Hearing", timeout_s: float) -> AccountId | None:
        def is_answer(heard: News) -> bool:
            return isinstance(heard, Answered) and heard.question == handle

        answer = await _heard(news, is_answer, timeout_s=timeout_s)
        if isinstance(answer, Answered) and answer.account is None:
            raise RefusedError(answer.cause or Cause.RECIPIENT_HANDLE_UNKNOWN)
        return answer.account if isinstance(answer, Answered) else None

    async def _listed(self, account: AccountId, timeout_s: float) -> None:
        machines = self._client.agent.engine.machines
        if machines.roster.knows(account):
            return
        self._client.agent.change(lambda engine, now: engine.look_up(account, now=now))
        try:
            async with asyncio.timeout(timeout_s):
                while not self._client.agent.engine.machines.roster.knows(account):  # noqa: ASYNC110 - a list makes no news
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise RefusedError(Cause.QUEUE_FETCHING_KEYS, "their keys did not come in time") from error


async def _heard(news: "Hearing", is_meant: Callable[[News], bool], *, timeout_s: float) -> News | None:
    try:
        async with asyncio.timeout(timeout_s):
            while not is_meant(heard := await news.get()):
                pass
    except TimeoutError:
        return None
    return heard
