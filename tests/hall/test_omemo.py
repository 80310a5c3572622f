"""OMEMO: keys nobody has, archives that come twice, and devices put back from a backup."""

import asyncio
import copy
import shutil
from pathlib import Path

import pytest

from answerback.core.arrival import Arrival, Replies
from answerback.core.catchup import Catchup
from answerback.core.effects import Arrived, Effect, Moment, News
from answerback.core.facts import KeepSeen
from answerback.core.inbox import Inbox
from answerback.core.rollback import Rollback
from answerback.core.sessions import Opened, Sessions
from answerback.core.threads import Threads
from answerback.device.client import Client
from answerback.model.devices import Device
from answerback.model.envelope import Delivery
from answerback.model.timeline import Stage
from answerback.wire.letters import Inner
from tests.core.post_office import Row
from tests.core.world import Phone, World
from tests.device.relays import town
from tests.device.test_linking import arrived
from tests.hall.people import RESTORED, friends, put_back, ratchets, renewals
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


def test_a_restored_backup_is_read_to_and_written_to_as_before_and_says_what_it_is() -> None:
    """Conversations: after a restored backup, messages seemed sent and reached nobody, and neither side was told.

    https://github.com/iNPUTmice/Conversations/issues/1799
    https://github.com/iNPUTmice/Conversations/issues/2227
    """
    world, ann, bea = friends()
    older = copy.deepcopy(ann.disk)
    bea.send("ann", text="after the backup")
    world.run(3)
    ann.engine.machines.registration.seal_key = b"of old.."  # and a week went by: it made a new seal key
    world.run(60)
    bea.carry_out(bea.engine.look_up(ann.own.account, now=bea.now))
    world.run(2)
    ann.stop()
    missed = bea.send("ann", text="while it was being restored")
    world.run(3)
    put_back(ann, older)
    world.run(5)
    assert RESTORED in ann.news, "neither side was told"
    assert ann.texts == ["hello yourself"]
    there, back = ann.send("bea", text="from the restored one"), bea.send("ann", text="to the restored one")
    world.run_until(lambda: len(ann.texts) >= 3, at_most_s=1800.0)
    world.run_until(world.settled, at_most_s=1800.0)
    assert sorted(ann.shown) == ["to the restored one", "while it was being restored"]
    assert bea.shown.count("from the restored one") == 1
    assert bea.stage(missed, ann) is bea.stage(back, ann) is ann.stage(there, bea) is Stage.DELIVERED


def an_older_disk_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rollback, "_is_older", lambda *_: False)


def nobody_asks_what_became_of_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Catchup, "page", lambda *_: None)


def test_a_folder_copied_back_goes_on_with_real_disks_and_sockets(tmp_path: Path) -> None:
    """OMEMO: "reproducing this is quite easy": back up, restore, go on talking; the other devices saw nothing more.

    https://github.com/iNPUTmice/Conversations/issues/2227
    """
    asyncio.run(_copied_back(tmp_path))


async def _copied_back(folder: Path) -> None:
    told: list[News] = []
    async with town(folder) as place:
        ann, bea = await place.person("ann"), await place.person("bea")
        async with Client.open(bea) as other:
            async with Client.open(ann) as me:
                await (await me.send("bea@example.org", text="before the backup")).delivered(timeout_s=60)
            shutil.copytree(ann, folder / "backup")
            async with Client.open(ann) as me:
                await (await me.send("bea@example.org", text="after the backup")).delivered(timeout_s=60)
            shutil.rmtree(ann)
            shutil.move(folder / "backup", ann)
            await other.send("ann@example.org", text="while it was being restored")
            async with Client.open(ann) as me:
                me.agent.listen(told.append)
                await arrived(me, "while it was being restored")
                assert RESTORED in told, "nobody was told"
                await (await me.send("bea@example.org", text="from the restored one")).delivered(timeout_s=60)
                assert [kept.message.text for kept in me.messages()].count("while it was being restored") == 1
            texts = [kept.message.text for kept in reversed(other.messages())]
            said = ["before the backup", "after the backup", "while it was being restored", "from the restored one"]
            assert texts == said


@each_of(
    Planted(
        test_a_restored_backup_is_read_to_and_written_to_as_before_and_says_what_it_is,
        an_older_disk_is_not_noticed,
        "neither side was told",
    ),
    Planted(
        test_a_restored_backup_is_read_to_and_written_to_as_before_and_says_what_it_is,
        nobody_asks_what_became_of_it,
        "not within",
    ),
    Planted(test_a_folder_copied_back_goes_on_with_real_disks_and_sockets, an_older_disk_is_not_noticed, "nobody was"),
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
