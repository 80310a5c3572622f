"""Answers the commands about handles through the agent's local interface."""

from typing import Final

import msgspec
from aiohttp import web

from answerback.device.client import Client
from answerback.device.typed_handles import keep_region, kept_region
from answerback.faces.handles_told import CodeSentTold, HandleAsked, HandlesTold, OwnHandleTold
from answerback.model.errors import UsageError
from answerback.wire.requests import HandleTold


class HandleRoom:
    """What one agent answers about handles."""

    def __init__(self, client: Client) -> None:
        self._client: Final = client

    async def tell(self, _request: web.Request) -> web.Response:
        """Tell this account's handles."""
        return _json(await self._told())

    async def change(self, request: web.Request) -> web.Response:
        """Do one thing with a handle, and tell all of them."""
        try:
            asked = msgspec.json.decode(await request.read(), type=HandleAsked)
        except (msgspec.MsgspecError, UnicodeDecodeError, web.RequestPayloadError) as error:
            raise UsageError(f"the request is not what {request.path} takes: {error}") from error
        if asked.do == "region":
            keep_region(self._client.journal, asked.handle)
            return _json(self._view([]))
        own = self._client.handles
        handle = own.typed(asked.handle)
        match asked.do:
            case "code":
                return _json(CodeSentTold(handle.text, await own.request_code(handle)))
            case "add" | "move":
                await own.add(handle, code=asked.code, move=asked.do == "move")
            case "remove":
                await own.remove(handle)
            case "give" | "keep":
                await own.answer(handle, give=asked.do == "give")
            case _:
                raise UsageError(f"{asked.do!r} is nothing that can be done with a handle")
        return _json(await self._told())

    async def _told(self) -> HandlesTold:
        return self._view(await self._client.handles.told())

    def _view(self, handles: list[HandleTold]) -> HandlesTold:
        identity = self._client.journal.identity() or self._client.identity
        own = [
            OwnHandleTold(
                each.handle,
                each.state.name.lower(),
                each.at_ms,
                each.other.hex() if each.other else None,
                each.handle == identity.handle.text,
            )
            for each in handles
        ]
        return HandlesTold(own, kept_region(self._client.journal) or None)


def _json(told: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")
