"""Lets the relay lie about whose devices and handles are whose, and sees that the lie is named to whom it concerns.

Theory. Most lies are seen only by chance in a world where everything else breaks as well. So each of these is a
chapter: all else heals, the lie is told, what would show it happens, and then the person must have been told within a
bounded time. Nobody looks into what an agent has computed: what was shown to whom is the world's own truth, and what
was told is what the person heard. Then the relay is honest again, and the world must be as if nothing had been.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from answerback.core.transparency import TELL_S
from answerback.core.trusting import WhoIs
from answerback.core.witnessing import LOOK_S
from answerback.crypto.identity import next_device_list
from answerback.lab.simulation.misfortunes.trouble import Trouble
from answerback.lab.simulation.post_office import LOG_SEED
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.views import Hidden, OtherStore, Planted, Pointed, View
from answerback.lab.simulation.villager import Villager
from answerback.model.causes import Cause
from answerback.model.ids import AccountId
from answerback.model.message import LIFETIME_S, Urgency
from answerback.storage import relay_log

SETTLE_S: Final = 60.0
"""Until what was broken before is whole again."""
STEP_S: Final = 10.0
NAMED_S: Final = 60.0
"""How soon a lie is named after it could be noticed: some round trips."""
CAUGHT: Final = frozenset({Cause.TRUST_LOG_SPLIT, Cause.TRUST_LOG_ROLLED_BACK})
"""A liar may say that it was put back to a backup, and is believed that it forgot: this is told as well."""


class DirectoryLies(Trouble):
    """What a relay says of devices and handles that is not so, and that it has signed."""

    def __init__(self, town: Town) -> None:
        super().__init__(town)
        self._stores: list[OtherStore] = []

    def kinds(self) -> list[Callable[[], Awaitable[None]]]:
        """Every kind."""
        return [
            self.directory_shows_two_lists,
            self.directory_drops_a_device,
            self.directory_adds_a_device,
            self.directory_rolls_back,
            self.directory_moves_a_handle,
        ]

    async def play(self) -> None:
        """Tell one lie in a world where all else is well, and be honest again."""
        await asyncio.sleep(SETTLE_S)
        await self.town.random.choice(self.kinds())()
        self.heal()
        await asyncio.sleep(STEP_S)

    def heal(self) -> None:
        """Show everybody the truth from now on."""
        office = self.town.office
        office.is_stubborn = False
        if office.views:
            office.views.clear()
            office.crash()
            office.come_back()
        for store in self._stores:
            store.close()
        self._stores.clear()

    # ---- the lies

    async def directory_shows_two_lists(self) -> None:
        """Go on with two logs: one device sees one of them, everybody else the other."""
        chosen = await self._acquainted()
        if chosen is None:
            return
        victim, by = chosen
        self.town.office.is_stubborn = self.chance(0.5)
        view = self._other_store(self.town.office.disk.copy())
        stranger = AccountId(self.town.random.randbytes(16))
        relay_log.log_handle(view.database, "stranger@example.org", stranger)  # signed, and seen by nobody else
        self._show("directory_shows_two_lists", victim, view)
        self.town.announce(by, self.town.listed(by))
        await asyncio.sleep(STEP_S)
        await self._everybody_asks()
        for _ in range(2):
            self._everybody_writes()
            await asyncio.sleep(TELL_S + NAMED_S)
        for each in self._others(victim):
            self._must_name(each, CAUGHT, "what it was shown contradicts what a correspondent was")
        self._must_name(victim, CAUGHT, "what it was shown contradicts what all others were")

    async def directory_drops_a_device(self) -> None:
        """Keep an account's newest list from one device, though the log has it and its owner says so."""
        chosen = await self._acquainted()
        if chosen is None:
            return
        victim, by = chosen
        town = self.town
        self.town.truth.lied_about.add(by.account)
        self._show("directory_drops_a_device", victim, Hidden(by.account, len(town.lists[by.account])))
        if town.link(by) is None:
            town.announce(by, town.listed(by))
        await asyncio.sleep(STEP_S)
        if self.chance(0.5):
            town.write(by, [victim.name.split()[0]], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        else:  # the log alone says it
            victim.change(lambda engine, now: engine.look_up(victim.account, now=now))
        await asyncio.sleep(NAMED_S)
        if town.office.views[victim.name].told:
            told = frozenset({Cause.TRUST_LIST_WITHHELD})
            self._must_name(victim, told, "a device of a contact was kept from it", by.account)

    async def directory_adds_a_device(self) -> None:
        """Show one device a list with one more, properly signed, that nobody of its account has made."""
        chosen = await self._acquainted()
        if chosen is None or not self.town.spare:
            return
        victim, by = chosen
        ghost = self.town.spare.pop()
        self.town.truth.ghosts.add(ghost.device_id)
        devices = [*self.town.listed(by), ghost.device(0)]
        planted = next_device_list(by.root, self.town.lists[by.account][-1], devices, self.town.wall_ms)
        self._show("directory_adds_a_device", victim, Planted(by.account, planted))
        victim.change(lambda engine, now: engine.look_up(by.account, now=now))
        await asyncio.sleep(STEP_S)
        town = self.town
        town.write(victim, [by.name.split()[0]], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
        await asyncio.sleep(NAMED_S)
        if town.office.views[victim.name].told:
            told = frozenset({Cause.TRUST_LIST_NOT_LOGGED})
            self._must_name(victim, told, "it was shown a device that the log does not have", by.account)
        if victim.disk.has("SELECT 1 FROM device_lists WHERE body = ?", (planted.body,)):
            town.chronicle.object("named", victim.name, "believes a list that the log does not have")

    async def directory_rolls_back(self) -> None:
        """Show one device everything as it was a moment ago."""
        image = self.town.office.disk.copy() if self.town.office.is_up else b""
        chosen = await self._acquainted()
        if chosen is None or not image:
            return
        victim, by = chosen
        self.town.announce(by, self.town.listed(by))
        await asyncio.sleep(STEP_S)
        victim.change(lambda engine, now: engine.look_up(by.account, now=now))
        await asyncio.sleep(STEP_S)
        view = self._other_store(image)
        if _known_size(victim) <= relay_log.size_of(view.database):
            return  # what it was shown did not reach it
        self.town.office.is_stubborn = self.chance(0.5)
        self._show("directory_rolls_back", victim, view)
        victim.change(lambda engine, now: engine.look_up(by.account, now=now))
        await asyncio.sleep(NAMED_S)
        self._must_name(victim, CAUGHT, "the log it had seen was taken back")

    async def directory_moves_a_handle(self) -> None:
        """Say that a handle is another account's: to one device without the log, or in the log, to everybody."""
        chosen = await self._acquainted()
        if chosen is None:
            return
        victim, by = chosen
        handle = self.town.handles[by.account]
        thief = AccountId(self.town.random.randbytes(16))
        if self.chance(0.5):
            await self._without_the_log(victim, handle, thief)
        elif all(self._has_contact(each, handle) for each in self.town.villagers if each.account != by.account):
            await self._in_the_log(by, handle, thief)

    async def _without_the_log(self, victim: Villager, handle: str, thief: AccountId) -> None:
        self._show("directory_moves_a_handle", victim, Pointed(handle, thief))
        victim.change(lambda engine, now: engine.trusted(WhoIs(handle), now=now))
        await asyncio.sleep(NAMED_S)
        if self.town.office.views[victim.name].told:
            told = frozenset({Cause.TRUST_HANDLE_NOT_LOGGED})
            self._must_name(victim, told, "a handle was said to be another's, and the log does not say so", thief)
        if _contact(victim, handle) == thief:
            self.town.chronicle.object("named", victim.name, "believes whose a handle is, which the log does not say")

    async def _in_the_log(self, owner: Villager, handle: str, thief: AccountId) -> None:
        """Anybody may be told so: the owner reads it in the log, and who writes to the handle hears of it first."""
        town, office = self.town, self.town.office
        self.fault("directory_moves_a_handle", owner, "in the log")
        town.truth.directory_lied = True
        self._point(handle, thief)
        await asyncio.sleep(LOOK_S + NAMED_S)
        for each in town.awake:
            if each.account == owner.account and each.counts:
                moved = frozenset({Cause.TRUST_HANDLE_MOVED})
                self._must_name(each, moved, "its own handle stands for another account in the log", thief)
        for each in self._strangers(owner.account):
            each.change(lambda engine, now: engine.trusted(WhoIs(handle), now=now))
        await asyncio.sleep(NAMED_S)
        for each in self._strangers(owner.account):
            changed = frozenset({Cause.TRUST_CONTACT_CHANGED})
            self._must_name(each, changed, "a contact's handle stands for another account", thief)
            if _contact(each, handle) == thief:
                town.chronicle.object("named", each.name, "follows a handle to another account, and nobody has agreed")
        if office.is_up:
            self._point(handle, owner.account)

    # ---- what happens meanwhile

    async def _acquainted(self) -> tuple[Villager, Villager] | None:
        """Whom to lie to and about whose account: it is known there, and may change its list."""
        town = self.town
        there = [each for each in town.awake if each.counts and each.device not in town.truth.revoked]
        pairs = [(victim, by) for victim in there for by in there if victim.account != by.account and town.may_sign(by)]
        if not pairs or not town.office.is_up:
            return None
        victim, by = town.random.choice(pairs)
        handle = town.handles[by.account]
        victim.change(lambda engine, now: engine.trusted(WhoIs(handle), now=now))
        victim.change(lambda engine, now: engine.look_up(by.account, now=now))
        await asyncio.sleep(STEP_S)
        ready = [victim.is_on, by.is_on, town.office.is_up, town.may_sign(by), _known_size(victim) > 0]
        is_known = victim.agent is not None and victim.agent.engine.machines.roster.knows(by.account)
        return (victim, by) if all(ready) and is_known and _is_up(victim) and _is_up(by) else None

    async def _everybody_asks(self) -> None:
        for each in self.town.awake:
            for account in sorted(self.town.handles):
                each.change(lambda engine, now, account=account: engine.look_up(account, now=now))  # type: ignore[misc]
        await asyncio.sleep(STEP_S)

    def _everybody_writes(self) -> None:
        names = sorted({each.name.split()[0] for each in self.town.villagers})
        for each in self.town.awake:
            if each.counts:
                others = [name for name in names if name != each.name.split()[0]]
                for name in others:
                    self.town.write(each, [name], urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)

    # ---- showing and naming

    def _other_store(self, image: bytes) -> OtherStore:
        folder = self.town.folder
        view = OtherStore(folder, image, log_seed=LOG_SEED, is_stubborn=self.town.office.is_stubborn)
        self._stores.append(view)
        return view

    def _show(self, kind: str, victim: Villager, view: View) -> None:
        self.fault(kind, victim)
        self.town.truth.directory_lied = self.town.truth.relay_lied = True
        self.town.office.views[victim.name] = view

    def _point(self, handle: str, account: AccountId) -> None:
        database = self.town.office.database
        with database.transaction():
            database.run("UPDATE handles SET account = ? WHERE handle = ?", (account, handle))
            relay_log.log_handle(database, handle, account)

    def _others(self, than: Villager) -> Iterable[Villager]:
        return [each for each in self._strangers(than.account) if _is_up(each)]

    def _strangers(self, account: AccountId) -> list[Villager]:
        return [each for each in self.town.awake if each.counts and each.account != account]

    @staticmethod
    def _has_contact(who: Villager, handle: str) -> bool:
        return who.is_on and _contact(who, handle) is not None

    def _must_name(self, who: Villager, causes: frozenset[Cause], why: str, account: AccountId | None = None) -> None:
        """Object if a person was not told of what their device was shown."""
        told = self.town.truth.warned[who.device]
        if not any(each.cause in causes and account in (None, each.account) for each in told):
            self.town.chronicle.object("named", who.name, f"{why}, and nobody said so")


def _contact(who: Villager, handle: str) -> AccountId | None:
    return who.agent.engine.contact(handle) if who.agent is not None else None


def _known_size(who: Villager) -> int:
    return who.agent.engine.machines.transparency.known_size if who.agent is not None else 0


def _is_up(who: Villager) -> bool:
    return who.agent is not None and who.agent.engine.machines.path.up
