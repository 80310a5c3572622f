"""Proves that the bench commands print what programs and people ask for."""

import json

from click.testing import CliRunner

from answerback.faces.bench import bench


def test_the_last_line_is_json_with_the_figure_that_is_asked_for() -> None:
    done = CliRunner().invoke(bench, ["drain", "--count", "50", "--window", "10", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output.strip().splitlines()[-1])
    assert (found["bench"], found["lost"]) == ("drain", 0)
    assert found["drain_s"] > 0


def test_a_person_gets_a_table() -> None:
    done = CliRunner().invoke(bench, ["drain", "--count", "20"])
    assert done.exit_code == 0, done.output
    assert "drain per s" in done.output


def test_each_piece_of_work_has_its_command() -> None:
    assert sorted(bench.commands) == ["drain", "idle", "storm", "throughput"]
    for name in bench.commands:
        assert CliRunner().invoke(bench, [name, "--help"]).exit_code == 0
