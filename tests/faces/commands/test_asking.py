"""Proves that why, status and devices answer from the disk, in words and in JSON."""

from collections.abc import Callable

from answerback.faces.commands.asking import _path_line
from answerback.faces.told import PathTold
from tests.faces.village import Person


def test_why_without_an_id_finds_the_newest_that_was_not_delivered(somebody: Callable[[], Person]) -> None:
    sender, absent = somebody(), somebody()
    sent = sender.told("send", absent.handle, "are you there?")
    found = sender.told("why")
    assert found["id"] == sent["id"]
    assert found["stage"] == "accepted"
    (copy,) = found["copies"]
    assert [step["evidence"] for step in copy["steps"]] == ["ratchet", "socket", "relay"]
    assert copy["wait"]["sentence"]
    assert absent.run("inbox").exit_code == 0
    assert sender.run("inbox").exit_code == 0
    assert sender.told("why")["answered"] is True


def test_why_takes_the_beginning_or_the_end_of_an_id(ann: Person, bea: Person) -> None:
    whole = ann.told("send", bea.handle, "which one?")["id"]
    for part in (whole, whole.upper(), whole[-8:], whole[-4:], whole.replace("-", "")[:20]):
        assert ann.told("why", part)["id"] == whole


def test_why_refuses_what_is_no_part_or_is_not_clear(somebody: Callable[[], Person], bea: Person) -> None:
    sender = somebody()
    for text in ("one", "two"):
        assert sender.run("send", bea.handle, text, "--wait", "saved").exit_code == 0
    ids = [message["id"] for message in sender.lines("inbox", "--offline")]
    shared = ids[0][:4]
    assert all(each.startswith(shared) for each in ids), "two messages of one month"
    cases = {shared: "2 messages", "xyz!": "not part of a message id", "ab": "at least 4", "0" * 12: "There is no"}
    for part, said in cases.items():
        result = sender.run("why", part)
        assert result.exit_code == 2
        assert said in result.stderr


def test_why_for_people_has_whose_what_next_and_what_you_can_do(somebody: Callable[[], Person], bea: Person) -> None:
    sender = somebody()
    assert sender.run("send", bea.handle, "waiting", "--wait", "saved").exit_code == 0
    told = sender.run("why").stdout
    for word in ("waiting", bea.handle, "kept here", "Why", "Whose", "We", "Next", "You can", "answerback daemon"):
        assert word in told


def test_status_without_an_agent_says_that_nothing_runs(ann: Person) -> None:
    told = ann.told("status")
    assert told["handle"] == ann.handle
    assert (told["running"], told["connected"]) == (False, False)
    assert told["cause"] == "network.agent_stopped"
    assert told["rtt_ms"] is None
    assert "not connected" in ann.run("status").stdout


def test_devices_names_this_one(ann: Person) -> None:
    (device,) = ann.told("devices")
    assert device["this"] is True
    assert device["name"] == "ann's laptop"
    assert "(this device)" in ann.run("devices").stdout


def path(**said: object) -> PathTold:
    plain: dict[str, object] = {
        "name": "wlan0",
        "in_use": True,
        "standby": False,
        "metered": False,
        "standing": "up",
        "sign": "the relay was heard",
        "since_ms": 1,
        "rtt_ms": 45.2,
        "rtt_deviation_ms": 8.0,
        "jitter_ms": 1.0,
        "loss": 0.02,
        "bloat_ms": 3.0,
        "up_bytes_per_s": 1_250_000.0,
        "down_bytes_per_s": 0.0,
        "heard_ms_ago": 10,
        "probes": 3,
        "wasted_bytes": 60,
    }
    return PathTold(**(plain | said))  # type: ignore[arg-type]


def test_each_way_to_the_relay_has_a_line_with_its_standing_and_its_sign() -> None:
    assert _path_line(path()) == "wlan0: up, the relay was heard; 45 ± 8 ms; 2% lost; 1250 kB/s up"
    beside = path(name="wwan0", in_use=False, standby=True, metered=True, rtt_ms=None, up_bytes_per_s=0.0)
    assert _path_line(beside) == "wwan0, stands by: up, the relay was heard; paid by the byte"
    slow = path(name="", standing="degraded", sign="our own bytes queue", bloat_ms=800.0, in_use=False)
    assert _path_line(slow).startswith("the only one, being tried: degraded, our own bytes queue")
    assert _path_line(slow).endswith("800 ms of queue")
