"""Proves that a conversation has one order, the same on every device, that contradicts neither causes nor clocks."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from answerback.model.ids import MessageId
from answerback.model.stamp import COUNTER_MAX, DRIFT_MS_MAX, HybridClock, Stamp, in_order

walls = st.integers(-(10**14), 10**14)


@dataclass(frozen=True)
class Note:
    """The least that can be put in order."""

    id: MessageId
    stamp: Stamp
    written_after: frozenset[MessageId] = field(default_factory=frozenset)


def name(number: int) -> MessageId:
    return MessageId(number.to_bytes(16, "big"))


@st.composite
def conversations(draw: st.DrawFn, *, forged: bool = False) -> list[Note]:
    """Messages with any stamps, each written after some earlier ones, or, forged, after any."""
    count = draw(st.integers(0, 12))
    notes = []
    for number in range(count):
        known = st.integers(0, (count if forged else number) - 1) if (count if forged else number) else st.nothing()
        after = draw(st.frozensets(known, max_size=4)) if (forged or number) else frozenset()
        stamp = Stamp(draw(walls), draw(st.integers(0, 3)))
        notes.append(Note(name(number), stamp, frozenset(map(name, after))))
    return notes


@given(conversations())
def test_no_clock_contradicts_what_a_message_was_written_after(notes: list[Note]) -> None:
    places = {note.id: place for place, note in enumerate(in_order(notes))}
    for note in notes:
        assert all(places[earlier] < places[note.id] for earlier in note.written_after)


@given(conversations(forged=True).flatmap(lambda notes: st.tuples(st.just(notes), st.permutations(notes))))
def test_the_order_is_total_and_the_same_on_every_device(both: tuple[list[Note], list[Note]]) -> None:
    notes, shuffled = both
    shown = in_order(notes)
    assert shown == in_order(shuffled)
    assert sorted(note.id for note in shown) == sorted(note.id for note in notes)


@given(st.lists(st.tuples(walls, st.integers(0, 3)), max_size=20))
def test_without_causes_the_stamp_decides_and_then_the_id(stamps: list[tuple[int, int]]) -> None:
    notes = [Note(name(number), Stamp(*stamp)) for number, stamp in enumerate(stamps)]
    assert in_order(notes) == sorted(notes, key=lambda note: (note.stamp, note.id))


def test_a_message_written_after_one_that_is_not_here_is_shown_all_the_same() -> None:
    assert in_order([Note(name(2), Stamp(1, 0), frozenset({name(1)}))])


@given(st.lists(st.one_of(walls, st.tuples(walls, walls, st.integers(0, COUNTER_MAX + 1))), max_size=60))
def test_stamps_never_run_back_or_repeat_whatever_the_clocks_do(
    happenings: list[int | tuple[int, int, int]],
) -> None:
    clock, given_out = HybridClock(), [Stamp(0, 0)]
    for happening in happenings:
        if isinstance(happening, int):
            given_out.append(clock.tick(wall_ms=happening))
        else:
            wall_ms, seen_ms, counter = happening
            before = clock.last
            followed = clock.merge(Stamp(seen_ms, counter), wall_ms=wall_ms)
            assert followed == (seen_ms <= wall_ms + DRIFT_MS_MAX and counter <= COUNTER_MAX)
            assert clock.last == (max(before, Stamp(seen_ms, counter)) if followed else before)
    assert given_out == sorted(set(given_out))


def test_a_stamp_from_the_far_future_drags_nobody_along() -> None:
    clock = HybridClock()
    assert not clock.merge(Stamp(1000 + DRIFT_MS_MAX + 1, 0), wall_ms=1000)
    assert clock.tick(wall_ms=1000) == Stamp(1000, 0)
    assert clock.merge(Stamp(1000 + DRIFT_MS_MAX, 7), wall_ms=1000)
    assert clock.tick(wall_ms=1000) == Stamp(1000 + DRIFT_MS_MAX, 8)


def test_a_full_counter_borrows_a_millisecond_so_that_others_still_believe_the_stamp() -> None:
    clock = HybridClock()
    assert clock.merge(Stamp(1000, COUNTER_MAX), wall_ms=1000)
    stamp = clock.tick(wall_ms=1000)
    assert stamp == Stamp(1001, 0)
    assert HybridClock().merge(stamp, wall_ms=1000)


def test_a_forged_equal_id_hides_nobodys_message() -> None:
    shown = in_order([Note(name(1), Stamp(1, 0)), Note(name(1), Stamp(2, 0)), Note(name(2), Stamp(3, 0))])
    assert [message.stamp.wall_ms for message in shown] == [1, 2, 3]
