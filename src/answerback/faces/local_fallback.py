"""Answers, over the agent's local interface, what people choose, ask and agree to about other ways."""

from typing import Final, TypeVar

import msgspec
from aiohttp import web

from answerback.device.client import Client
from answerback.device.fallbacks import Consent
from answerback.faces.aside_sentences import OBSTACLES
from answerback.faces.asides import told_fallback
from answerback.faces.ledger import Ledger
from answerback.faces.told import ConsentAsked, FallbackAsked
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, UsageError
from answerback.model.fallback import Choice
from answerback.model.ids import message_id_text

_Asked = TypeVar("_Asked", bound=msgspec.Struct)


class FallbackRoom:
    """What one agent answers about fallback."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client: Final = client
        self._ledger: Final = ledger

    @property
    def routes(self) -> list[web.RouteDef]:
        """Where it is asked."""
        return [
            web.get("/v1/fallback", self._told),
            web.post("/v1/fallback", self._choose),
            web.post("/v1/consent", self._answer),
        ]

    async def _told(self, request: web.Request) -> web.Response:
        return self._fallback(request.query.get("contact", ""))

    async def _choose(self, request: web.Request) -> web.Response:
        asked = await _body(request, FallbackAsked)
        self._client.fallbacks.choose(
            asked.contact,
            _choice(asked.choice),
            after_s=asked.after_s,
            carrier=asked.carrier,
            number=asked.number,
            is_file_noted=asked.file_noted,
            consent=Consent(asked.consent, asked.wording) if asked.consent else None,
        )
        return self._fallback(asked.contact)

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await _body(request, ConsentAsked)
        message = self._ledger.find(asked.message)
        consent = Consent(asked.consent, asked.wording) if asked.consent else None
        try:
            self._client.fallbacks.answer(message, yes=asked.yes, by=asked.by, consent=consent)
        except RefusedError as error:
            obstacle = self._client.fallbacks.obstacle(message)
            if error.cause is Cause.FALLBACK_IMPOSSIBLE and obstacle is not None:
                raise RefusedError(error.cause, OBSTACLES[obstacle]) from error
            raise
        return _json(self._ledger.why(message_id_text(message)))

    def _fallback(self, contact: str) -> web.Response:
        return _json(told_fallback(self._client.journal, contact, client=self._client))


def _choice(text: str) -> Choice:
    try:
        return Choice(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a choice: never, ask or after") from error


async def _body(request: web.Request, kind: type[_Asked]) -> _Asked:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, ConnectionError, web.RequestPayloadError) as error:
        raise UsageError(f"the request is not what {request.path} takes: {error}") from error


def _json(told: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")
