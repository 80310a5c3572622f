"""Holds small sealed boxes in which two devices of one person meet to be linked.

Theory. A box has four slots; the first write to a slot wins and the same bytes again are no error, because answers get
lost. A box is made by its first write and is gone ten minutes later. Boxes live in memory only: a relay that restarts
in the middle of a linking makes it begin again. Whoever knows a box's id may read it: what is inside is sealed, and the
id comes out of the code that a person carries from one device to the other.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from aiohttp import web

from answerback.model.causes import Cause
from answerback.relay.addresses import Buckets, Presence
from answerback.relay.http import Door, Refusal, read_body
from answerback.relay.limits import Rate
from answerback.relay.routes import OCTETS, Asked, Given, Route
from answerback.wire.requests import BOX_BYTES_MAX, BOX_SLOTS, BOX_WAIT_S_MAX

BOX_LIFETIME_S = 600.0
BOXES_MAX = 1024
"""With four full slots each: 64 MiB."""
BOXES_RATE = Rate(per_s=8 / BOX_LIFETIME_S, burst=8)
"""New boxes for one address: more linkings than a household does in ten minutes."""
WAITING_MAX = 128
"""At once, in all; each keeps a place at the door, so fewer than that has."""
WAITING_PER_ADDRESS_MAX = 8
LOOK_S = 1.0
"""How often it is looked whether who waits is there still: nobody tells, and their place is wanted."""


@dataclass(slots=True)
class Box:
    """What lies in one box, and until when."""

    expires_s: float
    slots: dict[int, bytes] = field(default_factory=dict)


class Boxes:
    """All boxes; time is handed in."""

    def __init__(self) -> None:
        self._boxes: OrderedDict[bytes, Box] = OrderedDict()  # oldest first: all live equally long

    def has(self, identity: bytes, *, now_s: float) -> bool:
        """Say whether there is such a box."""
        self._expire(now_s)
        return identity in self._boxes

    def put(self, identity: bytes, slot: int, content: bytes, *, now_s: float) -> bool:
        """Fill a slot; false if these very bytes were there already; a Refusal if others were, or there is no room."""
        self._expire(now_s)
        box = self._boxes.get(identity)
        if box is None:
            if len(self._boxes) >= BOXES_MAX:
                raise Refusal(Cause.RELAY_BUSY, "too many devices are being linked", retry_after_ms=60_000)
            box = self._boxes[identity] = Box(now_s + BOX_LIFETIME_S)
        if slot not in box.slots:
            box.slots[slot] = content
            return True
        if box.slots[slot] != content:
            raise Refusal(Cause.TRUST_KEYS_CHANGED, "this slot is taken: somebody else uses this box", status=409)
        return False

    def get(self, identity: bytes, slot: int, *, now_s: float) -> bytes | None:
        """Look into a slot."""
        self._expire(now_s)
        box = self._boxes.get(identity)
        return box.slots.get(slot) if box else None

    def _expire(self, now_s: float) -> None:
        while self._boxes and next(iter(self._boxes.values())).expires_s <= now_s:
            self._boxes.popitem(last=False)


class BoxRoutes:
    """The boxes over HTTP: `GET` waits a while for what is not there yet."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._boxes = Boxes()
        self._new_boxes = Buckets(BOXES_RATE)
        self._waiting = Presence(each_max=WAITING_PER_ADDRESS_MAX, all_max=WAITING_MAX)
        self._waiters: dict[tuple[bytes, int], set[asyncio.Event]] = {}

    def routes(self) -> list[Route]:
        """Name the routes; an id or slot of another shape is no route at all."""
        path = f"/v1/boxes/{{box:[0-9a-f]{{32}}}}/{{slot:[0-{BOX_SLOTS - 1}]}}"
        named = (
            Asked("box", "The box, which comes out of the link code.", "[0-9a-f]{32}", "path"),
            Asked("slot", "Which of its slots.", f"[0-{BOX_SLOTS - 1}]", "path"),
        )
        waits = Asked("wait_s", "How long to wait for it to be filled (s).", "[0-9]{1,2}", is_needed=False, most=99)
        filling = Route(
            method="PUT",
            path=path,
            words="Fill a slot; the same bytes again are no error.",
            serve=self.put,
            gives={201: Given(words="It was empty."), 200: Given(words="These very bytes were there.")},
            refuses=frozenset({400, 408, 409, 413}),
            takes_octets=BOX_BYTES_MAX,
            asked=named,
        )
        looking = Route(
            method="GET",
            path=path,
            words="Give what is in a slot, waiting for it if asked to.",
            serve=self.get,
            gives={200: Given(media=OCTETS), 204: Given(words="Nothing came.")},
            refuses=frozenset({400}),
            asked=(*named, waits),
        )
        return [filling, looking]

    @property
    def waiting_count(self) -> int:
        """How many wait for a slot to be filled."""
        return self._waiting.count

    def close(self) -> None:
        """Send whoever waits away: the relay stops."""
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.set()

    async def put(self, request: web.Request) -> web.Response:
        """Fill a slot."""
        box, slot = _named(request)
        now_s = time.monotonic()
        if not self._boxes.has(box, now_s=now_s):
            wait_s = self._new_boxes.take(self._door.address(request), now_s=now_s)
            if wait_s:
                raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "too many boxes", retry_after_ms=int(wait_s * 1000) + 1)
        content = await read_body(request, bytes_max=BOX_BYTES_MAX)
        if not content:
            raise Refusal(Cause.RELAY_INCOMPATIBLE, "a slot is filled with something")
        is_new = self._boxes.put(box, slot, content, now_s=time.monotonic())
        for waiter in self._waiters.get((box, slot), ()):
            waiter.set()
        return web.Response(status=201 if is_new else 200)

    async def get(self, request: web.Request) -> web.Response:
        """Give what is in a slot, waiting for it if asked to; 204 if nothing came."""
        box, slot = _named(request)
        content = self._boxes.get(box, slot, now_s=time.monotonic())
        wait_s = _wait_s(request)
        if content is None and wait_s:
            content = await self._wait(request, box, slot, wait_s=wait_s)
        if content is None:
            return web.Response(status=204)
        return web.Response(body=content, content_type="application/octet-stream")

    async def _wait(self, request: web.Request, box: bytes, slot: int, *, wait_s: float) -> bytes | None:
        address = self._door.address(request)
        if not self._waiting.enter(address):
            raise Refusal(Cause.RELAY_BUSY, "too many are waiting", retry_after_ms=2_000)
        waiter = asyncio.Event()
        self._waiters.setdefault((box, slot), set()).add(waiter)
        try:
            async with asyncio.timeout(wait_s):
                while not waiter.is_set() and request.transport is not None:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(waiter.wait(), LOOK_S)
        except TimeoutError:
            return None
        finally:
            self._waiting.leave(address)
            self._waiters[box, slot].discard(waiter)
            if not self._waiters[box, slot]:
                del self._waiters[box, slot]
        return self._boxes.get(box, slot, now_s=time.monotonic())


def _named(request: web.Request) -> tuple[bytes, int]:
    return bytes.fromhex(request.match_info["box"]), int(request.match_info["slot"])


def _wait_s(request: web.Request) -> float:
    text = request.query.get("wait_s", "0")
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(BOX_WAIT_S_MAX)):
        raise Refusal(Cause.RELAY_INCOMPATIBLE, f"wait_s is a whole number up to {BOX_WAIT_S_MAX}")
    return float(min(int(text), BOX_WAIT_S_MAX))
