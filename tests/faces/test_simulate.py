"""Proves that the command says what came of its worlds, tells their stories, and ends with 4 where one failed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from answerback.core.inbox import Inbox
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
    monkeypatch.setattr(Inbox, "take", lambda *_: 1 / 0)
    told = CliRunner().invoke(cli, ["simulate", "--seed", "1"])
    assert told.exit_code == Exit.REFUSED
    assert "ZeroDivisionError" in told.output
    assert "answerback simulate --seed 1 --story" in told.output


def test_what_is_no_range_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli, ["simulate", "--seeds", "5:2"]).exit_code == Exit.USAGE


def test_the_kinds_of_faults_are_listed_without_playing_anything() -> None:
    told = CliRunner().invoke(cli, ["simulate", "--faults"])
    assert told.exit_code == Exit.REACHED
    assert "torn_write" in told.output
    listed = json.loads(CliRunner().invoke(cli, ["simulate", "--faults", "--json"]).output)
    assert "torn_write" in listed["disks"]


def test_a_run_is_kept_and_taken_up_again_but_its_stories_are_not(tmp_path: Path) -> None:
    book = str(tmp_path / "run")
    first = CliRunner().invoke(cli, ["simulate", "--seeds", "1:3", "--resume", book, "--json"]).output
    again = CliRunner().invoke(cli, ["simulate", "--seeds", "1:3", "--resume", book, "--json"]).output
    assert json.loads(first)["digest"] == json.loads(again)["digest"]
    told = CliRunner().invoke(cli, ["simulate", "--seeds", "1:3", "--resume", book, "--story"])
    assert told.exit_code == Exit.USAGE
