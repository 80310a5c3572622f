"""Proves what a device believes of a relay's log: what follows, and nothing else."""

import pytest

from answerback.core.transparency import HEARD_MAX, TELL_S, UNREAD, Transparency, Verdict, stands
from answerback.crypto.transparency import read_head, sign_head
from answerback.model.devices import Signed
from answerback.model.errors import TrustError
from answerback.model.ids import AccountId, DeviceId
from answerback.model.log import Placed
from answerback.wire.log_frames import Follow, Followed
from tests.core.log import Log

ANN, PHONE = AccountId(b"A" * 16), DeviceId(b"P" * 16)
EVERYBODY = frozenset(bytes([one, other]) for one in range(256) for other in range(256))


def log_of_size(size: int, *, seed: bytes = b"s" * 32) -> Log:
    log = Log(seed)
    grow(log, size)
    return log


def grow(log: Log, count: int, *, name: str = "handle") -> None:
    for number in range(count):
        log.add_handle(f"{name} {number % 3}", AccountId(number.to_bytes(16, "big")))


def knowing(log: Log) -> Transparency:
    known = Transparency()
    known.adopt(log.head(), read_head(log.head()), is_new=True)
    return known


def judge(known: Transparency, log: Log, *, asked_size: int | None = None) -> Verdict:
    size = known.known_size if asked_size is None else asked_size
    return known.judge(log.head(), log.path(size), asked_size=size)[0]


def test_the_first_head_is_believed_and_later_ones_must_follow() -> None:
    log = log_of_size(3)
    assert judge(Transparency(), log) is Verdict.FIRST
    known = knowing(log)
    assert judge(known, log) is Verdict.FOLLOWS
    grow(log, 4)
    assert judge(known, log) is Verdict.FOLLOWS
    assert known.judge(log.head(), [], asked_size=3)[0] is Verdict.CONTRADICTS, "not without the proof"
    assert known.judge(Signed(log.head().body, bytes(64)), [], asked_size=3)[0] is Verdict.FORGED


def test_an_older_a_forked_and_another_log_are_told_apart() -> None:
    log = log_of_size(5)
    known = knowing(log)
    assert judge(known, log_of_size(4)) is Verdict.BEHIND
    fork = log_of_size(4)
    grow(fork, 3, name="fork")
    assert judge(known, fork) is Verdict.CONTRADICTS
    fork.epoch = 1
    assert judge(known, fork) is Verdict.FORGOT
    assert judge(known, log_of_size(9, seed=b"t" * 32)) is Verdict.ANOTHER
    later = knowing(fork)
    assert judge(later, log) is Verdict.BEHIND, "an epoch that was before"


def test_an_answer_that_was_asked_for_before_the_newest_head_came_is_late_and_no_other() -> None:
    log = log_of_size(3)
    known = knowing(log)
    grow(log, 2)
    known.adopt(log.head(), read_head(log.head()), is_new=False)
    grow(log, 1)
    assert judge(known, log, asked_size=3) is Verdict.LATE
    assert judge(known, log_of_size(3), asked_size=5) is Verdict.BEHIND, "it was asked with the newest"


def test_what_is_known_survives_a_restart() -> None:
    log = log_of_size(6)
    known = knowing(log)
    again = Transparency()
    again.restore(known.kept())
    assert (again.head, again.since_ms, again.read_size) == (known.head, known.since_ms, UNREAD)
    again.restore(None)
    assert again.head == known.head


def test_another_device_is_told_a_head_once_and_not_each_time_it_grows() -> None:
    log = log_of_size(1)
    known = knowing(log)
    assert Transparency().head_for(PHONE, now_s=0.0) is None
    assert known.head_for(PHONE, now_s=0.0) == log.head()
    assert known.head_for(PHONE, now_s=2 * TELL_S) is None, "it knows that one"
    grow(log, 1)
    known.adopt(log.head(), read_head(log.head()), is_new=False)
    assert known.head_for(PHONE, now_s=TELL_S - 1) is None
    assert known.head_for(PHONE, now_s=TELL_S) == log.head()


