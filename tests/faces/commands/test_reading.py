"""Proves that an inbox shows what came, in order, and steers no terminal."""

from collections.abc import Callable

import click

from answerback.faces.commands.reading import message_lines, size
from answerback.faces.told import FileTold, MessageTold
from tests.faces.village import Person

NOW_MS = 1_790_000_000_000


def shown(text: str = "hello", **changes: object) -> list[str]:
    values: dict[str, object] = {
        "id": "0193f2c4-8d1e-7a52-b33d-9f7138402644",
        "mine": False,
        "unread": False,
        "author": "ann@example.org",
        "to": ["bea@example.org"],
        "text": text,
        "file": None,
        "urgency": "normal",
        "written_ms": NOW_MS,
        "arrived_ms": NOW_MS,
        "expires_ms": NOW_MS,
        "stage": None,
        "cause": None,
    }
    message = MessageTold(**{**values, **changes})  # type: ignore[arg-type]
    return [click.unstyle(line) for line in message_lines(message, now_ms=NOW_MS, width=60)]


def test_an_inbox_is_in_the_order_of_the_conversation(ann: Person, somebody: Callable[[], Person]) -> None:
    reader = somebody()
    for text in ("one", "two", "three"):
        assert ann.run("send", reader.handle, text).exit_code == 0
    assert [message["text"] for message in reader.lines("inbox")] == ["one", "two", "three"]
    assert [message["text"] for message in reader.lines("inbox", "--limit", "2", "--offline")] == ["two", "three"]


def test_a_message_is_new_until_it_is_marked_read_and_its_author_learns_it(
    somebody: Callable[[], Person],
) -> None:
    writer, reader = somebody(), somebody()
    assert writer.run("send", reader.handle, "hello").exit_code == 0
    assert [message["unread"] for message in reader.lines("inbox")] == [True]
    assert [message["unread"] for message in reader.lines("inbox", "--mark-read")] == [True]
    assert [message["unread"] for message in reader.lines("inbox", "--offline")] == [False]
    assert writer.lines("inbox")[-1]["stage"] == "read"


def test_an_empty_inbox_says_so(somebody: Callable[[], Person]) -> None:
    assert somebody().run("inbox").stdout == "No messages yet.\n"


def test_what_others_write_steers_no_terminal() -> None:
    lines = shown("\x1b]0;owned\x07\x1b[2Jhi\u202etxt.exe\x9b31m", author="a\x1b[31m@example.org")
    assert all(character not in line for line in lines for character in "\x1b\x07\x9b\u202e")
    assert any("hi" in line for line in lines)


def test_a_long_text_is_wrapped_and_keeps_its_lines() -> None:
    lines = shown("word " * 40 + "\nsecond line")
    assert max(len(line) for line in lines) <= 60
    assert lines[-1] == "  second line"


def test_our_own_message_says_how_far_it_is_and_why_it_waits() -> None:
    lines = shown(mine=True, stage="accepted", cause="recipient.device_away")
    assert "you to bea@example.org" in lines[0]
    assert "at the relay (38402644) Their device is not" in " ".join(lines)


def test_a_message_to_a_handle_nobody_has_still_has_a_head() -> None:
    assert "you to somebody unknown" in shown(mine=True, to=[], stage="failed")[0]


def test_a_file_says_where_it_is_or_that_it_is_coming() -> None:
    photo = FileTold("photo.jpg", 300_000, "image/jpeg", None)
    assert shown(file=photo)[-1] == "  [file photo.jpg, 300 kB: still coming]"
    assert [size(n) for n in (5, 1_000, 2_500_000, 3 * 10**9)] == ["5 bytes", "1 kB", "2.5 MB", "3 GB"]


def test_urgent_and_new_are_words() -> None:
    assert shown(urgency="urgent", unread=True)[0].endswith("ann@example.org  urgent  new")
