"""What is on its way to a device is bounded, and grows with what its link carries."""

from answerback.model.envelope import Delivery
from answerback.model.ids import EnvelopeId
from answerback.model.message import Lane
from answerback.relay.handover import HandOver
from answerback.relay.limits import DELIVER_BYTES_MAX, QUEUED_BYTES_MAX
from answerback.storage.relay_commands import NOTHING_TAKEN
from answerback.wire.flight import WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, WINDOW_BYTES_START, Flight
from answerback.wire.frames import BATCH_MAX, Taken


def mail(position: int, *, lane: Lane = Lane.NORMAL, size_bytes: int = 1_000) -> Delivery:
    return Delivery(position, lane, EnvelopeId(b"i" * 16), bytes(size_bytes))


def live() -> HandOver:
    return HandOver(1, NOTHING_TAKEN, has_mail=False)


def drain(hand_over: HandOver, *, delay_s: float, now_s: float = 0.0) -> int:
    """Take whatever comes after a delay, until nothing comes; give how many envelopes that was."""
    count = 0
    while frames := hand_over.frames(now_s=now_s):
        now_s += delay_s
        for frame in frames:
            count += len(frame.entries)
            hand_over.took([Taken(entry.lane, entry.position) for entry in frame.entries], now_s=now_s)
    return count


def test_mail_from_memory_needs_no_reading() -> None:
    hand_over = live()
    hand_over.offer(mail(5))
    ((entry,),) = [frame.entries for frame in hand_over.frames(now_s=0)]
    assert (entry.position, hand_over.wanted, hand_over.after[Lane.NORMAL]) == (5, (), 5)


def test_what_memory_has_no_room_for_is_read_from_disk_later() -> None:
    hand_over = live()
    hand_over.is_paused = True
    for position in range(1, 40):
        hand_over.offer(mail(position, size_bytes=60_000))
    assert hand_over._queued_bytes <= QUEUED_BYTES_MAX
    held = len(hand_over._queued[Lane.NORMAL])
    assert hand_over.after[Lane.NORMAL] == held
    hand_over.is_paused = False
    assert drain(hand_over, delay_s=0.01) == held
    assert list(hand_over.wanted) == [Lane.NORMAL]
    hand_over.is_reading = True
    hand_over.offer(mail(40))
    assert hand_over.frames(now_s=9) == [], "a lane that is behind waits for the page"
    hand_over.turn([mail(position) for position in range(held + 1, 41)], (), (Lane.NORMAL,))
    assert list(hand_over.wanted) == []
    assert drain(hand_over, delay_s=0.01) == 40 - held


def test_a_frame_is_bounded_in_bytes_and_entries() -> None:
    hand_over = live()
    hand_over.flight = Flight(window_bytes=WINDOW_BYTES_MAX, rate_bytes_per_s=1e8)
    for position in range(1, 300):
        hand_over.offer(mail(position, size_bytes=10))
    for position in range(300, 320):
        hand_over.offer(mail(position, size_bytes=20_000))
    frames = hand_over.frames(now_s=0)
    assert max(len(frame.entries) for frame in frames) == BATCH_MAX
    assert max(sum(len(e.sealed) for e in frame.entries) for frame in frames) <= DELIVER_BYTES_MAX


def test_the_window_grows_on_a_fast_link_and_shrinks_when_mail_queues_on_the_way() -> None:
    hand_over = live()
    for position in range(1, 400):
        hand_over.offer(mail(position))
    drain(hand_over, delay_s=0.05)
    grown = hand_over.flight.window_bytes
    assert grown > WINDOW_BYTES_START
    for first in range(400, 1400, 100):
        for position in range(first, first + 100):
            hand_over.offer(mail(position))
        drain(hand_over, delay_s=2.0, now_s=10.0 + first / 50)
    assert WINDOW_BYTES_MIN <= hand_over.flight.window_bytes < grown


def test_urgent_mail_goes_although_the_window_is_full() -> None:
    hand_over = live()
    for position in range(1, 200):
        hand_over.offer(mail(position))
    assert hand_over.frames(now_s=0)
    assert hand_over.frames(now_s=0) == []
    hand_over.offer(mail(200, lane=Lane.CONTROL))
    assert [frame.entries[0].lane for frame in hand_over.frames(now_s=0)] == [Lane.CONTROL]


def test_no_lane_starves_behind_a_busier_one() -> None:
    hand_over = live()
    for position in range(1, 101):
        for lane in (Lane.NORMAL, Lane.BULK, Lane.BACKGROUND):
            hand_over.offer(mail(position, lane=lane))
    first: list[int] = []
    while len(first) < 110:
        for frame in hand_over.frames(now_s=0.0):
            first += [entry.lane for entry in frame.entries]
            hand_over.took([Taken(frame.entries[0].lane, frame.entries[-1].position)], now_s=0.05)
    counts = [first[:110].count(lane) for lane in (Lane.NORMAL, Lane.BULK, Lane.BACKGROUND)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 60
    assert counts[2] > 5


def test_while_mail_waits_here_or_on_disk_it_is_known() -> None:
    hand_over = HandOver(1, NOTHING_TAKEN, has_mail=True)
    assert hand_over.has_mail
    hand_over.turn([mail(1)], (), tuple(Lane))
    assert hand_over.has_mail
    hand_over.frames(now_s=0.0)
    assert not hand_over.has_mail


def test_what_is_not_taken_stays_outstanding() -> None:
    hand_over = live()
    hand_over.offer(mail(7))
    hand_over.frames(now_s=3.0)
    hand_over.took([Taken(Lane.NORMAL, 6), Taken(Lane.BULK, 9)], now_s=4.0)
    assert hand_over.outstanding_bytes > 0
    assert hand_over.idle_since_s == 3.0
    hand_over.took([Taken(Lane.NORMAL, 7)], now_s=5.0)
    assert hand_over.outstanding_bytes == 0
    assert hand_over.frames(now_s=6.0) == []


def test_on_another_connection_it_begins_with_what_is_not_known_to_be_taken() -> None:
    hand_over = live()
    for position in (5, 6, 7):
        hand_over.offer(mail(position))
    hand_over.frames(now_s=0)
    hand_over.took([Taken(Lane.NORMAL, 5), Taken(Lane.BULK, 99)], now_s=0.1)
    anew = hand_over.again(2, is_paused=False)
    assert (anew.connection, anew.after[Lane.NORMAL], anew.after[Lane.BULK]) == (2, 5, 0)
    assert list(anew.wanted) == list(Lane), "all of it is read from the disk, the urgent first"
    anew.offer(mail(8))
    assert anew.frames(now_s=0.2) == [], "which brings this as well"
    assert hand_over.again(3, is_paused=True).wanted == ()
