"""Proves that a daemon is started once, found by every command, and ended."""

from collections.abc import Callable
from pathlib import Path

from answerback.faces.access import agent_at
from tests.faces.village import Person


def test_a_daemon_in_the_background_answers_and_ends(somebody: Callable[[], Person], bea: Person) -> None:
    owner = somebody()
    started = owner.told("daemon", "--detach")
    try:
        assert owner.told("status")["running"] is True
        second = owner.run("daemon")
        assert second.exit_code == 4
        assert str(started["pid"]) in second.stderr
        told = owner.told("send", bea.handle, "by the daemon")
        assert told["stage"] == "accepted"
        assert told["copies"][0]["wait"]["next_attempt_ms"] is not None
    finally:
        assert owner.told("daemon", "--stop") == {"event": "stopped", "pid": started["pid"]}
    assert owner.told("status")["running"] is False


def test_ending_what_does_not_run_is_done_already(ann: Person) -> None:
    result = ann.run("daemon", "--stop")
    assert result.exit_code == 0
    assert "No agent" in result.stderr


def test_one_cannot_both_begin_and_end(ann: Person) -> None:
    assert ann.run("daemon", "--stop", "--detach").exit_code == 2


def test_a_daemon_without_a_device_says_what_makes_one(tmp_path: Path) -> None:
    result = Person(tmp_path).run("daemon", "--detach")
    assert result.exit_code == 2
    assert "answerback register" in result.stderr


def test_a_borrowed_agent_counts_as_one(ann: Person) -> None:
    with agent_at(ann.home) as remote:
        assert remote.is_borrowed
        result = ann.run("daemon")
        assert result.exit_code == 4
        assert "at work already" in result.stderr
