"""Proves that history moves page by page, goes back to what was answered, and believes nothing that does not fit."""

import msgspec
import pytest

from answerback.core.departure import Departure
from answerback.core.effects import Effect, HistoryMoved, Moment, Save, Tell
from answerback.core.facts import KeepNote, KeepOutgoing, KeepPast, KeepTransfer
from answerback.core.handover import NO_DIGEST, SILENCE_S, WINDOW, Handover, Wanted, _digest
from answerback.core.machines import Self
from answerback.model.ids import DeviceId, MessageId, conversation_id
from answerback.model.message import Urgency
from answerback.model.notes import HistoryState
from answerback.model.stamp import Stamp
from answerback.wire.codec import decode_letter
from answerback.wire.letters import Page, PageTaken, PastMessage, Post
from answerback.wire.requests import BLOB_BYTES_MAX
from tests.core.families import Family, machines_of
from tests.core.reader import FILE

NOW = Moment(100.0, 7_000_000)


class Pair:
    """Two devices of one account, and a stranger."""

    def __init__(self) -> None:
        self.ann, self.bea = Family(2), Family(1)
        self.drawn = 0
        self.giver = self.side(0)
        self.taker = self.side(1)

    def side(self, index: int) -> Handover:
        machines = machines_of(self.ann, self.bea)
        machines.own = Self(self.ann.account, self.device(index), "phone", "ann")
        machines.randomness = self.draw
        return Handover(machines, Departure(machines))

    def draw(self, count: int) -> bytes:
        self.drawn += 1
        return self.drawn.to_bytes(count, "big")

    def device(self, index: int) -> DeviceId:
        return self.ann.keys[index].device_id

    def past(self, number: int) -> PastMessage:
        others = [self.bea.account]
        talk = conversation_id(frozenset((*others, self.ann.account)))
        identity = MessageId(number.to_bytes(16, "big"))
        post = Post(identity, talk, others, f"text {number}", None, Urgency.NORMAL, Stamp(number, 0), [], 10**12)
        return PastMessage(post, self.ann.account, self.device(0), number, [], [])

    def page(self, wanted: Wanted, *, is_last: bool = False) -> Page:
        """What a disk would give: one message a page."""
        return Page(0, 0, wanted.cursor - 1, [self.past(wanted.number)], [], [], NO_DIGEST, is_last)

    def begin(self) -> None:
        """Offered and accepted."""
        (offer,) = letters(self.giver.offer(self.device(1), total=3, cursor=100, now=NOW))
        (answer,) = letters(self.taker.heard(offer, self.device(0), now=NOW))
        self.giver.heard(answer, self.device(1), now=NOW)

    def gives(self, *, is_last: bool = False) -> Page:
        """The next page, as the taker would hear it."""
        (wanted,) = self.giver.wanted()
        (page,) = letters(self.giver.page(wanted, self.page(wanted, is_last=is_last), now=NOW))
        assert isinstance(page, Page)
        return page


def letters(effects: list[Effect]) -> list[Page | PageTaken]:
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    first = {fact.id: fact.letter for fact in facts if isinstance(fact, KeepOutgoing)}
    found = [decode_letter(letter) for letter in first.values()]
    assert all(isinstance(letter, Page | PageTaken) for letter in found)
    return found  # type: ignore[return-value]


def kept(effects: list[Effect]) -> list[str]:
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    return [fact.message.text for fact in facts if isinstance(fact, KeepPast)]


def moved(effects: list[Effect]) -> list[tuple[int, HistoryState]]:
    news = [effect.news for effect in effects if isinstance(effect, Tell)]
    return [(each.done, each.state) for each in news if isinstance(each, HistoryMoved)]


def test_three_pages_are_kept_in_order_and_both_sides_know_when_all_is_there() -> None:
    pair = Pair()
    pair.begin()
    for number in (1, 2, 3):
        effects = pair.taker.heard(pair.gives(is_last=number == 3), pair.device(0), now=NOW)
        assert kept(effects) == [f"text {number}"]
        (answer,) = letters(effects)
        told = moved(pair.giver.heard(answer, pair.device(1), now=NOW))
        state = HistoryState.DONE if number == 3 else HistoryState.MOVING
        assert told == [(number, state)] == moved(effects)
    assert list(pair.giver.wanted()) == []


