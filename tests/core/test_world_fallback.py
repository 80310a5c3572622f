"""Proves that nothing goes by a carrier without a yes, nor twice, and is not shown twice, whatever happens.

Both phones crash within any change, before and after the disk, the network and the person have it; the relay comes and
goes, the recipient is away, the carrier says what it likes and its network brings texts late and again.
"""

import contextlib

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from answerback.core.facts import KeepConsent, KeepText
from answerback.model.errors import AnswerbackError
from answerback.model.fallback import AsideStage, Choice, tag_of
from answerback.model.ids import MessageId
from answerback.model.texts import TextStage
from tests.core.carrier import ANNS_NUMBER, BEAS_NUMBER, CarriedPhone
from tests.core.world import Strike, World


class FallbackWorld(RuleBasedStateMachine):
    """Ann writes to Bea; both have a carrier."""

    @initialize()
    def begin(self) -> None:
        self.world = World()
        self.ann, self.bea = self.world.person(ANNS_NUMBER), self.world.person(BEAS_NUMBER)
        self.world.run(2)
        self.ann.send(BEAS_NUMBER, text="hello")
        self.bea.send(ANNS_NUMBER, text="hello")
        self.world.run(3)
        self.by, self.takes = CarriedPhone(self.ann), CarriedPhone(self.bea)
        self.private: set[MessageId] = set()
        self.sent: dict[MessageId, str] = {}
        self.failed: set[int] = set()

    # ---- people

    @rule(is_private=st.booleans())
    def sends(self, is_private: bool) -> None:  # noqa: FBT001 - drawn
        text = f"number {len(self.sent)}"
        message = self.by.sends_privately(BEAS_NUMBER, text) if is_private else self.ann.send(BEAS_NUMBER, text=text)
        self.sent[message] = text
        if is_private:
            self.private.add(message)

    @rule(choice=st.sampled_from(Choice), minutes=st.sampled_from([1, 10]))
    def chooses(self, choice: Choice, minutes: int) -> None:
        self.by.choose(self.bea, choice, after_s=60.0 * minutes)

    @rule()
    def agrees(self) -> None:
        self._tries(lambda: self.by.agree(self.bea))

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, 9), yes=st.booleans(), agrees=st.booleans())
    def answers(self, which: int, yes: bool, agrees: bool) -> None:  # noqa: FBT001 - drawn
        message = list(self.sent)[which % len(self.sent)]
        self._tries(lambda: self.by.answer(message, yes=yes, agrees=agrees))

    # ---- the world

    @rule(seconds=st.sampled_from([1, 70, 700]))
    def waits(self, seconds: int) -> None:
        self.world.run(seconds)

    @rule()
    def turns_the_relay(self) -> None:
        self.world.reachable = not self.world.reachable
        if not self.world.reachable:
            self.world.disconnect_all()

    @rule()
    def turns_bea(self) -> None:
        if self.bea.off:
            self.bea.start()
        else:
            self.bea.stop()

    @rule(whose=st.sampled_from(["ann", "bea"]), strike=st.sampled_from(Strike), change=st.integers(0, 3))
    def will_crash(self, whose: str, strike: Strike, change: int) -> None:
        phone = self.ann if whose == "ann" else self.bea
        if not phone.off:
            phone.fuse = change, strike

    # ---- the carrier

    @precondition(lambda self: self.by.carrier.orders)
    @rule(which=st.integers(0, 9), stage=st.sampled_from(TextStage))
    def says(self, which: int, stage: TextStage) -> None:
        orders = list(self.by.carrier.orders)
        number = orders[which % len(orders)]
        self.by.says(stage, number)
        if stage is TextStage.FAILED:
            self.failed.add(number)

    @precondition(lambda self: self.by.carrier.orders and not self.bea.off)
    @rule(which=st.integers(0, 9))
    def brings(self, which: int) -> None:
        orders = list(self.by.carrier.orders.items())
        number, order = orders[which % len(orders)]
        self.takes.brings(order.text, identity=number.to_bytes(16, "big"))

    # ---- what must hold

    @invariant()
    def nothing_private_and_nothing_twice(self) -> None:
        if not hasattr(self, "by"):
            return
        tags = {tag_of(message) for message in self.private}
        sent: dict[str, list[int]] = {}
        for number, order in self.by.carrier.orders.items():
            tag = order.text[-6:]
            assert tag not in tags, "private"
            sent.setdefault(tag, []).append(number)
        for numbers in sent.values():
            assert len([number for number in numbers if number not in self.failed]) <= 1, "once"

    @invariant()
    def what_was_ordered_was_agreed_to(self) -> None:
        if hasattr(self, "by") and self.by.carrier.orders:
            assert self.ann.disk.of(KeepConsent), "consented; at the time it is checked by the carrier itself"

    @invariant()
    def nothing_is_shown_twice(self) -> None:
        if not hasattr(self, "by"):
            return
        for text in self.sent.values():
            assert len([shown for shown in self.bea.texts if shown.split(" #")[0] == text]) <= 1

    def teardown(self) -> None:
        """In the end, with everything working again, all that was promised has arrived once, encrypted."""
        if not hasattr(self, "by"):
            return
        self.ann.fuse = self.bea.fuse = None
        self.world.reachable = True
        for phone in (self.ann, self.bea):
            if phone.off:
                phone.start()
        self.world.run(1)
        for phone in (self.ann, self.bea):
            phone.crash()
        self.world.run_until(self.world.settled, at_most_s=7200.0)
        promised = [text for message, text in self.sent.items() if self.ann.disk.promised(message)]
        assert sorted(text for text in self.bea.texts if text != "hello") == sorted(promised)
        ordered = {kept.number for kept in self.ann.disk.of(KeepText) if kept.stage is AsideStage.ORDERED}
        assert ordered <= set(self.by.carrier.orders), "what was ordered has reached its carrier"

    def _tries(self, do: object) -> None:
        assert callable(do)
        with contextlib.suppress(AnswerbackError):
            do()


FallbackWorld.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestFallbackWorld = FallbackWorld.TestCase


@pytest.mark.parametrize("strike", Strike, ids=lambda strike: strike.name.lower())
def test_a_crash_within_any_change_neither_loses_an_order_nor_makes_it_twice(strike: Strike) -> None:
    hit = 0
    for change in range(6):
        world = World()
        ann, bea = world.person(ANNS_NUMBER), world.person(BEAS_NUMBER)
        world.run(2)
        ann.send(BEAS_NUMBER, text="hello")
        world.run(3)
        by = CarriedPhone(ann)
        by.choose(bea, Choice.AFTER, after_s=60.0)
        by.agree(bea)
        bea.stop()
        message = ann.send(BEAS_NUMBER, text="where are you?")
        world.run(59.0)
        assert not by.carrier.orders
        ann.fuse = change, strike
        world.run(300)
        assert len(by.carrier.orders) == 1, change
        lives = ann.lives
        ann.fuse = 0, strike
        by.says(TextStage.SENT)
        by.says(TextStage.SENT)
        assert by.stages(message)[-1] is AsideStage.SENT
        world.run(4000)
        assert len(by.carrier.orders) == 1, change
        hit += len(by.carrier.submissions) > 1
        assert ann.lives > lives
    assert hit or strike is Strike.BEFORE_COMMIT, "some crash came between the order and the carrier's word"
