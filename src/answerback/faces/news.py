"""Turns an agent's news into what is told of it."""

from typing import assert_never

from answerback.core.effects import (
    Answered,
    Arrived,
    CodeMoved,
    FileReady,
    HandleChanged,
    HistoryMoved,
    LinkChanged,
    ModeChanged,
    News,
    Progressed,
    TextCame,
    TextMerged,
    TextProgressed,
    Warned,
)
from answerback.faces.ledger import Ledger
from answerback.faces.told import EventTold
from answerback.model.causes import Cause
from answerback.model.ids import message_id_text
from answerback.storage.history import History


def told_news(news: News, *, history: History, ledger: Ledger) -> EventTold:
    """Tell one piece of news."""
    match news:
        case Arrived(message):
            kept = history.message(message.id)
            shown = ledger.message(kept) if kept else None
            return EventTold("arrived", message=shown, message_id=message_id_text(message.id))
        case Progressed(message_id, device, step):
            names = {known.device: known.name for known in history.device_names()}
            return EventTold(
                "progressed",
                message_id=message_id_text(message_id),
                device=device.hex() if device else None,
                device_name=names.get(device) if device else None,
                stage=step.stage.name.lower(),
                evidence=step.evidence.name.lower(),
                at_ms=step.wall_ms,
                cause=_id(step.cause),
            )
        case LinkChanged(connected, cause):
            return told_link(connected=connected, cause=cause)
        case ModeChanged(posture):
            return EventTold("mode", mode=posture.mode.value, why=posture.why.value)
        case Answered(question, _, cause):
            return EventTold("answered", question=question, cause=_id(cause))
        case FileReady(message_id, blob, cause):
            path = history.setting(f"file.{blob.hex()}")
            return EventTold("file", message_id=message_id_text(message_id), path=path, cause=_id(cause))
        case TextProgressed(message_id, _, carrier, confirms, step):
            return EventTold(
                "aside",
                message_id=message_id_text(message_id),
                stage=step.stage.name.lower(),
                evidence=step.evidence.name.lower(),
                at_ms=step.wall_ms,
                carrier=carrier,
                confirms=confirms,
                why=step.reason or None,
            )
        case TextCame(message, carrier):
            kept = history.message(message.id, author=message.author)
            shown = ledger.message(kept) if kept else None
            return EventTold("text", message=shown, message_id=message_id_text(message.id), carrier=carrier)
        case TextMerged(message_id, _, carrier):
            return EventTold("merged", message_id=message_id_text(message_id), carrier=carrier)
        case HistoryMoved(device, _, done, total, state):
            return EventTold("history", device=device.hex(), state=state.value, done=done, total=total)
        case Warned(cause, account, handle):
            contact = handle or (ledger.name(account) if account else None)
            return EventTold("warned", cause=_id(cause), contact=contact)
        case CodeMoved(account, state, code):
            return EventTold("code", contact=ledger.name(account), state=state.value, code=code or None)
        case HandleChanged(handle, standing, other, at_ms):
            account_id = other.hex() if other else None
            return EventTold("handle", handle=handle, state=standing.name.lower(), at_ms=at_ms, other=account_id)
        case _:
            assert_never(news)


def told_link(*, connected: bool, cause: Cause | None) -> EventTold:
    """Tell how the connection to the relay is."""
    return EventTold("link", connected=connected, cause=_id(cause))


def _id(cause: Cause | None) -> str | None:
    return None if cause is None or cause is Cause.UNKNOWN else cause.value
