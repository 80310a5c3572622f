"""Makes accounts for people who prove that a handle is theirs.

Theory. Everything about a handle happens in one transaction, so two claims of one handle have one winner. Asking for a
code runs the same steps and says the same whether or not the handle has an account: only who reads the code learns
that. Nothing that happens to the message with the code changes the answer either; the operator is told instead.
"""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from answerback.crypto.identity import check_device_lists
from answerback.model.causes import Cause
from answerback.model.devices import DEVICES_MAX, DeviceList, Signed
from answerback.model.errors import AnswerbackError, PeerError
from answerback.model.handle import Handle, wire_handle
from answerback.model.ids import ID_BYTES, AccountId, DeviceId
from answerback.relay.codes import CODE_LIFETIME_MS, CODE_RANDOM_BYTES, CODES_WINDOW_MS, Verdict
from answerback.relay.handle_turns import HandleTurns
from answerback.relay.handles import Handles
from answerback.relay.http import Door, Refusal
from answerback.relay.proving import Proving
from answerback.relay.routes import Proof, Route, json_route
from answerback.relay.tokens import DeviceOfToken, asking_device
from answerback.storage.account_store import AccountStore
from answerback.wire.codec import decode
from answerback.wire.requests import (
    ACCOUNT_BYTES_MAX,
    AccountCreated,
    AccountRequest,
    CodeRequest,
    CodeSent,
)

_log = logging.getLogger(__name__)
INVITATION_RANDOM_BYTES = 16
ERRANDS_MAX = 200
"""Codes on their way to a slow mail server; beyond that the operator is told and people ask again."""
ERRANDS_AT_ONCE: Final = 4

Listed = tuple[Signed, DeviceList]
FirstLists = Callable[[Sequence[Listed]], bool]
"""Keeps the lists of a new account, within the transaction that is open; false if there is such an account."""
Courier = Callable[[Handle, str], Awaitable[None]]
"""Carries a code to its handle, or raises an AnswerbackError that says why not."""


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """What somebody who wants an account has shown."""

    handle: Handle
    code: str
    token: str
    lists: Sequence[Listed]
    """One, unless the account is older than this relay's store."""
    move: bool = False
    """Whether the handle is to come from the account that has it."""

    @property
    def account(self) -> AccountId:
        """Whose lists these are."""
        return self.lists[0][1].account


@dataclass(frozen=True, slots=True)
class Created:
    """What became of a claim: with a cause, no account."""

    cause: Cause | None = None
    coming_ms: int = 0
    """When the handle becomes the account's; 0 if it is already."""


class Accounts:
    """What is decided about accounts; each verb runs inside one transaction, time and randomness are handed in."""

    def __init__(
        self, store: AccountStore, *, proving: Proving, handles: Handles, is_open: bool, keep_lists: FirstLists
    ) -> None:
        self._store = store
        self._proving = proving
        self._handles = handles
        self._is_open = is_open
        self._keep_lists = keep_lists

    def ask(self, handle: Handle, *, token: str, randomness: bytes, now_ms: int, device: DeviceId | None = None) -> str:
        """Return a new code for a handle, or raise a Refusal; what is raised must not depend on who has accounts.

        A device of an account needs no invitation.
        """
        is_known = device is not None and self._handles.is_device(device)
        if not is_known and not self._is_invited(token, now_ms=now_ms):
            raise Refusal(Cause.ACCOUNT_INVITATION_NEEDED)
        return self._proving.ask(handle, randomness=randomness, now_ms=now_ms)

    def create(self, claim: Claim, *, now_ms: int) -> Created:
        """Make the account, or return why not: a return, because a wrong try must be counted for good."""
        account = claim.account
        verdict, used_by = self._proving.look(claim.handle, claim.code, now_ms=now_ms)
        if used_by and verdict is Verdict.RIGHT:
            return self._again(claim, now_ms=now_ms) if used_by == account else Created(Cause.ACCOUNT_CODE_WRONG)
        if not self._is_invited(claim.token, now_ms=now_ms):
            return Created(Cause.ACCOUNT_INVITATION_NEEDED)
        cause = self._proving.settle(claim.handle, verdict, account, now_ms=now_ms)
        return Created(cause) if cause is not None else self._found(claim, now_ms=now_ms)

    def _again(self, claim: Claim, *, now_ms: int) -> Created:
        """Answer a request again whose answer was lost, or that asks for a move now that it has heard why."""
        handle, account = claim.handle.text, claim.account
        holder = self._store.account_of(handle)
        if holder == account:
            return Created()
        if coming_ms := self._handles.coming_ms(handle, account):
            return Created(coming_ms=coming_ms)
        if claim.move and holder is not None and self._is_invited(claim.token, now_ms=now_ms):
            return self._found(claim, now_ms=now_ms)
        return Created(Cause.ACCOUNT_CODE_WRONG)

    def _found(self, claim: Claim, *, now_ms: int) -> Created:
        owner = self._store.account_of(claim.handle.text)
        if owner == claim.account:
            return Created()  # it has it already: the answer to an earlier try was lost, and this code was sent since
        is_taken = owner is not None
        if is_taken and not claim.move:
            return Created(Cause.ACCOUNT_HANDLE_TAKEN)
        if is_taken and self._handles.is_locked(claim.handle.text, now_ms=now_ms):
            return Created(Cause.ACCOUNT_HANDLE_LOCKED)
        if not self._keep_lists(claim.lists):
            return Created(Cause.ACCOUNT_HANDLE_TAKEN)  # the account exists: another device of it is linked, not made
        if not self._is_open:
            used = self._store.use_invitation(token_hash(claim.token), now_ms=now_ms)
            assert used, "it was good a moment ago, within this transaction"
        if is_taken:
            return Created(coming_ms=self._handles.begin_move(claim.handle.text, claim.account, now_ms=now_ms))
        claimed = self._store.claim(claim.handle.text, claim.account, now_ms=now_ms)
        assert claimed, "nobody else writes within this transaction"
        return Created()

    def _is_invited(self, token: str, *, now_ms: int) -> bool:
        return self._is_open or (bool(token) and self._store.is_invited(token_hash(token), now_ms=now_ms))

    def forget_old(self, *, now_ms: int) -> int:
        """Forget what can no longer count."""
        return self._store.forget_old(codes_before_ms=now_ms - CODES_WINDOW_MS, now_ms=now_ms)


