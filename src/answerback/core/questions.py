"""What has been asked of the relay and not yet answered.

A question lives until its answer comes: a lost connection loses no question, it only asks again. The same question
twice is one question.
"""

from dataclasses import dataclass, field

from answerback.model.devices import Signed
from answerback.model.ids import AccountId, DeviceId
from answerback.model.message import Lane
from answerback.wire.frames import Announce, Claim, ClientFrame, LookUp, Publish, Resolve

QUESTIONS_MAX = 4096
"""More than a group of 32 people with 16 devices and five lanes can raise at once."""


@dataclass(frozen=True, slots=True)
class WantList:
    """Which devices an account has."""

    account: AccountId


@dataclass(frozen=True, slots=True)
class WantPreKey:
    """A pre-key, to start a session with this device in this lane."""

    device: DeviceId
    lane: Lane


@dataclass(frozen=True, slots=True)
class WantAccount:
    """Which account a handle stands for."""

    handle: str


@dataclass(frozen=True, slots=True)
class WantKeysPublished:
    """Put our new keys where others find them."""


@dataclass(frozen=True, slots=True)
class WantListAnnounced:
    """Make this our account's newest device list."""

    list: Signed


Question = WantList | WantPreKey | WantAccount | WantKeysPublished | WantListAnnounced


@dataclass(slots=True)
class Questions:
    """All open questions, by number and by what they ask."""

    _by_number: dict[int, Question] = field(default_factory=dict)
    _asked: dict[Question, ClientFrame] = field(default_factory=dict)
    _number: int = 0

    def __contains__(self, question: Question) -> bool:
        """Whether this is being asked."""
        return question in self._asked

    def number(self) -> int:
        """The number the next question must carry."""
        return self._number + 1

    def ask(self, question: Question, frame: LookUp | Claim | Resolve | Publish | Announce) -> ClientFrame | None:
        """Open a question; none if it is being asked already."""
        if question in self._asked or len(self._asked) >= QUESTIONS_MAX:
            return None
        self._number = frame.request
        self._by_number[frame.request] = question
        self._asked[question] = frame
        return frame

    def answered(self, number: int) -> Question | None:
        """Close a question; none if nobody asked it."""
        question = self._by_number.pop(number, None)
        if question is not None:
            self._asked.pop(question, None)
        return question

    def again(self) -> list[ClientFrame]:
        """Everything still open, for a new connection."""
        return list(self._asked.values())

    @property
    def waiting(self) -> bool:
        """Whether an answer is owed."""
        return bool(self._asked)
