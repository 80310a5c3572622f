"""Proves that `carriers` shows what a text costs and who can read it, and tries a bind without sending."""

import asyncio
import json
from pathlib import Path

from click.testing import CliRunner, Result

from answerback.device.carriers_file import CARRIERS_FILE
from answerback.faces.cli import cli
from answerback.faces.output import Exit
from tests.texts.running import RunningCentre


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(folder), "carriers", *arguments])


def written(folder: Path, port: int, password: str = "secret") -> None:
    path = folder / CARRIERS_FILE
    words = f"[sms]\nkind='smpp'\nprice='0.07 EUR'\nhost='127.0.0.1'\nport={port}\nsystem_id='answer'\n"
    path.write_text(words + f"password='{password}'\n[modem]\nkind='gammu'\n", encoding="utf-8")
    path.chmod(0o600)


def test_what_is_set_up_is_listed_with_price_parts_and_who_can_read_it(tmp_path: Path) -> None:
    written(tmp_path, 1)
    result = run(tmp_path, "--text", "я" * 71)
    assert result.exit_code == 0
    for said in ("sms (smpp)", "0.07 EUR", "2 parts", "not end-to-end encrypted", "never confirmed", "modem (gammu)"):
        assert said in result.stdout
    assert "secret" not in result.stdout
    sms, modem = json.loads(run(tmp_path, "--json").stdout)["carriers"]
    assert (sms["name"], sms["confirms"], sms["encrypted"]) == ("sms", True, False)
    assert not modem["confirms"]


def test_without_carriers_it_says_where_to_name_them(tmp_path: Path) -> None:
    assert CARRIERS_FILE in run(tmp_path).stdout


def test_a_check_binds_and_sends_nothing(tmp_path: Path) -> None:
    centre = RunningCentre(tmp_path)
    asyncio.run(centre.start())
    try:
        written(tmp_path, centre.port)
        ready = json.loads(run(tmp_path, "--check", "--json").stdout)["carriers"][0]
        assert (ready["ready"], ready["trouble"]) == (True, "")
        written(tmp_path, centre.port, password="wrong")
        result = run(tmp_path, "--check")
        assert "the password is wrong" in result.stdout.replace("\n", " ").replace("  ", " ")
        assert result.exit_code == Exit.REFUSED
    finally:
        centre.kill()
    assert centre.rows() == []


def test_a_faulty_file_ends_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / CARRIERS_FILE).write_text("[sms]\nkind='smpp'\n")
    (tmp_path / CARRIERS_FILE).chmod(0o600)
    result = run(tmp_path)
    assert result.exit_code == Exit.USAGE
    assert "missing required field" in result.output
