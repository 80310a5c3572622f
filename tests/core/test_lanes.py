"""Proves that nothing queued is lost or doubled, that order holds within a device's lane, and that nobody starves."""

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.lanes import STRICT, WEIGHTS, CopyKey, Hold, Lanes
from answerback.model.causes import Cause
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from tests.core.specimens import LAPTOP, PHONE, message_number

DEVICES = (PHONE, LAPTOP)
entries = st.lists(st.tuples(st.sampled_from(list(Lane)), st.sampled_from(DEVICES)), max_size=80)
HELD = Hold(Cause.QUEUE_FETCHING_KEYS)


def filled(queued: list[tuple[Lane, DeviceId]]) -> tuple[Lanes, list[tuple[Lane, CopyKey]]]:
    lanes = Lanes()
    keys = [(lane, (message_number(order), device)) for order, (lane, device) in enumerate(queued)]
    for order, (lane, key) in enumerate(keys):
        lanes.push(key, lane=lane, order=order)
    return lanes, keys


def drained(lanes: Lanes) -> list[tuple[Lane, CopyKey]]:
    out = []
    while (turn := lanes.next()) is not None:
        out.append(turn)
    return out


@given(entries)
def test_everything_queued_leaves_exactly_once(queued: list[tuple[Lane, DeviceId]]) -> None:
    lanes, keys = filled(queued)
    for order, (lane, key) in enumerate(keys):
        lanes.push(key, lane=lane, order=order)
    assert len(lanes) == len(keys)
    assert sorted(drained(lanes)) == sorted(keys)
    assert len(lanes) == 0


@given(entries.flatmap(lambda queued: st.permutations(list(enumerate(queued)))))
def test_within_one_devices_lane_the_order_of_promising_is_the_order_of_leaving(
    queued: list[tuple[int, tuple[Lane, DeviceId]]],
) -> None:
    lanes = Lanes()
    for order, (lane, device) in queued:
        key = message_number(order), device
        lanes.push(key, lane=lane, order=int.from_bytes(key[0], "big"))
    left = drained(lanes)
    for lane in Lane:
        for device in DEVICES:
            mine = [key for there, key in left if (there, key[1]) == (lane, device)]
            assert mine == sorted(mine)


@given(entries)
def test_control_and_urgent_go_strictly_first(queued: list[tuple[Lane, DeviceId]]) -> None:
    lanes, _ = filled(queued)
    left = [lane for lane, _ in drained(lanes)]
    strict = [lane for lane in left if lane in STRICT]
    assert left[: len(strict)] == sorted(strict)


def test_one_that_leaves_again_keeps_its_old_place() -> None:
    lanes, keys = filled([(Lane.NORMAL, PHONE)] * 3)
    first = lanes.next()
    assert first == keys[0]
    lanes.push(first[1], lane=first[0], order=0)
    assert drained(lanes) == keys


@given(entries, st.sets(st.integers(0, 79)))
def test_what_is_withdrawn_does_not_leave_and_takes_nothing_with_it(
    queued: list[tuple[Lane, DeviceId]], gone: set[int]
) -> None:
    lanes, keys = filled(queued)
    for index in gone & set(range(len(keys))):
        lanes.withdraw(keys[index][1])
    left = [key for index, key in enumerate(keys) if index not in gone]
    assert sorted(drained(lanes)) == sorted(left)


def test_a_held_device_holds_up_nobody_else() -> None:
    lanes, keys = filled([(Lane.NORMAL, PHONE), (Lane.NORMAL, LAPTOP), (Lane.URGENT, PHONE)])
    lanes.hold(PHONE, Lane.NORMAL, HELD)
    assert drained(lanes) == [keys[2], keys[1]]
    assert lanes.held(PHONE, Lane.NORMAL) == HELD
    lanes.release(PHONE, Lane.NORMAL)
    lanes.release(PHONE, Lane.NORMAL)
    assert drained(lanes) == [keys[0]]


def test_what_is_held_for_a_time_is_looked_at_then() -> None:
    lanes, keys = filled([(Lane.NORMAL, PHONE), (Lane.BULK, LAPTOP)])
    lanes.hold(PHONE, Lane.NORMAL, Hold(Cause.RECIPIENT_MAILBOX_FULL, 7.0))
    lanes.hold(LAPTOP, Lane.BULK, HELD)
    assert lanes.release_at_s == 7.0
    lanes.release_due(now_s=6.9)
    assert lanes.next() is None
    lanes.release_due(now_s=7.0)
    assert drained(lanes) == [keys[0]]
    lanes.release_all()
    assert drained(lanes) == [keys[1]]


def test_the_sharing_lanes_share_by_weight_and_none_starves() -> None:
    lanes, _ = filled([(lane, PHONE) for lane in WEIGHTS for _ in range(40)])
    for _ in range(3):
        one_round = [lanes.next() for _ in range(sum(WEIGHTS.values()))]
        counts = {lane: sum(1 for turn in one_round if turn and turn[0] is lane) for lane in WEIGHTS}
        assert counts == WEIGHTS


def test_asking_without_room_costs_no_lane_its_share() -> None:
    """Ten of eleven turns find room, and then the link is full: the eleventh was always background's."""
    lanes, _ = filled([(lane, PHONE) for lane in WEIGHTS for _ in range(200)])
    left = []
    for _ in range(12):
        for _ in range(10):
            turn = lanes.next()
            assert turn is not None
            left.append(turn[0])
        assert lanes.next(strict_only=True) is None
    assert Lane.BACKGROUND in left
