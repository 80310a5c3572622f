"""Proves that each event is told in a line a person can use."""

import click
import pytest

from answerback.faces.commands.watching import event_line
from answerback.faces.told import EventTold, MessageTold

MESSAGE = MessageTold(
    id="0193f2c4-8d1e-7a52-b33d-9f7138402644",
    mine=False,
    unread=True,
    author="ann@example.org",
    to=["bea@example.org"],
    text="two\nlines\x1b[31m",
    file=None,
    urgency="normal",
    written_ms=1,
    arrived_ms=1,
    expires_ms=1,
    stage=None,
    cause=None,
)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (EventTold("arrived", message=MESSAGE), "ann@example.org: two lines\N{REPLACEMENT CHARACTER}[31m"),
        (EventTold("link", connected=True), "relay reached"),
        (EventTold("link", connected=False), "connecting to the relay"),
        (EventTold("link", connected=False, cause="network.connecting"), "connecting to the relay"),
        (EventTold("file", path="photo.jpg"), "file is here: photo.jpg"),
        (
            EventTold("progressed", message_id=MESSAGE.id, device_name="phone", stage="delivered", evidence="receipt"),
            "38402644  delivered  phone  (the device itself says so, in a sealed receipt)",
        ),
        (
            EventTold(
                "progressed", message_id=MESSAGE.id, stage="failed", evidence="refusal", cause="message.too_large"
            ),
            "38402644  failed  (It is larger than this relay takes.)",
        ),
        (EventTold("warned", cause="clock.skewed"), "note  This device's clock is wrong."),
        (EventTold("link", connected=False, cause="relay.busy"), "relay lost  The relay is busy and asks us to wait."),
    ],
)
def test_an_event_is_one_line(event: EventTold, line: str) -> None:
    assert click.unstyle(event_line(event) or "") == line


def test_an_answer_to_a_look_up_is_nothing_to_a_person() -> None:
    assert event_line(EventTold("answered", question="bea@example.org")) is None
