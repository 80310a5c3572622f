"""What a person chose outlives the program, and words of another version choose nothing."""

from contextlib import closing
from pathlib import Path

import pytest

from answerback.core.network.modes import Mode, Wish
from answerback.device.home import make_journal
from answerback.device.wishes import WISH_SETTING, keep_wish, kept_wish
from answerback.storage.journal import Journal
from answerback.storage.vault import KeySource


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return make_journal(tmp_path / "device", source=KeySource.FILE)


@pytest.mark.parametrize("wish", [Wish(Mode.ECONOMICAL), Wish(is_metered=False), Wish(Mode.LIVE, is_metered=True)])
def test_a_choice_is_kept_until_it_is_taken_back(journal: Journal, wish: Wish) -> None:
    with closing(journal):
        assert kept_wish(journal) == Wish()
        keep_wish(journal, wish)
        assert kept_wish(journal) == wish
        keep_wish(journal, Wish())
        assert kept_wish(journal) == Wish()
        assert journal.setting(WISH_SETTING) is None


@pytest.mark.parametrize("text", ["", "{", '{"mode": "telepathic"}', '{"is_metered": 3}'])
def test_what_another_version_kept_chooses_nothing(journal: Journal, text: str) -> None:
    with closing(journal):
        journal.keep_setting(WISH_SETTING, text)
        assert kept_wish(journal) == Wish()
