"""What each HTTP route is: its method, path and words, in one value that serves it and documents it.

Theory. The document that describes the interface (`openapi`) is made of these values, and so is what is served: a body
is decoded as the very type that is documented, and an answer has the documented status and type. What a route takes and
gives can then not drift from what is said of it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import TypeVar

from aiohttp import web

from answerback.relay.http import answer, read_body
from answerback.wire.requests import JSON_BYTES_MAX, Body, decode_json

OCTETS = "application/octet-stream"
_Asked = TypeVar("_Asked", bound=Body)
Serve = Callable[[web.Request], Awaitable[web.StreamResponse]]


@unique
class Proof(Enum):
    """What whoever asks has to show."""

    NOTHING = "nothing"
    DEVICE = "device"
    """The bearer token that a device gets when it proves itself."""
    DEVICE_OR_NOTHING = "device or nothing"
    OPERATOR = "operator"
    """To come from the relay's own machine, or the operator's token."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an answer of one status carries: JSON of a type, or another medium, or nothing."""

    body: type[Body] | None = None
    media: str = ""
    headers: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One value in a path, in the query or in a header."""

    name: str
    words: str
    pattern: str
    """What it looks like, as a whole (ECMA 262)."""
    place: str = "query"
    is_needed: bool = True
    least: int = 0
    most: int | None = None
    """It is a number, and not more than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route."""

    method: str
    path: str
    """As the router reads it, patterns included."""
    words: str
    """What it does, in a sentence."""
    serve: Serve
    gives: Mapping[int, Given]
    refuses: frozenset[int] = frozenset()
    """The statuses of refusals beside those of every route."""
    takes: type[Body] | None = None
    takes_octets: int = 0
    """The largest body of plain octets, in bytes."""
    asked: tuple[Asked, ...] = ()
    proof: Proof = Proof.NOTHING
    also_head: bool = False
    """`HEAD` says the same without a body."""

    @property
    def definition(self) -> web.RouteDef:
        """What the router takes."""
        more = {"allow_head": self.also_head} if self.method == "GET" else {}
        return web.RouteDef(self.method, self.path, self.serve, more)


def json_route(
    path: str,
    answer_to: Callable[[web.Request, _Asked], Awaitable[Body]],
    *,
    takes: type[_Asked],
    status: int,
    gives: type[Body],
    refuses: Sequence[int] = (),
    proof: Proof = Proof.NOTHING,
    bytes_max: int = JSON_BYTES_MAX,
) -> Route:
    """Make a route that takes one kind of JSON and gives one kind of JSON."""

    async def serve(request: web.Request) -> web.Response:
        asked = decode_json(await read_body(request, bytes_max=bytes_max), takes, bytes_max=bytes_max)
        said = await answer_to(request, asked)
        assert isinstance(said, gives)
        return answer(said, status=status)

    return Route(
        method="POST",
        path=path,
        words=(answer_to.__doc__ or "").partition("\n")[0],
        serve=serve,
        gives={status: Given(gives)},
        refuses=frozenset({400, 408, 413, *refuses}),
        takes=takes,
        proof=proof,
    )
