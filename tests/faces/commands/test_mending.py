"""Proves that `repair` finds damage, says what it saved and what it could not, and leaves alone what is well."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from answerback.core.facts import KeepDeviceKeys, KeepMessage
from answerback.device.home import make_journal, open_journal
from answerback.faces.cli import cli
from answerback.model.errors import StoreCorruptError
from answerback.storage.database import open_database
from answerback.storage.layout import JOURNAL_FILE
from answerback.storage.repair import RELAY_FILE
from answerback.storage.vault import KeySource
from tests.storage.damage import pages, spoil
from tests.storage.samples import IDENTITY, message_of

MESSAGES = 200


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with closing(make_journal(tmp_path, source=KeySource.FILE)) as journal:
        journal.keep_identity(IDENTITY)
        facts = [KeepMessage(message_of(number, text="x" * 300), 1) for number in range(MESSAGES)]
        journal.commit([KeepDeviceKeys("keys"), *facts])
    return tmp_path


def test_what_is_well_is_left_alone(home: Path) -> None:
    before = (home / JOURNAL_FILE).read_bytes()
    assert "Nothing is damaged" in run("--home", str(home), "repair").stdout
    assert (home / JOURNAL_FILE).read_bytes() == before


def test_a_damaged_journal_is_named_at_the_start_and_repaired_by_what_is_named(home: Path) -> None:
    spoil(home / JOURNAL_FILE, pages(home / JOURNAL_FILE) - 2)
    with pytest.raises(StoreCorruptError, match=r"journal\.db is damaged.*`answerback repair` saves"):
        open_journal(home)
    result = run("--home", str(home), "repair")
    assert result.exit_code == 0
    for said in ("was damaged", "of messages", f"{JOURNAL_FILE}.damaged-1", "keys anew"):
        assert said in result.stdout
    with closing(open_journal(home)) as journal:
        assert MESSAGES // 2 < journal.counts().messages < MESSAGES


def test_programs_are_told_in_json(home: Path) -> None:
    spoil(home / JOURNAL_FILE, pages(home / JOURNAL_FILE) - 2)
    told = json.loads(run("--home", str(home), "repair", "--json").stdout)
    assert told["was_damaged"]
    assert told["kept_aside"].endswith("damaged-1")
    assert 0 < told["torn"]["messages"] < MESSAGES
    assert told["rows"] > MESSAGES // 2


def test_a_journal_of_which_nothing_can_be_read_is_refused_and_left(home: Path) -> None:
    spoil(home / JOURNAL_FILE, 0)
    before = (home / JOURNAL_FILE).read_bytes()
    result = run("--home", str(home), "repair")
    assert result.exit_code == 4
    assert "linked anew" in result.stderr
    assert (home / JOURNAL_FILE).read_bytes() == before


def test_a_relays_store_is_repaired_by_its_folder(tmp_path: Path) -> None:
    path = tmp_path / RELAY_FILE
    with closing(open_database(path, schema="relay")) as database:
        found = database.row("SELECT rootpage FROM sqlite_schema WHERE name = 'envelope_by_mailbox'")
        assert found is not None
    spoil(path, found[0] - 1)
    result = run("repair", "--data", str(tmp_path))
    assert result.exit_code == 0
    for said in ("was damaged", "nothing: only what can be made again", "Start the relay again"):
        assert said in result.stdout


def test_a_folder_without_anything_to_repair_is_refused(tmp_path: Path) -> None:
    assert run("repair", "--data", str(tmp_path)).exit_code == 4
    assert run("--home", str(tmp_path), "repair").exit_code == 2
