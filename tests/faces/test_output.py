"""Proves that what is said is plain, and that the code fits what happened."""

import json

import pytest

from answerback.faces.output import Exit, exit_of, plain, plain_line, qr_lines, sentence_of, tell_json
from answerback.faces.sentences import CAUSES
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError, StoreLockedError, UsageError
from answerback.transport.failures import Unreachable


def test_a_cause_is_told_in_its_own_words_with_what_to_do() -> None:
    told = sentence_of(RefusedError(Cause.ACCOUNT_CODE_EXPIRED))
    assert told.startswith(CAUSES[Cause.ACCOUNT_CODE_EXPIRED].sentence)
    assert CAUSES[Cause.ACCOUNT_CODE_EXPIRED].you_can in told
    assert "(no room)" in sentence_of(RefusedError(Cause.RELAY_STORE_FULL, "no room"))


def test_an_error_without_a_cause_says_what_it_says() -> None:
    assert sentence_of(StoreLockedError("the folder is in use")) == "The folder is in use"
    assert sentence_of(RefusedError(Cause.UNKNOWN, "not linked")) == "Not linked"


def test_codes_tell_apart_who_has_to_act() -> None:
    assert exit_of(UsageError("x")) is Exit.USAGE
    assert exit_of(Unreachable(Cause.NETWORK_NO_PATH)) is Exit.UNDER_WAY
    assert exit_of(RefusedError(Cause.RELAY_BUSY)) is Exit.REFUSED
    assert [code.value for code in Exit] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\x07b", "a\x9bb", "a\u202eb", "a\u2028b", "a\u2066b"])
def test_what_steers_a_terminal_is_shown_as_a_mark(text: str) -> None:
    assert plain(text).startswith("a\N{REPLACEMENT CHARACTER}")


def test_people_may_write_in_any_language_on_several_lines() -> None:
    text = "Grüße\n你好 \N{WAVING HAND SIGN}\tمرحبا"
    assert plain(text) == text
    assert plain_line("one\n  two\tthree") == "one two three"


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    tell_json({"text": "two\nlines"})
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == {"text": "two\nlines"}


def test_a_qr_code_is_drawn_two_rows_to_a_line() -> None:
    lines = qr_lines("answerback://relay.example:7443/?invitation=abc").splitlines()
    assert 14 <= len([line for line in lines if line]) <= 25