class AccountRoutes:
    """Accounts over HTTP."""

    def __init__(
        self,
        door: Door,
        *,
        turns: HandleTurns,
        accounts: Accounts,
        errands: "Errands",
        device_of_token: DeviceOfToken,
    ) -> None:
        self._door = door
        self._device_of_token = device_of_token
        self._turns = turns
        self._accounts = accounts
        self._errands = errands

    def routes(self) -> list[Route]:
        """Name the routes."""
        asking = json_route(
            "/v1/codes",
            self.ask,
            takes=CodeRequest,
            status=202,
            gives=CodeSent,
            refuses=(401, 403),
            proof=Proof.DEVICE_OR_NOTHING,
        )
        creation = json_route(
            "/v1/accounts",
            self.create,
            takes=AccountRequest,
            status=201,
            gives=AccountCreated,
            refuses=(403, 409),
            bytes_max=ACCOUNT_BYTES_MAX,
        )
        return [asking, creation]

    async def ask(self, request: web.Request, asked: CodeRequest) -> CodeSent:
        """Send a one-time code to a handle."""
        self._door.charge(request)
        handle = wire_handle(asked.handle)
        randomness = secrets.token_bytes(CODE_RANDOM_BYTES)
        device = asking_device(request, self._device_of_token) if "Authorization" in request.headers else None
        code = await self._turns.take(
            lambda: self._accounts.ask(
                handle, token=asked.invitation, randomness=randomness, now_ms=_wall_ms(), device=device
            )
        )
        self._errands.send(handle, code)
        return CodeSent(CODE_LIFETIME_MS // 1000)

    async def create(self, request: web.Request, asked: AccountRequest) -> AccountCreated:
        """Make an account for a handle whose code is given."""
        self._door.charge(request)
        lists = _first_lists([asked.list, *asked.newer])
        claim = Claim(wire_handle(asked.handle), asked.code, asked.invitation, lists, asked.move)
        created = await self._turns.take(lambda: self._accounts.create(claim, now_ms=_wall_ms()))
        if created.cause is not None:
            raise Refusal(created.cause)
        return AccountCreated(claim.account, created.coming_ms)


class Errands:
    """Carries codes to their handles, a few at a time, behind the answer's back."""

    def __init__(self, courier: Courier, *, registry: CollectorRegistry) -> None:
        self._courier = courier
        self._waiting: asyncio.Queue[tuple[Handle, str]] = asyncio.Queue(ERRANDS_MAX)
        self._count = Counter("answerback_codes", "One-time codes, by what became of them", ["fate"], registry=registry)

    def send(self, handle: Handle, code: str) -> None:
        """Have a code carried; whatever becomes of it, only the operator learns."""
        try:
            self._waiting.put_nowait((handle, code))
        except asyncio.QueueFull:
            self._count.labels("dropped").inc()
            _log.error("a code for %s was not sent: %d others wait for the mail server", handle.masked, ERRANDS_MAX)

    async def run(self) -> None:
        """Carry codes until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(ERRANDS_AT_ONCE):
                group.create_task(self._carry())

    async def _carry(self) -> None:
        while True:
            handle, code = await self._waiting.get()
            try:
                await self._courier(handle, code)
            except AnswerbackError as error:
                self._count.labels("failed").inc()
                _log.error("a code for %s was not sent: %s", handle.masked, error)  # no traceback: handle in it
            else:
                self._count.labels("sent").inc()


def token_hash(token: str) -> bytes:
    """Hash an invitation's token: 128 random bits need no salt."""
    return hashlib.sha256(b"answerback invitation\0" + token.encode()).digest()


def _first_lists(signed: Sequence[Signed]) -> list[Listed]:
    account = decode(signed[0].body, DeviceList).account
    if len(account) != ID_BYTES:
        raise PeerError(f"an account's id has {ID_BYTES} bytes; this one has {len(account)}")
    listed: list[Listed] = []
    known: Signed | None = None
    for each in signed:
        devices = check_device_lists(AccountId(account), known=known, newer=[each])
        if devices is None or not 1 <= len(devices.devices) <= DEVICES_MAX:
            raise PeerError(f"each of an account's device lists follows the one before and names 1 to {DEVICES_MAX}")
        listed.append((each, devices))
        known = each
    return listed


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
