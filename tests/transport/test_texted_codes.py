"""Proves against a real message centre that a code reaches its one number, and that a failure is said without it."""

import asyncio
from pathlib import Path

import pytest

from answerback.model.handle import Handle, parse_handle
from answerback.transport import texted_codes
from answerback.transport.carriers.smpp import SmppSettings
from answerback.transport.texted_codes import TextedCodes, TextFailed
from tests.texts.running import RunningCentre

ANN = parse_handle("+49301234567")


def settings(port: int) -> SmppSettings:
    return SmppSettings(host="127.0.0.1", port=port, system_id="answer", password="secret", sender="Relay")


def sent(centre: RunningCentre, *codes: str, handle: Handle = ANN) -> None:
    async def story() -> None:
        await centre.start()
        try:
            texter = TextedCodes(settings(centre.port))
            await asyncio.gather(*(texter.send(handle=handle, code=code, minutes=10) for code in codes))
        finally:
            centre.kill()

    asyncio.run(story())


def test_codes_reach_their_number_each_once(tmp_path: Path) -> None:
    centre = RunningCentre(tmp_path)
    sent(centre, "123456", "654321")
    rows = centre.rows("source, destination, body")
    assert [(source, destination) for source, destination, _ in rows] == [("Relay", "49301234567")] * 2
    texts = [body.decode() for _, _, body in rows]
    assert sorted(text[:6] for text in texts) == ["123456", "654321"]
    assert all("10 minutes" in text for text in texts)


def test_the_receipts_of_codes_are_acknowledged_and_do_not_heap_up(tmp_path: Path) -> None:
    centre = RunningCentre(tmp_path, receipt_first=True)
    sent(centre, "1", "2", "3")
    assert [heard for (heard,) in centre.rows("receipt_heard")] == [1, 1, 1]


def test_a_refusal_is_said_without_the_number(tmp_path: Path) -> None:
    centre = RunningCentre(tmp_path, refuse={"49301234567": 0x0B})
    with pytest.raises(TextFailed, match="does not accept the recipient") as failed:
        sent(centre, "123456")
    assert "49301234567" not in str(failed.value)
    assert "123456" not in str(failed.value)


def test_a_centre_that_does_not_answer_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texted_codes, "ATTEMPT_S_MAX", 0.5)
    with pytest.raises(TextFailed, match="no answer within"):
        sent(RunningCentre(tmp_path, silent_every=1), "123456")


def test_a_wrong_password_and_an_address_are_said(tmp_path: Path) -> None:
    with pytest.raises(TextFailed, match="the password is wrong"):
        sent(RunningCentre(tmp_path, password="other"), "123456")
    with pytest.raises(TextFailed, match="not a number"):
        asyncio.run(TextedCodes(settings(1)).send(handle=Handle("ann@example.org"), code="1", minutes=1))


def test_a_crowd_of_codes_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texted_codes, "WAITING_MAX", 0)
    with pytest.raises(TextFailed, match="too many"):
        asyncio.run(TextedCodes(settings(1)).send(handle=ANN, code="1", minutes=1))
