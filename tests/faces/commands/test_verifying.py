"""Proves that two people verify each other from their terminals: by scan, by digits and by short code."""

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from answerback.core.facts import KeepChange
from answerback.device.home import open_journal
from answerback.faces.access import agent_at
from answerback.faces.told import CodeTold, ContactAsked
from answerback.model.errors import UsageError
from answerback.model.ids import AccountId
from tests.faces.village import Person

Makes = Callable[[], Person]


def test_two_people_scan_each_others_code_and_see_the_badge(somebody: Makes, tmp_path: Path) -> None:
    ann, bea = somebody(), somebody()
    assert bea.run("send", ann.handle, "hello").exit_code == 0
    assert ann.lines("inbox")[-1]["verified"] is False
    hers = bea.told("verify", ann.handle)
    drawn, pictured = tmp_path / "code.svg", tmp_path / "code.png"
    shown = ann.run("verify", bea.handle, "--svg", str(drawn), "--png", str(pictured))
    assert " ".join(shown.stdout.split()).count(hers["safety_number"].split()[0]) >= 1
    assert "is not verified" in shown.stdout
    assert drawn.read_text(encoding="utf-8").startswith("<?xml")
    assert pictured.read_bytes().startswith(b"\x89PNG")
    told = ann.told("verify", bea.handle, "--scan", hers["scan_text"])
    assert (told["verdict"], told["verified"], told["safety_number"]) == ("same", "scan", hers["safety_number"])
    assert ann.lines("inbox")[-1]["verified"] is True
    assert "  verified" in ann.run("inbox", "--offline").stdout
    assert "verified" in ann.run("status").stdout
    assert bea.told("verify", ann.handle, "--scan", hers["safety_number"])["verified"] == "numbers"
    assert ann.told("verify", bea.handle, "--forget")["verified"] is None


def test_a_code_of_somebody_else_marks_nobody_and_ends_with_four(somebody: Makes) -> None:
    ann, bea, carl = somebody(), somebody(), somebody()
    other = carl.told("verify", bea.handle)["scan_text"]
    result = ann.run("verify", bea.handle, "--scan", other)
    assert result.exit_code == 4
    assert "Not verified" in result.stderr
    assert ann.told("verify", bea.handle)["verified"] is None
    assert ann.run("verify", bea.handle, "--scan", "nonsense").exit_code == 2
    assert ann.run("verify", ann.handle).exit_code == 2
    assert ann.run("verify", bea.handle, "--code", "--agree").exit_code == 2
    assert ann.run("verify", bea.handle, "--code").exit_code == 2, "nobody is here to compare"


def compared(person: Person, other: Person, codes: dict[str, str], *, same: bool) -> str:
    last = ""
    with agent_at(person.home) as remote:
        for turn in remote.compare(ContactAsked(other.handle)):
            assert isinstance(turn, CodeTold)
            last = turn.state
            if turn.state == "shown":
                codes[person.handle] = turn.code or ""
                with contextlib.suppress(UsageError):  # the other's no was quicker
                    remote.say(ContactAsked(other.handle, same=same))
    return last


@pytest.mark.parametrize(("same", "ends"), [(True, {"done"}), (False, {"different", "refused"})])
def test_two_people_compare_a_short_code(somebody: Makes, *, same: bool, ends: set[str]) -> None:
    ann, bea = somebody(), somebody()
    codes: dict[str, str] = {}
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(compared, *pair, codes, same=same) for pair in ((ann, bea), (bea, ann))]
        assert {each.result(60) for each in both} <= ends
    if same:
        assert codes[ann.handle] == codes[bea.handle]
    for person, other in ((ann, bea), (bea, ann)):
        assert person.told("verify", other.handle)["verified"] == ("code" if same else None)


def test_a_changed_contact_is_said_before_anything_is_sent_and_let_go_by_agreeing(somebody: Makes) -> None:
    ann, bea = somebody(), somebody()
    account = bytes.fromhex(ann.told("verify", bea.handle)["account"])
    journal = open_journal(ann.home)
    journal.commit([KeepChange(bea.handle, AccountId(bytes(16)), AccountId(account), 1, held=True)])
    journal.close()
    sent = ann.run("send", bea.handle, "secret", "--timeout", "2")
    assert sent.exit_code == 3
    assert "safety number of this contact has changed" in sent.output
    assert "changed" in ann.run("status").stdout
    assert ann.told("why")["changed"] == [bea.handle]
    assert "safety number" in ann.run("why").stdout
    told = ann.told("verify", bea.handle)
    assert (told["held"], told["changed_ms"]) == (True, 1)
    assert ann.told("verify", bea.handle, "--agree")["changed_ms"] is None
    assert ann.run("inbox").exit_code == 0
    assert bea.lines("inbox")[-1]["text"] == "secret"
