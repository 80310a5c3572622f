"""Proves that the ledger of texts knows every number for ever, forgets texts, and shows each arrival once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.core.text_facts import DropText, EndOrder, KeepOrder, KeepPart, KeepWord
from answerback.model.handle import parse_handle
from answerback.model.texts import CarrierWord, KeptOrder, PartState, TextOrder, TextPart, TextStage
from answerback.storage.database import Database
from answerback.storage.text_ledger import FRAGMENTS_MAX, LEDGER_FILE, TextLedger, open_ledger, order_digest
from answerback.wire.short_messages import Fragment

ANN = parse_handle("+49301234567")
NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
KEY = bytes(range(32))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_ledger(tmp_path, key=None)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> TextLedger:
    return TextLedger(database, "one")


def kept(number: int, text: str = "we meet at eight", parts: int = 1) -> KeptOrder:
    order = TextOrder(number, ANN, text)
    made = tuple(TextPart(number, index, 100 * number + index) for index in range(parts))
    return KeptOrder(order, order_digest(order), NOW_MS, made, parts, TextStage.HANDED)


def arrive(
    ledger: TextLedger, fragment: Fragment, *, connection: int = 1, name: str = "", now_ms: int = NOW_MS
) -> None:
    with ledger.transaction():
        ledger.arrive(ANN, fragment, name=name, connection=connection, now_ms=now_ms)


def texts(ledger: TextLedger) -> list[str]:
    return [arrival.text for _, arrival in ledger.arrived()]


def test_what_is_kept_is_loaded(ledger: TextLedger) -> None:
    taken = TextPart(1, 1, 101, PartState.TAKEN, "c1", 2, "why")
    ledger.keep([KeepOrder(kept(1, parts=2)), KeepPart(taken)])
    (loaded,), reference = ledger.load()
    assert loaded.order == TextOrder(1, ANN, "we meet at eight")
    assert loaded.parts == (kept(1).parts[0], taken)
    assert (loaded.charged, loaded.stage, reference) == (2, TextStage.HANDED, 101)


def test_carriers_do_not_see_each_other(ledger: TextLedger, database: Database) -> None:
    other = TextLedger(database, "other")
    ledger.keep([KeepOrder(kept(1))])
    assert other.load() == ([], 0)
    assert other.digest(1) is None
    assert ledger.token(kept(1).parts[0]) != other.token(kept(1).parts[0])


def test_a_number_is_known_for_ever_and_its_text_is_forgotten(ledger: TextLedger, database: Database) -> None:
    ledger.keep([KeepOrder(kept(1)), KeepOrder(kept(2)), DropText(1)])
    assert database.row("SELECT text FROM orders WHERE number = 1") == ("",)
    ledger.keep([EndOrder(1), EndOrder(2)])
    assert database.rows("SELECT recipient, text FROM orders") == [("", ""), ("", "")]
    assert ledger.digest(1) == order_digest(kept(1).order)
    orders, reference = ledger.load()
    assert (orders, reference) == ([], 200), "the last reference outlives its order"


def test_a_word_is_told_until_it_is_taken_and_a_newer_one_after_it(ledger: TextLedger) -> None:
    handed, sent = (CarrierWord(1, stage, "one", 1) for stage in (TextStage.HANDED, TextStage.SENT))
    ledger.keep([KeepOrder(kept(1)), KeepWord(handed)])
    ((word, said),) = ledger.untold()
    assert word == handed
    ledger.keep([KeepWord(sent)])
    ledger.told(1, said)
    ((word, said),) = ledger.untold()
    assert word == sent
    ledger.told(1, said)
    assert ledger.untold() == []
    ledger.tell_again(1)
    assert [word for word, _ in ledger.untold()] == [sent]


def test_a_text_in_parts_is_shown_when_the_last_has_come_in_any_order(ledger: TextLedger) -> None:
    for index in (2, 0, 0):
        arrive(ledger, Fragment("abc"[index], 7, 3, index))
    arrive(ledger, Fragment("x", 8, 2, 0))
    assert texts(ledger) == []
    arrive(ledger, Fragment("b", 7, 3, 1))
    assert texts(ledger) == ["abc"]
    ledger.took(ledger.arrived()[0][0])
    assert texts(ledger) == []


def test_what_will_not_be_whole_is_shown_as_it_is(ledger: TextLedger) -> None:
    arrive(ledger, Fragment("a", 7, 2, 0))
    with ledger.transaction():
        ledger.tend(connection=1, now_ms=NOW_MS + DAY_MS + 1)
    assert texts(ledger) == ["a [part 2 of 2 has not come] "]


def test_strangers_cannot_fill_the_disk_with_beginnings(ledger: TextLedger, database: Database) -> None:
    with ledger.transaction():
        for reference in range(FRAGMENTS_MAX + 10):
            ledger.arrive(ANN, Fragment("a", reference, 2, 0), name="", connection=1, now_ms=NOW_MS)
    assert database.row("SELECT count(*) FROM fragments") == (FRAGMENTS_MAX,)


def test_the_same_words_twice_are_two_texts(ledger: TextLedger) -> None:
    arrive(ledger, Fragment("ok"))
    arrive(ledger, Fragment("ok"))
    assert texts(ledger) == ["ok", "ok"]
    assert len({arrival.id for _, arrival in ledger.arrived()}) == 2


def test_a_text_said_again_because_our_answer_was_lost_is_one(ledger: TextLedger) -> None:
    arrive(ledger, Fragment("ok"), connection=1)
    arrive(ledger, Fragment("ok"), connection=2)
    assert texts(ledger) == ["ok"]
    arrive(ledger, Fragment("ok"), connection=2)
    assert texts(ledger) == ["ok", "ok"], "heard: now it is another one"


def test_an_answer_on_a_connection_that_stood_on_was_heard(ledger: TextLedger) -> None:
    arrive(ledger, Fragment("ok"), connection=1)
    with ledger.transaction():
        ledger.tend(connection=1, now_ms=NOW_MS + 11_000)
    arrive(ledger, Fragment("ok"), connection=2, now_ms=NOW_MS + 60_000)
    assert texts(ledger) == ["ok", "ok"]


def test_a_text_that_its_network_names_is_shown_once_whatever_happens(ledger: TextLedger) -> None:
    for connection in (1, 1, 2):
        arrive(ledger, Fragment("ok"), name="n1", connection=connection)
        with ledger.transaction():
            ledger.tend(connection=connection, now_ms=NOW_MS + 20_000)
    arrive(ledger, Fragment("ok"), name="n2")
    assert texts(ledger) == ["ok", "ok"]


def test_tokens_of_two_ledgers_differ(tmp_path: Path) -> None:
    part = kept(1).parts[0]
    tokens = set()
    for name in ("a", "b"):
        database = open_ledger(tmp_path / name, key=None)
        tokens.add(TextLedger(database, "one").token(part))
        assert TextLedger(database, "one").token(part) in tokens, "and one stays what it is"
        database.close()
    assert len(tokens) == 2


def test_a_stolen_disk_shows_no_text(tmp_path: Path) -> None:
    database = open_ledger(tmp_path, key=KEY)
    TextLedger(database, "one").keep([KeepOrder(kept(1))])
    database.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"eight" not in everything
    assert b"4930123" not in everything
    assert (tmp_path / LEDGER_FILE).stat().st_mode & 0o077 == 0
