"""Proves that the program can be asked about itself."""

import json

import pytest
from click.testing import CliRunner

from answerback import __version__
from answerback.faces.cli import cli


def test_the_version_is_told_in_words_and_in_json() -> None:
    assert __version__ in CliRunner().invoke(cli, ["version"]).stdout
    assert json.loads(CliRunner().invoke(cli, ["version", "--json"]).stdout)["version"] == __version__
    assert __version__ in CliRunner().invoke(cli, ["--version"]).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_that_calls_us(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.shell_completion import BashComplete

    monkeypatch.setattr(BashComplete, "_check_version", staticmethod(lambda: None))  # it would run a bash
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_ANSWERBACK_COMPLETE" in result.stdout


def test_completion_names_commands() -> None:
    environment = {"_ANSWERBACK_COMPLETE": "bash_complete", "COMP_WORDS": "answerback se", "COMP_CWORD": "1"}
    result = CliRunner().invoke(cli, [], env=environment, prog_name="answerback")
    assert "send" in result.stdout
    assert "serve" in result.stdout
