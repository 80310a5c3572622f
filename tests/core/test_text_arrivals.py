"""Proves that an arrival is known again, in whatever order and however often it comes, also after a restart."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from answerback.core.effects import Effect, Save, TextCame, TextMerged, Warned
from answerback.core.facts import DropTextMessage, KeepMessage, KeepTextArrival
from answerback.core.text_arrivals import ARRIVALS_MAX, MESSAGES_MAX, TextArrivals
from answerback.model.causes import Cause
from answerback.model.fallback import NO_DEVICE, tagged
from answerback.model.handle import Handle
from answerback.model.ids import MessageId
from answerback.model.message import Message
from answerback.model.stamp import Stamp
from answerback.model.texts import TextArrived
from tests.core.lone_engine import told
from tests.core.specimens import ANN, BEA, CID, NOW, a_message, kept

STAMP = Stamp(5, 0)


def bring(arrivals: TextArrivals, text: str, *, identity: bytes = b"1", account: object = BEA) -> list[Effect]:
    arrived = TextArrived(Handle("+49301234567"), text, "sms", identity)
    return arrivals.came(arrived, account=account, own=ANN, stamp=STAMP, now=NOW)  # type: ignore[arg-type]


def of_bea(number: int) -> Message:
    return a_message(number, author=BEA)


class Shown:
    """What a disk would show."""

    def __init__(self) -> None:
        self.messages: dict[MessageId, Message] = {}
        self.facts: dict[bytes, KeepTextArrival] = {}

    def keep(self, effects: list[Effect]) -> None:
        for fact in kept(effects):
            match fact:
                case KeepMessage(message):
                    self.messages[message.id] = message
                case DropTextMessage(_, message_id):
                    self.messages.pop(message_id, None)
                case KeepTextArrival():
                    self.facts[fact.id] = fact


@given(st.lists(st.sampled_from(["text", "again", "message", "crash", "other"]), max_size=12))
def test_in_whatever_order_a_message_is_shown_once(happens: list[str]) -> None:
    arrivals, shown, message = TextArrivals(), Shown(), of_bea(1)
    here = False
    for happening in happens:
        match happening:
            case "text":
                shown.keep(bring(arrivals, tagged(message.text, message.id)))
            case "again":
                shown.keep(bring(arrivals, tagged(message.text, message.id), identity=b"2"))
            case "other":
                shown.keep(bring(arrivals, tagged("something else", message.id), identity=b"3"))
            case "message" if not here:
                here = True
                shown.messages[message.id] = message
                shown.keep(arrivals.met(message))
            case "crash":
                arrivals = TextArrivals()
                lately = [each for each in shown.messages.values() if each.author_device != NO_DEVICE]
                arrivals.restore(arrivals=shown.facts.values(), lately=lately)
    said = [each for each in shown.messages.values() if each.text.startswith(message.text)]
    assert len(said) == (here or bool({"text", "again"} & set(happens)))
    assert [each.text for each in said if each.author_device != NO_DEVICE] == [message.text] * here
    assert sum("something else" in each.text for each in shown.messages.values()) == ("other" in happens)


def test_what_merged_says_so_once_and_names_what_is_gone() -> None:
    arrivals, message = TextArrivals(), of_bea(1)
    (came,) = [news for news in told(bring(arrivals, tagged("1", message.id))) if isinstance(news, TextCame)]
    effects = arrivals.met(message)
    assert told(effects) == [TextMerged(message.id, came.message.id, "sms")]
    assert kept(effects)[0] == DropTextMessage(BEA, came.message.id)
    assert arrivals.met(message) == []


def test_a_tag_counts_for_its_author_alone() -> None:
    arrivals, message = TextArrivals(), of_bea(1)
    arrivals.met(message)
    (came,) = told(bring(arrivals, tagged("1", message.id), account=CID))
    assert isinstance(came, TextCame)
    assert came.message.author == CID


def test_a_stranger_and_oneself_are_nobody() -> None:
    for account in (None, ANN):
        effects = bring(TextArrivals(), "hello", account=account)
        assert [effect for effect in effects if isinstance(effect, Save)] == []
        assert told(effects) == [Warned(Cause.TEXT_FROM_STRANGER)]


def test_what_is_remembered_is_bounded() -> None:
    arrivals = TextArrivals()
    for number in range(1, MESSAGES_MAX + 3):
        arrivals._meet(of_bea(number))
    assert len(arrivals._met) == MESSAGES_MAX
    first = KeepTextArrival(b"first", BEA, of_bea(1).id, "sms", "abcdef", b"", is_merged=False, arrived_wall_ms=0)
    rest = [replace(first, id=str(number).encode(), tag="") for number in range(ARRIVALS_MAX)]
    arrivals.restore(arrivals=[first, *rest], lately=[])
    assert len(arrivals._arrivals) == ARRIVALS_MAX
    assert arrivals._open[BEA, "abcdef"] == []
