"""Proves that an account comes back to a relay that has lost it, and that nothing else is disturbed on the way."""

from collections.abc import Callable
from pathlib import Path

from tests.faces.village import Person, Village, village


def test_an_account_moves_to_an_empty_relay_with_what_waited(
    town: Village, somebody: Callable[[], Person], tmp_path: Path
) -> None:
    ann, bea = somebody(), somebody()
    assert ann.run("send", bea.handle, "before", "--wait", "relay").exit_code == 0
    with village(tmp_path) as anew:
        there = ("re-register", "--relay", anew.url)
        for person in (ann, bea):
            first = person.run(*there)
            assert (first.exit_code, "--code CODE" in first.stderr) == (2, True)
            told = person.told(*there, "--code", anew.code_of(person))
            assert (told["handle"], told["relay"]) == (person.handle, anew.url)
        assert ann.run("send", bea.handle, "after", "--wait", "relay").exit_code == 0
        assert [message["text"] for message in bea.lines("inbox")] == ["before", "after"]


def test_a_relay_that_has_the_account_is_signed_in_to_anew(town: Village, somebody: Callable[[], Person]) -> None:
    ann = somebody()
    before = ann.told("status")["registration"]
    assert before["renewed_ms"] is None
    told = ann.told("re-register")
    assert (told["handle"], told["registration"]["renewing"]) == (ann.handle, False)
    assert told["registration"]["renewed_ms"] is not None
    assert ann.run("re-register", "--gentle").exit_code == 0


def test_who_was_never_registered_is_told_how_to_begin(town: Village, ann: Person) -> None:
    nobody = town.newcomer("nobody-yet")
    result = nobody.run("re-register")
    assert result.exit_code == 2
    both = ann.run("re-register", "answerback://127.0.0.1:1/x", "--relay", "http://127.0.0.1:1")
    assert (both.exit_code, "not both" in both.stderr) == (2, True)
