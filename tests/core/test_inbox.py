"""Proves that each envelope is taken once, that nothing undone is acknowledged, and that gaps are found and closed."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from answerback.core import inbox as inbox_module
from answerback.core.facts import KeepCursor, KeepSeen, KeepStream
from answerback.core.inbox import GAP_AGAIN_S, GAP_AGAIN_S_MAX, GAP_GRACE_S, GAP_NUMBERS_MAX, GAPS_MAX, Inbox
from answerback.model.envelope import Delivery
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.wire.frames import Taken
from answerback.wire.letters import Gap
from tests.core.specimens import NOW, PHONE, at, message_number

Event = tuple[str, int]
events = st.lists(st.tuples(st.sampled_from(["take", "done", "advance", "lost"]), st.integers(1, 12)), max_size=60)


def delivery(position: int, lane: Lane = Lane.NORMAL, identity: int | None = None) -> Delivery:
    name = EnvelopeId((position if identity is None else identity).to_bytes(16, "big"))
    return Delivery(position, lane, name, b"sealed")


@given(events)
def test_a_cursor_never_passes_what_is_not_done(happenings: list[Event]) -> None:
    """The relay's side of the contract: within one connection a lane comes in order and without holes."""
    inbox = Inbox()
    cursor, handed, done = 0, 0, set()
    for event, position in happenings:
        if event == "take":
            handed = max(handed, cursor) + 1
            inbox.take(delivery(handed))
            if handed in done:
                assert inbox.duplicates
        elif event == "done" and cursor < position <= handed:
            inbox.done(delivery(position), device=PHONE, opened=True, now=NOW)
            done.add(position)
        elif event == "lost":
            inbox.disconnected()
            handed = cursor
        for moved in inbox.advance():
            assert moved.position > cursor
            cursor = moved.position
            assert set(range(1, cursor + 1)) <= done


def test_the_same_bytes_are_recognised_and_remembered_with_whom_to_answer() -> None:
    inbox = Inbox()
    assert inbox.take(delivery(1)) is None
    kept = inbox.done(delivery(1), device=PHONE, message=message_number(9), opened=True, now=NOW)
    assert kept == KeepSeen(delivery(1).id, NOW.wall_ms, PHONE, message_number(9), opened=True)
    assert inbox.take(delivery(2, identity=1)) == kept
    assert inbox.take(delivery(3, identity=1)) == kept
    assert inbox.duplicates == 2
    assert inbox.advance() == [KeepCursor(Lane.NORMAL, 3)]


def test_what_was_taken_in_an_earlier_run_needs_no_second_look_to_be_acknowledged() -> None:
    inbox = Inbox()
    seen = KeepSeen(delivery(1).id, 0, PHONE, message_number(9), opened=True)
    inbox.restore(seen=[seen], cursors=[], streams=[])
    assert inbox.take(delivery(1)) == seen
    assert inbox.advance() == [KeepCursor(Lane.NORMAL, 1)]


def test_what_is_handed_over_at_a_place_already_passed_holds_back_nothing() -> None:
    inbox = Inbox()
    inbox.take(delivery(1))
    inbox.done(delivery(1), device=PHONE, opened=True, now=NOW)
    assert inbox.advance() == [KeepCursor(Lane.NORMAL, 1)]
    inbox.take(delivery(1, identity=7))
    inbox.take(delivery(2))
    inbox.done(delivery(2), device=PHONE, opened=True, now=NOW)
    assert inbox.advance() == [KeepCursor(Lane.NORMAL, 2)]


def test_what_is_handed_over_again_is_acknowledged_again_once() -> None:
    inbox = Inbox()
    inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 9), KeepCursor(Lane.URGENT, 2)], streams=[])
    inbox.take(delivery(7))
    inbox.take(delivery(8))
    assert inbox.advance() == []
    assert inbox.passed() == [Taken(Lane.NORMAL, 9)]
    assert inbox.passed() == []
    inbox.take(delivery(7))
    inbox.disconnected()
    assert inbox.passed() == [], "the next hello says how far"


