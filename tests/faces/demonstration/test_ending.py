"""Proves that the summary says what was counted, good or bad, and how the link was played."""

from dataclasses import replace

import pytest

from answerback.faces.demonstration.ending import Ending, as_json, headline, in_words
from tests.faces.demonstration.performance import Performance


@pytest.fixture
def ending(performance: Performance) -> Ending:
    """The one that was performed."""
    assert performance.ending is not None
    return performance.ending


def test_json_has_its_promised_keys(ending: Ending) -> None:
    told = as_json(ending)
    assert {"sent", "delivered", "lost", "duplicated", "out_of_order", "deliver_ms", "link", "seed"} <= told.keys()
    assert {"p50", "p99", "max"} == told["deliver_ms"].keys()
    assert (told["sent"], told["lost"], told["link"], told["seed"], told["ok"]) == (12, 0, "tunnel", 1, True)
    assert told["speed"] == 4.0
    assert told["file"]["ok"] is True
    assert told["longest_outage_s"] > 1


def test_words_say_what_was_emulated_and_how_fast(ending: Ending) -> None:
    told = dict(in_words(ending))
    assert headline(ending).startswith("Nothing lost")
    assert told["Messages"] == "12 sent, 12 on every device; 0 lost, 0 twice, 0 out of order"
    assert "played 4 times as fast" in told["Emulated"]
    assert "relay killed" in told["Hardship"]
    assert "Patience" not in told


@pytest.mark.parametrize("wrong", [{"delivered": 11}, {"duplicated": 1}, {"out_of_order": 1}, {"sent": 11}])
def test_anything_wrong_is_said_first(ending: Ending, wrong: dict[str, int]) -> None:
    bad = replace(ending, count=replace(ending.count, **wrong))  # type: ignore[arg-type]
    assert not bad.good
    assert as_json(bad)["ok"] is False
    assert headline(bad) == "Not everything went as promised."


def test_a_broken_file_and_lost_patience_are_said(ending: Ending) -> None:
    bad = replace(ending, file_ok=False, complete=False)
    told = dict(in_words(bad))
    assert not bad.good
    assert "NOT whole" in told["Photograph"]
    assert "still promised" in told["Patience"]
