"""Asks a relay over HTTP: accounts, boxes, blobs, health.

Every verb ends in one of four ways: its value; `RefusedError`, when somebody must act; `Deferred`, when the relay asks
to come back later; `Unreachable`, when no answer came. With a pin, the relay's certificate must be that very one and no
authority is asked; without, the system's authorities decide.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar

import aiohttp

from answerback.model.causes import Cause, cause_of
from answerback.model.devices import Signed
from answerback.model.errors import PeerError, RefusedError, UsageError
from answerback.model.handle import Handle
from answerback.model.ids import ID_BYTES, BlobId
from answerback.model.paths import ANY_PATH
from answerback.transport.approach import Approach
from answerback.transport.failures import Deferred, TokenStale, unreachable
from answerback.wire.requests import (
    ACCOUNT_BYTES_MAX,
    BOX_BYTES_MAX,
    BOX_SLOTS,
    BOX_WAIT_S_MAX,
    JSON_BYTES_MAX,
    LENGTH_HEADER,
    OFFSET_HEADER,
    PIECE_BYTES_MAX,
    AccountCreated,
    AccountRequest,
    Body,
    CodeRequest,
    CodeSent,
    HandleAnswer,
    HandleClaim,
    HandleRemoval,
    HandlesTold,
    Health,
    ListKept,
    ListRequest,
    ListsFound,
    ListsRequest,
    RefusalBody,
    decode_json,
    encode_json,
)

CONNECT_S_MAX = 20.0
"""DNS, TCP and TLS together: three round trips and some losses on the worst link we know."""
SILENCE_S_MAX = 30.0
"""How long an answer may be silent; less than a relay's wait for a box would break that wait."""
RETRY_USUAL_MS = 5_000
UNAUTHORIZED: Final = 401
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504, 507})
_B = TypeVar("_B")

Query = Mapping[str, str | int]


