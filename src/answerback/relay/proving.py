"""Decides whether somebody has proven that a handle is theirs, within bounds for each handle and for all together.

Theory. A code is bounded for its handle (`codes`) and for the address that asks (`http`). Whoever has many addresses
tries many handles, a few guesses each; so all wrong tries together have a bound too, and so have all codes sent, which
cost their operator money. When one of these is spent, everybody is asked to wait, whoever they are: an answer that
differed would tell. Each verb runs inside one transaction; time and randomness are handed in.
"""

from dataclasses import dataclass, field
from enum import Enum, unique

from answerback.model.causes import Cause
from answerback.model.handle import Handle
from answerback.model.ids import AccountId
from answerback.relay.codes import (
    CODES_PER_HANDLE_MAX,
    CODES_WINDOW_MS,
    KeptCode,
    Verdict,
    code_mac,
    judge,
    new_code,
    wait_ms,
)
from answerback.relay.http import Refusal
from answerback.relay.limits import Bucket, Rate
from answerback.storage.account_store import AccountStore, CodeRow


@dataclass(frozen=True, slots=True)
class ProvingLimits:
    """What all handles and addresses together may cost."""

    codes: Rate = field(default_factory=lambda: Rate(burst=2_000, per_s=2_000 / 3600))
    """Codes sent: a town that joins in an hour; as text messages, what an operator notices before it hurts."""
    wrong_tries: Rate = field(default_factory=lambda: Rate(burst=500, per_s=500 / 3600))
    """With a million codes, whoever guesses at all handles from all addresses is right once in 83 days."""


@unique
class Proof(Enum):
    """What a given code proves."""

    NOTHING = "nothing"
    """And the cause says why."""
    FRESH = "fresh"
    """The handle belongs to whoever asks; the code is used up."""
    AGAIN = "again"
    """The same account has shown this code before: an answer was lost."""


class Proving:
    """One relay's codes."""

    def __init__(self, store: AccountStore, *, secret: bytes, limits: ProvingLimits | None = None) -> None:
        limits = limits or ProvingLimits()
        self._store = store
        self._secret = secret
        self._codes = Bucket(limits.codes, now_s=0.0)
        self._wrong = Bucket(limits.wrong_tries, now_s=0.0)

    def ask(self, handle: Handle, *, randomness: bytes, now_ms: int) -> str:
        """Return a new code for a handle, or raise a Refusal; what is raised must not depend on who has accounts."""
        window_ms = now_ms - CODES_WINDOW_MS
        sent_ms = self._store.codes_sent_ms(handle.text, after_ms=window_ms, count_max=CODES_PER_HANDLE_MAX)
        if wait := wait_ms(sent_ms, now_ms=now_ms):
            raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "too many codes for this handle", retry_after_ms=wait)
        if wait_s := self._codes.take(1, now_s=now_ms / 1000):
            wait = int(wait_s * 1000) + 1
            raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "this relay sends no more codes for now", retry_after_ms=wait)
        code = new_code(randomness)
        mac = code_mac(self._secret, handle=handle.text, code=code)
        self._store.keep_code(handle.text, mac=mac, now_ms=now_ms)
        return code

    def look(self, handle: Handle, code: str, *, now_ms: int) -> tuple[Verdict, bytes]:
        """Say what a code is and which account has used it; nothing is counted yet, so `settle` must follow.

        Raises a Refusal, before anything is compared, while there were too many wrong tries.
        """
        if wait_s := self._wrong.wait_s(now_s=now_ms / 1000):
            wait = int(wait_s * 1000) + 1
            raise Refusal(Cause.ACCOUNT_RATE_LIMITED, "too many wrong codes at this relay", retry_after_ms=wait)
        row = self._store.code(handle.text)
        verdict = judge(_kept(row), mac=code_mac(self._secret, handle=handle.text, code=code), now_ms=now_ms)
        return verdict, row.used_by if row is not None else b""

    def settle(self, handle: Handle, verdict: Verdict, account: AccountId, *, now_ms: int) -> Cause | None:
        """Use the code up, or count the wrong try for good and return the cause."""
        match verdict:
            case Verdict.EXPIRED:
                return Cause.ACCOUNT_CODE_EXPIRED
            case Verdict.WRONG:
                self._store.count_wrong_try(handle.text)
                self._wrong.take(1, now_s=now_ms / 1000)
                return Cause.ACCOUNT_CODE_WRONG
            case Verdict.RIGHT:
                self._store.use_code(handle.text, account)
                return None

    def prove(self, handle: Handle, code: str, account: AccountId, *, now_ms: int) -> tuple[Proof, Cause | None]:
        """Say what a code proves about a handle and an account that exists; a wrong try is counted."""
        verdict, used_by = self.look(handle, code, now_ms=now_ms)
        if used_by and verdict is Verdict.RIGHT:
            return (Proof.AGAIN, None) if used_by == account else (Proof.NOTHING, Cause.ACCOUNT_CODE_WRONG)
        cause = self.settle(handle, verdict, account, now_ms=now_ms)
        return (Proof.NOTHING, cause) if cause is not None else (Proof.FRESH, None)


def _kept(row: CodeRow | None) -> KeptCode | None:
    return KeptCode(row.mac, row.issued_ms, row.wrong_tries) if row else None
