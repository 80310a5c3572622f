"""Proves that every kind of news has a telling."""

from typing import cast, get_args

from answerback.core.comparing import Compared
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
from answerback.core.network.modes import Mode, Posture, Why
from answerback.faces.ledger import Ledger
from answerback.faces.news import told_news
from answerback.model.causes import Cause
from answerback.model.fallback import AsideStage, AsideStep
from answerback.model.handle_state import HandleState
from answerback.model.ids import AccountId, BlobId, ConversationId, DeviceId, MessageId
from answerback.model.message import Message, Urgency
from answerback.model.notes import HistoryState
from answerback.model.stamp import Stamp
from answerback.model.timeline import Evidence, Stage, Step
from answerback.storage.history import History

MESSAGE = MessageId(bytes(16))
DEVICE = DeviceId(b"d" * 16)


class Kept:
    """A history that knows one file and nobody's name."""

    def name(self, _account: AccountId) -> str:
        return "bea"

    def setting(self, name: str) -> str | None:
        return "photo.jpg" if name == f"file.{bytes(16).hex()}" else None

    def device_names(self) -> tuple[object, ...]:
        return ()

    def message(self, _identity: MessageId, **_more: object) -> None:
        return None


def message() -> Message:
    account = AccountId(bytes(16))
    conversation = ConversationId(bytes(16))
    stamp = Stamp(1, 0)
    return Message(
        MESSAGE, conversation, account, DEVICE, frozenset(), "x", None, Urgency.NORMAL, stamp, frozenset(), 1
    )


SENT = AsideStep(AsideStage.SENT, Evidence.CARRIER, 5, "taken")
SAMPLES: dict[type, tuple[News, str]] = {
    Arrived: (Arrived(message()), "arrived"),
    Progressed: (Progressed(MESSAGE, DEVICE, Step(Stage.READ, Evidence.RECEIPT, 5)), "progressed"),
    HandleChanged: (HandleChanged("a@b.c", HandleState.LEFT, AccountId(b"o" * 16), 5), "handle"),
    LinkChanged: (LinkChanged(connected=False, cause=Cause.NETWORK_STALLED), "link"),
    ModeChanged: (ModeChanged(Posture(Mode.ECONOMICAL, Why.BATTERY_LOW)), "mode"),
    Answered: (Answered("bea@example.org", None, Cause.RECIPIENT_HANDLE_UNKNOWN), "answered"),
    FileReady: (FileReady(MESSAGE, BlobId(bytes(16))), "file"),
    HistoryMoved: (HistoryMoved(DEVICE, True, 3, 5, HistoryState.MOVING), "history"),  # noqa: FBT003 - as it is told
    Warned: (Warned(Cause.CLOCK_SKEWED), "warned"),
    TextProgressed: (TextProgressed(MESSAGE, 7, "sms", True, SENT), "aside"),  # noqa: FBT003
    TextCame: (TextCame(message(), "sms"), "text"),
    TextMerged: (TextMerged(MESSAGE, MESSAGE, "sms"), "merged"),
    CodeMoved: (CodeMoved(AccountId(bytes(16)), Compared.SHOWN, "123 456 789"), "code"),
}


def test_every_kind_of_news_is_told() -> None:
    assert set(SAMPLES) == set(get_args(News))
    for news, event in SAMPLES.values():
        told = told_news(news, history=cast("History", Kept()), ledger=cast("Ledger", Kept()))
        assert told.event == event


def test_progress_names_stage_evidence_and_device() -> None:
    told = told_news(SAMPLES[Progressed][0], history=cast("History", Kept()), ledger=cast("Ledger", Kept()))
    assert (told.stage, told.evidence, told.device, told.at_ms) == ("read", "receipt", DEVICE.hex(), 5)
    assert told.cause is None
    assert (
        told_news(SAMPLES[FileReady][0], history=cast("History", Kept()), ledger=cast("Ledger", Kept())).path
        == "photo.jpg"
    )
