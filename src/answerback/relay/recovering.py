"""Lets whoever holds an account's root key have its device lists, and put the next one, without being a device of it.

Theory. Somebody who has lost all devices has twenty-four words: the root key. It proves by a signature that it is the
key of the account's newest list, and is given the lists; the list that it signs then speaks for itself. A list goes the
same way through the store as one that a device announces, so what it leaves out loses its mailbox and connection at
once. The surprising rule: an unknown handle, and a known one with another key, are refused with the same words. Only a
key that once was the account's learns that it was replaced.
"""

import asyncio
from collections.abc import Callable

from aiohttp import web

from answerback.crypto.identity import Purpose, check_device_lists, former_root_keys, read_device_list, verify
from answerback.model.causes import Cause
from answerback.model.devices import DEVICES_MAX, DeviceList, Signed
from answerback.model.errors import PeerError, TrustError
from answerback.model.handle import parse_handle
from answerback.model.ids import ID_BYTES, AccountId
from answerback.relay.http import Door, Refusal
from answerback.relay.routes import Route, json_route
from answerback.storage.account_store import AccountStore
from answerback.storage.database import Database
from answerback.storage.relay_commands import Newest
from answerback.storage.relay_directory import lists_after, newest_list
from answerback.storage.turns import Turns
from answerback.wire.codec import decode
from answerback.wire.requests import (
    Asked,
    ListKept,
    ListRequest,
    ListsFound,
    ListsRequest,
)

LOOK_S = 0.01
LOOKS_MAX = 500
PutList = Callable[[Signed, DeviceList], None]
"""Has the store keep a list, and ends what it leaves out; what the store is asked after this comes after it."""


class RecoveryRoutes:
    """Recovery over HTTP."""

    def __init__(self, door: Door, *, turns: Turns, database: Database, put_list: PutList) -> None:
        self._door = door
        self._turns = turns
        self._database = database
        self._accounts = AccountStore(database)
        self._put_list = put_list

    def routes(self) -> list[Route]:
        """Name the routes."""
        asking = json_route(
            "/v1/recoveries", self.ask, takes=ListsRequest, status=200, gives=ListsFound, refuses=(403,)
        )
        putting = json_route("/v1/lists", self.put, takes=ListRequest, status=201, gives=ListKept, refuses=(403,))
        return [asking, putting]

    async def ask(self, request: web.Request, said: ListsRequest) -> ListsFound:
        """Give an account's lists to whoever holds its root key."""
        self._door.charge(request)
        asked = decode(verify(said.asked, key=said.root_key, purpose=Purpose.RECOVERY), Asked)
        return await self._turns.take(lambda: self._found(asked, said.root_key))

    async def put(self, request: web.Request, asked: ListRequest) -> ListKept:
        """Make a list the account's newest."""
        self._door.charge(request)
        signed = asked.list
        account = AccountId(decode(signed.body, DeviceList).account)
        read_device_list(account, signed)  # before the store is asked anything
        newest = await self._newest(account)
        if newest.signed is None:
            raise Refusal(Cause.ACCOUNT_PHRASE_WRONG)
        if newest.signed.body != signed.body:  # else the answer to the first time was lost
            self._put_list(signed, _follower(account, newest.signed, signed))
            newest = await self._followed(account, newest.version)
            if newest.signed is None or newest.signed.body != signed.body:
                raise Refusal(Cause.TRUST_KEYS_CHANGED, "another list was quicker")
        return ListKept(newest.version)

    async def _followed(self, account: AccountId, version: int) -> Newest:
        """Wait until the store has kept a newer list than this version, from wherever it came."""
        newest = await self._newest(account)
        for _ in range(LOOKS_MAX):
            if newest.version > version:
                break
            await asyncio.sleep(LOOK_S)
            newest = await self._newest(account)
        return newest

    async def _newest(self, account: AccountId) -> Newest:
        return await self._turns.take(lambda: newest_list(self._database, account))

    def _found(self, asked: Asked, root_key: bytes) -> ListsFound:
        if asked.handle:
            account = self._accounts.account_of(parse_handle(asked.handle).text)
        else:
            account = AccountId(asked.account) if len(asked.account) == ID_BYTES else None
        newest = newest_list(self._database, account) if account is not None else Newest(0, None)
        if account is None or newest.signed is None:
            raise Refusal(Cause.ACCOUNT_PHRASE_WRONG)
        read = read_device_list(account, newest.signed)
        if read.root_key != root_key:
            is_former = root_key in former_root_keys(read)
            raise Refusal(Cause.ACCOUNT_PHRASE_VOID if is_former else Cause.ACCOUNT_PHRASE_WRONG)
        lists = lists_after(self._database, account, asked.known_version).lists
        return ListsFound(account, lists, newest.version)


def _follower(account: AccountId, newest: Signed, signed: Signed) -> DeviceList:
    try:
        devices = check_device_lists(account, known=newest, newer=[signed])
    except TrustError as error:
        raise Refusal(Cause.TRUST_KEYS_CHANGED, "the list does not follow the newest") from error
    if devices is None:
        raise Refusal(Cause.TRUST_KEYS_CHANGED, "the list does not follow the newest")
    if not 1 <= len(devices.devices) <= DEVICES_MAX:
        raise PeerError(f"a device list names 1 to {DEVICES_MAX} devices")
    return devices
