"""Proves that the command says what came of its worlds, tells their stories, and ends with 4 where one failed."""

import json

import pytest
from click.testing import CliRunner

from answerback.core.threads import Threads
from answerback.faces.cli import cli
from answerback.faces.output import Exit


def test_a_summary_and_json_say_that_nothing_was_broken() -> None:
    told = CliRunner().invoke(cli, ["simulate", "--seeds", "1:3"])
    assert told.exit_code == Exit.REACHED
    assert "2 worlds" in told.output
    assert "0 promises broken" in told.output
    told = CliRunner().invoke(cli, ["simulate", "--seed", "1", "--json"])
    assert json.loads(told.output)["violations"] == 0


def test_a_story_tells_who_wrote_what_broke_and_what_was_told() -> None:
    story = CliRunner().invoke(cli, ["simulate", "--seed", "5", "--story"]).output
    assert "seed 5" in story
    for part in ("writes #1", "  ! ", "accepted", "delivered", "everything    heals"):
        assert part in story


def test_a_broken_promise_ends_with_4_and_says_how_to_see_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Threads, "heads", lambda *_: 1 / 0)
    told = CliRunner().invoke(cli, ["simulate", "--seed", "1"])
    assert told.exit_code == Exit.REFUSED
    assert "ZeroDivisionError" in told.output
    assert "answerback simulate --seed 1 --story" in told.output


def test_what_is_no_range_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli, ["simulate", "--seeds", "5:2"]).exit_code == Exit.USAGE
