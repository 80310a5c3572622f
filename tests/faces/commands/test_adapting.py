"""A person sees how eager a device is, why, and what would change it; and is obeyed, also after a restart."""

import pytest

from answerback.core.network.modes import Change, Mode, Why
from answerback.faces.access import agent_at
from answerback.faces.commands.adapting import CHOICES
from answerback.faces.remote import Remote
from answerback.faces.sentences import MODE_CHANGES, MODES, WHYS, mode_words
from answerback.faces.told import WishAsked
from answerback.model.errors import UsageError
from tests.faces.village import Person


def test_every_mode_reason_and_change_has_its_words() -> None:
    assert set(MODES) == set(Mode)
    assert set(WHYS) == set(Why)
    assert set(MODE_CHANGES) == set(Change)
    assert ("auto", *(mode.value for mode in Mode)) == CHOICES
    assert [change for change in Change if not MODE_CHANGES[change]] == [Change.NOTHING]
    assert mode_words("turbo", "full.moon", None).why == "full.moon", "of a newer agent"


def test_a_choice_is_obeyed_said_and_kept_until_it_is_taken_back(ann: Person) -> None:
    told = ann.told("mode", "economical", "--metered", "yes")
    assert (told["mode"], told["mode_why"], told["mode_change"]) == ("economical", "chosen", "choose.again")
    assert (told["mode_chosen"], told["metered_chosen"]) == ("economical", True)
    without_agent = ann.told("mode")
    assert (without_agent["mode"], without_agent["mode_chosen"]) == (None, "economical")
    with agent_at(ann.home):
        assert ann.told("status")["mode_why"] == "chosen", "an agent that starts later obeys, too"
    kept = ann.told("mode", "--metered", "auto")
    assert (kept["mode_chosen"], kept["metered_chosen"]) == ("economical", None), "one choice leaves the other"
    assert ann.told("mode", "auto")["mode_chosen"] is None


def test_the_mode_and_its_reason_are_told_in_a_plain_sentence(ann: Person) -> None:
    with agent_at(ann.home):
        said = ann.run("mode", "economical").stdout
        assert "economical: messages come at once" in said
        assert "You chose it." in said
        assert "`answerback mode auto`" in said
        status = ann.run("status").stdout
        assert "economical" in status
        assert ann.told("status")["mode"] == "economical"
        assert "live: everything comes at once" in ann.run("mode", "live").stdout
        ann.run("mode", "auto")


def test_without_an_agent_nothing_is_said_of_a_mode_but_the_choice(ann: Person) -> None:
    said = ann.run("mode").stdout
    assert "no agent is at work" in said
    assert "your choice" not in said


def test_a_mode_that_does_not_exist_is_refused(ann: Person) -> None:
    assert ann.run("mode", "turbo").exit_code == 2
    with agent_at(ann.home):
        remote = Remote.find(ann.home)
        assert remote is not None
        with pytest.raises(UsageError, match="not a mode"):
            remote.choose(WishAsked("turbo"))
