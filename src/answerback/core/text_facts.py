"""What the sending of texts asks to be kept.

A fact is a value: kept twice it is the same as kept once. The ledger keeps all facts of one change or none.
"""

from dataclasses import dataclass

from answerback.model.texts import CarrierWord, KeptOrder, TextPart


@dataclass(frozen=True, slots=True)
class KeepOrder:
    """A new order, with its parts."""

    kept: KeptOrder


@dataclass(frozen=True, slots=True)
class KeepPart:
    """What is known of a part now."""

    part: TextPart


@dataclass(frozen=True, slots=True)
class KeepWord:
    """The order's stage is another now: keep that, and tell it until it is taken."""

    word: CarrierWord


@dataclass(frozen=True, slots=True)
class DropText:
    """Nothing of this order can be submitted again: forget what it says."""

    number: int


@dataclass(frozen=True, slots=True)
class EndOrder:
    """Nothing more will be learned of this order: forget what it says and to whom; the number is kept for ever."""

    number: int


TextFact = KeepOrder | KeepPart | KeepWord | DropText | EndOrder
