"""Lets another account claim a handle, and sees that its owner hears of it, and that no message goes astray by it.

Theory. Decision 0027: a code begins a move; the account that has the handle is told and has a week to object. Whoever
writes to it keeps writing to the account they know, until they are told that the handle is another's and agree to it.
The rules, the rows and the log are the relay's own. A chapter, as in `directory`: all else is well meanwhile, but for
a relay that may be killed before it has told anybody.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from answerback.core.trusting import Agreed, WhoIs
from answerback.lab.simulation.misfortunes.trouble import Trouble
from answerback.lab.simulation.post_office import Value
from answerback.lab.simulation.villager import Villager
from answerback.lab.simulation.witness import has_message
from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.model.message import LIFETIME_S, Urgency
from answerback.relay.handles import Handles

SETTLE_S: Final = 60.0
STEP_S: Final = 10.0
TOLD_S: Final = 120.0
"""Until everybody who is connected, or comes back to a relay that was killed, has been told."""
WEEK_S: Final = 7 * 86_400.0
DAY_S: Final = 86_400.0
DIES_SHARE: Final = 0.3
"""Changes after which the relay is killed before it has told anybody."""


class HandleClaims(Trouble):
    """What becomes of a handle that two accounts want."""

    async def play(self) -> None:
        """Let one be claimed; its owner objects, gives it, or lets the week pass."""
        await asyncio.sleep(SETTLE_S)
        accounts = sorted({each.account for each in self.town.awake if each.counts})
        if len(accounts) < 2 or not self.town.office.is_up:
            return
        owner, claimant = self.town.random.sample(accounts, 2)
        handle = self.town.handles[owner]
        if not self._is_owners(handle, owner):
            return
        for each in self._contacts(owner, claimant):
            each.change(lambda engine, now: engine.trusted(WhoIs(handle), now=now))
        await asyncio.sleep(STEP_S)
        await self._claim(handle, owner, claimant)
        draw = self.town.random.random()
        if draw < 0.34:
            await self._keep(handle, owner, claimant)
            return
        if draw < 0.67:
            self._change(lambda handles: handles.answer(owner, Handle(handle), give=True, now_ms=self._relay_ms))
        else:
            await self._let_the_week_pass(handle, owner)
        await asyncio.sleep(TOLD_S)
        self._must_hear(owner, handle, HandleState.LEFT)
        self._must_hear(claimant, handle, HandleState.CAME)
        if self._is_owners(handle, owner):
            self._object("relay", "a handle was passed on, and stands for its old account")
        self.town.truth.moved[handle] = claimant
        await self._write(handle, owner, claimant)

    async def _claim(self, handle: str, owner: AccountId, claimant: AccountId) -> None:
        self.fault("handle_claimed", None, f"{self.town.name(owner)}'s, by {self.town.name(claimant)}")
        randomness = self.town.random.randbytes(8)

        def claim(handles: Handles) -> Cause | None:
            code = handles.proving.ask(Handle(handle), randomness=randomness, now_ms=self._relay_ms)
            return handles.add(claimant, Handle(handle), code=code, move=True, now_ms=self._relay_ms)

        cause = self._change(claim)
        if cause is not None:
            self._object("relay", f"refused a proven handle because of {cause.value}")
        await asyncio.sleep(TOLD_S)
        self._must_hear(owner, handle, HandleState.LEAVING)
        self._must_hear(claimant, handle, HandleState.COMING)
        if not self._is_owners(handle, owner):
            self._object("relay", "a code alone took a handle from its account")

    async def _keep(self, handle: str, owner: AccountId, claimant: AccountId) -> None:
        self._change(lambda handles: handles.answer(owner, Handle(handle), give=False, now_ms=self._relay_ms))
        await asyncio.sleep(TOLD_S)
        self._must_hear(owner, handle, HandleState.STAYED)
        self._must_hear(claimant, handle, HandleState.REFUSED)
        self._change(lambda handles: handles.pass_on_due(now_ms=self._relay_ms + int(2 * WEEK_S * 1000)))
        if not self._is_owners(handle, owner):
            self._object("relay", "a handle went though its account had objected")

    async def _let_the_week_pass(self, handle: str, owner: AccountId) -> None:
        """Everybody is away meanwhile, the relay too: a week of connections that say nothing takes a minute to play."""
        away, office = self.town.awake, self.town.office
        for each in away:
            each.crash()
        if office.is_up:
            office.crash()
        await asyncio.sleep(WEEK_S - DAY_S)
        self._change(lambda handles: handles.pass_on_due(now_ms=self._relay_ms))
        if not self._is_owners(handle, owner):
            self._object("relay", "a handle went before its week was over")
        if office.is_up:
            office.crash()
        await asyncio.sleep(DAY_S)
        self._change(lambda handles: handles.pass_on_due(now_ms=self._relay_ms))
        for each in away:
            each.start()

    async def _write(self, handle: str, owner: AccountId, claimant: AccountId) -> None:
        """Let everybody who knew the handle write to it: first it waits, then it goes to the account they agree to."""
        town = self.town
        contacts = [each for each in self._contacts(owner, claimant) if each.agent is not None]
        known = [each for each in contacts if each.agent and each.agent.engine.contact(handle) == owner]
        for each in known:
            each.change(lambda engine, now: engine.trusted(WhoIs(handle), now=now))
        await asyncio.sleep(TOLD_S)
        written = {}
        for each in known:
            told = town.truth.warned[each.device]
            if not any((news.cause, news.account) == (Cause.TRUST_CONTACT_CHANGED, claimant) for news in told):
                self._object(each.name, "a contact's handle has another safety number, and nobody said so")
            before = set(town.truth.sent)
            town.write(each, [handle.partition("@")[0]], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
            written[each.name] = set(town.truth.sent) - before
        await asyncio.sleep(TOLD_S)
        everybody = [each for each in town.villagers if each.account in (owner, claimant)]
        for each in known:
            for message in written[each.name]:
                if any(has_message(there, each.account, message) for there in everybody):
                    self._object(each.name, "wrote to a handle that has moved, and it went before anybody agreed")
            each.change(lambda engine, now: engine.trusted(Agreed(handle), now=now))
        await asyncio.sleep(TOLD_S)
        for each in known:
            for message in written[each.name]:
                if any(has_message(there, each.account, message) for there in everybody if there.account == owner):
                    self._object(each.name, "agreed to a handle's new account, and wrote to the old one")

    # ---- whom, and what they were told

    def _contacts(self, owner: AccountId, claimant: AccountId) -> list[Villager]:
        return [each for each in self.town.awake if each.counts and each.account not in (owner, claimant)]

    def _must_hear(self, account: AccountId, handle: str, state: HandleState) -> None:
        for each in self.town.awake:
            if each.account == account and each.counts and each.agent and each.agent.engine.machines.path.up:
                heard = self.town.truth.heard[each.device]
                if not any((news.handle, news.state) == (handle, state) for news in heard):
                    self._object(each.name, f"was not told that its handle is {state.name.lower()}")

    def _is_owners(self, handle: str, owner: AccountId) -> bool:
        return self.town.office.disk.has("SELECT 1 FROM handles WHERE handle = ? AND account = ?", (handle, owner))

    def _object(self, who: str, what: str) -> None:
        self.town.chronicle.object("named", who, what)

    @property
    def _relay_ms(self) -> int:
        return self.town.office.wall_ms

    def _change(self, change: Callable[[Handles], Value]) -> Value:
        self.town.office.come_back()
        is_anybody_there = bool(self.town.awake)
        return self.town.office.change_handles(change, dies=is_anybody_there and self.chance(DIES_SHARE))
