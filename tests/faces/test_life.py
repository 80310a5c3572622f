"""Proves that a message's life is readable: narrow or wide, with colour or without."""

import pytest
from msgspec.structs import replace

from answerback.faces import life as drawing
from answerback.faces.life import show_life
from answerback.faces.told import CopyTold, StepTold, TimelineTold, WaitTold

NOW_MS = 1_790_000_000_000
WAIT = WaitTold(
    "recipient.device_away",
    "the recipient's device",
    "Their device is not connected. The relay keeps the message for it.",
    "The relay hands it over as soon as the device connects.",
    "Nothing is needed. If it cannot wait, reach them in another way.",
    NOW_MS + 900_000,
    "answer.due",
)
STEPS = [
    StepTold("sealed", "ratchet", NOW_MS, None, 0),
    StepTold("sent", "socket", NOW_MS, None, 2),
    StepTold("accepted", "relay", NOW_MS, None, 2),
]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "wall_ms", lambda: NOW_MS)


def copy(name: str, *, own: bool = False, stage: str = "accepted", wait: WaitTold | None = WAIT) -> CopyTold:
    return CopyTold("aa" * 16, "bea@example.org", "dd" * 16, name, own, stage, 2, STEPS, wait, None)


def life(*copies: CopyTold, **changes: object) -> TimelineTold:
    values: dict[str, object] = {
        "id": "0193f2c4-8d1e-7a52-b33d-9f7138402644",
        "mine": True,
        "author": "ann@example.org",
        "to": ["bea@example.org"],
        "text": "on my way",
        "file_name": None,
        "written_ms": NOW_MS,
        "expires_ms": NOW_MS,
        "stage": "accepted",
        "final": False,
        "answered": False,
        "steps": [],
        "copies": list(copies),
        "wait": None,
        "failure": None,
    }
    return TimelineTold(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [60, 100])
def test_it_fits_the_terminal_and_ends_its_lines_cleanly(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show_life(life(copy("Bea's phone"), copy("my phone", own=True)))
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= width
    assert [line for line in lines if line != line.rstrip()] == []


def test_it_tells_each_device_its_proof_and_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    show_life(life(copy("Bea's laptop", stage="delivered", wait=None), copy("Bea's phone"), copy("mine", own=True)))
    told = " ".join(capsys.readouterr().out.split())
    for part in (
        "1 of 2 devices have answered back.",
        "Bea's laptop · bea@example.org · delivered",
        "mine · your other device",
        "sent (attempt 2)",
        "the relay says it is on its disk",
        "Whose the recipient's device",
        "if there is no answer by then, we ask the relay where the message is",
        "in 15 min",
    ):
        assert part in told


def test_a_message_that_waited_for_its_address_was_kept_once(capsys: pytest.CaptureFixture[str]) -> None:
    kept = StepTold("queued", "journal", NOW_MS, None, 0)
    show_life(life(copy("phone"), steps=[kept, kept]))
    assert capsys.readouterr().out.count("kept here") == 1


def test_what_was_mended_on_its_way_is_said_in_words_and_is_no_stage(capsys: pytest.CaptureFixture[str]) -> None:
    mended = [StepTold("queued", "repair", NOW_MS, f"healing.{kind}", 1) for kind in ("session", "gap", "receipt")]
    listed = StepTold("queued", "repair", NOW_MS, "healing.device_list", 0)
    show_life(life(replace(copy("phone"), steps=[*STEPS, *mended]), steps=[listed]))
    told = " ".join(capsys.readouterr().out.split())
    for part in (
        "could not open it: it had lost what it shared with this one. The message is sealed again",
        "noticed that it never came",
        "has taken it, and its answer never came",
        "list of devices it was addressed by was out of date",
    ):
        assert part in told
    assert told.count(" repair ") == 4
    assert "kept here" not in told


def test_a_message_that_failed_says_why_and_promises_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    failed = WaitTold(
        "recipient.handle_unknown", "the recipient", "Nobody has it.", "It stays.", "Check.", None, "nothing"
    )
    steps = [StepTold("failed", "refusal", NOW_MS, "recipient.handle_unknown", 0)]
    show_life(life(stage="failed", final=True, steps=steps, failure=failed, to=[]))
    told = capsys.readouterr().out
    assert "Nobody has it." in told
    assert "to somebody unknown" in told
    assert "Next" not in told


def test_what_others_wrote_cannot_draw_over_it(capsys: pytest.CaptureFixture[str]) -> None:
    show_life(life(copy("x\x1b[2J"), text="a\x1b]0;b\x07c", to=["e\x1b[31m"]))
    assert "\x1b" not in capsys.readouterr().out
