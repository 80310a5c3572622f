"""Proves the commands about handles, as somebody types them."""

from collections.abc import Callable

import pytest

from tests.faces.village import Person, Village


def code_for(town: Village, person: Person, do: str, handle: str) -> str:
    """Have a code sent by the first call of a command, and read it."""
    first = person.run("handles", do, handle)
    assert (first.exit_code, "--code CODE" in first.stderr) == (2, True), first.output
    return town.code_of(Person(person.home, handle))


def test_a_handle_is_added_listed_and_removed(town: Village, somebody: Callable[[], Person]) -> None:
    person = somebody()
    other = f"other-{person.handle}"
    told = person.told("handles", "add", other, "--code", code_for(town, person, "add", other))
    assert {each["handle"]: each["state"] for each in told["handles"]} == {person.handle: "ours", other: "ours"}
    assert [each["this"] for each in told["handles"] if each["handle"] == person.handle] == [True]
    listed = person.run("handles")
    assert (person.handle in listed.stdout, "yours since" in listed.stdout) == (True, True)
    told = person.told("handles", "remove", other)
    assert [each["handle"] for each in told["handles"]] == [person.handle]
    refused = person.run("handles", "remove", other)
    assert (refused.exit_code, "no handle of this account" in refused.stderr) == (2, True)


def test_a_handle_moves_with_the_word_of_the_account_that_has_it(town: Village, somebody: Callable[[], Person]) -> None:
    old, new = somebody(), somebody()
    code = code_for(town, new, "move", old.handle)
    refused = new.run("handles", "add", old.handle, "--code", code)
    assert (refused.exit_code, "has an account already" in refused.stderr) == (4, True)
    assert "unless the account that has it" in new.run("handles", "move", old.handle, "--code", code).stdout
    leaving = old.run("handles")
    assert "another account" in leaving.stdout
    assert f"handles keep {old.handle}" in leaving.stderr
    assert "was taken over by another account" in old.run("handles", "give", old.handle).stdout
    told = {each["handle"]: each["state"] for each in new.told("handles")["handles"]}
    assert told == {new.handle: "ours", old.handle: "ours"}


def test_an_objection_is_told_to_whoever_wanted_it(town: Village, somebody: Callable[[], Person]) -> None:
    old, new = somebody(), somebody()
    assert new.run("handles", "move", old.handle, "--code", code_for(town, new, "move", old.handle)).exit_code == 0
    assert "yours since" in old.run("handles", "keep", old.handle).stdout
    assert "objected" in new.run("handles").stdout


def test_numbers_are_typed_as_they_are_dialled(town: Village, somebody: Callable[[], Person]) -> None:
    person = somebody()
    assert "which country" in person.run("handles", "add", "0151 12345678").stderr
    assert person.told("handles", "region", "de")["region"] == "DE"
    assert "+4915112345678" in person.run("handles", "add", "0151 12345678").stderr
    assert town.code_of(Person(person.home, "+4915112345678"))
    assert person.told("handles", "region", "none")["region"] is None


@pytest.mark.parametrize("words", [("handles", "add"), ("handles", "sell", "a@b.c"), ("handles", "region", "Mars")])
def test_a_mistyped_command_is_refused_in_words(words: tuple[str, ...], somebody: Callable[[], Person]) -> None:
    result = somebody().run(*words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
