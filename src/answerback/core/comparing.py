"""Two people compare a short code: who asked, who took, which code both read, and who has said yes.

Theory. One comparison with one account at a time, ten minutes at most, in memory only: a restart ends it, and nothing
is lost but the time. The asker is bound to its random number before the taker shows its own (crypto/verifying.py), and
a number is shown once: whoever tries again begins anew, with both people watching. An account is marked as verified
only when this person has said yes *and* the other's device has said that theirs did.
"""

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import NamedTuple

from answerback.crypto.verifying import NONCE_BYTES, Sides, code_commitment, short_code
from answerback.model.ids import AccountId, DeviceId
from answerback.wire.letters import Comparison, Turn

LIFETIME_S = 600.0
"""As long as a link code lives: time to find the other's phone number and to ring."""
PENDING_MAX = 16
"""Comparisons at once: more people than anybody talks to at the same time. Others' asking beyond it is not heard."""
TOLD_AGAIN_S = 30.0
"""Somebody who asks again sooner is heard and not told of: each telling may ring at a person."""


@unique
class Compared(Enum):
    """How far a comparison is, for the person."""

    ASKED = "asked"
    """We asked; the other's person has to take part."""
    WAITING = "waiting"
    """They asked; our person has to take part."""
    TAKEN = "taken"
    """We take part; their device has to open its number."""
    SHOWN = "shown"
    """Both devices show a code."""
    AGREED = "agreed"
    """We have said yes; they have not yet."""
    DONE = "done"
    """Both have said yes."""
    REFUSED = "refused"
    """The other's person has said no."""
    DIFFERENT = "different"
    """Our person has said that the codes differ, or the other's device did not keep to its own word."""
    OVER = "over"
    """The time is over."""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self in (Compared.DONE, Compared.REFUSED, Compared.DIFFERENT, Compared.OVER)


class Parties(NamedTuple):
    """Root key and device of both people, as this device knows them."""

    our_root: bytes
    our_device: DeviceId
    their_root: bytes


class Move(NamedTuple):
    """What follows from one event: a letter, to one device or to all of the account, and what the person is told."""

    account: AccountId
    letter: Comparison | None = None
    device: DeviceId | None = None
    state: Compared | None = None
    code: str = ""


@dataclass(slots=True)
class _Pending:
    account: AccountId
    session: bytes
    parties: Parties
    nonce: bytes = field(repr=False)
    until_s: float
    state: Compared
    asked_here: bool
    commitment: bytes = b""
    device: DeviceId | None = None
    code: str = ""
    they_agreed: bool = False

    def sides(self, device: DeviceId) -> Sides:
        ours = self.parties.our_root, self.parties.our_device
        theirs = self.parties.their_root, device
        return Sides(*ours, *theirs) if self.asked_here else Sides(*theirs, *ours)


