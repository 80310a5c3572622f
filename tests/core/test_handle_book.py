"""Proves that a contact's handle is asked about again in time, and that news of our own handles is news once."""

from answerback.core.effects import HandleChanged, Warned
from answerback.core.facts import KeepOutgoing
from answerback.core.handle_book import CHECK_AGAIN_MS, OWN_MAX, HandleBook
from answerback.core.trusting import Added
from answerback.model.causes import Cause
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId
from answerback.model.notes import NoteKind
from answerback.wire.frames import HandleNotice, Resolve, Resolved
from tests.core.lone_engine import Device, at, frames, told
from tests.core.specimens import kept

OTHER = AccountId(b"o" * 16)
LEAVING = HandleNotice("bea@example.org", HandleState.LEAVING, OTHER, 7)


def test_a_handle_is_asked_about_again_after_a_day_and_not_before() -> None:
    book = HandleBook()
    book.checked("bea", now_ms=10)
    assert not book.is_due("bea", now_ms=9 + CHECK_AGAIN_MS)
    assert book.is_due("bea", now_ms=10 + CHECK_AGAIN_MS)


def test_what_the_relay_says_again_is_no_news_also_after_a_restart() -> None:
    book = HandleBook()
    kept = book.noticed(LEAVING)
    assert kept is not None
    assert (kept.kind, kept.about) == (NoteKind.OWN_HANDLE, b"bea@example.org")
    assert book.noticed(LEAVING) is None
    later = HandleBook()
    later.told[kept.about] = kept.value
    assert later.noticed(LEAVING) is None
    assert later.noticed(HandleNotice("bea@example.org", HandleState.LEFT, OTHER, 9)) is not None


def asked(effects: list[object]) -> list[Resolve]:
    return [frame for frame in effects if isinstance(frame, Resolve)]


def test_whoever_writes_asks_again_whose_the_handle_is_beside_the_message() -> None:
    device = Device()
    device.connects()
    _, effects = device.sends("bea")
    (question,) = asked(frames(effects))
    assert any(isinstance(fact, KeepOutgoing) for fact in kept(effects)), "the message does not wait for the answer"
    device.hears(Resolved(question.request, "bea", device.bea.account), now_s=3)
    assert asked(frames(device.sends("bea", now_s=4)[1])) == []
    assert asked(frames(device.sends("bea", now_s=5 + CHECK_AGAIN_MS / 1000)[1])) != []


def test_what_is_written_to_a_handle_that_has_moved_waits_for_a_word_of_its_person() -> None:
    device = Device()
    device.connects()
    (question,) = asked(frames(device.sends("bea")[1]))
    effects = device.hears(Resolved(question.request, "bea", OTHER), now_s=3)
    assert Warned(Cause.TRUST_CONTACT_CHANGED, OTHER, "bea") in told(effects)
    message, effects = device.sends("bea", now_s=4)
    assert not any(isinstance(fact, KeepOutgoing) for fact in kept(effects)), "it went to somebody unheard of"
    wait = device.engine.wait_of(message, None, now=at(5))
    assert wait is not None
    assert wait.cause is Cause.TRUST_CONTACT_CHANGED
    assert device.engine._departure.contacts["bea"] == device.bea.account


def test_a_relay_that_knows_nobody_by_a_handle_takes_no_contact_away() -> None:
    device = Device()
    device.connects()
    (question,) = asked(frames(device.sends("bea")[1]))
    device.hears(Resolved(question.request, "bea", AccountId(b"")), now_s=3)
    _, effects = device.sends("bea", now_s=4)
    assert any(isinstance(fact, KeepOutgoing) for fact in kept(effects))


def test_people_hear_what_becomes_of_their_own_handle_once_also_after_a_restart() -> None:
    device = Device()
    device.connects()
    changed = HandleChanged("bea@example.org", HandleState.LEAVING, OTHER, 7)
    assert changed in told(device.hears(LEAVING, now_s=2))
    assert changed not in told(device.hears(LEAVING, now_s=3))


def test_a_relay_that_tells_of_ever_more_handles_is_not_listened_to_for_ever() -> None:
    book = HandleBook()
    for number in range(OWN_MAX):
        assert book.noticed(HandleNotice(f"bea{number}@example.org", HandleState.OURS, AccountId(b""), 7)) is not None
    assert book.noticed(LEAVING) is None
    assert book.noticed(HandleNotice("bea0@example.org", HandleState.REMOVED, AccountId(b""), 8)) is not None
    assert len(book.own("bea@example.org")) == OWN_MAX, "the one it goes by, and what was told but for the removed one"


def test_a_handle_that_a_person_has_added_is_known_though_the_relay_says_nothing_of_it() -> None:
    device = Device()
    device.connects()
    added = HandleNotice("bea@work.example", HandleState.OURS, AccountId(b""), 7)
    (news,) = told(device.engine.trusted(Added(added), now=at(2.0)))
    assert news == HandleChanged("bea@work.example", HandleState.OURS, AccountId(b""), 7)
    assert device.engine.trusted(Added(added), now=at(2.0)) == []
    assert device.engine._departure.book.own("ann") == {"ann", "bea@work.example"}
