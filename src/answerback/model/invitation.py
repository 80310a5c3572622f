"""The link that lets a person join a relay: where it is, how to recognise it, and the word that opens it.

`answerback://HOST:PORT/?pin=HEX&invitation=TOKEN`. It always means TLS. The pin is the SHA-256 of the relay's
certificate; without one, the system's certificate authorities decide. The token is a secret: `repr` never shows it.
"""

import re
from dataclasses import dataclass

from answerback.model.errors import UsageError

PIN_BYTES = 32
"""SHA-256 of the certificate as DER."""
PORT_MAX = 65_535
LINK_CHARACTERS_MAX = 512
"""Twice the longest host name (253) with pin and token; anything longer is not a link of ours."""
_HOST = r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)"
_LINK = re.compile(rf"answerback://{_HOST}(?::(?P<port>\d{{1,5}}))?/?(?:\?(?P<query>[A-Za-z0-9_=&-]*))?")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
PORT_USUAL = 443


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Invitation:
    """Where a relay is, how to recognise it, and the token that lets one person in."""

    host: str
    """A name or an address; an IPv6 address without its brackets."""
    port: int
    pin: bytes = b""
    """Empty if the system's certificate authorities decide."""
    token: str = ""
    """Empty if the relay is open to everybody."""

    def __post_init__(self) -> None:
        if not 0 < self.port <= PORT_MAX:
            raise UsageError(f"a port is between 1 and {PORT_MAX}; this one is {self.port}")
        if len(self.pin) not in (0, PIN_BYTES):
            raise UsageError(f"a pin has {PIN_BYTES} bytes; this one has {len(self.pin)}")
        if self.token and not _TOKEN.fullmatch(self.token):
            raise UsageError("the invitation's token has a character that no token has")

    @property
    def url(self) -> str:
        """The relay's address for HTTP."""
        return f"https://{self._bracketed}:{self.port}"

    def __str__(self) -> str:
        """Write the link whole: only for the person who is invited."""
        query = [f"pin={self.pin.hex()}"] if self.pin else []
        query += [f"invitation={self.token}"] if self.token else []
        return f"answerback://{self._bracketed}:{self.port}/" + ("?" + "&".join(query) if query else "")

    def __repr__(self) -> str:
        """Show where it leads, not what opens it."""
        return f"Invitation({self._bracketed}:{self.port})"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def parse_invitation(text: str) -> Invitation:
    """Read a link that a person pasted or scanned."""
    squeezed = text.strip()
    match = _LINK.fullmatch(squeezed) if len(squeezed) <= LINK_CHARACTERS_MAX else None
    if match is None:
        raise UsageError(
            "this is not an invitation; one looks like answerback://relay.example:7443/?pin=…&invitation=…"
        )
    words = dict(part.partition("=")[::2] for part in (match["query"] or "").split("&"))
    pin = words.get("pin", "")
    if pin and not re.fullmatch(rf"[0-9a-fA-F]{{{2 * PIN_BYTES}}}", pin):
        raise UsageError(f"the invitation's pin is not {2 * PIN_BYTES} hexadecimal digits: was the link cut?")
    return Invitation(
        host=match["host"].strip("[]").lower(),
        port=int(match["port"] or PORT_USUAL),
        pin=bytes.fromhex(pin),
        token=words.get("invitation", ""),
    )
