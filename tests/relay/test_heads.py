"""Proves that the relay signs what its log is, when it is so, and answers whoever reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from answerback.crypto.transparency import log_of, read_head
from answerback.model.ids import AccountId
from answerback.model.log import LINE_BYTES
from answerback.relay.conversation import Connection
from answerback.relay.directory import Directory
from answerback.relay.effects import Ask, Moment, Send
from answerback.relay.heads import FRESH_MS, Heads
from answerback.relay.limits import Rate, RelayLimits
from answerback.storage.account_store import AccountStore
from answerback.storage.database import open_database
from answerback.storage.relay_commands import Logged, LogState
from answerback.storage.relay_store import RelayStore
from answerback.wire.frames import ClientFrame, RelayFrame, Resolve, Resolved
from answerback.wire.log_frames import Disclose, Disclosed, Follow, Followed, Remind, Reminded

SEED = b"s" * 32
ANN = AccountId(b"A" * 16)
STATE = LogState(1, 3, b"r" * 32)


def test_one_head_serves_all_who_ask_within_seconds_and_is_signed_anew_after_that() -> None:
    heads = Heads(SEED)
    first = heads.sign(STATE, wall_ms=1_000)
    assert heads.sign(STATE, wall_ms=1_000 + FRESH_MS - 1) is first
    later = heads.sign(STATE, wall_ms=1_000 + FRESH_MS)
    assert read_head(later, log=heads.log).made_ms == 1_000 + FRESH_MS
    assert read_head(heads.sign(LogState(1, 4, b"q" * 32), wall_ms=1_000 + FRESH_MS)).size == 4
    assert read_head(heads.sign(LogState(2, 4, b"q" * 32), wall_ms=500)).epoch == 2


def test_without_a_log_nothing_is_signed() -> None:
    assert Heads(b"").log == b""
    assert Heads(b"").proof(Logged(STATE, []), wall_ms=1) is None
    assert Heads(SEED).proof(None, wall_ms=1) is None
    proof = Heads(SEED).proof(Logged(STATE, [b"h" * 32]), wall_ms=1)
    assert proof is not None
    assert (read_head(proof.head).size, proof.consistency, proof.placed) == (3, [b"h" * 32], None)


class Desk:
    """A directory with a store behind it."""

    def __init__(self, folder: Path, limits: RelayLimits) -> None:
        self.db = open_database(folder / "relay.db", schema="relay")
        self.store = RelayStore(
            self.db,
            new_name=b"n" * 16,
            log_seed=SEED,
            account_of_handle=lambda db, handle: AccountStore(db).account_of(handle),
        )
        self.directory = Directory(limits, Heads(self.store.log_seed))
        self.connection = Connection(1, 0.0, 0.0)
        self.now_s = 100.0

    def ask(self, frame: ClientFrame) -> RelayFrame | None:
        """The answer, if it comes at once."""
        moment = Moment(self.now_s, 5_000)
        assert isinstance(frame, Resolve | Follow | Disclose | Remind)
        effects = self.directory.ask(self.connection, frame, moment=moment)
        for effect in effects or []:
            assert isinstance(effect, Ask)
            (answer,) = self.store.apply([effect.command])
            (said,) = self.directory.answered(effect.command, answer, moment=moment)  # type: ignore[arg-type]
            assert isinstance(said, Send)
            return said.frame
        return None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, RelayLimits(handles=Rate(burst=10, per_s=0.2), entries=Rate(burst=10, per_s=0.2)))
    AccountStore(desk.db).claim("ann@example.org", ANN, now_ms=1)
    yield desk
    desk.db.close()


def test_a_handle_is_answered_with_its_proof_and_the_log_can_be_read(desk: Desk) -> None:
    resolved = desk.ask(Resolve(1, "ann@example.org"))
    assert isinstance(resolved, Resolved)
    assert resolved.proof is not None
    assert resolved.proof.placed is not None
    head = read_head(resolved.proof.head, log=log_of(SEED))
    assert (head.size, head.made_ms) == (1, 5_000)
    followed = desk.ask(Follow(2, 0, 0, is_first=True))
    assert isinstance(followed, Followed)
    assert len(followed.lines) == LINE_BYTES
    assert followed.frontier == []
    disclosed = desk.ask(Disclose(3, [0, 9]))
    assert disclosed == Disclosed(3, [resolved.proof.placed.entry, b""])
    reminded = desk.ask(Remind(4, resolved.proof.head, 1))
    assert isinstance(reminded, Reminded)
    assert read_head(reminded.head).epoch == 0


def test_who_collects_entries_is_no_quicker_than_who_tries_handles_out(desk: Desk) -> None:
    assert RelayLimits().entries == RelayLimits().handles
    assert desk.ask(Disclose(1, [0] * 8)) is not None
    assert desk.ask(Disclose(2, [0, 0])) is not None
    assert desk.ask(Disclose(3, [0])) is None, "its turn comes later"
    assert desk.directory.wake_at_s is not None


def test_whose_handle_it_is_is_answered_at_once_however_much_of_the_log_there_is_to_read(desk: Desk) -> None:
    assert desk.ask(Disclose(1, [0] * 100)) is None
    assert desk.ask(Resolve(2, "ann@example.org")) is not None
