"""Proves that a person sees the history pass on both devices, and is told how it ended."""

from collections.abc import Callable

from answerback.faces.access import agent_at
from answerback.faces.passing import show_history
from tests.faces.village import Person, Village


def test_the_history_passes_and_both_devices_say_so(somebody: Callable[[], Person], town: Village, bea: Person) -> None:
    owner = somebody()
    for number in range(3):
        assert bea.run("send", owner.handle, f"old {number}").exit_code in (0, 3)
    assert len(owner.lines("inbox")) == 3
    other = town.linked(owner)
    assert other.lines("inbox") == []
    with agent_at(other.home) as theirs, agent_at(owner.home) as ours:
        assert show_history(theirs, patience_s=0) is None
        ours.offer_history("other")
        assert show_history(ours) == "done"
        assert show_history(theirs) == "done"
    assert [message["text"] for message in other.lines("inbox")] == ["old 0", "old 1", "old 2"]
    assert not any(message["unread"] for message in other.lines("inbox")), "history is new to nobody"
    (told,) = [device["history"] for device in owner.told("devices") if device["name"] == "other"]
    assert (told["giving"], told["done"], told["total"], told["state"]) == (True, 3, 3, "done")
    assert "history done, 3 of 3" in owner.run("devices").stdout
    assert owner.run("devices", "history", "other", "--no-wait").exit_code == 0