def test_heads_of_others_are_compared_once_and_only_if_a_log_signed_them() -> None:
    log = log_of_size(4)
    known = knowing(log)
    assert not Transparency().hear(log.head())
    assert not known.hear(log.head()), "ours"
    grow(log, 1)
    assert known.hear(log.head())
    assert not known.hear(log.head()), "it is being compared"
    known.compared(log.head(), is_proven=True)
    assert not known.hear(log.head()), "it is proven"
    assert not known.hear(Signed(log.head().body, bytes(64)))
    before = sign_head(b"t" * 32, epoch=0, size=3, root=b"r" * 32, made_ms=known.since_ms)
    assert not known.hear(before), "of a log that was before this one"
    after = sign_head(b"t" * 32, epoch=0, size=3, root=b"r" * 32, made_ms=known.since_ms + 1)
    assert known.hear(after)
    for number in range(HEARD_MAX + 5):
        known.hear(sign_head(b"s" * 32, epoch=0, size=9, root=bytes([number]) * 32, made_ms=9))
    assert len(known.heard) == HEARD_MAX


def follow(known: Transparency, log: Log) -> Followed:
    asked = known.next_start()
    assert asked is not None
    answer = log.answer(Follow(1, asked[0], known.known_size, is_first=asked[1]))
    assert isinstance(answer, Followed)
    return answer


def test_lines_are_read_from_the_first_head_on_and_kept_once_they_are_looked_at() -> None:
    log = log_of_size(5)
    known = knowing(log)
    assert known.read(follow(known, log), read_head(log.head()), topics=EVERYBODY)
    kept = known.looked()
    assert kept is not None
    assert kept.read_size == 5
    assert known.next_start() is None
    grow(log, 6)
    known.adopt(log.head(), read_head(log.head()), is_new=False)
    assert known.read(follow(known, log), read_head(log.head()), topics=EVERYBODY)
    assert known.looked() is None, "six entries may concern us"
    assert known.reading is not None
    assert [place for place, _ in known.reading.found] == list(range(5, 11))
    assert known.read_size == 5
    known.reading.found.clear()
    kept = known.looked()
    assert kept is not None
    assert (kept.read_size, len(kept.frontier)) == (11, 3)


def test_lines_that_do_not_lead_to_the_head_are_refused() -> None:
    log = log_of_size(5)
    known = knowing(log)
    lied = follow(known, log)
    with pytest.raises(TrustError):
        known.read(
            Followed(1, 5, b"", lied.head, [], [bytes(32)] * len(lied.frontier)), read_head(lied.head), topics=EVERYBODY
        )
    known.read(lied, read_head(log.head()), topics=EVERYBODY)
    known.looked()
    grow(log, 3)
    head = read_head(log.head())
    known.adopt(log.head(), head, is_new=False)
    honest = follow(known, log)
    other = bytes([honest.lines[0] ^ 1]) + honest.lines[1:]
    for lines in (other, honest.lines[:-34] + bytes(34), honest.lines + bytes(34), honest.lines[:-1], b""):
        with pytest.raises(TrustError):
            known.read(Followed(1, 5, lines, honest.head, []), head, topics=EVERYBODY)
        known.read_anew()
    assert known.read(honest, head, topics=EVERYBODY)


def test_an_entry_stands_only_where_it_is_proven_to() -> None:
    log = log_of_size(5)
    head = read_head(log.head())
    placed = log.proof(2, 0).placed
    assert placed is not None
    assert stands(placed, head) is not None
    for other in (
        Placed(3, placed.entry, placed.path),
        Placed(2, log.entries[3][1], placed.path),
        Placed(2, placed.entry, placed.path[:-1]),
    ):
        with pytest.raises(TrustError):
            stands(other, head)
