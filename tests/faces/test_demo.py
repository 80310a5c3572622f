"""Proves the command: its last line is one JSON object, and its code says whether all went well."""

import json

from click.testing import CliRunner

from answerback.faces.cli import cli

JSON_KEYS = {"sent", "delivered", "lost", "duplicated", "out_of_order", "deliver_ms", "link", "seed"}


def test_the_last_line_is_one_json_object() -> None:
    ran = CliRunner().invoke(cli, "demo --headless --json --messages 3 --link good --seed 2".split())
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told.keys() >= JSON_KEYS
    assert (told["sent"], told["lost"], told["link"], told["seed"]) == (3, 0, "good", 2)


def test_without_a_terminal_it_tells_in_plain_lines() -> None:
    ran = CliRunner().invoke(cli, "demo --messages 2 --link good".split())
    assert ran.exit_code == 0, ran.output
    assert "Ada's link: signal" in ran.stdout
    assert "Messages: 2 sent, 2 on every device" in ran.stdout
    assert "\x1b" not in ran.stdout


def test_patience_that_ends_too_early_ends_with_four() -> None:
    ran = CliRunner().invoke(cli, "demo --headless --messages 3 --link crowd --patience 0.01".split())
    assert ran.exit_code == 4, ran.output
    assert "Not everything went as promised." in ran.stdout
    assert "Patience:" in ran.stdout


def test_what_cannot_be_played_is_a_matter_of_usage() -> None:
    for wrong in ("--link moon", "--messages 0", "--speed 0"):
        ran = CliRunner().invoke(cli, ["demo", "--headless", *wrong.split()])
        assert ran.exit_code == 2, ran.output
