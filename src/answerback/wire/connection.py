"""The conversation of one device and one relay as a table of states.

Theory. The relay speaks first (`Challenge`), the device proves who it is (`Hello`), the relay lets it in (`Welcome`). A
device need not wait for the welcome: what it says right behind its `Hello` counts from then on. One that has a ticket
shows it in the very request for the connection (`Resume`), and hears `Welcome` first of all; or, if the relay does not
take the ticket, a challenge, as if none had been shown. Whatever is not in the table breaks the protocol (`PeerError`).
Both sides keep the same table, so both know what the other may say. After `Farewell` the relay says nothing more, and
what the device had already sent is not answered.
"""

from enum import Enum, unique
from typing import Final

from answerback.model.errors import PeerError
from answerback.wire.frame import Frame
from answerback.wire.frames import (
    Accepted,
    Announce,
    Announced,
    Challenge,
    Claim,
    Claimed,
    ClientFrame,
    Deliver,
    Farewell,
    HandleNotice,
    Hello,
    Inquire,
    Listed,
    Located,
    LookUp,
    Pace,
    Ping,
    Pong,
    Publish,
    Published,
    Refused,
    RelayFrame,
    Resolve,
    Resolved,
    Resume,
    Submit,
    Subscribe,
    TakeOver,
    Took,
    Welcome,
)
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded

FRAMES_PATH = "/v1/frames"
"""Where a relay's WebSocket is; each binary message is one frame."""
RESUME_HEADER = "Answerback-Resume"
"""Carries `Resume` in the request for the WebSocket, as base64 for URLs without padding, so no round trip is spent."""
RESUME_CHARACTERS_MAX = 512
"""Twice the longest: five lanes with positions from the clock take 240."""


@unique
class Phase(Enum):
    """What both sides know of each other."""

    STRANGERS = "strangers"
    """Connected, nothing said."""
    RESUMING = "resuming"
    """The device has shown a ticket; the relay has not yet said whether it takes it."""
    CHALLENGED = "challenged"
    """The device knows what to sign."""
    CLAIMED = "claimed"
    """The device has said who it is; the relay has not yet agreed."""
    OPEN = "open"
    ENDED = "ended"
    """The relay has said farewell."""


_REQUESTS: Final[tuple[type[Frame], ...]] = (
    TakeOver,
    Submit,
    Took,
    Inquire,
    LookUp,
    Resolve,
    Claim,
    Publish,
    Announce,
    Ping,
    Pace,
    Subscribe,
    Follow,
    Disclose,
    Remind,
)
_REPLIES: Final[tuple[type[Frame], ...]] = (
    Accepted,
    Refused,
    Deliver,
    Located,
    Listed,
    Resolved,
    Claimed,
    Published,
    Announced,
    HandleNotice,
    Pong,
    Followed,
    Disclosed,
    Reminded,
)

FROM_RELAY: Final[dict[Phase, dict[type[Frame], Phase]]] = {
    Phase.STRANGERS: {Challenge: Phase.CHALLENGED, Farewell: Phase.ENDED},
    Phase.RESUMING: {Welcome: Phase.OPEN, Challenge: Phase.CHALLENGED, Farewell: Phase.ENDED},
    Phase.CHALLENGED: {Farewell: Phase.ENDED},
    Phase.CLAIMED: {Welcome: Phase.OPEN, Farewell: Phase.ENDED},
    Phase.OPEN: {**dict.fromkeys(_REPLIES, Phase.OPEN), Farewell: Phase.ENDED},
    Phase.ENDED: {},
}
FROM_DEVICE: Final[dict[Phase, dict[type[Frame], Phase]]] = {
    Phase.STRANGERS: {Resume: Phase.RESUMING},
    Phase.RESUMING: {},
    Phase.CHALLENGED: {Hello: Phase.CLAIMED},
    Phase.CLAIMED: dict.fromkeys(_REQUESTS, Phase.CLAIMED),
    Phase.OPEN: dict.fromkeys(_REQUESTS, Phase.OPEN),
    Phase.ENDED: dict.fromkeys((Hello, *_REQUESTS), Phase.ENDED),
}


def after_relay(phase: Phase, frame: RelayFrame) -> Phase:
    """Tell what holds after the relay said this; a `PeerError` if it may not say it now."""
    return _after(FROM_RELAY, phase, frame, who="a relay")


def after_device(phase: Phase, frame: ClientFrame) -> Phase:
    """Tell what holds after the device said this; a `PeerError` if it may not say it now."""
    return _after(FROM_DEVICE, phase, frame, who="a device")


def _after(table: dict[Phase, dict[type[Frame], Phase]], phase: Phase, frame: Frame, *, who: str) -> Phase:
    after = table[phase].get(type(frame))
    if after is None:
        raise PeerError(f"{who} says {type(frame).__name__} while {phase.value}")
    return after
