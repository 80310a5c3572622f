"""What memory knows of a mailbox stays true to its rows."""

from answerback.model.ids import AccountId, DeviceId, EnvelopeId
from answerback.storage.relay_index import ROW_BYTES, Mailbox, RecentlyTaken


def mailbox() -> Mailbox:
    return Mailbox(1, DeviceId(b"d"), AccountId(b"a"), b"", 1, revoked=False, seen_ms=-1)


def identity(number: int) -> EnvelopeId:
    return EnvelopeId(bytes([number]) * 16)


def test_taking_one_lane_leaves_the_others() -> None:
    box = mailbox()
    for position, lane in ((1, 2), (2, 3), (3, 2)):
        box.hold(position, lane, identity(position), 100)
    assert box.take(2, 2) == [(1, identity(1))]
    assert (box.head, list(box.held.values())) == (3, [2, 3])
    assert box.size_bytes == 2 * (100 + ROW_BYTES)
    assert box.take(2, 1) == []


def test_what_expired_is_not_taken_again() -> None:
    box = mailbox()
    box.hold(1, 2, identity(1), 100)
    box.hold(2, 2, identity(2), 100)
    box.expire(1, identity(1), 100)
    box.expire(1, identity(1), 100)
    assert box.take(2, 2) == [(2, identity(2))]
    assert (box.size_bytes, box.queues, box.held) == (0, {}, {})


def test_the_head_of_an_empty_mailbox_is_what_was_taken_last() -> None:
    box = mailbox()
    box.hold(7, 0, identity(7), 1)
    box.take(0, 7)
    assert box.head == 7
    box.hold(9, 0, identity(9), 1)
    assert box.clear() == [9]
    assert box.size_bytes == 0


def test_what_was_taken_is_remembered_for_a_while_and_for_its_device_only() -> None:
    recent = RecentlyTaken(remembered_max=2)
    recent.add(identity(1), 5)
    assert recent.has(identity(1), 5)
    assert not recent.has(identity(1), 6)
    for number in range(2, 6):
        recent.add(identity(number), 5)
    assert not recent.has(identity(1), 5)
    assert recent.has(identity(4), 5)


def test_a_hello_is_believed_only_at_positions_that_are_or_were_here() -> None:
    mailbox = Mailbox(1, DeviceId(b"p" * 16), AccountId(b"a" * 16), b"", 1, revoked=False, seen_ms=0)
    for position in (10, 20, 30):
        mailbox.hold(position, 2, EnvelopeId(position.to_bytes(16, "big")), 1)
    assert [mailbox.believed(2, position) for position in (0, 9, 10, 15, 20, 30, 31)] == [0, 0, 10, 0, 20, 30, 0]
    mailbox.take(2, 10)
    assert [mailbox.believed(2, position) for position in (5, 10, 15, 20, 99)] == [10, 10, 10, 20, 10]
    assert mailbox.believed(3, 10) == 0
