"""Proves that a text is never submitted twice while the network may have it, in any order of events."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from answerback.core import texting
from answerback.core.text_facts import DropText, EndOrder, KeepOrder, KeepPart, KeepWord
from answerback.core.texting import AskPart, HangUp, Key, Pace, SubmitPart, TextEffect, Texting
from answerback.model.handle import parse_handle
from answerback.model.moment import Moment
from answerback.model.texts import CarrierWord, KeptOrder, PartState, TextOrder, TextPart, TextStage
from answerback.wire.delivery_receipts import DeliveryReceipt, MessageState

ANN, BEA = parse_handle("+49301234567"), parse_handle("+49301234568")
START_MS = 1_700_000_000_000


@dataclass
class Ledger:
    """A disk, as far as it matters: what was kept when a crash comes."""

    orders: dict[int, KeptOrder] = field(default_factory=dict)
    parts: dict[Key, TextPart] = field(default_factory=dict)
    words: list[CarrierWord] = field(default_factory=list)

    def keep(self, effects: list[TextEffect]) -> None:
        for effect in effects:
            match effect:
                case KeepOrder(kept):
                    self.orders[kept.order.number] = kept
                    self.parts.update({part.key: part for part in kept.parts})
                case KeepPart(part):
                    self.parts[part.key] = part
                case KeepWord(word):
                    self.words.append(word)
                    kept = self.orders[word.number]
                    self.orders[word.number] = replace(kept, stage=word.stage, reason=word.reason)
                case DropText() | EndOrder() | SubmitPart() | AskPart() | HangUp():
                    pass

    def load(self) -> list[KeptOrder]:
        return [
            replace(kept, parts=tuple(self.parts[part.key] for part in kept.parts))
            for kept in self.orders.values()
            if kept.stage is not TextStage.DELIVERED
        ]


class Desk:
    """One machine with its ledger and a clock."""

    def __init__(self, **pace: float) -> None:
        self.pace = Pace(window=int(pace.get("window", 3)), per_second=pace.get("per_second", 0.0), answer_s=10.0)
        self.ledger = Ledger()
        self.machine = Texting("test", self.pace)
        self.now = Moment(1.0, START_MS)

    def after(self, seconds: float) -> None:
        self.now = Moment(self.now.now_s + seconds, self.now.wall_ms + int(seconds * 1000))

    def done(self, effects: list[TextEffect]) -> list[TextEffect]:
        self.ledger.keep(effects)
        return effects

    def accept(self, number: int, parts: int = 1) -> list[TextEffect]:
        order = TextOrder(number, ANN, "hello")
        return self.done(self.machine.accept(order, parts=parts, charged=parts, digest=b"d", now=self.now))

    def opened(self, *, can_ask: bool = False) -> list[TextEffect]:
        return self.done(self.machine.opened(can_ask=can_ask, now=self.now))

    def crash(self) -> None:
        reference = self.machine.reference
        self.machine = Texting("test", self.pace, reference)
        self.done(self.machine.restore(self.ledger.load()))

    def stage(self, number: int) -> TextStage:
        return self.ledger.orders[number].stage


def submitted(effects: list[TextEffect]) -> list[Key]:
    return [effect.part.key for effect in effects if isinstance(effect, SubmitPart)]


def test_a_part_is_on_the_disk_as_out_before_it_is_submitted() -> None:
    desk = Desk()
    desk.opened()
    effects = desk.accept(1)
    kinds = [type(effect) for effect in effects]
    assert kinds.index(KeepPart) < kinds.index(SubmitPart)
    assert desk.ledger.parts[1, 0].state is PartState.OUT
    assert desk.ledger.parts[1, 0].tries == 1


def test_what_was_not_answered_is_in_doubt_and_never_submitted_again_without_evidence() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.done(desk.machine.broken(reason="it broke", now=desk.now))
    assert desk.stage(1) is TextStage.IN_DOUBT
    assert submitted(desk.opened()) == []
    desk.after(86_400)
    assert submitted(desk.done(desk.machine.wake(desk.now))) == []
    assert desk.stage(1) is TextStage.IN_DOUBT


def test_a_crash_while_submitting_leaves_doubt() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.crash()
    assert desk.stage(1) is TextStage.IN_DOUBT
    assert submitted(desk.opened()) == []


def test_only_the_word_that_it_is_not_there_lets_a_part_go_again() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.done(desk.machine.broken(reason="it broke", now=desk.now))
    (ask,) = desk.opened(can_ask=True)
    assert isinstance(ask, AskPart)
    nothing = desk.done(desk.machine.located((1, 0), receipt=None, is_absent=False, now=desk.now))
    assert nothing == []
    desk.done(desk.machine.broken(reason="it broke", now=desk.now))
    desk.opened(can_ask=True)
    again = desk.done(desk.machine.located((1, 0), receipt=None, is_absent=True, now=desk.now))
    assert submitted(again) == [(1, 0)]


def test_an_answer_to_a_question_that_finds_it_ends_the_doubt() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.crash()
    desk.opened(can_ask=True)
    found = DeliveryReceipt("c1", MessageState.DELIVERED)
    desk.done(desk.machine.located((1, 0), receipt=found, is_absent=False, now=desk.now))
    assert [word.stage for word in desk.ledger.words][-1] is TextStage.DELIVERED


def test_a_receipt_that_names_our_reference_ends_the_doubt() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.crash()
    reference = desk.ledger.parts[1, 0].reference
    stranger = desk.machine.receipt(DeliveryReceipt("c1", MessageState.DELIVERED, reference), to=BEA, now=desk.now)
    assert stranger == [], "it is not about whom we wrote to"
    desk.done(desk.machine.receipt(DeliveryReceipt("c1", MessageState.DELIVERED, reference), to=ANN, now=desk.now))
    assert desk.stage(1) is TextStage.DELIVERED


def test_a_receipt_before_its_answer_counts_when_the_answer_says_whose_it_is() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    assert desk.machine.receipt(DeliveryReceipt("c1", MessageState.DELIVERED), to=ANN, now=desk.now) == []
    desk.done(desk.machine.answered((1, 0), id="c1", now=desk.now))
    assert desk.stage(1) is TextStage.DELIVERED


def test_a_failure_after_a_delivery_changes_nothing_and_a_delivery_after_a_failure_is_believed() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.accept(2)
    for number, states in ((1, "DELIVERED EXPIRED"), (2, "EXPIRED DELIVERED")):
        desk.done(desk.machine.answered((number, 0), id=f"c{number}", now=desk.now))
        for state in states.split():
            receipt = DeliveryReceipt(f"c{number}", MessageState[state], error="27")
            desk.done(desk.machine.receipt(receipt, to=ANN, now=desk.now))
        assert desk.stage(number) is TextStage.DELIVERED
    failed = next(word for word in desk.ledger.words if word.stage is TextStage.FAILED)
    assert failed.number == 2
    assert failed.reason == "the carrier says EXPIRED, error 27"


def test_a_receipt_of_an_older_life_of_a_reference_is_not_believed() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    desk.done(desk.machine.answered((1, 0), id="c1", now=desk.now))
    reference = desk.ledger.parts[1, 0].reference
    assert desk.machine.receipt(DeliveryReceipt("c0", MessageState.DELIVERED, reference), to=ANN, now=desk.now) == []


def test_half_a_text_is_not_sent_when_a_part_is_refused() -> None:
    desk = Desk(window=1)
    desk.opened()
    desk.accept(1, parts=3)
    refusal = desk.machine.refused((1, 0), reason="invalid number", is_temporary=False, too_fast=False, now=desk.now)
    assert submitted(desk.done(refusal)) == []
    assert desk.stage(1) is TextStage.FAILED
    assert {part.state for part in desk.ledger.parts.values()} == {PartState.FAILED}
    assert desk.ledger.words[-1].reason == "invalid number"


def test_a_network_that_says_not_so_fast_is_given_longer_and_longer_pauses() -> None:
    desk = Desk()
    desk.opened()
    assert submitted(desk.accept(1)) == [(1, 0)]
    waits = []
    for _ in range(8):
        desk.done(desk.machine.refused((1, 0), reason="", is_temporary=True, too_fast=True, now=desk.now))
        due = desk.machine.wake_at(desk.now)
        assert due is not None
        waits.append(due - desk.now.now_s)
        desk.after(waits[-1] - 0.01)
        assert submitted(desk.done(desk.machine.wake(desk.now))) == []
        desk.after(0.02)
        assert submitted(desk.done(desk.machine.wake(desk.now))) == [(1, 0)]
    assert [round(wait) for wait in waits] == [1, 2, 4, 8, 16, 32, 60, 60]
    desk.done(desk.machine.answered((1, 0), id="c1", now=desk.now))
    assert desk.stage(1) is TextStage.SENT


def test_a_passing_trouble_is_tried_again_some_times_and_no_more() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    for _ in range(texting.TEMPORARY_TRIES_MAX - 1):
        desk.done(desk.machine.refused((1, 0), reason="busy", is_temporary=True, too_fast=False, now=desk.now))
        assert desk.stage(1) is TextStage.HANDED
        desk.after(2)
        assert submitted(desk.done(desk.machine.wake(desk.now))) == [(1, 0)]
    desk.done(desk.machine.refused((1, 0), reason="busy", is_temporary=True, too_fast=False, now=desk.now))
    assert desk.stage(1) is TextStage.FAILED


def test_the_window_and_the_contract_bound_what_is_under_way() -> None:
    desk = Desk(window=2)
    desk.opened()
    sent = [key for number in range(5) for key in submitted(desk.accept(number))]
    assert sent == [(0, 0), (1, 0)]
    slow = Desk(window=5, per_second=2)
    slow.opened()
    assert [key for number in range(5) for key in submitted(slow.accept(number))] == [(0, 0)]
    slow.after(0.5)
    assert submitted(slow.done(slow.machine.wake(slow.now))) == [(1, 0)]


def test_a_network_that_does_not_answer_is_left() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    assert desk.machine.wake_at(desk.now) == desk.now.now_s + 10
    desk.after(9)
    assert HangUp() not in desk.done(desk.machine.wake(desk.now))
    desk.after(1)
    assert HangUp() in desk.done(desk.machine.wake(desk.now))


def test_what_left_no_machine_goes_again_without_a_question() -> None:
    desk = Desk()
    desk.opened()
    desk.accept(1)
    assert submitted(desk.done(desk.machine.unsent((1, 0), now=desk.now))) == [(1, 0)]


def test_what_could_not_be_submitted_for_a_day_has_failed() -> None:
    desk = Desk()
    desk.accept(1)
    due = desk.machine.wake_at(desk.now)
    assert due == desk.now.now_s + texting.GIVE_UP_MS / 1000
    desk.after(texting.GIVE_UP_MS / 1000)
    desk.done(desk.machine.wake(desk.now))
    assert desk.stage(1) is TextStage.FAILED
    assert desk.machine.unended() != [], "a receipt may still show that it was wrong"
    desk.after(texting.RECEIPT_MS_MAX / 1000)
    assert desk.done(desk.machine.wake(desk.now)) == [EndOrder(1)]
    assert desk.machine.unended() == []


def test_too_many_orders_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    full = Texting("test", desk.pace)
    monkeypatch.setattr(texting, "ORDERS_MAX", 1)
    full.accept(TextOrder(1, ANN, "a"), parts=1, charged=1, digest=b"", now=desk.now)
    effects = full.accept(TextOrder(2, ANN, "b"), parts=1, charged=1, digest=b"", now=desk.now)
    assert [e.word.stage for e in effects if isinstance(e, KeepWord)] == [TextStage.FAILED]


@given(st.integers(1, 200))
def test_references_of_parts_not_yet_ended_differ(count: int) -> None:
    desk = Desk()
    desk.machine.reference = texting.REFERENCES - 5
    for number in range(count):
        desk.accept(number)
    references = [part.reference for part in desk.ledger.parts.values()]
    assert len(set(references)) == count
    assert all(0 <= reference < texting.REFERENCES for reference in references)


class AnyOrder(RuleBasedStateMachine):
    """A network that takes, answers, loses, repeats and dies as it likes, and an agent that crashes."""

    @initialize(can_ask=st.booleans(), echoes=st.booleans(), window=st.integers(1, 4))
    def begin(self, *, can_ask: bool, echoes: bool, window: int) -> None:
        self.can_ask, self.echoes = can_ask, echoes
        self.desk = Desk(window=window)
        self.taken: dict[Key, int] = {}
        self.on_way: list[SubmitPart] = []
        self.answers: list[Key] = []
        self.asked: list[Key] = []
        self.is_open = False
        self.count = 0

    def carry(self, effects: list[TextEffect]) -> None:
        self.desk.done(effects)
        for effect in effects:
            if isinstance(effect, SubmitPart):
                assert self.is_open
                self.on_way.append(effect)
            elif isinstance(effect, AskPart):
                self.asked.append(effect.part.key)

    @rule(parts=st.integers(1, 3))
    def accept(self, parts: int) -> None:
        self.count += 1
        order = TextOrder(self.count, ANN, "x")
        self.carry(self.desk.machine.accept(order, parts=parts, charged=parts, digest=b"", now=self.desk.now))

    @precondition(lambda self: not self.is_open)
    @rule()
    def open(self) -> None:
        self.is_open = True
        self.carry(self.desk.machine.opened(can_ask=self.can_ask, now=self.desk.now))

    @precondition(lambda self: self.on_way)
    @rule(which=st.integers(0, 9), answers=st.booleans(), refuses=st.sampled_from(["no", "no", "fast", "busy"]))
    def take(self, *, which: int, answers: bool, refuses: str) -> None:
        """Handle one submission as any network may."""
        part = self.on_way.pop(which % len(self.on_way)).part
        if refuses != "no":
            if answers:
                self.carry(
                    self.desk.machine.refused(
                        part.key, reason="", is_temporary=True, too_fast=refuses == "fast", now=self.desk.now
                    )
                )
            return
        self.taken[part.key] = self.taken.get(part.key, 0) + 1
        if answers:
            self.answers.append(part.key)

    @precondition(lambda self: self.answers)
    @rule(which=st.integers(0, 9))
    def answer(self, which: int) -> None:
        key = self.answers.pop(which % len(self.answers))
        self.carry(self.desk.machine.answered(key, id=f"c{key[0]}.{key[1]}", now=self.desk.now))

    @precondition(lambda self: self.taken)
    @rule(which=st.integers(0, 99), state=st.sampled_from(MessageState))
    def report(self, which: int, state: MessageState) -> None:
        """Send a receipt, perhaps again, perhaps before the answer."""
        key = list(self.taken)[which % len(self.taken)]
        reference = self.desk.ledger.parts[key].reference if self.echoes else None
        receipt = DeliveryReceipt(f"c{key[0]}.{key[1]}", state, reference)
        self.carry(self.desk.machine.receipt(receipt, to=ANN, now=self.desk.now))

    @precondition(lambda self: self.asked)
    @rule()
    def locate(self) -> None:
        key = self.asked.pop()
        found = DeliveryReceipt(f"c{key[0]}.{key[1]}", MessageState.ENROUTE) if key in self.taken else None
        self.carry(self.desk.machine.located(key, receipt=found, is_absent=found is None, now=self.desk.now))

    @precondition(lambda self: self.is_open)
    @rule()
    def lose(self) -> None:
        """The connection ends; what was on it and not taken is gone."""
        self.is_open = False
        self.on_way, self.answers, self.asked = [], [], []
        self.carry(self.desk.machine.broken(reason="it broke", now=self.desk.now))

    @rule()
    def crash(self) -> None:
        self.is_open = False
        self.on_way, self.answers, self.asked = [], [], []
        self.desk.crash()

    @rule(seconds=st.sampled_from([0.1, 2.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.desk.after(seconds)
        effects = self.desk.machine.wake(self.desk.now)
        self.carry(effects)
        if HangUp() in effects:
            self.lose()

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert all(count == 1 for count in getattr(self, "taken", {}).values())

    @invariant()
    def every_word_is_true(self) -> None:
        for number, kept in self.desk.ledger.orders.items() if hasattr(self, "desk") else ():
            if kept.stage in (TextStage.SENT, TextStage.DELIVERED):
                assert all(part.key in self.taken for part in kept.parts), number
            if kept.stage is TextStage.HANDED:
                ours = [self.desk.ledger.parts[part.key] for part in kept.parts]
                assert not any(part.state in (PartState.DOUBT, PartState.FAILED) for part in ours)

    def teardown(self) -> None:
        """With a network that answers from now on, everything that can be asked about comes to an end."""
        if not hasattr(self, "desk") or not self.can_ask:
            return
        if self.is_open:
            self.lose()
        self.open()
        for _ in range(500):
            while self.asked:
                self.locate()
            while self.on_way:
                self.take(which=0, answers=True, refuses="no")
            while self.answers:
                self.answer(which=0)
            self.desk.after(61)
            self.carry(self.desk.machine.wake(self.desk.now))
            if not (self.asked or self.on_way or self.answers):
                break
        for kept in self.desk.ledger.orders.values():
            assert kept.stage in (TextStage.SENT, TextStage.DELIVERED, TextStage.FAILED), kept
        self.nothing_is_sent_twice()
        self.every_word_is_true()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