class RelayHttp:
    """One relay, as HTTP sees it; `async with` opens and closes its connections."""

    def __init__(self, url: str, *, pin: bytes = b"", path: str = ANY_PATH, approach: Approach | None = None) -> None:
        """Take a path to be bound to, and the way to the relay if somebody knows it already."""
        if pin and not url.startswith("https://"):
            raise UsageError("a pin needs https")
        self._url = url.rstrip("/")
        self._pin = pin
        self._path = path
        self._known_approach = approach
        self._approach: Approach | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Get ready; nothing is sent yet."""
        approach = self._approach = self._known_approach or Approach(self._url, pin=self._pin)
        connector = approach.connector(lambda: self._path, limit=8)
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_S_MAX, sock_read=SILENCE_S_MAX)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        if self._approach is not None and self._approach is not self._known_approach:
            await self._approach.close()

    async def request_code(self, handle: Handle, *, invitation: str = "", token: bytes = b"") -> CodeSent:
        """Have a one-time code sent to a handle; a device of an account needs no invitation."""
        return await self._post("/v1/codes", CodeRequest(handle.text, invitation), CodeSent, token=token)

    async def create_account(
        self,
        handle: Handle,
        *,
        code: str,
        first_list: Signed,
        invitation: str = "",
        newer: Sequence[Signed] = (),
        move: bool = False,
    ) -> AccountCreated:
        """Make an account with its first device; the same request may be sent again if its answer was lost."""
        request = AccountRequest(handle.text, code, first_list, invitation, list(newer), move)
        return await self._post("/v1/accounts", request, AccountCreated)

    async def handles(self, *, token: bytes) -> HandlesTold:
        """List the handles of the account whose device has this token."""
        async with self._ask("GET", "/v1/handles", token=token) as response:
            return decode_json(await _read(response, bytes_max=JSON_BYTES_MAX), HandlesTold)

    async def add_handle(self, handle: Handle, *, code: str, move: bool, token: bytes) -> HandlesTold:
        """Let a proven handle point to the account; the same request may be sent again if its answer was lost."""
        return await self._post("/v1/handles", HandleClaim(handle.text, code, move), HandlesTold, token=token)

    async def remove_handle(self, handle: Handle, *, token: bytes) -> HandlesTold:
        """Let a handle of the account point to nobody, or give up one that is on its way to it."""
        return await self._post("/v1/handles/remove", HandleRemoval(handle.text), HandlesTold, token=token)

    async def answer_move(self, handle: Handle, *, give: bool, token: bytes) -> HandlesTold:
        """Let a handle that another account has proven go at once, or keep it."""
        return await self._post("/v1/handles/answer", HandleAnswer(handle.text, give), HandlesTold, token=token)

    async def account_lists(self, asked: Signed, *, root_key: bytes) -> ListsFound:
        """Have an account's lists after a version, as the holder of its root key; see `wire.requests.Asked`."""
        return await self._post(
            "/v1/recoveries", ListsRequest(asked, root_key), ListsFound, bytes_max=ACCOUNT_BYTES_MAX
        )

    async def put_list(self, signed: Signed) -> int:
        """Make a list its account's newest; the same one may be sent again if its answer was lost."""
        return (await self._post("/v1/lists", ListRequest(signed), ListKept)).version

    async def put_box(self, box: bytes, *, slot: int, content: bytes) -> None:
        """Fill a slot of a box; the same bytes may be sent again, others are refused."""
        assert len(content) <= BOX_BYTES_MAX
        async with self._ask("PUT", _box_path(box, slot), data=content):
            pass

    async def get_box(self, box: bytes, *, slot: int, wait_s: int = BOX_WAIT_S_MAX) -> bytes | None:
        """Look into a slot, waiting there a while for it to be filled; None if it was not."""
        async with self._ask("GET", _box_path(box, slot), query={"wait_s": wait_s}) as response:
            content = await _read(response, bytes_max=BOX_BYTES_MAX)
            return content if response.status == 200 else None  # noqa: PLR2004  # 204 has no content

    async def upload_piece(self, blob: BlobId, content: bytes, *, offset: int, total_bytes: int, token: bytes) -> int:
        """Send one piece; return how many bytes the relay has, which is not `offset` plus this one if it had others."""
        assert 0 < len(content) <= PIECE_BYTES_MAX
        query = {"offset": offset, "total": total_bytes}
        async with self._ask("PUT", _blob_path(blob), query=query, data=content, token=token, differs=409) as response:
            return _offset(response)

    async def blob_offset(self, blob: BlobId, *, token: bytes) -> tuple[int, int] | None:
        """Ask how many bytes of a blob the relay has, and of how many in all; None if it has none of them."""
        async with self._ask("HEAD", _blob_path(blob), token=token, differs=404) as response:
            return None if OFFSET_HEADER not in response.headers else (_offset(response), _length(response))

    async def download_range(self, blob: BlobId, *, start: int, end: int, token: bytes) -> AsyncIterator[bytes]:
        """Fetch the bytes from `start` up to `end`, as they come; what came before an error is good."""
        assert 0 <= start < end
        left = end - start
        headers = {"Range": f"bytes={start}-{end - 1}"}
        async with self._ask("GET", _blob_path(blob), token=token, headers=headers) as response:
            if response.status != 206 and start > 0:  # noqa: PLR2004  # a proxy that ignores ranges
                raise PeerError("asked for a range, got something else")
            async for part in response.content.iter_any():
                yield part[:left]
                left -= len(part)
                if left <= 0:
                    return
        raise PeerError(f"{left} bytes of the range did not come")

    async def health(self) -> Health:
        """Ask how the relay is; a relay that is not well answers too."""
        async with self._ask("GET", "/v1/health", differs=503) as response:
            return decode_json(await _read(response, bytes_max=JSON_BYTES_MAX), Health)

    async def _post(
        self, path: str, body: Body, kind: type[_B], *, token: bytes = b"", bytes_max: int = JSON_BYTES_MAX
    ) -> _B:
        headers = {"Content-Type": "application/json"}
        async with self._ask("POST", path, data=encode_json(body), headers=headers, token=token) as response:
            return decode_json(await _read(response, bytes_max=bytes_max), kind, bytes_max=bytes_max)

    @asynccontextmanager
    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: bytes = b"",
        differs: int = 0,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request; `differs` is the status that is no refusal but an answer of its own."""
        assert self._session is not None, "use `async with`"
        head = dict(headers or {}) | ({"Authorization": f"Bearer {token.hex()}"} if token else {})
        try:
            async with self._session.request(
                method, self._url + path, params=query, data=data, headers=head, allow_redirects=False
            ) as response:
                if response.status not in (200, 201, 202, 204, 206, differs):
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise unreachable(error) from error


async def _read(response: aiohttp.ClientResponse, *, bytes_max: int) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > bytes_max:
            raise PeerError(f"an answer has more than the {bytes_max} bytes that are allowed")
    return bytes(body)


async def _refusal(response: aiohttp.ClientResponse) -> Exception:
    said = _said(await _read(response, bytes_max=JSON_BYTES_MAX))
    if response.status == UNAUTHORIZED:
        return TokenStale()
    if said is None:
        said = RefusalBody(_cause_of_status(response.status).value, f"HTTP status {response.status}")
    if response.status in _PASSING:
        wait_ms = said.retry_after_ms if said.retry_after_ms >= 0 else RETRY_USUAL_MS
        return Deferred(cause_of(said.cause), retry_after_ms=wait_ms, message=said.message)
    return RefusedError(cause_of(said.cause), said.message)


def _said(body: bytes) -> RefusalBody | None:
    try:
        return decode_json(body, RefusalBody)
    except PeerError:
        return None  # a proxy's page, or the answer to a HEAD, which has no body


def _cause_of_status(status: int) -> Cause:
    if status == 404:  # noqa: PLR2004  # not found
        return Cause.MESSAGE_FILE_MISSING
    return Cause.RELAY_FAULTY if status >= 500 else Cause.RELAY_INCOMPATIBLE  # noqa: PLR2004  # the server's own


def _box_path(box: bytes, slot: int) -> str:
    assert len(box) == ID_BYTES
    assert 0 <= slot < BOX_SLOTS
    return f"/v1/boxes/{box.hex()}/{slot}"


def _blob_path(blob: BlobId) -> str:
    assert len(blob) == ID_BYTES
    return f"/v1/blobs/{blob.hex()}"


def _offset(response: aiohttp.ClientResponse) -> int:
    return _number(response, OFFSET_HEADER)


def _length(response: aiohttp.ClientResponse) -> int:
    return _number(response, LENGTH_HEADER)


def _number(response: aiohttp.ClientResponse, header: str) -> int:
    text = response.headers.get(header, "")
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:  # noqa: PLR2004  # a petabyte
        raise PeerError(f"the relay did not say {header}")
    return int(text)
