"""Proves what a welcome, a list and an announcement decide about disks that went back in time, one at a time."""

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Save, Tell, Transmit, Warned
from answerback.core.facts import DropRatchet, KeepCursor, KeepOwnList
from answerback.core.rollback import LIFE_BELIEVED_MAX, Rollback
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.message import Lane
from answerback.wire.codec import decode_client_frame, encode
from answerback.wire.frames import WIRE_VERSION, Announce, Hello, LookUp, Taken, Welcome
from tests.core.families import Family, begin, machines_of
from tests.core.lone_engine import welcome
from tests.core.specimens import kept

RESTORED = Tell(Warned(Cause.DEVICE_RESTORED))


class Remembering:
    """Ann's device, which has said hello five times and read nine positions."""

    def __init__(self, *, up: bool = True) -> None:
        self.ann, self.bea = Family(1), Family(1)
        self.machines = machines_of(self.ann, self.bea, up=up)
        self.machines.store, self.machines.life = b"store", 5
        self.machines.inbox.restore(seen=[], cursors=[KeepCursor(Lane.NORMAL, 9)], streams=[])
        self.session = begin(self.machines, self.bea.keys[0])
        self.machines.registration.welcomed(prekeys_left=50, seal_key=b"key")
        self.rollback = Rollback(self.machines, Departure(self.machines))

    def hears(self, *, life: int = 4, said: int | None = None, taken: int = 9, store: bytes = b"store") -> list[Effect]:
        heard: Welcome = welcome(life=life, taken=[Taken(Lane.NORMAL, taken)], store=store)
        return self.rollback.of_ours(heard, said_life=self.machines.life if said is None else said)

    @property
    def began_anew(self) -> bool:
        return self.machines.registration.prekeys_left == 0


def test_a_device_the_relay_knows_no_more_of_goes_on_as_it_was() -> None:
    device = Remembering()
    assert device.hears() == []
    assert not device.began_anew
    assert device.machines.sessions.ready(device.bea.keys[0].device_id, Lane.NORMAL)


def test_a_device_that_said_hello_later_than_it_knows_begins_afresh() -> None:
    device = Remembering()
    assert device.hears(life=5) == [
        RESTORED,
        Save(DropRatchet(device.session.device, Lane.NORMAL, device.session.session)),
    ]
    assert device.began_anew
    assert not device.machines.sessions.ready(device.bea.keys[0].device_id, Lane.NORMAL)
    assert device.machines.life == 5
    device.hears(life=8)
    assert device.machines.life == 8


def test_what_was_said_since_on_another_connection_is_no_later_state() -> None:
    device = Remembering()
    assert device.hears(life=5, said=4) == [], "we have said 5 ourselves, after this hello"
    assert not device.began_anew
    assert device.hears(life=6, said=4)[0] == RESTORED, "6 we have not said"


def test_a_relay_cannot_take_from_a_device_the_numbers_it_says_hello_with() -> None:
    device = Remembering()
    for said in (2**53 - 1, LIFE_BELIEVED_MAX, LIFE_BELIEVED_MAX + 1):
        device.hears(life=said)
        assert device.machines.life == LIFE_BELIEVED_MAX
    device.machines.life = LIFE_BELIEVED_MAX + 7
    device.hears(life=2**53 - 1)
    assert device.machines.life == LIFE_BELIEVED_MAX + 7
    hello = Hello(WIRE_VERSION, device.ann.keys[0].device_id, bytes(64), [], device.machines.life + 1)
    assert decode_client_frame(encode(hello)) == hello


def test_a_device_that_has_read_further_than_it_knows_begins_afresh_and_reads_nothing_twice() -> None:
    device = Remembering()
    effects = device.hears(taken=12)
    assert effects[:2] == [RESTORED, Save(KeepCursor(Lane.NORMAL, 12))]
    assert device.machines.inbox.position(Lane.NORMAL) == 12
    assert device.began_anew


def test_positions_of_another_store_say_nothing_of_this_device() -> None:
    device = Remembering()
    assert device.hears(taken=12, store=b"other") == []
    effects = device.hears(taken=12, store=b"other", life=9)
    assert not any(isinstance(fact, KeepCursor) for fact in kept(effects))
    assert device.machines.inbox.position(Lane.NORMAL) == 9


def test_positions_the_relay_does_not_believe_are_forgotten() -> None:
    device = Remembering()
    effects = device.rollback.of_mailbox(welcome(taken=[Taken(Lane.NORMAL, 4)]), said=device.machines.inbox.taken)
    assert effects == [Save(KeepCursor(Lane.NORMAL, 4))]


def test_a_relay_that_knows_fewer_lists_is_given_the_next_and_one_that_knows_as_many_none() -> None:
    device = Remembering()
    first, second = device.ann.lists
    device.machines.registration.lists = {1: first, 2: second}
    assert device.rollback.of_lists(2) == []
    assert device.rollback.of_lists(1) == [Transmit(Announce(1, second))]
    assert device.rollback.of_lists(1) == [], "once at a time"
    assert device.rollback.of_lists(0) == [Transmit(Announce(2, first))]
    offline = Remembering(up=False)
    offline.machines.registration.lists = {1: first, 2: second}
    assert offline.rollback.of_lists(1) == []


def test_a_list_that_is_missing_here_is_asked_for() -> None:
    device = Remembering()
    own = device.ann.account
    device.machines.registration.lists = {1: device.ann.lists[0], 2: device.ann.lists[1]}
    assert device.rollback.of_lists(3) == [Transmit(LookUp(1, own, 2))], "a newer one exists"
    incomplete = Remembering()
    incomplete.machines.registration.lists = {2: incomplete.ann.lists[1]}
    assert incomplete.rollback.of_lists(2) == [Transmit(LookUp(1, incomplete.ann.account, 0))]
    assert Remembering().rollback.of_lists(0) == [], "neither has any to give"
    ahead = Remembering()
    ahead.machines.registration.lists = {4: ahead.ann.lists[1]}
    assert [type(effect) for effect in ahead.rollback.of_lists(3)] == [Transmit]
    (asked,) = [effect.frame for effect in Remembering().rollback.of_lists(3) if isinstance(effect, Transmit)]
    assert isinstance(asked, LookUp), "what we do not know ourselves we cannot give"


def test_each_own_list_is_kept_once() -> None:
    device = Remembering()
    lists = [KeepOwnList(1, Signed(b"1", b"")), KeepOwnList(2, Signed(b"2", b""))]
    assert device.rollback.learn(lists[:1]) == [Save(lists[0])]
    assert device.rollback.learn(lists) == [Save(lists[1])]
    assert device.machines.registration.lists == {1: Signed(b"1", b""), 2: Signed(b"2", b"")}
