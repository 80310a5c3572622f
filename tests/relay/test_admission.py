"""Under strain the least urgent is put off first, nothing starves, and whoever is sent away is told when to come."""

import itertools
from pathlib import Path

import pytest

from answerback.model.causes import Cause
from answerback.model.envelope import Envelope
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.relay.admission import (
    COMMIT_S,
    JITTER_S,
    LAG_S,
    PUT_OFF_S_MAX,
    SLOT_S_MAX,
    SLOT_SHARE,
    TRICKLE,
    WAIT_S,
    Admission,
    Strain,
)
from answerback.wire.frames import Accepted, Farewell, Refused, Submit
from tests.relay.drive import Drive
from tests.relay.residents import Resident, envelope

PHONE = DeviceId(b"P" * 16)


def strained(strain: Strain, *, chance: float = 0.0) -> Admission:
    return Admission(lambda: chance, strain=strain)


def letters(lane: Lane, count: int) -> list[Envelope]:
    return [envelope(PHONE, f"{lane.name} {number}", lane=lane) for number in range(count)]


@pytest.mark.parametrize(
    "sign", [{"lag_s": LAG_S}, {"commit_s": COMMIT_S}, {"wait_s": WAIT_S}], ids=lambda sign: str(*sign)
)
def test_each_sign_of_too_much_is_one_of_strain(sign: dict[str, float]) -> None:
    admission = strained(Strain.NONE)
    admission.measured(**({"lag_s": 0.0, "commit_s": 0.0, "wait_s": 0.0} | sign))
    assert admission.strain is Strain.BACKGROUND
    worse = {name: 10 * value for name, value in sign.items()}
    for expected in (Strain.BULK, Strain.NORMAL, Strain.NORMAL):
        admission.measured(**({"lag_s": 0.0, "commit_s": 0.0, "wait_s": 0.0} | worse))
        assert admission.strain is expected


def test_strain_is_gone_soon_after_its_signs() -> None:
    admission = strained(Strain.NORMAL)
    for expected in (Strain.BULK, Strain.BACKGROUND, Strain.NONE, Strain.NONE):
        admission.measured(lag_s=0.0, commit_s=0.0, wait_s=0.0)
        assert admission.strain is expected


@pytest.mark.parametrize("strain", Strain)
def test_the_least_urgent_is_put_off_first_and_urgent_mail_never(strain: Strain) -> None:
    admission = strained(strain)
    put_off = {lane for lane in Lane if admission.sift(letters(lane, 1_000), now_s=0.0)[1]}
    assert put_off == set(list(reversed(Lane))[: int(strain)])
    assert {lane for lane, count in admission.put_off_count.items() if count} == put_off


def test_what_is_put_off_gets_through_at_a_trickle() -> None:
    admission = strained(Strain.NORMAL)
    for lane, rate in TRICKLE.items():
        assert len(admission.sift(letters(lane, 1_000), now_s=0.0)[0]) == rate.burst
        assert len(admission.sift(letters(lane, 1_000), now_s=1.0)[0]) == rate.per_s


def test_what_follows_in_its_lane_does_not_overtake() -> None:
    kept, put_off = strained(Strain.BULK).sift(letters(Lane.BULK, 80), now_s=0.0)
    assert [*kept, *(each for each, _ in put_off)] == letters(Lane.BULK, 80)


def test_what_is_put_off_is_to_come_again_at_the_trickles_pace() -> None:
    _, put_off = strained(Strain.BACKGROUND).sift(letters(Lane.BACKGROUND, 220), now_s=0.0)
    waits_ms = [again_ms for _, again_ms in put_off]
    assert waits_ms == sorted(waits_ms)
    assert waits_ms[-1] - waits_ms[0] == pytest.approx(1000 * 199 / TRICKLE[Lane.BACKGROUND].per_s, rel=0.01)
    _, many = strained(Strain.BACKGROUND, chance=0.5).sift(letters(Lane.BACKGROUND, 5_000), now_s=0.0)
    assert max(again_ms for _, again_ms in many) <= 1000 * (PUT_OFF_S_MAX + JITTER_S)


def test_a_crowd_is_given_times_one_after_the_other_at_the_measured_pace() -> None:
    admission = Admission(lambda: 0.0, capacity_per_s=500.0)
    times_ms = [admission.return_ms(after_s=5.0, now_s=100.0) for _ in range(10_000)]
    assert times_ms[0] == 5_000
    assert times_ms[-1] == pytest.approx(5_000 + 1000 * 9_999 / (500 * SLOT_SHARE), abs=2)
    assert admission.returns_ahead_s(now_s=100.0) == pytest.approx(times_ms[-1] / 1000, abs=0.01)
    assert admission.returns_ahead_s(now_s=200.0) == 0.0
    assert admission.return_ms(after_s=5.0, now_s=200.0) == 5_000, "what is past is forgotten"


def test_times_are_jittered_and_have_an_end() -> None:
    assert Admission(lambda: 0.5).return_ms(after_s=5.0, now_s=0.0) == 5_000 + JITTER_S * 500
    slow = Admission(lambda: 0.5, capacity_per_s=1.0)
    times_ms = [slow.return_ms(after_s=5.0, now_s=0.0) for _ in range(2_000)]
    assert max(times_ms) <= 1000 * (SLOT_S_MAX + JITTER_S)
    assert times_ms[-1] == pytest.approx(1000 * (SLOT_S_MAX + 5) / 2, abs=1_000), "any time before the end"


# ---- at a relay


def test_a_relay_that_stops_gives_its_devices_times_of_their_own(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    numbers = [drive.enter(person) for person in people]
    drive.exchange.admission.capacity_per_s = 1.0  # so slow that no jitter hides it
    drive.carry_out(drive.exchange.stop(moment=drive.moment))
    waits_ms = sorted(drive.heard_a(number, Farewell).retry_after_ms for number in numbers)
    gaps_ms = [after - before for before, after in itertools.pairwise(waits_ms)]
    assert waits_ms[0] >= 5_000
    assert min(gaps_ms) > 100


def test_a_strained_relay_puts_background_mail_off_and_takes_the_rest(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0])
    drive.exchange.admission.strain = Strain.BACKGROUND
    urgent = envelope(people[1], "now", lane=Lane.URGENT)
    rest = [envelope(people[1], f"some time {each}", lane=Lane.BACKGROUND) for each in range(30)]
    drive.say(number, Submit([*rest, urgent]))
    drive.settle()
    put_off = drive.heard_a(number, Refused).entries
    assert {(entry.cause, entry.retry_after_ms > 0) for entry in put_off} == {(Cause.RELAY_BUSY.value, True)}
    assert [entry.id for entry in put_off] == [each.id for each in rest[20:]]
    assert set(drive.accepted(number)) == {urgent.id, *(each.id for each in rest[:20])}
    assert len(drive.heard(number, Accepted)) == 2, "one a lane"


def test_mail_that_was_put_off_whole_reaches_no_disk(tmp_path: Path, people: list[Resident]) -> None:
    drive = Drive(tmp_path, people)
    number = drive.enter(people[0])
    drive.exchange.admission.strain = Strain.BACKGROUND
    for _ in range(2):
        drive.say(number, Submit(letters(Lane.BACKGROUND, 20)))
    assert len(drive.asked) == 1
