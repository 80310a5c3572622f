"""Signs the relay's word on its log: one head for all who ask within a few seconds.

Theory. A head says when it was made, so that an old one is known to be old; and whoever is given another head of the
same moment can tell that somebody was lied to. So there is one for each state of the log, signed anew now and then.
"""

from answerback.crypto.transparency import log_of, sign_head
from answerback.model.devices import Signed
from answerback.model.log import Proof
from answerback.storage.relay_commands import Logged, LogState

FRESH_MS = 10_000
"""A head is signed anew when it is older: a signature costs less than the answer it goes with, but not nothing."""


class Heads:
    """The newest head, signed."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._state: LogState | None = None
        self._made_ms = 0
        self._signed: Signed | None = None

    @property
    def log(self) -> bytes:
        """The log's name; empty where none is kept."""
        return log_of(self._seed) if self._seed else b""

    def sign(self, state: LogState, *, wall_ms: int) -> Signed:
        """Give the head of this state, made lately."""
        is_fresh = state == self._state and 0 <= wall_ms - self._made_ms < FRESH_MS
        if self._signed is None or not is_fresh:
            self._signed = sign_head(
                self._seed, epoch=state.epoch, size=state.size, root=state.root, made_ms=max(wall_ms, 0)
            )
            self._state, self._made_ms = state, wall_ms
        return self._signed

    def proof(self, logged: Logged | None, *, wall_ms: int) -> Proof | None:
        """Give what an answer rests on; none where no log is kept."""
        if logged is None or not self._seed:
            return None
        return Proof(self.sign(logged.state, wall_ms=wall_ms), logged.consistency, logged.placed)
