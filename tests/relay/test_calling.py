"""Proves that a silent device is called soon, often enough and never for ever, and a talking one never."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from answerback.model.ids import DeviceId
from answerback.relay.calling import (
    BURST_S,
    CALL_FLAT_S,
    CALL_S,
    CALLING_S_MAX,
    CALLS_MAX,
    DEVICES_MAX,
    SILENT_S,
    Call,
    Calling,
)

ADA, BEA = DeviceId(b"ada"), DeviceId(b"bea")


def played(calling: Calling, *, until_s: float) -> list[tuple[float, Call]]:
    """Every call up to a moment."""
    made: list[tuple[float, Call]] = []
    while (at_s := calling.wake_at_s) is not None and at_s <= until_s:
        made += [(at_s, call) for call in calling.wake(now_s=at_s)]
    return made


def test_a_device_without_mail_is_never_called() -> None:
    calling = Calling()
    calling.heard(ADA, now_s=1.0)
    assert played(calling, until_s=1e6) == []


def test_a_silent_device_with_mail_is_called_soon_and_steadily() -> None:
    calling = Calling()
    calling.expects(ADA, owed=True, now_s=10.0)
    made = played(calling, until_s=10.0 + CALL_FLAT_S)
    assert made[0] == (10.0 + SILENT_S, Call(ADA, 1))
    assert [call.number for _, call in made] == list(range(1, len(made) + 1))
    gaps_s = [after[0] - before[0] for before, after in pairwise(made)]
    assert max(gaps_s) <= CALL_S + 1e-9


def test_calling_is_bounded_in_number_and_time_and_not_begun_again_before_the_device_was_heard() -> None:
    calling = Calling()
    calling.expects(ADA, owed=True, now_s=0.0)
    made = played(calling, until_s=1e6)
    assert 100 < len(made) <= CALLS_MAX
    assert made[-1][0] <= CALLING_S_MAX
    calling.expects(ADA, owed=False, now_s=2e6)
    calling.expects(ADA, owed=True, now_s=2e6)
    assert played(calling, until_s=3e6) == []
    calling.heard(ADA, now_s=3e6)
    calling.expects(ADA, owed=True, now_s=3e6)
    assert len(played(calling, until_s=3e6 + 10)) > 10


def test_a_device_that_takes_its_mail_or_says_anything_is_not_silent() -> None:
    calling = Calling()
    calling.expects(ADA, owed=True, now_s=0.0)
    calling.expects(BEA, owed=True, now_s=0.0)
    for number in range(100):
        calling.heard(ADA, now_s=number * SILENT_S / 2)
        assert all(call.device == BEA for _, call in played(calling, until_s=number * SILENT_S / 2))
    calling.expects(ADA, owed=False, now_s=100.0)
    assert all(call.device == BEA for _, call in played(calling, until_s=200.0))


def test_a_device_that_left_is_not_called() -> None:
    calling = Calling()
    calling.expects(ADA, owed=True, now_s=0.0)
    calling.gone(ADA)
    assert played(calling, until_s=100.0) == []


def test_a_tunnel_full_of_devices_shares_what_the_relay_spends_and_nobody_is_left_out() -> None:
    calling = Calling(calls_per_s_max=50.0)
    devices = [DeviceId(number.to_bytes(4, "big")) for number in range(500)]
    for device in devices:
        calling.expects(device, owed=True, now_s=0.0)
    made = played(calling, until_s=30.0)
    assert len(made) <= 50 * 31
    assert {call.device for _, call in made} == set(devices)


def test_a_crowd_that_falls_silent_at_once_is_called_a_few_at_a_time() -> None:
    calling = Calling(calls_per_s_max=1_000.0)
    for number in range(500):
        calling.expects(DeviceId(number.to_bytes(4, "big")), owed=True, now_s=0.0)
    at_once = [len(calling.wake(now_s=SILENT_S + step * BURST_S)) for step in range(10)]
    assert at_once == [50] * 10


def test_more_silences_than_can_be_watched_are_not_called() -> None:
    calling = Calling()
    for number in range(DEVICES_MAX + 10):
        calling.expects(DeviceId(number.to_bytes(4, "big")), owed=True, now_s=0.0)
    assert len(calling._silences) == DEVICES_MAX


EVENTS = st.tuples(
    st.sampled_from(["owed", "taken", "heard", "gone", "wake"]), st.sampled_from([ADA, BEA]), st.floats(0.001, 40)
)


@given(st.lists(EVENTS, max_size=100))
def test_in_any_order_only_devices_that_owe_an_answer_are_called_and_memory_stays_small(
    events: list[tuple[str, DeviceId, float]],
) -> None:
    calling, now_s = Calling(), 0.0
    owing: set[DeviceId] = set()
    for event, device, later_s in events:
        now_s += later_s
        match event:
            case "owed":
                calling.expects(device, owed=True, now_s=now_s)
                owing.add(device)
            case "taken":
                calling.expects(device, owed=False, now_s=now_s)
                owing.discard(device)
            case "heard":
                calling.heard(device, now_s=now_s)
            case "gone":
                calling.gone(device)
                owing.discard(device)
            case _:
                assert {call.device for call in calling.wake(now_s=now_s)} <= owing
    played(calling, until_s=now_s + 100.0)
    assert len(calling._dues) <= 2
