"""Proves that figures are said as they were measured, for people and for programs."""

import json

from hypothesis import given
from hypothesis import strategies as st

from answerback.faces.benchmarking.figures import Figures, as_json, as_rows, millis, percentile, rounded


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_is_one_of_the_values_and_grows_with_its_share(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found is not None
    assert found in values
    assert min(values) <= found <= (percentile(values, 1.0) or 0.0) == max(values)


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None
    assert millis(None) is None
    assert rounded(None) is None


def test_a_program_reads_what_was_found() -> None:
    found: Figures = {"bench": "idle", "kb_per_connection": 18.9, "tls": False, "drain_s": None}
    assert json.loads(as_json(found)) == found


def test_a_person_reads_words() -> None:
    found: Figures = {"delivered_per_s": 15_773, "tls": False, "drain_s": None, "python": "3.11"}
    assert dict(as_rows(found)) == {"delivered per s": "15,773", "tls": "no", "drain s": "none", "python": "3.11"}
    assert millis(0.00512) == 5.12
    assert rounded(0.93641) == 0.936
