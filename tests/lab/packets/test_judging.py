"""Messages are counted as they came, and recovery from the end of a trouble."""

import pytest

from answerback.lab.packets.accuracy import Accuracy
from answerback.lab.packets.emulating import Report
from answerback.lab.packets.judging import DOWN, UP, Ledger, delays_s, each_ms, recovered_s, recoveries_of, spread
from answerback.lab.packets.reaching import Reach, Stretch

OUTAGE = Stretch(path=0, start_s=2.0, end_s=5.0, announced=False, recorded=False)


def ledger_of(*letters: tuple[str, float, list[float]]) -> Ledger:
    ledger = Ledger()
    for name, promised_s, arrived_s in letters:
        ledger.write(name, way=name.split("-")[0], urgent=False)
        ledger.promised(name, at_s=promised_s)
        for at_s in arrived_s:
            ledger.arrived(name, at_s=at_s)
    return ledger


def test_a_ledger_is_complete_when_everything_has_come() -> None:
    ledger = ledger_of(("up-0", 1.0, [1.1]), ("up-1", 2.0, []))
    assert [letter.name for letter in ledger.letters.values() if not letter.arrived_s] == ["up-1"]
    ledger.arrived("up-1", at_s=6.0)
    ledger.arrived("stranger", at_s=6.0)
    ledger.promised("stranger", at_s=6.0)
    assert ledger.complete
    assert set(ledger.letters) == {"up-0", "up-1"}


def test_delay_is_from_the_promise_to_the_first_arrival() -> None:
    ledger = ledger_of(("up-0", 1.0, [1.5, 9.0]), ("up-1", 2.0, []), ("up-2", 0.0, [0.25]))
    assert delays_s(ledger.letters.values()) == pytest.approx([0.5, 0.25])


def test_recovery_is_from_the_end_of_the_trouble_to_the_first_that_waited() -> None:
    ledger = ledger_of(("up-0", 1.9, [1.95]), ("up-1", 2.5, [5.4]), ("up-2", 3.0, [5.3]), ("down-0", 3.0, [7.0]))
    assert recovered_s(ledger.letters.values(), way=UP, end_s=5.0) == pytest.approx(0.3)
    assert recovered_s(ledger.letters.values(), way=DOWN, end_s=5.0) == pytest.approx(2.0)


def test_one_written_after_the_trouble_waited_from_then_on() -> None:
    ledger = ledger_of(("up-0", 6.0, [6.2]))
    assert recovered_s(ledger.letters.values(), way=UP, end_s=5.0) == pytest.approx(0.2)
    assert recovered_s(ledger.letters.values(), way=DOWN, end_s=5.0) is None


def test_the_slowest_urgent_message_of_a_trouble_is_told() -> None:
    ledger = ledger_of(("up-0", 1.0, [9.0]), ("up-1", 2.5, [3.5]), ("down-0", 3.0, [5.3]), ("up-2", 4.0, [9.0]))
    for name in ("up-0", "up-1", "down-0"):
        ledger.letters[name].urgent = True
    [told] = recoveries_of(list(ledger.letters.values()), None, [OUTAGE])
    assert told.urgent_s == pytest.approx(2.3)
    assert (told.urgent_gap_up_s, told.urgent_gap_down_s) == (7.0, 2.3), "one was under way when the trouble began"


def test_a_message_beyond_the_budget_of_urgent_ones_counts_as_what_it_went_as() -> None:
    ledger = Ledger()
    for name, went_urgent in (("up-0", True), ("up-1", False), ("up-2", None)):
        ledger.write(name, way=UP, urgent=True)
        ledger.promised(name, at_s=0.0, urgent=went_urgent)
        ledger.arrived(name, at_s=0.5)
    assert [letter.urgent for letter in ledger.letters.values()] == [True, False, True]
    assert each_ms(ledger.letters.values()) == [500.0, 500.0, 500.0]


def test_spreads_go_by_rank() -> None:
    found = spread([number / 1000 for number in range(1, 101)])
    assert (found.count, found.p50_ms, found.p99_ms, found.max_ms) == (100, 51.0, 100.0, 100.0)
    assert spread([]).p50_ms is None


def test_each_trouble_is_told_with_its_packets_where_there_were_any() -> None:
    letters = list(ledger_of(("up-1", 2.5, [5.4])).letters.values())
    [plain] = recoveries_of(letters, None, [OUTAGE])
    assert plain.up_s == pytest.approx(0.4)
    assert (plain.down_s, plain.packets) == (None, None)
    reached = Reach(
        stretch=OUTAGE, attempts=2, packets=7, bytes=420, packets_first_minute=7, packets_a_minute_after=0.0
    )
    accuracy = Accuracy(
        packets=0,
        late_ms_p50=0.0,
        late_ms_p99=0.0,
        late_ms_max=0.0,
        busy_s=0.0,
        busy_bps=0.0,
        recording_bps=0.0,
        pause_ms_max=0.0,
    )
    report = Report(
        lasted_s=10.0,
        accuracy=accuracy,
        attempts=3,
        up_packets=0,
        up_bytes=0,
        down_packets=0,
        down_bytes=0,
        drops={},
        rebindings=0,
        reaches=[reached],
    )
    [told] = recoveries_of(letters, report, [])
    assert told.up_s == pytest.approx(0.4)
    assert (told.stretch, told.attempts, told.bytes) == (OUTAGE, 2, 420)