def test_a_position_the_relay_does_not_believe_is_taken_back_or_it_would_hide_new_mail() -> None:
    inbox = Inbox()
    cursors = [KeepCursor(Lane.NORMAL, 9), KeepCursor(Lane.URGENT, 3), KeepCursor(Lane.BULK, 1)]
    inbox.restore(seen=[], cursors=cursors, streams=[])
    believed = [Taken(Lane.NORMAL, 5), Taken(Lane.URGENT, 3)]
    assert inbox.welcomed(believed, said=inbox.taken) == [KeepCursor(Lane.NORMAL, 5), KeepCursor(Lane.BULK, 0)]
    assert [inbox.position(lane) for lane in (Lane.NORMAL, Lane.URGENT, Lane.BULK)] == [5, 3, 0]
    assert inbox.welcomed(believed, said=inbox.taken) == []
    assert inbox.position(Lane.BACKGROUND) == 0


def test_what_was_read_since_the_hello_on_another_connection_stays_read() -> None:
    inbox = Inbox()
    inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 9)], streams=[])
    assert inbox.welcomed([Taken(Lane.NORMAL, 5)], said=[Taken(Lane.NORMAL, 5)]) == []
    assert inbox.position(Lane.NORMAL) == 9


def test_what_a_later_state_of_this_device_acknowledged_is_taken_as_read() -> None:
    inbox = Inbox()
    inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 9)], streams=[])
    later = [Taken(Lane.NORMAL, 9), Taken(Lane.URGENT, 2)]
    inbox.take(delivery(1, Lane.URGENT))
    assert inbox.catch_up(later) == [KeepCursor(Lane.URGENT, 2)]
    assert inbox.position(Lane.URGENT) == 2
    inbox.done(delivery(1, Lane.URGENT), device=PHONE, opened=True, now=NOW)
    assert inbox.advance() == [], "no cursor runs back"


def test_what_waits_for_a_look_up_holds_back_its_own_lane_only() -> None:
    inbox = Inbox()
    for one in (delivery(1), delivery(2), delivery(3, Lane.URGENT)):
        inbox.take(one)
    inbox.done(delivery(2), device=PHONE, opened=True, now=NOW)
    inbox.done(delivery(3, Lane.URGENT), device=PHONE, opened=True, now=NOW)
    assert inbox.advance() == [KeepCursor(Lane.URGENT, 3)]
    inbox.done(delivery(1), device=PHONE, opened=True, now=NOW)
    assert inbox.advance() == [KeepCursor(Lane.NORMAL, 2)]
    assert [(taken.lane, taken.position) for taken in inbox.taken] == [(Lane.URGENT, 3), (Lane.NORMAL, 2)]


def test_the_same_bytes_at_two_places_free_both_when_they_are_done() -> None:
    """Both were parked for one unknown sender."""
    inbox = Inbox()
    inbox.take(delivery(1, identity=7))
    inbox.take(delivery(2, identity=7))
    inbox.done(delivery(2, identity=7), device=PHONE, opened=True, now=NOW)
    assert inbox.advance() == [KeepCursor(Lane.NORMAL, 2)]


def test_old_hashes_make_room_for_new_ones() -> None:
    inbox = Inbox()
    limit, inbox_module.SEEN_MAX = inbox_module.SEEN_MAX, 2
    try:
        for position in (1, 2, 3):
            inbox.take(delivery(position))
            inbox.done(delivery(position), device=PHONE, opened=True, now=NOW)
    finally:
        inbox_module.SEEN_MAX = limit
    assert inbox.take(delivery(1)) is None
    assert inbox.take(delivery(2)) is not None
    assert inbox.take(delivery(3)) is not None


# ---- numbering