@dataclass(slots=True)
class Comparing:
    """The comparisons under way."""

    _pending: dict[AccountId, _Pending] = field(default_factory=dict)
    _told_s: dict[AccountId, float] = field(default_factory=dict)

    def state(self, account: AccountId) -> tuple[Compared, str] | None:
        """How far the comparison with an account is, and the code once there is one."""
        pending = self._pending.get(account)
        return (pending.state, pending.code) if pending else None

    @property
    def over_at_s(self) -> float | None:
        """When the first of them runs out."""
        return min((pending.until_s for pending in self._pending.values()), default=None)

    # ---- what our person does

    def begin(
        self, account: AccountId, parties: Parties, *, randomness: bytes, relay_ms: int, now_s: float
    ) -> list[Move]:
        """Take part in what they asked, or else ask them. `randomness`: 48 bytes nobody can guess."""
        waiting = self._pending.get(account)
        session, nonce = randomness[NONCE_BYTES:], randomness[:NONCE_BYTES]
        if waiting is not None and waiting.state is Compared.WAITING:
            waiting.parties, waiting.nonce = parties, nonce
            return [self._take(waiting, relay_ms=relay_ms)]
        moves = []
        if waiting is not None:  # one that stands still: they should not wait for its end
            moves = [Move(account, Comparison(waiting.session, Turn.REFUSE, b"", relay_ms), waiting.device)]
        until_s = now_s + LIFETIME_S
        pending = _Pending(account, session, parties, nonce, until_s, Compared.ASKED, asked_here=True)
        pending.commitment = code_commitment(pending.sides(DeviceId(b"")), session=session, nonce=nonce)
        self._pending[account] = pending
        letter = Comparison(session, Turn.ASK, pending.commitment, relay_ms)
        return [*moves, Move(account, letter, None, Compared.ASKED)]

    def say(self, account: AccountId, *, same: bool, relay_ms: int) -> list[Move]:
        """Our person says whether the codes are the same, or, before there is one, that they do not want to compare."""
        pending = self._pending.get(account)
        if pending is None or (same and pending.state is not Compared.SHOWN):
            return []
        if not same:
            del self._pending[account]
            state = Compared.DIFFERENT if pending.code else Compared.OVER
            return [Move(account, Comparison(pending.session, Turn.REFUSE, b"", relay_ms), pending.device, state)]
        pending.state = Compared.AGREED
        letter = Comparison(pending.session, Turn.AGREE, b"", relay_ms)
        return [Move(account, letter, pending.device, Compared.AGREED, pending.code), *self._done(pending)]

    # ---- what their device says

    def heard(
        self,
        letter: Comparison,
        *,
        account: AccountId,
        device: DeviceId,
        parties: Parties,
        relay_ms: int,
        now_s: float,
    ) -> list[Move]:
        """One turn of theirs; one that is late, repeated or out of turn changes nothing."""
        if letter.turn is Turn.ASK:
            return self._asked(letter, account, device, parties, relay_ms=relay_ms, now_s=now_s)
        pending = self._pending.get(account)
        if pending is None or pending.session != letter.session:
            return []
        if pending.device is not None and pending.device != device:
            return []
        match letter.turn, pending.state:
            case Turn.TAKE, Compared.ASKED if len(letter.value) == NONCE_BYTES:
                return [self._reveal(pending, device, letter.value, relay_ms=relay_ms)]
            case Turn.REVEAL, Compared.TAKEN:
                return [self._revealed(pending, device, letter.value, relay_ms=relay_ms)]
            case Turn.AGREE, Compared.SHOWN | Compared.AGREED:
                pending.they_agreed = True
                return self._done(pending)
            case Turn.REFUSE, _:
                del self._pending[account]
                return [Move(account, None, None, Compared.REFUSED)]
            case _:
                return []

    def over(self, *, now_s: float) -> list[Move]:
        """End what has run out of time."""
        late = [pending for pending in self._pending.values() if pending.until_s <= now_s]
        for pending in late:
            del self._pending[pending.account]
        return [Move(pending.account, None, None, Compared.OVER) for pending in late]

    # ---- private

    def _asked(
        self,
        letter: Comparison,
        account: AccountId,
        device: DeviceId,
        parties: Parties,
        *,
        relay_ms: int,
        now_s: float,
    ) -> list[Move]:
        if abs(relay_ms - letter.at_ms) > LIFETIME_S * 1000 or len(letter.value) != NONCE_BYTES:
            return []
        known = self._pending.get(account)
        ours = known is not None and known.state is Compared.ASKED
        if known is not None and ours and known.commitment <= letter.value:
            return []  # both asked at once: the smaller hash counts, and both know which it is
        if known is not None and known.state not in (Compared.ASKED, Compared.WAITING):
            return []
        if known is None and len(self._pending) >= PENDING_MAX:
            return []
        pending = _Pending(
            account, letter.session, parties, b"", now_s + LIFETIME_S, Compared.WAITING, asked_here=False
        )
        pending.commitment, pending.device = letter.value, device
        self._pending[account] = pending
        if known is not None and ours:
            # Our person is in front of it already; a number of which only a hash was told is as good as a new one.
            pending.nonce = known.nonce
            return [self._take(pending, relay_ms=relay_ms)]
        is_told = now_s - self._told_s.get(account, -LIFETIME_S) >= TOLD_AGAIN_S
        self._told_s = {each: at_s for each, at_s in self._told_s.items() if now_s - at_s < TOLD_AGAIN_S}
        if is_told:
            self._told_s[account] = now_s
        return [Move(account, None, None, Compared.WAITING)] if is_told else []

    @staticmethod
    def _take(pending: _Pending, *, relay_ms: int) -> Move:
        pending.state = Compared.TAKEN
        letter = Comparison(pending.session, Turn.TAKE, pending.nonce, relay_ms)
        return Move(pending.account, letter, pending.device, Compared.TAKEN)

    @staticmethod
    def _reveal(pending: _Pending, device: DeviceId, theirs: bytes, *, relay_ms: int) -> Move:
        pending.device, pending.state = device, Compared.SHOWN
        pending.code = short_code(
            pending.sides(device), session=pending.session, asker_nonce=pending.nonce, taker_nonce=theirs
        )
        letter = Comparison(pending.session, Turn.REVEAL, pending.nonce, relay_ms)
        return Move(pending.account, letter, device, Compared.SHOWN, pending.code)

    def _revealed(self, pending: _Pending, device: DeviceId, theirs: bytes, *, relay_ms: int) -> Move:
        sides = pending.sides(device)
        if code_commitment(sides, session=pending.session, nonce=theirs) != pending.commitment:
            del self._pending[pending.account]
            letter = Comparison(pending.session, Turn.REFUSE, b"", relay_ms)
            return Move(pending.account, letter, device, Compared.DIFFERENT)
        pending.state = Compared.SHOWN
        pending.code = short_code(sides, session=pending.session, asker_nonce=theirs, taker_nonce=pending.nonce)
        return Move(pending.account, None, None, Compared.SHOWN, pending.code)

    def _done(self, pending: _Pending) -> list[Move]:
        if pending.state is not Compared.AGREED or not pending.they_agreed:
            return []
        del self._pending[pending.account]
        return [Move(pending.account, None, None, Compared.DONE, pending.code)]
