"""Carries one linking of a second device over the agent's local interface: show, ask, wait for yes or no."""

import asyncio
import contextlib
from concurrent.futures import Future
from typing import Final

import msgspec
from aiohttp import web

from answerback.device.client import Client
from answerback.device.linking import Linking
from answerback.faces.told import DeviceTold, LinkTold
from answerback.faces.troubles import kind_of
from answerback.model.causes import Cause
from answerback.model.devices import Device
from answerback.model.errors import AnswerbackError, UsageError

CONFIRM_S_MAX = 600.0
"""As long as a code lives."""


class _Confirm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    yes: bool


class LinkRoom:
    """At most one linking at a time: two codes on two screens would only confuse."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client
        self._answer: Future[bool] | None = None

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Link a device; each turn is told in a line."""
        if self._answer is not None:
            raise UsageError("another device is being linked just now; finish that first")
        self._answer = Future()
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        turns: asyncio.Queue[LinkTold | None] = asyncio.Queue()
        linking: asyncio.Task[None] | None = None
        try:
            await response.prepare(request)
            linking = asyncio.create_task(self._link(turns, self._answer))
            while (turn := await turns.get()) is not None:
                await response.write(msgspec.json.encode(turn) + b"\n")
        finally:
            if not self._answer.done():
                self._answer.set_result(False)  # whoever was to say yes has gone
            self._answer = None
            if linking is not None:
                linking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await linking
        return response

    async def confirm(self, request: web.Request) -> web.Response:
        """Say yes or no to the device that asks."""
        if self._answer is None or self._answer.done():
            raise UsageError("no device asks to be linked")
        try:
            said = msgspec.json.decode(await request.read(), type=_Confirm)
        except (msgspec.MsgspecError, UnicodeDecodeError, ConnectionError, web.RequestPayloadError) as error:
            raise UsageError(f"the answer is yes or no: {error}") from error
        self._answer.set_result(said.yes)
        return web.Response(body=b"null", content_type="application/json")

    async def _link(self, turns: "asyncio.Queue[LinkTold | None]", answer: "Future[bool]") -> None:
        loop = asyncio.get_running_loop()

        def show(linking: Linking) -> None:
            turns.put_nowait(LinkTold(link=str(linking.text), code=linking.code.text))

        def confirm(name: str, device: Device) -> bool:
            asks = LinkTold(asks=name, fingerprint=device.id.hex()[:8])
            loop.call_soon_threadsafe(turns.put_nowait, asks)
            return answer.result(CONFIRM_S_MAX)

        try:
            device = await self._client.link(show=show, confirm=confirm)
            name = f"device {device.id.hex()[:6]}"
            turns.put_nowait(LinkTold(device=DeviceTold(device.id.hex(), name, device.added_ms, this=False)))
        except AnswerbackError as error:
            cause = getattr(error, "cause", None)
            told = cause.value if isinstance(cause, Cause) else None
            turns.put_nowait(LinkTold(refusal=str(error), kind=kind_of(error), cause=told))
        except TimeoutError:
            turns.put_nowait(LinkTold(refusal="nobody said yes or no in time", kind="refused"))
        finally:
            turns.put_nowait(None)
