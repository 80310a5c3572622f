"""XMPP: mail that a server acknowledged and wrote into a connection nobody held any more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from answerback.core.effects import Wake
from answerback.core.network.silence import Silence
from answerback.model.ids import DeviceId
from answerback.relay.effects import Ask
from answerback.relay.effects import Effect as RelayEffect
from answerback.relay.effects import Moment as RelayMoment
from answerback.relay.handover import HandOver
from answerback.relay.limits import SILENCE_S_MAX
from answerback.relay.mailboxes import Mailboxes
from answerback.storage.relay_commands import Take
from answerback.wire.frames import Submit
from tests.core.world import World
from tests.hall.people import friends
from tests.hall.planting import Planted, each_of
from tests.relay.drive import Drive
from tests.relay.residents import envelope, residents

MAIL = 30
BLACK_HOLE_S = 30.0


def _killed(drive: Drive, _number: int) -> None:
    drive.begin()


def _timed_out(drive: Drive, number: int) -> None:
    drive.pass_time(SILENCE_S_MAX + 60)
    drive.settle()
    drive.lose(number)
    drive.settle()


def _still_believed(_drive: Drive, _number: int) -> None:
    """The device comes back before the relay has noticed anything."""


ENDS: tuple[Callable[[Drive, int], None], ...] = (_killed, _timed_out, _still_believed)


def test_mail_acknowledged_into_a_half_open_connection_is_there_for_the_next_one(tmp_path: Path) -> None:
    """XMPP: a server acknowledged 600 messages, wrote them to a dead connection, was killed, and lost all 600.

    Measured by us (docs/why.md); reported with and without stream management:

    https://github.com/processone/ejabberd/issues/417
    https://github.com/processone/ejabberd/issues/3086
    """
    for end in ENDS:
        ann, bea = residents(2)
        folder = tmp_path / end.__name__
        folder.mkdir()
        drive = Drive(folder, [ann, bea])
        asks, dead = drive.enter(ann), drive.enter(bea)
        mail = [envelope(bea, f"letter {number}") for number in range(MAIL)]
        drive.say(asks, Submit(mail))
        drive.settle()
        assert drive.accepted(asks) == [letter.id for letter in mail]
        assert len(drive.delivered(dead)) == MAIL, "nothing was written to the dead connection"
        end(drive, dead)
        alive = drive.enter(bea)
        assert drive.take_all(alive) == [letter.sealed for letter in mail], "acknowledged mail went with a connection"


def handed_over_is_gone(patch: pytest.MonkeyPatch) -> None:
    pump = Mailboxes._pump

    def pump_and_forget(
        mailboxes: Mailboxes, device: DeviceId, hand_over: HandOver, moment: RelayMoment
    ) -> list[RelayEffect]:
        effects = pump(mailboxes, device, hand_over, moment)
        return [*effects, Ask(Take(device, tuple(hand_over.after)))]

    patch.setattr(Mailboxes, "_pump", pump_and_forget)


def test_after_a_black_hole_nobody_waits_for_tcp() -> None:
    """XMPP and others: after 30 s in which packets vanished, mail came 23 to 28 s later: clients waited for TCP.

    Measured by us (docs/why.md). A connection whose packets vanish looks alive:

    https://github.com/profanity-im/profanity/issues/698
    """
    world, ann, bea = friends()
    world.reachable = False
    identity = ann.send("bea", text="into the hole")
    _nothing_comes_through(world)
    world.reachable = True
    took_s = world.run_until(lambda: "into the hole" in bea.texts, at_most_s=5.0)
    assert took_s < 3.0
    world.run(2)
    assert ann.told(identity)[-1].answered


def _nothing_comes_through(world: World) -> None:
    for _ in range(int(BLACK_HOLE_S)):
        world.run(1)
        for phone in world.phones:
            phone.to_relay.clear()


def silence_is_taken_for_patience(patch: pytest.MonkeyPatch) -> None:
    def patient(_silence: Silence, _rto_s: float) -> Wake | None:
        return None

    patch.setattr(Silence, "due", patient)


@each_of(
    Planted(
        test_mail_acknowledged_into_a_half_open_connection_is_there_for_the_next_one,
        handed_over_is_gone,
        "acknowledged mail went",
    ),
    Planted(test_after_a_black_hole_nobody_waits_for_tcp, silence_is_taken_for_patience, "not within 5"),
)
def test_each_mistake_of_xmpp_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
