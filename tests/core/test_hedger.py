"""Proves that urgent mail without an answer is said once more on the standby, byte for byte, and nothing else is."""

from answerback.core.effects import Reason, Transmit
from answerback.core.network.evidence import Evidence
from answerback.core.network.hedging import HEDGED_BYTES_MAX, late_s
from answerback.core.network.silence import SILENCE_S_MIN
from answerback.core.sensing import Hinted
from answerback.model.envelope import Envelope
from answerback.model.message import Urgency
from answerback.model.timeline import Stage
from answerback.wire.frames import Acceptance, Accepted, Submit, TakeOver
from tests.core.several_paths import RTT_S, Stand, moved_to, with_two


def urgent() -> tuple[Stand, int, int, list[Envelope]]:
    """An urgent message has just left on the connection in use, which says nothing from now on."""
    stand, first, second = with_two()
    stand.writes(Urgency.URGENT)
    stand.silent.add(first)
    return stand, first, second, sent(stand, first)


def sent(stand: Stand, line: int) -> list[Envelope]:
    return [envelope for frame in stand.frames(line, Submit) for envelope in frame.envelopes]


def accepts(stand: Stand, line: int, envelopes: list[Envelope]) -> None:
    stand.hears(line, Accepted([Acceptance(envelope.id, 0, 0) for envelope in envelopes]))


def late(stand: Stand) -> float:
    return late_s(stand.machines.path.estimate)


def test_an_urgent_text_that_has_no_answer_in_time_leaves_again_on_the_standby_byte_for_byte() -> None:
    stand, first, second, envelopes = urgent()
    assert envelopes
    wake = stand.engine._hedger.wake_at
    assert wake is not None
    assert wake.reason is Reason.ANSWER_DUE
    assert RTT_S < wake.at_s - stand.now_s < 4 * RTT_S
    stand.wakes(wake.at_s - stand.now_s)
    again = sent(stand, second)
    assert [(each.id, each.device, each.lane, each.sealed) for each in again] == [
        (each.id, each.device, each.lane, each.sealed) for each in envelopes
    ]
    assert stand.in_use == first, "one late answer moves nobody"


def test_it_is_said_twice_and_no_more() -> None:
    stand, first, second, envelopes = urgent()
    stand.wakes(1.1 * late(stand))
    stand.wakes(0.1 * late(stand))
    assert stand.in_use == first
    assert len(sent(stand, second)) == len(envelopes)
    assert stand.machines.hedging.hedged == len(envelopes)


def test_what_is_answered_in_time_is_said_once() -> None:
    stand, first, second, envelopes = urgent()
    stand.wakes(RTT_S / 2)
    accepts(stand, first, envelopes)
    assert not stand.machines.hedging.is_busy
    assert stand.engine._hedger.wake_at is None
    stand.wakes(5.0)
    assert sent(stand, second) == []


def test_what_is_not_urgent_waits_for_its_own_answer() -> None:
    stand, first, second = with_two()
    stand.writes(Urgency.NORMAL)
    assert sent(stand, first)
    assert stand.engine._hedger.wake_at is None
    stand.wakes(2 * late(stand))
    assert sent(stand, second) == []


def test_an_answer_on_either_connection_is_the_answer_and_the_other_one_changes_nothing() -> None:
    for order in ((0, 1), (1, 0)):
        stand, first, second, envelopes = urgent()
        stand.wakes(2 * late(stand))
        lines = (first, second)
        accepts(stand, lines[order[0]], envelopes)
        stages = [copy.stage for promise in stand.machines.outbox for copy in promise.copies.values()]
        assert set(stages) == {Stage.ACCEPTED}
        told = len(stand.told)
        assert stand.machines.outbox.flying_bytes == 0, "counted once, whatever was said twice"
        accepts(stand, lines[order[1]], envelopes)
        assert stand.machines.outbox.flying_bytes == 0
        assert len(stand.told) == told
        assert stand.machines.hedging.won == (len(envelopes) if order[0] else 0)


def test_an_answer_on_the_standby_says_nothing_of_how_fast_the_path_in_use_is() -> None:
    stand, _, second, envelopes = urgent()
    stand.wakes(2 * late(stand))
    estimate = stand.machines.path.estimate
    before = (estimate.rtt_s, estimate.up_bytes_per_s)
    accepts(stand, second, envelopes)
    assert (estimate.rtt_s, estimate.up_bytes_per_s) == before


def test_without_a_standby_nothing_is_said_twice() -> None:
    stand, first, second = with_two()
    stand.loses(second)
    stand.writes(Urgency.URGENT)
    assert stand.engine._hedger.wake_at is None
    assert stand.engine._hedger.again(now=stand.moment) == []
    assert sent(stand, first)


def test_a_move_ends_the_hedge_and_everything_without_an_answer_is_said_there() -> None:
    stand, first, second, envelopes = urgent()
    stand.wakes(2 * late(stand))
    stand.loses(first)
    assert stand.in_use == second
    ids = [envelope.id for envelope in sent(stand, second)]
    assert ids == 2 * [envelope.id for envelope in envelopes], "the relay keeps each once"


def test_what_is_on_the_disk_no_more_is_not_said() -> None:
    stand, _, second, envelopes = urgent()
    for promise in list(stand.machines.outbox):
        for copy in promise.copies.values():
            copy.sealed = None
    stand.wakes(2 * late(stand))
    assert envelopes
    assert sent(stand, second) == []


def test_mail_follows_at_once_when_the_relay_calls_and_only_the_standby_answers() -> None:
    stand, first, second = with_two()
    stand.wakes(30.0)
    stand.silent.add(first)
    stand.sensed(Hinted(Evidence.RELAY_CALLED))
    assert stand.in_use == first, "both are asked"
    stand.wakes(late(stand) + 2 * RTT_S)
    moved_to(stand, second)


def test_a_call_moves_nobody_while_the_connection_in_use_answers_or_no_other_does() -> None:
    for silent in ((), (0, 1)):
        stand, *lines = with_two()
        stand.wakes(30.0)
        stand.silent.update(lines[index] for index in silent)
        stand.sensed(Hinted(Evidence.RELAY_CALLED))
        stand.wakes(SILENCE_S_MIN - 0.05)
        assert stand.in_use == lines[0]
        assert stand.frames(lines[1], TakeOver) == []


def test_something_large_is_no_text_that_somebody_waits_for() -> None:
    stand, _, _ = with_two()
    stand.engine._hedger.watch([Transmit(Submit([large()], 1))], now=stand.moment)
    assert not stand.machines.hedging.is_busy


def large() -> Envelope:
    _, _, _, envelopes = urgent()
    one = envelopes[0]
    return Envelope(one.id, one.device, one.lane, one.lifetime_s, bytes(HEDGED_BYTES_MAX + 1))
