"""Answers what commands ask about a contact's keys, over the agent's local interface."""

from dataclasses import dataclass

import msgspec
from aiohttp import web

from answerback.core.comparing import Compared
from answerback.core.effects import CodeMoved
from answerback.crypto.verifying import SCAN_CHARACTERS_MAX
from answerback.device.client import Client
from answerback.device.trusting import Contact
from answerback.faces.told import CodeTold, ContactAsked, ContactTold
from answerback.model.errors import UsageError


@dataclass(frozen=True, slots=True)
class TrustRoom:
    """Each request names its contact; nothing is remembered between them but by the device itself."""

    client: Client

    def routes(self) -> list[web.RouteDef]:
        """Where it answers."""
        return [
            web.post("/v1/contact", self.show),
            web.post("/v1/contact/scan", self.scan),
            web.post("/v1/contact/forget", self.forget),
            web.post("/v1/contact/agree", self.agree),
            web.post("/v1/contact/code", self.code),
            web.post("/v1/contact/say", self.say),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Who they are, and what to compare."""
        contact = await self.client.trust.contact((await _asked(request)).contact)
        return _json(_told(contact))

    async def scan(self, request: web.Request) -> web.Response:
        """Compare what was read from their screen."""
        asked = await _asked(request)
        contact = await self.client.trust.contact(asked.contact)
        verdict = self.client.trust.scan(contact, asked.text[: SCAN_CHARACTERS_MAX + 1])
        return _json(_told(self.client.trust.known(contact.handle), verdict=verdict.value))

    async def forget(self, request: web.Request) -> web.Response:
        """Take the mark away."""
        contact = await self.client.trust.contact((await _asked(request)).contact)
        self.client.trust.forget(contact)
        return _json(_told(self.client.trust.known(contact.handle)))

    async def agree(self, request: web.Request) -> web.Response:
        """Agree to a change."""
        contact = await self.client.trust.contact((await _asked(request)).contact)
        self.client.trust.agree(contact.handle)
        return _json(_told(self.client.trust.known(contact.handle)))

    async def code(self, request: web.Request) -> web.StreamResponse:
        """Compare a short code; each turn is told in a line. Whoever stops listening has said no."""
        contact = await self.client.trust.contact((await _asked(request)).contact)
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await response.prepare(request)
        ended = False
        try:
            async for moved in self.client.trust.compare(contact):
                ended = moved.state.ended
                await response.write(msgspec.json.encode(_turn(moved)) + b"\n")
        finally:
            if not ended:
                self.client.trust.say(contact, same=False)
        return response

    async def say(self, request: web.Request) -> web.Response:
        """Say whether both codes are the same."""
        asked = await _asked(request)
        if asked.same is None:
            raise UsageError("say whether they are the same")
        contact = self.client.trust.known(asked.contact)
        state = self.client.agent.engine.machines.comparing.state(contact.account)
        if state is None or (asked.same and state[0] is not Compared.SHOWN):
            raise UsageError("no code is being compared with them just now")
        self.client.trust.say(contact, same=asked.same)
        return _json(None)


def _told(contact: Contact, *, verdict: str | None = None) -> ContactTold:
    mark, change = contact.verified, contact.change
    return ContactTold(
        handle=contact.handle,
        account=contact.account.hex(),
        safety_number=contact.safety_number,
        scan_text=contact.scan_text,
        verified=mark.how.name.lower() if mark else None,
        verified_ms=mark.at_ms if mark else None,
        changed_ms=change.at_ms if change else None,
        held=change is not None and change.held,
        verdict=verdict,
    )


def _turn(moved: CodeMoved) -> CodeTold:
    return CodeTold(moved.state.value, moved.code or None)


async def _asked(request: web.Request) -> ContactAsked:
    try:
        return msgspec.json.decode(await request.read(), type=ContactAsked)
    except (msgspec.MsgspecError, UnicodeDecodeError, ConnectionError, web.RequestPayloadError) as error:
        raise UsageError(f"the request is not what {request.path} takes: {error}") from error


def _json(told: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")