def test_no_more_than_a_window_is_under_way_and_a_silence_goes_back_to_what_was_answered() -> None:
    pair = Pair()
    pair.begin()
    pages = [pair.gives() for _ in range(WINDOW)]
    assert list(pair.giver.wanted()) == []
    (answer,) = letters(pair.taker.heard(pages[0], pair.device(0), now=NOW))
    pair.giver.heard(answer, pair.device(1), now=NOW)
    assert [wanted.number for wanted in pair.giver.wanted()] == [WINDOW + 1]
    later = Moment(NOW.now_s + SILENCE_S + 1, NOW.wall_ms)
    pair.giver.look(now=later)
    assert [(wanted.number, wanted.cursor) for wanted in pair.giver.wanted()] == [(2, 99)]
    again = pair.gives()
    assert again == pages[1], "the same page, byte for byte"
    assert kept(pair.taker.heard(again, pair.device(0), now=NOW)) == ["text 2"]
    twice = pair.taker.heard(pages[1], pair.device(0), now=NOW)
    assert kept(twice) == []
    assert [letter.number for letter in letters(twice)] == [2], "answered again: the first answer may be lost"
    assert pair.taker.heard(pages[3], pair.device(0), now=NOW) == [], "one is missing before it"


def test_it_goes_on_after_a_restart_of_either() -> None:
    pair = Pair()
    pair.begin()
    (answer,) = letters(pair.taker.heard(pair.gives(), pair.device(0), now=NOW))
    effects = pair.giver.heard(answer, pair.device(1), now=NOW)
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    notes = [fact for fact in facts if isinstance(fact, KeepNote)]
    pair.gives()  # under way, and lost with the giver
    begun = pair.side(0)
    begun.restore(notes)
    pair.giver = begun
    assert [(wanted.number, wanted.cursor) for wanted in begun.wanted()] == [(2, 99)]
    assert kept(pair.taker.heard(pair.gives(is_last=True), pair.device(0), now=NOW)) == ["text 2"]


def test_what_is_said_of_an_earlier_offer_changes_nothing() -> None:
    pair = Pair()
    (first,) = letters(pair.giver.offer(pair.device(1), total=3, cursor=100, now=NOW))
    (answer_to_first,) = letters(pair.taker.heard(first, pair.device(0), now=NOW))
    pair.giver.heard(answer_to_first, pair.device(1), now=NOW)
    stale_page = pair.gives()
    pair.begin()  # the giver was killed, and its person offers again
    assert pair.giver.heard(answer_to_first, pair.device(1), now=NOW) == []
    assert pair.taker.heard(stale_page, pair.device(0), now=NOW) == []
    page = pair.gives(is_last=True)
    (answer,) = letters(pair.taker.heard(page, pair.device(0), now=NOW))
    assert moved(pair.giver.heard(answer, pair.device(1), now=NOW)) == [(1, HistoryState.DONE)]
    assert pair.taker.heard(stale_page, pair.device(0), now=NOW) == []
    assert pair.taker.taken[pair.device(0)].state is HistoryState.DONE


def test_an_offer_that_comes_twice_does_not_begin_again_what_is_done() -> None:
    pair = Pair()
    (offer,) = letters(pair.giver.offer(pair.device(1), total=1, cursor=100, now=NOW))
    (answer,) = letters(pair.taker.heard(offer, pair.device(0), now=NOW))
    pair.giver.heard(answer, pair.device(1), now=NOW)
    pair.taker.heard(pair.gives(is_last=True), pair.device(0), now=NOW)
    (answer,) = letters(pair.taker.heard(offer, pair.device(0), now=NOW))
    assert isinstance(answer, PageTaken)
    assert (answer.number, answer.done) == (1, 1)
    assert pair.taker.taken[pair.device(0)].state is HistoryState.DONE


