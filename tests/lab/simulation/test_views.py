"""Proves that a device can be shown another directory than everybody else, signed by the true key of the log."""

import asyncio
from pathlib import Path

from answerback.core.effects import Warned
from answerback.core.trusting import WhoIs
from answerback.crypto.transparency import sign_head
from answerback.lab.simulation.post_office import LOG_SEED
from answerback.lab.simulation.town import Town
from answerback.lab.simulation.views import Hidden, OtherStore, Planted, Pointed, recall_stubbornly
from answerback.model.causes import Cause
from answerback.model.ids import AccountId
from answerback.storage import relay_log
from answerback.storage.relay_commands import (
    Append,
    FetchLists,
    Found,
    Lists,
    Logged,
    RecallHead,
    ResolveHandle,
)
from tests.lab.simulation.stage import in_town

FORGOTTEN = sign_head(LOG_SEED, epoch=0, size=10**6, root=b"r" * 32, made_ms=1)


def test_another_store_has_another_log_under_the_same_key(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        true = town.office.database
        view = OtherStore(tmp_path, town.office.disk.copy(), log_seed=LOG_SEED, is_stubborn=True)
        size = relay_log.size_of(true)
        relay_log.log_handle(view.database, "stranger@example.org", AccountId(b"s" * 16))
        assert (relay_log.size_of(view.database), relay_log.size_of(true)) == (size + 1, size)
        account = min(town.handles)
        there = view.answer(true, FetchLists(1, 1, account, 0, size))
        assert isinstance(there, Lists)
        assert there.logged is not None
        assert there.logged.state.size == size + 1
        assert view.answer(true, Append(1, [], 0, 0)) is None, "mail is not the directory"
        denied = view.answer(true, RecallHead(1, 1, FORGOTTEN, size))
        assert isinstance(denied, Logged)
        assert (denied.state.epoch, denied.reminded) == (0, ())
        assert view.told == 2
        view.close()

    in_town(tmp_path, work)


def test_a_relay_that_is_not_stubborn_admits_what_it_forgot(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        true = town.office.database
        assert recall_stubbornly(true, RecallHead(1, 1, FORGOTTEN, 0)).state.epoch == 0
        said = relay_log.answer(true, RecallHead(1, 1, FORGOTTEN, 0))
        assert isinstance(said, Logged)
        assert said.state.epoch == 1

    in_town(tmp_path, work)


def test_lists_are_hidden_planted_and_handles_pointed_elsewhere(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        true, account = town.office.database, min(town.handles)
        by = next(each for each in town.awake if each.account == account)
        known = len(town.lists[account])
        town.announce(by, town.listed(by))
        await asyncio.sleep(3)
        asked = FetchLists(1, 1, account, 0, 0)
        hidden = Hidden(account, known).answer(true, asked)
        assert isinstance(hidden, Lists)
        assert len(hidden.lists) == known
        planted = Planted(account, town.lists[account][-1]).answer(true, asked)
        assert isinstance(planted, Lists)
        assert planted.lists[-1] == town.lists[account][-1]
        thief = AccountId(b"t" * 16)
        pointed = Pointed(town.handles[account], thief).answer(true, ResolveHandle(1, 1, town.handles[account], 0))
        assert isinstance(pointed, Found)
        assert pointed.account == thief
        other = FetchLists(1, 1, thief, 0, 0)
        assert Hidden(account, known).answer(true, other) is None
        assert Planted(account, town.lists[account][-1]).answer(true, other) is None

    in_town(tmp_path, work)


def test_only_who_is_shown_it_is_told_of_it(tmp_path: Path) -> None:
    async def work(town: Town) -> None:
        victim = town.awake[0]
        owner = next(each for each in town.awake if each.account != victim.account)
        town.office.views[victim.name] = Pointed(town.handles[owner.account], AccountId(b"t" * 16))
        handle = town.handles[owner.account]
        for each in town.awake:
            each.change(lambda engine, now: engine.trusted(WhoIs(handle), now=now))
        await asyncio.sleep(5)
        told = {
            each.name
            for each in town.awake
            if Warned(Cause.TRUST_HANDLE_NOT_LOGGED, AccountId(b"t" * 16)) in town.truth.warned[each.device]
        }
        assert told == {victim.name}

    in_town(tmp_path, work)
