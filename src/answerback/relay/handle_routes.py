"""An account's handles over HTTP, for devices of that account: list, add, remove, and answer a move."""

import time

from aiohttp import web

from answerback.model.causes import Cause
from answerback.model.handle import wire_handle
from answerback.model.ids import AccountId
from answerback.relay.handle_turns import HandleTurns
from answerback.relay.handles import Handles
from answerback.relay.http import Door, Refusal, answer
from answerback.relay.routes import Given, Proof, Route, json_route
from answerback.relay.tokens import DeviceOfToken, asking_device
from answerback.wire.requests import HandleAnswer, HandleClaim, HandleRemoval, HandlesTold

HANDLES_PATH = "/v1/handles"


class HandleRoutes:
    """Whoever asks is a device by its token; its account is looked up in the transaction that makes the change."""

    def __init__(self, door: Door, *, turns: HandleTurns, handles: Handles, device_of_token: DeviceOfToken) -> None:
        self._door = door
        self._turns = turns
        self._handles = handles
        self._device_of_token = device_of_token

    def routes(self) -> list[Route]:
        """Name the routes. Handles stand in bodies, never in paths: those are written into logs on the way."""
        listing = Route(
            method="GET",
            path=HANDLES_PATH,
            words="List the handles of this account, and what became of others lately.",
            serve=self._list,
            gives={200: Given(HandlesTold)},
            refuses=frozenset({401}),
            proof=Proof.DEVICE,
        )
        claim = json_route(
            HANDLES_PATH,
            self.add,
            takes=HandleClaim,
            status=200,
            gives=HandlesTold,
            refuses=(401, 403, 409),
            proof=Proof.DEVICE,
        )
        removal = json_route(
            f"{HANDLES_PATH}/remove",
            self.remove,
            takes=HandleRemoval,
            status=200,
            gives=HandlesTold,
            refuses=(401,),
            proof=Proof.DEVICE,
        )
        answering = json_route(
            f"{HANDLES_PATH}/answer",
            self.answer,
            takes=HandleAnswer,
            status=200,
            gives=HandlesTold,
            refuses=(401,),
            proof=Proof.DEVICE,
        )
        return [listing, claim, removal, answering]

    async def add(self, request: web.Request, asked: HandleClaim) -> HandlesTold:
        """Let a handle whose code is given point to this account."""
        device = asking_device(request, self._device_of_token)
        self._door.charge(request)
        handle = wire_handle(asked.handle)

        def change() -> Cause | HandlesTold:
            account, now_ms = self._handles.account_of(device), _wall_ms()
            if account is None:
                return Cause.ACCOUNT_DEVICE_REVOKED
            cause = self._handles.add(account, handle, code=asked.code, move=asked.move, now_ms=now_ms)
            return cause or self._told(account)  # returned, not raised: a wrong try is to be counted for good

        told = await self._turns.take(change)
        if isinstance(told, Cause):
            raise Refusal(told)
        return told

    async def remove(self, request: web.Request, asked: HandleRemoval) -> HandlesTold:
        """Let a handle of this account point to nobody, or give up one that is on its way here."""
        device = asking_device(request, self._device_of_token)
        handle = wire_handle(asked.handle)

        def change() -> HandlesTold:
            account = _required(self._handles.account_of(device))
            self._handles.remove(account, handle, now_ms=_wall_ms())
            return self._told(account)

        return await self._turns.take(change)

    async def answer(self, request: web.Request, asked: HandleAnswer) -> HandlesTold:
        """Let a handle that another account has proven go to it at once, or keep it."""
        device = asking_device(request, self._device_of_token)
        handle = wire_handle(asked.handle)

        def change() -> HandlesTold:
            account = _required(self._handles.account_of(device))
            self._handles.answer(account, handle, give=asked.give, now_ms=_wall_ms())
            return self._told(account)

        return await self._turns.take(change)

    async def _list(self, request: web.Request) -> web.Response:
        device = asking_device(request, self._device_of_token)
        return answer(await self._turns.take(lambda: self._told(_required(self._handles.account_of(device)))))

    def _told(self, account: AccountId) -> HandlesTold:
        return HandlesTold(self._handles.told(account))


def _required(account: AccountId | None) -> AccountId:
    if account is None:
        raise Refusal(Cause.ACCOUNT_DEVICE_REVOKED)
    return account


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
