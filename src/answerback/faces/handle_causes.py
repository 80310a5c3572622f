"""Keeps the sentences about what a relay refuses of handles, and the form that all sentences about causes have."""

from dataclasses import dataclass

from answerback.model.causes import Cause


@dataclass(frozen=True, slots=True)
class Advice:
    """One cause in words."""

    sentence: str
    """What happened."""
    we_do: str
    you_can: str


HANDLE_CAUSES: dict[Cause, Advice] = {
    Cause.ACCOUNT_HANDLES_FULL: Advice(
        "This account has as many handles as one may have.",
        "Nothing was changed.",
        "Remove one you no longer use: `answerback handles remove HANDLE`.",
    ),
    Cause.ACCOUNT_HANDLE_LOCKED: Advice(
        "The account that has this handle has said that it keeps it.",
        "Nothing was changed. For a month it does not move by a code alone.",
        "If both accounts are yours, on a device of that one: `answerback handles give HANDLE`.",
    ),
}
