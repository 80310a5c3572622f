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
from answerback.model.handle import Handle, parse_handle
from answerback.model.ids import ID_BYTES, AccountId
from answerback.relay.codes import (
    CODE_LIFETIME_MS,
    CODE_RANDOM_BYTES,
    CODES_PER_HANDLE_MAX,
    CODES_WINDOW_MS,
    KeptCode,
    Verdict,
    code_mac,
    judge,
    new_code,
    wait_ms,
)
from answerback.relay.http import Door, Refusal, answer, read_body
from answerback.storage.account_store import AccountStore, CodeRow
from answerback.storage.turns import Turns
from answerback.wire.codec import decode
from answerback.wire.requests import (
    ACCOUNT_BYTES_MAX,
    JSON_BYTES_MAX,
    AccountCreated,
    AccountRequest,
    CodeRequest,
    CodeSent,
    decode_json,
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

    @property
    def account(self) -> AccountId:
        """Whose lists these are."""
        return self.lists[0][1].account


class Accounts:
    """What is decided about accounts; each verb runs inside one transaction, time and randomness are handed in."""

    def __init__(self, store: AccountStore, *, secret: bytes, is_open: bool, keep_lists: FirstLists) -> None:
        self._store = store
        self._secret = secret
        self._is_open = is_open
        self._keep_lists = keep_lists

    def ask(self, handle: Handle, *, token: str, randomness: bytes, now_ms: int) -> str:
        """Return a new code for a handle, or raise a Refusal; what is raised must not depend on who has accounts."""
        if not self._is_invited(token, now_ms=now_ms):
            raise Refusal(Cause.ACCOUNT_INVITATION_NEEDED)
        window_ms = now_ms - CODES_WINDOW_MS
        sent_ms = self._store.codes_sent_ms(handle.text, after_ms=window_ms, count_max=CODES_PER_HANDLE_MAX)
        if wait := wait_ms(sent_ms, now_ms=now_ms):
            raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "too many codes for this handle", retry_after_ms=wait)
        code = new_code(randomness)
        mac = code_mac(self._secret, handle=handle.text, code=code)
        self._store.keep_code(handle.text, mac=mac, now_ms=now_ms)
        return code

    def create(self, claim: Claim, *, now_ms: int) -> Cause | None:
        """Make the account, or return why not: a return, because a wrong try must be counted for good."""
        handle, account = claim.handle.text, claim.account
        row = self._store.code(handle)
        mac = code_mac(self._secret, handle=handle, code=claim.code)
        verdict = judge(_kept(row), mac=mac, now_ms=now_ms)
        if row is not None and row.used_by and verdict is Verdict.RIGHT:
            return None if row.used_by == account == self._store.account_of(handle) else Cause.ACCOUNT_CODE_WRONG
        if not self._is_invited(claim.token, now_ms=now_ms):
            return Cause.ACCOUNT_INVITATION_NEEDED
        if verdict is Verdict.EXPIRED:
            return Cause.ACCOUNT_CODE_EXPIRED
        if verdict is Verdict.WRONG:
            self._store.count_wrong_try(handle)
            return Cause.ACCOUNT_CODE_WRONG
        self._store.use_code(handle, account)
        return self._found(claim, now_ms=now_ms)

    def _found(self, claim: Claim, *, now_ms: int) -> Cause | None:
        owner = self._store.account_of(claim.handle.text)
        if owner == claim.account:
            return None  # it has it already: the answer to an earlier try was lost, and this code was sent since
        if owner is not None:
            return Cause.ACCOUNT_HANDLE_TAKEN
        if not self._keep_lists(claim.lists):
            return Cause.ACCOUNT_HANDLE_TAKEN  # the account has a handle: another device of it is linked, not made
        claimed = self._store.claim(claim.handle.text, claim.account, now_ms=now_ms)
        assert claimed, "nobody else writes within this transaction"
        if not self._is_open:
            used = self._store.use_invitation(token_hash(claim.token), now_ms=now_ms)
            assert used, "it was good a moment ago, within this transaction"
        return None

    def _is_invited(self, token: str, *, now_ms: int) -> bool:
        return self._is_open or (bool(token) and self._store.is_invited(token_hash(token), now_ms=now_ms))

    def forget_old(self, *, now_ms: int) -> int:
        """Forget what can no longer count."""
        return self._store.forget_old(codes_before_ms=now_ms - CODES_WINDOW_MS, now_ms=now_ms)


class AccountRoutes:
    """Accounts over HTTP."""

    def __init__(self, door: Door, *, turns: Turns, accounts: Accounts, errands: "Errands") -> None:
        self._door = door
        self._turns = turns
        self._accounts = accounts
        self._errands = errands

    def routes(self) -> list[web.RouteDef]:
        """Name the routes."""
        return [web.post("/v1/codes", self.ask), web.post("/v1/accounts", self.create)]

    async def ask(self, request: web.Request) -> web.Response:
        """Send a code."""
        self._door.charge(request)
        asked = decode_json(await read_body(request, bytes_max=JSON_BYTES_MAX), CodeRequest)
        handle = parse_handle(asked.handle)
        randomness = secrets.token_bytes(CODE_RANDOM_BYTES)
        code = await self._turns.take(
            lambda: self._accounts.ask(handle, token=asked.invitation, randomness=randomness, now_ms=_wall_ms())
        )
        self._errands.send(handle, code)
        return answer(CodeSent(CODE_LIFETIME_MS // 1000), status=202)

    async def create(self, request: web.Request) -> web.Response:
        """Make an account."""
        self._door.charge(request)
        body = await read_body(request, bytes_max=ACCOUNT_BYTES_MAX)
        asked = decode_json(body, AccountRequest, bytes_max=ACCOUNT_BYTES_MAX)
        lists = _first_lists([asked.list, *asked.newer])
        claim = Claim(parse_handle(asked.handle), asked.code, asked.invitation, lists)
        cause = await self._turns.take(lambda: self._accounts.create(claim, now_ms=_wall_ms()))
        if cause is not None:
            raise Refusal(cause)
        return answer(AccountCreated(claim.account), status=201)


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


def _kept(row: CodeRow | None) -> KeptCode | None:
    return KeptCode(row.mac, row.issued_ms, row.wrong_tries) if row else None


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
