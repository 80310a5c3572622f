"""Proves that a chronicle names the same run alike and another run otherwise, and says each objection once."""

from answerback.lab.simulation.chronicle import OBJECTIONS_MAX, Chronicle
from answerback.model.ids import DeviceId


def test_the_digest_is_of_what_happened_and_when() -> None:
    def written(now_s: float, what: str) -> str:
        chronicle = Chronicle(lambda: now_s)
        chronicle.say("ann phone", what)
        return chronicle.digest

    assert written(1.0, "writes #1") == written(1.0, "writes #1")
    assert len({written(1.0, "writes #1"), written(2.0, "writes #1"), written(1.0, "writes #2")}) == 3


def test_faults_are_counted_and_objections_are_said_once_and_bounded() -> None:
    chronicle = Chronicle(lambda: 0.0)
    chronicle.fault("relay_killed", "relay")
    chronicle.fault("relay_killed", "relay")
    for number in range(2 * OBJECTIONS_MAX):
        chronicle.object("kept", "ann", f"#{number // 2}")
    chronicle.object("kept", "ann", "#0")
    assert chronicle.faults == {"relay_killed": 2}
    assert len(chronicle.objections) == len(set(chronicle.objections)) == OBJECTIONS_MAX
    assert sum("VIOLATION" in line for line in chronicle.lines) == OBJECTIONS_MAX


def test_names_stand_for_ids() -> None:
    chronicle = Chronicle(lambda: 0.0, names={DeviceId(b"1"): "ann phone"})
    told = [chronicle.name(DeviceId(b"1")), chronicle.name(DeviceId(b"2")), chronicle.name(None)]
    assert told == ["ann phone", "?", "all"]
