"""A person sees the log that their relay is held to, and what the relay has signed and cannot have meant honestly."""

import base64
import contextlib
import time
from collections.abc import Callable

from answerback.core.log_facts import KeepEvidence
from answerback.crypto.transparency import read_head, sign_head
from answerback.device.home import open_journal
from answerback.faces.access import agent_at
from answerback.faces.commands.auditing import log_lines
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from tests.faces.village import Person


def test_the_head_its_age_and_how_far_it_was_read_are_shown(ann: Person, bea: Person) -> None:
    with agent_at(ann.home):
        assert ann.run("send", bea.handle, "hello").exit_code == 0
        end_s = time.monotonic() + 30
        while not (told := ann.told("log"))["log"] and time.monotonic() < end_s:
            time.sleep(0.1)
    assert told["evidence"] == []
    assert told["log"]["size"] >= 4, "two lists and two handles"
    assert told["log"]["read_size"] <= told["log"]["size"]
    signed = Signed(*(base64.b64decode(told["log"]["head"][part]) for part in ("body", "signature")))
    assert read_head(signed).size == told["log"]["size"]
    said = ann.run("log")
    assert f"{told['log']['size']} entries" in said.stdout
    assert "Nothing speaks against the relay." in said.stderr


def test_evidence_is_shown_with_both_heads_and_whom_it_concerns(somebody: Callable[[], Person]) -> None:
    ann = somebody()
    heads = [sign_head(b"s" * 32, epoch=0, size=9, root=root * 32, made_ms=5) for root in (b"a", b"b")]
    with contextlib.closing(open_journal(ann.home)) as journal:
        journal.commit([KeepEvidence(Cause.TRUST_LOG_SPLIT, None, heads[0], heads[1], 1_800_000_000_000)])
    (evidence,) = ann.told("log")["evidence"]
    assert evidence["cause"] == "trust.log_split"
    assert base64.b64decode(evidence["theirs"]["body"]) == heads[1].body
    said = ann.run("log").stdout
    assert "two logs that contradict each other" in said
    assert (b"a" * 8).hex() in said
    assert (b"b" * 8).hex() in said


def test_without_a_proof_it_says_so() -> None:
    assert log_lines(None, now_ms=1) == [("log", "none yet: this relay has not given a proof to this device")]
