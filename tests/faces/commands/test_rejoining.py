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


def test_a_relay_that_has_the_account_still_says_so(town: Village, somebody: Callable[[], Person]) -> None:
    ann = somebody()
    assert ann.run("re-register").exit_code == 2
    refused = ann.run("re-register", "--code", town.code_of(ann))
    assert refused.exit_code == 4
    assert ann.told("status")["handle"] == ann.handle


def test_who_was_never_registered_is_told_how_to_begin(town: Village, ann: Person) -> None:
    nobody = town.newcomer("nobody-yet")
    result = nobody.run("re-register")
    assert result.exit_code == 2
    both = ann.run("re-register", "answerback://127.0.0.1:1/x", "--relay", "http://127.0.0.1:1")
    assert (both.exit_code, "not both" in both.stderr) == (2, True)
