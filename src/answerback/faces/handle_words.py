"""Says in words how a handle of one's own stands."""

from dataclasses import dataclass

from answerback.faces.handles_told import OwnHandleTold
from answerback.faces.output import plain_line, wall_ms
from answerback.faces.times import clock
from answerback.model.handle_state import HandleState


@dataclass(frozen=True, slots=True)
class StateWords:
    """One state: a line with {account} and {at} in it, and what can be done, with {handle}."""

    line: str
    advice: tuple[str, ...] = ()


STATES: dict[HandleState, StateWords] = {
    HandleState.OURS: StateWords("yours since {at}"),
    HandleState.LEAVING: StateWords(
        "another account ({account}) has proven it and gets it at {at}",
        (
            "Was that you? `answerback handles give {handle}` lets it go at once.",
            "If not: `answerback handles keep {handle}`, and see who reads what is sent there.",
        ),
    ),
    HandleState.LEFT: StateWords(
        "was taken over by another account ({account}) at {at}",
        ("What people write to it goes there. Your account, devices and messages are as they were.",),
    ),
    HandleState.COMING: StateWords(
        "yours from {at} on, unless the account that has it ({account}) objects",
        ("If that account is yours as well: `answerback handles give {handle}` on one of its devices.",),
    ),
    HandleState.CAME: StateWords("yours since {at}; it was another account's ({account})"),
    HandleState.REFUSED: StateWords("not yours: the account that has it ({account}) objected at {at}"),
    HandleState.STAYED: StateWords("stays yours; another account ({account}) does not get it"),
    HandleState.REMOVED: StateWords("was removed from your account at {at}"),
}


def state_words(state: str) -> StateWords:
    """Find the words for a state by its name."""
    return STATES[HandleState[state.upper()]]


def handle_line(told: OwnHandleTold) -> str:
    """Say how one handle stands, in a line."""
    here = " (this device goes by it)" if told.this else ""
    return f"{plain_line(told.handle)}{here}  {words_of(told.state, other=told.other, at_ms=told.at_ms)}"


def words_of(state: str, *, other: str | None, at_ms: int) -> str:
    """Say what became of a handle."""
    return state_words(state).line.format(account=(other or "unknown")[:8], at=clock(at_ms, now_ms=wall_ms()))
