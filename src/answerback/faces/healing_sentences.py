"""Says what was broken on a message's way and mended by itself: what happened, what we did, what a person can do."""

from typing import Final

from answerback.faces.handle_causes import Advice
from answerback.model.causes import Cause

NOTHING: Final = "Nothing is needed."
HEALINGS: Final[dict[Cause, Advice]] = {
    Cause.HEALING_SESSION: Advice(
        "Their device could not open it: it had lost what it shared with this one.",
        "The message is sealed again, on a fresh session.",
        NOTHING,
    ),
    Cause.HEALING_KEYS: Advice(
        "Their device no longer had the key it was sealed for first.",
        "We fetch another of its keys, and the message is sealed again.",
        NOTHING,
    ),
    Cause.HEALING_GAP: Advice(
        "Their device noticed that it never came, though the relay had accepted it.",
        "We ask the relay where it is, and send it again unless it waits there.",
        NOTHING,
    ),
    Cause.HEALING_LOST_MAIL: Advice(
        "The relay said that it no longer has it.",
        "We send it again.",
        "Nothing is needed for this message; whoever runs the relay should know.",
    ),
    Cause.HEALING_RECEIPT: Advice(
        "Their device has taken it, and its answer never came.",
        "We seal it again with the keys of today: that device repeats its answer, and shows nothing twice.",
        NOTHING,
    ),
    Cause.HEALING_DEVICE_LIST: Advice(
        "The list of devices it was addressed by was out of date.",
        "We fetched the newest: devices that came get it, and devices that went do not.",
        NOTHING,
    ),
    Cause.HEALING_FILE: Advice(
        "The relay no longer had its file.",
        "We bring the file again.",
        "Nothing is needed for this message; whoever runs the relay should know.",
    ),
}