def numbers_missing(inbox: Inbox, now_s: float) -> set[int]:
    due = inbox.gaps_due(now_s=now_s).get(PHONE, [])
    return {number for gap in due for number in range(gap.first, gap.last + 1)}


@given(st.lists(st.integers(1, 40), max_size=60), st.lists(st.tuples(st.integers(1, 40), st.integers(0, 5))))
def test_the_missing_numbers_are_those_that_did_not_come_and_were_not_declared_void(
    came: list[int], void: list[tuple[int, int]]
) -> None:
    inbox = Inbox()
    for number in came:
        inbox.numbered(PHONE, Lane.NORMAL, number, now=NOW)
    highest = max(came, default=0)
    expected = set(range(1, highest)) - set(came)
    for first, more in void:
        inbox.voided(PHONE, [Gap(Lane.NORMAL, first, first + more)])
        expected -= set(range(first, first + more + 1))
    assert numbers_missing(inbox, NOW.now_s + GAP_GRACE_S) == expected
    assert (inbox.ask_at_s is None) == (not expected)


def test_a_gap_is_asked_about_after_a_grace_and_then_ever_less_often() -> None:
    inbox = Inbox()
    inbox.numbered(PHONE, Lane.NORMAL, 3, now=at(0.0))
    assert inbox.gaps_due(now_s=GAP_GRACE_S - 0.1) == {}
    asked_s = []
    for _ in range(16):
        assert inbox.ask_at_s is not None
        asked_s.append(inbox.ask_at_s)
        assert inbox.gaps_due(now_s=inbox.ask_at_s) == {PHONE: [Gap(Lane.NORMAL, 1, 2)]}
    waits = [later - earlier for earlier, later in pairwise(asked_s)]
    assert waits[:2] == [GAP_AGAIN_S, 2 * GAP_AGAIN_S]
    assert waits == sorted(waits)
    assert waits[-1] == GAP_AGAIN_S_MAX


def test_control_letters_are_not_repaired_by_number() -> None:
    inbox = Inbox()
    assert inbox.numbered(PHONE, Lane.CONTROL, 9, now=NOW) is None
    assert inbox.ask_at_s is None


def test_numbers_nobody_can_have_lost_are_not_asked_for() -> None:
    inbox = Inbox()
    inbox.numbered(PHONE, Lane.NORMAL, GAP_NUMBERS_MAX + 1, now=NOW)
    assert inbox.ask_at_s is None
    inbox.numbered(PHONE, Lane.BULK, GAP_NUMBERS_MAX, now=NOW)
    assert inbox.gaps_due(now_s=NOW.now_s + GAP_GRACE_S) == {PHONE: [Gap(Lane.BULK, 1, GAP_NUMBERS_MAX - 1)]}
    for hole in range(2 * GAPS_MAX):
        inbox.numbered(PHONE, Lane.URGENT, 2 * (hole + 1), now=NOW)
    assert len(inbox.gaps_due(now_s=NOW.now_s + GAP_GRACE_S)[PHONE]) == GAPS_MAX


def test_numbers_given_out_are_kept_and_go_on_after_a_restart() -> None:
    inbox = Inbox()
    assert [inbox.give(PHONE, Lane.NORMAL)[0] for _ in range(3)] == [1, 2, 3]
    number, kept = inbox.give(PHONE, Lane.NORMAL)
    again = Inbox()
    again.restore(seen=[], cursors=[], streams=[kept])
    assert (number, again.give(PHONE, Lane.NORMAL)[0]) == (4, 5)
    assert again.give(PHONE, Lane.URGENT)[0] == 1


def test_gaps_and_cursors_survive_a_restart() -> None:
    inbox = Inbox()
    stream = inbox.numbered(PHONE, Lane.NORMAL, 3, now=NOW)
    assert isinstance(stream, KeepStream)
    again = Inbox()
    again.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 5)], streams=[stream])
    assert numbers_missing(again, 0.0) == {1, 2}
    again.take(delivery(5))
    assert again.advance() == []
