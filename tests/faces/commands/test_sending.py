"""Proves what `send` promises: kept first, then as far as it was asked to wait, and the truth about the rest."""

import json
from collections.abc import Callable
from pathlib import Path

from answerback.faces.told import CopyTold, TimelineTold, WaitTold
from tests.faces.village import Person

AWAY = WaitTold("recipient.device_away", "the recipient's device", "They are away.", "We wait.", "Wait.", None, "turn")


def test_a_text_is_at_the_relay_when_send_returns(ann: Person, bea: Person) -> None:
    result = ann.run("send", bea.handle, "good morning")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("At the relay.")
    assert bea.lines("inbox")[-1]["text"] == "good morning"


def test_text_comes_from_standard_input(ann: Person, bea: Person) -> None:
    assert ann.run("send", bea.handle, "-", given="line one\nline two\n").exit_code == 0
    assert bea.lines("inbox")[-1]["text"] == "line one\nline two"


def test_what_is_no_text_is_refused_and_not_our_fault(ann: Person, bea: Person, tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("note")
    for words, given, said in (
        ((bea.handle, "-"), b"\xff\xfe\x00binary", "no text in UTF-8"),
        ((bea.handle, "-"), b"\xc3\xa9" * 30_000, "at most 49152 bytes"),
        ((bea.handle, "\udcff"), b"", "no text in UTF-8"),
        ((bea.handle, "look", "--file", str(file)), b"", "--text gives it"),
    ):
        result = ann.run("send", *words, given=given)
        assert result.exit_code == 2, result.output
        assert said in result.stderr


def test_a_text_from_a_pipe_may_be_as_long_as_any(ann: Person, bea: Person) -> None:
    result = ann.run("send", bea.handle, "-", given=b"\xc3\xa9" * 24_576 + b"\r\n")
    assert result.exit_code == 0, result.output
    assert bea.lines("inbox")[-1]["text"] == "é" * 24_576


def test_nobody_writes_to_their_only_device(somebody: Callable[[], Person]) -> None:
    owner = somebody()
    result = owner.run("send", owner.handle, "note to self", "--wait", "saved")
    assert result.exit_code == 2
    assert "your only device" in result.stderr
    assert owner.told("status")["waiting"] == 0


def test_a_file_arrives_whole(ann: Person, bea: Person, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(bytes(range(256)) * 400)
    assert ann.run("send", bea.handle, "--file", str(photo), "--text", "look").exit_code == 0
    told = bea.lines("inbox")[-1]
    assert told["text"] == "look"
    assert Path(told["file"]["path"]).read_bytes() == photo.read_bytes()


def test_saved_needs_no_network_and_says_so(somebody: Callable[[], Person], bea: Person) -> None:
    sender = somebody()
    told = sender.told("send", bea.handle, "later", "--wait", "saved")
    assert told["stage"] == "queued"
    assert told["steps"][0]["evidence"] == "journal"
    assert told["wait"]["cause"] == "network.agent_stopped"
    assert sender.run("inbox").exit_code == 0  # it connects for a moment, and takes the message along
    assert bea.lines("inbox")[-1]["text"] == "later"


def test_waiting_for_an_answer_that_does_not_come_ends_in_3_and_names_who_is_away(
    ann: Person, somebody: Callable[[], Person]
) -> None:
    absent = somebody()
    result = ann.run("send", absent.handle, "are you there?", "--wait", "delivered", "--timeout", "1")
    assert result.exit_code == 3
    assert "At the relay, which keeps it." in result.stdout
    assert "not connected" in result.stdout


def test_a_handle_nobody_has_fails_for_good(ann: Person) -> None:
    result = ann.run("send", "nobody@example.org", "hello?", "--timeout", "10")
    assert result.exit_code == 4
    assert "Nobody at this relay has this handle." in result.stderr
    assert result.stdout == ""


def test_json_and_code_agree(ann: Person) -> None:
    result = ann.run("send", "nobody@example.org", "hello?", "--json", "--timeout", "10")
    assert result.exit_code == 4
    assert json.loads(result.stdout)["failure"]["cause"] == "recipient.handle_unknown"


def test_what_could_be_a_second_handle_is_not_sent_as_a_text(ann: Person, bea: Person) -> None:
    result = ann.run("send", bea.handle, "cee@example.org")
    assert result.exit_code == 2
    assert "--text" in result.stderr
    assert ann.run("send", bea.handle, "--text", "cee@example.org").exit_code == 0


def test_what_cannot_be_sent_is_refused_before_anything_is_kept(ann: Person, bea: Person, tmp_path: Path) -> None:
    before = len(ann.lines("inbox", "--offline", "--limit", "1000"))
    for words in (
        (bea.handle,),
        (bea.handle, ""),
        ("not a handle", "text"),
        (bea.handle, "--file", str(tmp_path / "missing.txt")),
        (bea.handle, "x", "--ttl", "soon"),
    ):
        result = ann.run("send", *words)
        assert result.exit_code == 2, words
        assert "Traceback" not in result.output
    assert len(ann.lines("inbox", "--offline", "--limit", "1000")) == before


def test_a_device_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    result = Person(tmp_path / "empty").run("send", "bea@example.org", "hi")
    assert result.exit_code == 2
    assert "answerback register" in result.stderr
    assert not (tmp_path / "empty").exists()


def test_after_a_borrowed_agent_no_attempt_is_promised() -> None:
    from answerback.faces.commands.sending import _without_agent

    wait = WaitTold("network.no_path", "your network", "Offline.", "We try.", "Check.", 1234, "connect.cadence")
    copy = CopyTold("a", None, "d", "phone", own=False, stage="queued", attempts=1, steps=[], wait=wait, failure=None)
    told = _without_agent(life(copies=[copy]))
    assert told.copies[0].wait is not None
    assert told.copies[0].wait.next_attempt_ms is None
    assert told.copies[0].wait.next_reason == "connect.first"


def life(*, copies: list[CopyTold]) -> TimelineTold:
    return TimelineTold(
        id="0193f2c4-8d1e-7a52-b33d-9f7138402644",
        mine=True,
        author="ann@example.org",
        to=["bea@example.org"],
        text="hi",
        file_name=None,
        written_ms=1,
        expires_ms=2,
        stage="queued",
        final=False,
        answered=False,
        steps=[],
        copies=copies,
        wait=None,
        failure=None,
    )