def test_what_is_offered_again_goes_on_where_it_was() -> None:
    pair = Pair()
    pair.begin()
    for _ in range(2):
        (answer,) = letters(pair.taker.heard(pair.gives(), pair.device(0), now=NOW))
        pair.giver.heard(answer, pair.device(1), now=NOW)
    pair.begin()
    assert [(wanted.number, wanted.cursor) for wanted in pair.giver.wanted()] == [(3, 98)]
    effects = pair.taker.heard(pair.gives(is_last=True), pair.device(0), now=NOW)
    assert kept(effects) == ["text 3"]
    (answer,) = letters(effects)
    assert moved(pair.giver.heard(answer, pair.device(1), now=NOW)) == [(3, HistoryState.DONE)]


def test_a_page_that_is_not_what_was_sent_ends_it_and_says_so() -> None:
    pair = Pair()
    pair.begin()
    page = pair.gives()
    changed = msgspec.structs.replace(page, messages=[pair.past(7)])
    effects = pair.taker.heard(changed, pair.device(0), now=NOW)
    assert kept(effects) == []
    assert moved(effects) == [(0, HistoryState.BROKEN)]


def test_a_stranger_and_a_removed_device_neither_give_nor_take() -> None:
    pair = Pair()
    pair.begin()
    stranger = pair.bea.keys[0].device_id
    page = pair.gives()
    assert pair.taker.heard(page, stranger, now=NOW) == []
    taken = PageTaken(1, 99, 1, page.digest, offer=page.offer)
    assert pair.giver.heard(taken, stranger, now=NOW) == []
    pair.giver.machines.roster.learn(pair.ann.account, [pair.ann.list_without(1)], [])
    assert list(pair.giver.wanted()) == []
    assert pair.giver.heard(taken, pair.device(1), now=NOW) == []


@pytest.mark.parametrize("is_welcome", [True, False])
def test_who_does_not_want_it_gets_nothing(*, is_welcome: bool) -> None:
    pair = Pair()
    pair.taker.is_welcome = is_welcome
    pair.begin()
    assert bool(list(pair.giver.wanted())) is is_welcome
    state = HistoryState.MOVING if is_welcome else HistoryState.DECLINED
    assert pair.giver.given[pair.device(1)].state is state


def with_file(pair: Pair, page: Page, *, sealed_bytes: int = FILE.sealed_bytes, expires_ms: int = 10**12) -> Page:
    """The same page, whose message has a file."""
    (past,) = page.messages
    file = msgspec.structs.replace(FILE, sealed_bytes=sealed_bytes)
    post = msgspec.structs.replace(past.post, attachment=file, expires_ms=expires_ms)
    changed = msgspec.structs.replace(page, messages=[msgspec.structs.replace(past, post=post)], digest=NO_DIGEST)
    digest = _digest(pair.taker.taken[pair.device(0)].digest, changed)
    return msgspec.structs.replace(changed, digest=digest)


def fetched(effects: list[Effect]) -> list[KeepTransfer]:
    facts = [effect.fact for effect in effects if isinstance(effect, Save)]
    return [fact for fact in facts if isinstance(fact, KeepTransfer)]


def test_a_file_comes_with_its_message_as_long_as_that_lasts() -> None:
    pair = Pair()
    pair.begin()
    (transfer,) = fetched(pair.taker.heard(with_file(pair, pair.gives()), pair.device(0), now=NOW))
    assert (transfer.author, transfer.blob, transfer.uploading) == (pair.ann.account, FILE.blob, False)
    assert transfer.total_bytes == FILE.sealed_bytes


@pytest.mark.parametrize(
    ("sealed_bytes", "expires_ms", "is_known"),
    [
        (FILE.sealed_bytes, NOW.wall_ms, False),
        (BLOB_BYTES_MAX + 1, 10**12, False),
        (FILE.sealed_bytes, 10**12, True),
    ],
    ids=["the message has run out", "no relay could have it", "the message is here"],
)
def test_a_file_that_is_here_or_cannot_come_is_not_asked_for(
    sealed_bytes: int, expires_ms: int, *, is_known: bool
) -> None:
    pair = Pair()
    pair.begin()
    page = with_file(pair, pair.gives(), sealed_bytes=sealed_bytes, expires_ms=expires_ms)
    if is_known:
        pair.taker.machines.threads.remember(pair.ann.account, page.messages[0].post.message)
    effects = pair.taker.heard(page, pair.device(0), now=NOW)
    assert kept(effects) == ["text 1"]
    assert fetched(effects) == []
