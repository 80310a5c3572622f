"""OMEMO: keys nobody has, archives that come twice, and devices put back from a backup."""

from pathlib import Path

import pytest

from answerback.core.arrival import Arrival, Replies
from answerback.core.effects import Arrived, Effect, KeepSeen, Moment
from answerback.core.inbox import Inbox
from answerback.core.sessions import Opened, Sessions
from answerback.core.threads import Threads
from answerback.model.devices import Device
from answerback.model.envelope import Delivery
from answerback.model.timeline import Stage
from answerback.wire.letters import Inner
from tests.core.post_office import Row
from tests.core.world import Phone, World
from tests.hall.people import friends, ratchets, renewals
from tests.hall.planting import Planted, each_of

SPENT = 4


def test_a_session_begun_with_a_key_that_is_gone_does_not_stay_dead() -> None:
    """OMEMO: one side wrote with a pre-key the other no longer had, the other answered nothing: neither ever healed.

    https://github.com/omemo/gajim-omemo/issues/98
    https://github.com/profanity-im/profanity/pull/2137
    """
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    older = world.relay.backup()
    for number in range(SPENT):
        friend = world.person(f"friend {number}")
        world.run(1)
        friend.send("bea", text=f"uses up key {number}")
        world.run(3)
        friend.stop()
    world.relay.restore(older)
    world.run(5)
    identity = ann.send("bea", text="with a key that is gone")
    world.run_until(lambda: "with a key that is gone" in bea.texts, at_most_s=180.0)
    world.run(5)
    assert ann.stage(identity, bea) is Stage.DELIVERED
    for number in range(3):
        ann.send("bea", text=f"there {number}")
        bea.send("ann", text=f"back {number}")
    world.run(5)
    assert bea.texts[-3:] == ["there 0", "there 1", "there 2"]
    assert ann.texts[-3:] == ["back 0", "back 1", "back 2"]


def what_does_not_open_is_passed_over(patch: pytest.MonkeyPatch) -> None:
    reply = Arrival._reply

    def only_receipts(arrival: Arrival, replies: Replies, *, now: Moment) -> list[Effect]:
        return reply(arrival, Replies(replies.delivered), now=now)

    patch.setattr(Arrival, "_reply", only_receipts)


def test_an_archive_delivered_again_shows_nothing_twice_and_breaks_no_session() -> None:
    """OMEMO: an archive handed out old messages again and again; each one broke a session or was shown once more.

    https://github.com/ChatSecure/ChatSecure-iOS/issues/1106
    https://github.com/iNPUTmice/Conversations/issues/3490
    https://github.com/omemo/gajim-omemo/issues/47
    """
    world, ann, bea = friends()
    bea.stop()
    for number in range(10):
        ann.send("bea", text=f"once {number}")
    world.run(2)
    archive = list(world.relay.box(bea.own.device).rows.values())
    bea.start()
    world.run_until(world.settled, at_most_s=30.0)
    said, kept = list(bea.texts), ratchets(bea)
    keys_left = len(world.relay.store.prekeys[ann.own.device])
    for _ in range(3):
        bea.crash()
        told = len(bea.news)
        _hand_out_again(world, bea, archive)
        world.run(60)
        assert bea.texts == said, "kept once more"
        assert not [news for news in bea.news[told:] if isinstance(news, Arrived)], "shown once more"
        assert renewals(ann, bea) == 0, "a session was broken by what had been opened long ago"
    assert kept.keys() == ratchets(bea).keys()
    assert len(world.relay.store.prekeys[ann.own.device]) == keys_left
    ann.send("bea", text="and new ones come")
    world.run(5)
    assert bea.texts[-1] == "and new ones come"


def _hand_out_again(world: World, reader: Phone, rows: list[Row]) -> None:
    box = world.relay.box(reader.own.device)
    for row in rows:
        box.head = max(box.head + 1, world.clock_ms * 1000)
        box.rows[box.head] = row


def bytes_are_not_recognised(patch: pytest.MonkeyPatch) -> None:
    take = Inbox.take

    def take_again(inbox: Inbox, delivery: Delivery) -> KeepSeen | None:
        take(inbox, delivery)
        return None

    patch.setattr(Inbox, "take", take_again)


def what_was_opened_opens_again(patch: pytest.MonkeyPatch) -> None:
    """As if nothing were remembered: neither bytes, nor what they held, nor the message."""
    bytes_are_not_recognised(patch)
    open_once = Sessions.open
    opened: dict[bytes, Opened] = {}

    def open_again(sessions: Sessions, inner: Inner, sender: Device, *, now: Moment) -> Opened:
        if inner.olm not in opened:
            opened[inner.olm] = open_once(sessions, inner, sender, now=now)
        return opened[inner.olm]

    patch.setattr(Sessions, "open", open_again)
    patch.setattr(Threads, "add", lambda *_: True)


@each_of(
    Planted(
        test_a_session_begun_with_a_key_that_is_gone_does_not_stay_dead, what_does_not_open_is_passed_over, "not within"
    ),
    Planted(
        test_an_archive_delivered_again_shows_nothing_twice_and_breaks_no_session,
        bytes_are_not_recognised,
        "a session was broken",
    ),
    Planted(
        test_an_archive_delivered_again_shows_nothing_twice_and_breaks_no_session,
        what_was_opened_opens_again,
        "shown once more",
    ),
)
def test_each_mistake_of_omemo_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
