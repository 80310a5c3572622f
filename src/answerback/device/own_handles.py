"""The handles of this device's account: lists, adds and removes them at the relay, and answers moves.

The relay knows the asking device by the token of its connection; while there is none, nothing can be asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from answerback.core.trusting import Added
from answerback.device.agent import Agent
from answerback.device.typed_handles import kept_region
from answerback.model.causes import Cause
from answerback.model.errors import UsageError
from answerback.model.handle import Handle, read_handle_here, region_of
from answerback.model.handle_state import HandleState
from answerback.storage.journal import Journal
from answerback.transport.approach import Approach
from answerback.transport.failures import TokenStale, Unreachable
from answerback.transport.relay_http import RelayHttp
from answerback.wire.frames import HandleNotice
from answerback.wire.requests import HandlesTold, HandleTold

CONNECT_S_MAX = 10.0
"""How long a command waits for the connection that gives its token."""
LOOK_S = 0.05
_T = TypeVar("_T")


class OwnHandles:
    """The handles of one account. Every verb raises `RefusedError` with its cause, `Unreachable` or `UsageError`."""

    def __init__(self, agent: Agent, journal: Journal, approach: Approach) -> None:
        self._agent = agent
        self._journal = journal
        self._approach = approach

    @property
    def region(self) -> str:
        """From where numbers without a country are dialled; empty if nobody knows."""
        return kept_region(self._journal) or region_of(self._agent.identity.handle)

    def typed(self, text: str) -> Handle:
        """Read a handle as it is typed on this device."""
        return read_handle_here(text, lambda: self.region)

    async def told(self) -> list[HandleTold]:
        """Ask the relay for this account's handles, and what became of others lately."""
        return (await self._ask(lambda http, token: http.handles(token=token))).handles

    async def request_code(self, handle: Handle) -> int:
        """Have a one-time code sent to a handle; returns for how many seconds it is good."""
        return (await self._ask(lambda http, token: http.request_code(handle, token=token))).expires_in_s

    async def add(self, handle: Handle, *, code: str, move: bool = False) -> HandleTold:
        """Let a handle point to this account, or with `move` begin to, if it is another account's."""
        told = await self._ask(lambda http, token: http.add_handle(handle, code=code, move=move, token=token))
        added = _one(told, handle)
        notice = HandleNotice(added.handle, added.state, added.other, added.at_ms)
        self._agent.change(lambda engine, now: engine.trusted(Added(notice), now=now))
        return added

    async def remove(self, handle: Handle) -> list[HandleTold]:
        """Let a handle point to nobody, or give up one that is on its way here.

        If it is the one this device goes by, it goes by another one of the account's from its next start on.
        """
        before = {each.handle for each in await self.told()}
        if handle.text not in before:
            raise UsageError(f"{handle} is no handle of this account: `answerback handles` lists them")
        told = await self._ask(lambda http, token: http.remove_handle(handle, token=token))
        left = [each.handle for each in told.handles if each.state is HandleState.OURS]
        identity = self._journal.identity()
        if identity is not None and identity.handle == handle and left:
            self._journal.keep_identity(replace(identity, handle=Handle(left[0])))
        return told.handles

    async def answer(self, handle: Handle, *, give: bool) -> HandleTold | None:
        """Let a handle that another account has proven go at once, or keep it; None once it is gone."""
        told = await self._ask(lambda http, token: http.answer_move(handle, give=give, token=token))
        return next((each for each in told.handles if each.handle == handle.text), None)

    async def _ask(self, ask: Callable[[RelayHttp, bytes], Awaitable[_T]]) -> _T:
        own = self._agent.identity
        async with RelayHttp(own.relay_url, pin=own.relay_pin or b"", approach=self._approach) as http:
            token = await self._token(b"")
            try:
                return await ask(http, token)
            except TokenStale:  # the relay has begun anew: the next connection brings another one
                return await ask(http, await self._token(token))

    async def _token(self, stale: bytes) -> bytes:
        machines = self._agent.engine.machines
        deadline_s = asyncio.get_running_loop().time() + CONNECT_S_MAX
        while not machines.path.up or machines.token in (b"", stale):
            if asyncio.get_running_loop().time() > deadline_s:
                cause = machines.path.cause or Cause.NETWORK_CONNECTING
                raise Unreachable(cause, "this needs a connection to the relay, and there is none")
            self._agent.check_alive()
            await asyncio.sleep(LOOK_S)
            machines = self._agent.engine.machines
        return machines.token


def _one(told: HandlesTold, handle: Handle) -> HandleTold:
    return next(each for each in told.handles if each.handle == handle.text)
