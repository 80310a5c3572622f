"""Proves that a short code shows anybody in between, that both people must say yes, and that nothing lasts for ever."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.core.comparing import LIFETIME_S, PENDING_MAX, TOLD_AGAIN_S, Compared, Comparing, Move, Parties
from answerback.crypto.verifying import NONCE_BYTES, SESSION_BYTES, Sides, code_commitment
from answerback.model.ids import AccountId, DeviceId
from answerback.wire.letters import Comparison, Turn
from tests.core.specimens import ANN, BEA

PHONE, LAPTOP = DeviceId(b"phone".ljust(16, b".")), DeviceId(b"laptop".ljust(16, b"."))
ANNS, BEAS, EVES = b"a" * 32, b"b" * 32, b"e" * 32
RELAY_MS = 1_000_000


@dataclass
class Side:
    """One person's device, which sends what it has to say nowhere."""

    account: AccountId
    device: DeviceId
    parties: Parties
    chance: random.Random
    other: AccountId
    machine: Comparing = field(default_factory=Comparing)
    states: list[Compared] = field(default_factory=list)
    code: str = ""

    def begins(self, now_s: float = 0.0) -> list[Comparison]:
        randomness = self.chance.randbytes(NONCE_BYTES + SESSION_BYTES)
        return self.moved(
            self.machine.begin(self.other, self.parties, randomness=randomness, relay_ms=RELAY_MS, now_s=now_s)
        )

    def says(self, *, same: bool) -> list[Comparison]:
        return self.moved(self.machine.say(self.other, same=same, relay_ms=RELAY_MS))

    def hears(
        self, letter: Comparison, device: DeviceId, *, relay_ms: int = RELAY_MS, now_s: float = 0.0
    ) -> list[Comparison]:
        moves = self.machine.heard(
            letter, account=self.other, device=device, parties=self.parties, relay_ms=relay_ms, now_s=now_s
        )
        return self.moved(moves)

    def moved(self, moves: list[Move]) -> list[Comparison]:
        self.states += [move.state for move in moves if move.state is not None]
        self.code = next((move.code for move in moves if move.code), self.code)
        return [move.letter for move in moves if move.letter is not None]


def pair(*, anns_view: bytes = BEAS, beas_view: bytes = ANNS, seed: int = 0) -> tuple[Side, Side]:
    chance = random.Random(seed)
    ann = Side(ANN, PHONE, Parties(ANNS, PHONE, anns_view), chance, BEA)
    bea = Side(BEA, LAPTOP, Parties(BEAS, LAPTOP, beas_view), chance, ANN)
    return ann, bea


def talk(ann: Side, bea: Side, letters: list[Comparison], *, to: Side) -> None:
    """Carry letters to and fro until nobody has anything to say."""
    while letters:
        by = ann if to is bea else bea
        letters, to = [answer for letter in letters for answer in to.hears(letter, by.device)], by


def shown(ann: Side, bea: Side) -> None:
    talk(ann, bea, ann.begins(), to=bea)
    talk(ann, bea, bea.begins(), to=ann)


@given(st.integers(0, 1 << 32))
def test_both_read_the_same_code_and_both_must_say_yes(seed: int) -> None:
    ann, bea = pair(seed=seed)
    shown(ann, bea)
    assert ann.code == bea.code != ""
    assert {ann.states[-1], bea.states[-1]} == {Compared.SHOWN}
    talk(ann, bea, ann.says(same=True), to=bea)
    assert Compared.DONE not in (*ann.states, *bea.states)
    talk(ann, bea, bea.says(same=True), to=ann)
    assert {ann.states[-1], bea.states[-1]} == {Compared.DONE}
    assert ann.machine.over_at_s is bea.machine.over_at_s is None


@given(st.integers(0, 1 << 32))
def test_somebody_in_between_makes_the_codes_differ(seed: int) -> None:
    ann, bea = pair(anns_view=EVES, beas_view=EVES, seed=seed)
    # Eve carries every letter on as it is: the best she can do for both to see the same numbers.
    (ask,) = ann.begins()
    eves = code_commitment(Sides(EVES, PHONE, BEAS, LAPTOP), session=ask.session, nonce=b"n" * 32)
    bea.hears(Comparison(ask.session, Turn.ASK, eves, RELAY_MS), PHONE)
    (take,) = bea.begins()
    (reveal,) = ann.hears(take, LAPTOP)
    assert reveal.turn is Turn.REVEAL
    bea.hears(Comparison(ask.session, Turn.REVEAL, b"n" * 32, RELAY_MS), PHONE)
    assert ann.code
    assert bea.code
    assert ann.code != bea.code


