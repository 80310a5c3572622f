"""Proves that a town's devices are ones a relay lets in, kept the way a relay keeps them."""

from pathlib import Path

from answerback.faces.benchmarking.town import settle
from answerback.relay.app import STORE_FILE
from answerback.storage.database import open_database
from answerback.storage.relay_commands import Meet, Met
from answerback.storage.relay_store import RelayStore


def test_every_resident_is_known_to_the_store_and_to_nobody_elses_name(tmp_path: Path) -> None:
    town = settle(tmp_path, count=3)
    database = open_database(tmp_path / STORE_FILE, schema="relay")
    store = RelayStore(database, new_name=b"n" * 16)
    answers = store.apply([Meet(index, who.device) for index, who in enumerate(town.residents)])
    for answer, who in zip(answers, town.residents, strict=True):
        assert isinstance(answer, Met)
        assert (answer.account, answer.entry.signing_key) == (who.account, who.keys.signing_key)
    assert len({who.device for who in town.residents}) == 3
    database.close()


def test_the_figures_are_of_a_store_that_waits_for_the_disk(tmp_path: Path) -> None:
    assert settle(tmp_path, count=1).synchronous == "FULL"