def test_a_number_that_does_not_fit_its_hash_shows_no_code() -> None:
    ann, bea = pair()
    talk(ann, bea, ann.begins(), to=bea)
    (take,) = bea.begins()
    (refusal,) = bea.hears(Comparison(take.session, Turn.REVEAL, b"x" * 32, RELAY_MS), PHONE)
    assert refusal.turn is Turn.REFUSE
    assert bea.states[-1] is Compared.DIFFERENT
    assert bea.code == ""


def test_an_asker_never_opens_its_number_before_it_has_the_takers_and_only_once() -> None:
    ann, bea = pair()
    (ask,) = ann.begins()
    for turn in (Turn.REVEAL, Turn.AGREE):
        assert ann.hears(Comparison(ask.session, turn, b"x" * 32, RELAY_MS), LAPTOP) == []
    assert ann.hears(Comparison(ask.session, Turn.TAKE, b"short", RELAY_MS), LAPTOP) == []
    (reveal,) = ann.hears(Comparison(ask.session, Turn.TAKE, b"x" * 32, RELAY_MS), LAPTOP)
    code = ann.code
    assert reveal.turn is Turn.REVEAL
    assert ann.hears(Comparison(ask.session, Turn.TAKE, b"y" * 32, RELAY_MS), LAPTOP) == []
    assert ann.hears(Comparison(ask.session, Turn.TAKE, b"y" * 32, RELAY_MS), PHONE) == []
    assert ann.code == code
    assert bea.code == ""


def test_both_asking_at_once_is_one_comparison() -> None:
    for seed in range(20):
        ann, bea = pair(seed=seed)
        anns, beas = ann.begins(), bea.begins()
        to_bea = [answer for letter in beas for answer in ann.hears(letter, bea.device)]
        to_ann = [answer for letter in anns for answer in bea.hears(letter, ann.device)]
        assert len(to_ann) + len(to_bea) == 1, "one takes what the other asked"
        talk(ann, bea, to_bea, to=bea)
        talk(ann, bea, to_ann, to=ann)
        assert ann.code == bea.code != ""


def test_a_no_ends_it_on_both_sides() -> None:
    ann, bea = pair()
    shown(ann, bea)
    talk(ann, bea, bea.says(same=False), to=ann)
    assert bea.states[-1] is Compared.DIFFERENT
    assert ann.states[-1] is Compared.REFUSED
    assert ann.says(same=True) == []


@pytest.mark.parametrize("late_ms", [-LIFETIME_S * 1000 - 1, LIFETIME_S * 1000 + 1])
def test_an_asking_that_comes_too_late_is_not_heard(late_ms: float) -> None:
    ann, bea = pair()
    (ask,) = ann.begins()
    assert bea.hears(ask, PHONE, relay_ms=RELAY_MS + round(late_ms)) == []
    assert bea.states == []


def test_what_nobody_finishes_is_over_by_itself() -> None:
    ann, bea = pair()
    talk(ann, bea, ann.begins(now_s=5.0), to=bea)
    assert ann.machine.over_at_s == 5.0 + LIFETIME_S
    assert ann.machine.over(now_s=4.0 + LIFETIME_S) == []
    assert [move.state for move in ann.machine.over(now_s=5.0 + LIFETIME_S)] == [Compared.OVER]
    assert ann.machine.state(BEA) is None


def test_beginning_again_ends_what_stood_still() -> None:
    ann, bea = pair()
    shown(ann, bea)
    first = ann.code
    talk(ann, bea, ann.begins(), to=bea)
    assert bea.states[-2:] == [Compared.SHOWN, Compared.REFUSED]
    assert bea.machine.state(ANN) == (Compared.WAITING, "")
    talk(ann, bea, bea.begins(), to=ann)
    assert ann.code == bea.code != first


def test_whoever_asks_again_and_again_is_told_of_once_and_takes_one_place() -> None:
    ann, bea = pair()
    for _ in range(50):
        for letter in ann.begins():
            bea.hears(letter, PHONE, now_s=1.0)
    assert bea.states.count(Compared.WAITING) == 1
    (ask,) = ann.begins()[1:]
    bea.hears(ask, PHONE, now_s=1.0 + TOLD_AGAIN_S)
    assert bea.states.count(Compared.WAITING) == 2


def test_a_crowd_that_asks_does_not_fill_this_device() -> None:
    _, bea = pair()
    for number in range(PENDING_MAX * 2):
        account = AccountId(number.to_bytes(16, "big"))
        ask = Comparison(b"s" * 16, Turn.ASK, b"v" * 32, RELAY_MS)
        bea.machine.heard(ask, account=account, device=PHONE, parties=bea.parties, relay_ms=RELAY_MS, now_s=0.0)
    assert len(bea.machine._pending) == PENDING_MAX
