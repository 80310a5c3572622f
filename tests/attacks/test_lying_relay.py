"""Proves what a relay that lies cannot do: stop an agent for good, or lose what it delivers honestly later."""

import pytest

from answerback.core.effects import Close, Effect, LinkChanged, Moment, Probe, Save, Tell
from answerback.core.facts import KeepCursor
from answerback.core.network.recovery import TOLD_S_MAX
from answerback.crypto.identity import DeviceKeys, Purpose
from answerback.crypto.prekeys import make_seal_key, seal_key_id
from answerback.crypto.primitives import XWING_PUBLIC_BYTES
from answerback.model.bounds import NATURAL_MAX
from answerback.model.causes import Cause
from answerback.model.devices import SealKey, Signed
from answerback.model.envelope import Delivery
from answerback.model.errors import PeerError
from answerback.model.ids import AccountId, EnvelopeId, envelope_id
from answerback.model.message import Lane
from answerback.model.timeline import Stage
from answerback.wire.codec import decode, decode_relay_frame, encode
from answerback.wire.frames import (
    BATCH_MAX,
    LISTS_MAX,
    Acceptance,
    Accepted,
    Challenge,
    Deliver,
    Farewell,
    Listed,
    Located,
    Pong,
    Refusal,
    Refused,
    RelayFrame,
    Resolved,
    Welcome,
    Whereabouts,
)
from tests.core.world import Phone, World


def friends() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    world.run(3)
    assert bea.texts == ["hello"]
    return world, ann, bea


def tell(phone: Phone, frame: RelayFrame) -> None:
    """Have a phone hear a frame as it comes from the wire."""
    phone.carry_out(phone.engine.received(phone.line, decode_relay_frame(encode(frame)), now=phone.now))


def given_up(phone: Phone) -> list[Effect]:
    """What an engine asks for when it will hear no more of this relay, and has drawn all consequences itself."""
    return [Close(phone.line), Tell(LinkChanged(connected=False, cause=Cause.RELAY_FAULTY))]


def welcome(*, clock_ms: int, head: int = 0, prekeys_left: int = 100) -> Welcome:
    return Welcome(clock_ms, b"store", b"boot-1", b"t" * 32, 0, head, 1, prekeys_left, b"")


@pytest.mark.parametrize(
    "frame",
    [
        Challenge(b"n" * 32, b"relay", NATURAL_MAX),
        welcome(clock_ms=NATURAL_MAX),
        Pong(1, NATURAL_MAX),
        Resolved(1, "bea", AccountId(b"short")),
        Listed(1, AccountId(b"short"), [], []),
        Listed(1, AccountId(b"a" * 16), [Signed(b"", b"")] * (LISTS_MAX + 1), []),
        Listed(1, AccountId(b"a" * 16), [], [Signed(b"", b"")] * (LISTS_MAX + 1)),
        Deliver([Delivery(1, Lane.NORMAL, EnvelopeId(b"x" * 16), b"other bytes")]),
        Deliver([Delivery(1, Lane.NORMAL, envelope_id(b"x"), b"x")] * (BATCH_MAX + 1)),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_frame_that_no_honest_relay_sends_never_reaches_the_engine(frame: RelayFrame) -> None:
    with pytest.raises(PeerError):
        decode_relay_frame(encode(frame))


def test_garbage_under_an_envelopes_name_cannot_have_the_envelope_given_up() -> None:
    world, ann, bea = friends()
    bea.stop()
    ann.send("bea", text="precious")
    world.run(2)
    (row,) = world.relay.box(bea.own.device).rows.values()
    forged = Deliver([Delivery(10**15, row.lane, row.id, b"garbage")])
    with pytest.raises(PeerError):
        decode_relay_frame(encode(forged))
    bea.start()
    world.run(3)
    assert bea.texts == ["hello", "precious"]


def test_positions_far_ahead_do_not_keep_later_mail_from_being_taken() -> None:
    world, ann, bea = friends()
    for lane in Lane:
        noise = b"noise" + bytes([lane])
        tell(bea, Deliver([Delivery(NATURAL_MAX, lane, envelope_id(noise), noise)]))
    assert {fact.position for fact in bea.disk.of(KeepCursor)} == {NATURAL_MAX}
    bea.crash()  # the lie is on the disk; from here on the relay is honest
    world.strict = False
    world.run(2)
    world.strict, world.objections = True, []
    ann.send("bea", text="after")
    world.run(5)
    assert bea.texts == ["hello", "after"]
    assert world.relay.box(bea.own.device).rows == {}, "what arrived was never taken"


@pytest.mark.parametrize("later_ms", [10**11, 10**13, 2 * 10**14, -(10**12)])
def test_a_clock_that_jumps_by_ages_stops_nothing_once_it_is_right_again(later_ms: int) -> None:
    world, ann, bea = friends()
    ann.connect()
    tell(ann, Challenge(b"n" * 32, b"relay", 0))
    tell(ann, welcome(clock_ms=max(0, world.clock_ms + later_ms)))
    ann.send("bea", text="from another age")
    ann.crash()
    world.run(60)
    ann.send("bea", text="now")
    bea.send("ann", text="you too")
    world.run_until(lambda: "now" in bea.texts and ann.texts == ["you too"])
    registration = ann.engine.machines.registration
    secrets = ann.engine.machines.sessions.secrets
    assert secrets[registration.seal_key].created_ms <= world.clock_ms, "a key of another age would never be replaced"


def test_a_relay_that_says_come_back_in_ages_is_asked_again_the_same_day() -> None:
    _, ann, _ = friends()
    tell(ann, Farewell(Cause.RELAY_BUSY.value, NATURAL_MAX))
    ann._unplug()
    assert ann.engine.wake_at is not None
    assert ann.engine.wake_at.at_s <= ann.now.now_s + TOLD_S_MAX
    later = Moment(ann.now.now_s + TOLD_S_MAX, ann.now.wall_ms)
    assert any(isinstance(effect, Probe) for effect in ann.engine.wake(now=later))


def test_a_refusal_for_ages_holds_a_lane_for_hours_at_most() -> None:
    world, ann, bea = friends()
    world.relay.refuse[bea.own.device] = Cause.RELAY_BUSY, NATURAL_MAX
    message = ann.send("bea", text="patience")
    world.run(2)
    wait = ann.engine.wait_of(message, bea.own.device, now=ann.now)
    assert wait is not None
    assert wait.next_attempt_ms is not None
    assert wait.next_attempt_ms <= ann.now.wall_ms + TOLD_S_MAX * 1000
    world.relay.refuse.clear()
    world.run(TOLD_S_MAX + 60)
    assert bea.texts == ["hello", "patience"]


@pytest.mark.parametrize(
    "frame",
    [
        Accepted([Acceptance(EnvelopeId(b"e" * 16), 1, 0)]),
        Pong(1, 10**12),
        welcome(clock_ms=10**12),
        Deliver([]),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_what_is_said_before_we_were_let_in_ends_the_connection(frame: RelayFrame) -> None:
    _, ann, _ = friends()
    ann.connect()
    assert ann.engine.received(ann.line, frame, now=ann.now) == given_up(ann)


def test_a_second_welcome_ends_the_connection() -> None:
    _, ann, _ = friends()
    assert ann.engine.received(ann.line, welcome(clock_ms=10**12), now=ann.now) == given_up(ann)


def test_answers_nobody_asked_for_have_nothing_sealed_or_sent_again() -> None:
    world, ann, bea = friends()
    bea.stop()
    message = ann.send("bea", text="waits")
    world.run(2)
    promise = ann.engine.machines.outbox.promise(message)
    assert promise is not None
    copy = promise.copies[bea.own.device]
    assert copy.stage is Stage.ACCEPTED
    assert copy.envelope is not None
    before = copy.envelope
    for _ in range(5):
        lie = Located([Whereabouts(copy.envelope, held=False, taken=True, away_s=0)])
        effects = ann.engine.received(ann.line, lie, now=ann.now)
        assert not any(isinstance(effect, Save) for effect in effects)
    assert copy.envelope == before
    assert copy.stage is Stage.ACCEPTED


def test_no_word_of_the_relay_makes_a_message_delivered() -> None:
    world, ann, bea = friends()
    bea.stop()
    message = ann.send("bea", text="waits")
    world.run(2)
    (row,) = world.relay.box(bea.own.device).rows.values()
    for frame in (
        Accepted([Acceptance(row.id, NATURAL_MAX, 0)] * 3),
        Located([Whereabouts(row.id, held=False, taken=True, away_s=0)]),
        Refused([Refusal(row.id, Cause.RECIPIENT_DEVICE_GONE.value, -1, NATURAL_MAX)]),
    ):
        tell(ann, frame)
    world.run(5)
    assert ann.stage(message, bea) is Stage.ACCEPTED


def forged_seal_key(keys: DeviceKeys, public: bytes) -> Signed:
    return keys.sign(Purpose.SEAL_KEY, encode(SealKey(keys.device_id, seal_key_id(public), public, 1)))


@pytest.mark.parametrize("flaw", ["not a lattice", "low order", "too short"])
def test_a_contacts_meaningless_seal_key_stops_nobody_elses_mail(flaw: str) -> None:
    world = World()
    ann, bea, eve = world.person("ann"), world.person("bea"), world.person("eve")
    world.run(2)
    keys = eve.engine.machines.sessions.keys
    _, honest = make_seal_key(keys, now_ms=1)
    public = decode(honest.body, SealKey).key
    flawed = {
        "not a lattice": b"\xff" * (XWING_PUBLIC_BYTES - 32) + public[-32:],
        "low order": public[:-32] + bytes(32),
        "too short": public[:-1],
    }[flaw]
    eve.stop()
    world.relay.store.seal_keys[eve.own.device] = forged_seal_key(keys, flawed)
    ann.send("eve", text="to eve")
    ann.send("bea", text="to bea")
    world.run(5)
    ann.crash()
    world.run(5)
    assert bea.texts == ["to bea"]


def test_replayed_mail_is_shown_once_and_begins_no_session_anew() -> None:
    world, ann, bea = friends()
    world.relay.store.prekeys[bea.own.device].clear()  # the fallback key begins sessions; it would do so twice
    ann.engine.machines.sessions.replace(bea.own.device, Lane.NORMAL, now=ann.now)
    bea.stop()
    ann.send("bea", text="first of a session")
    world.run(2)
    rows = list(world.relay.box(bea.own.device).rows.items())
    bea.start()
    world.run(3)
    replay = [Delivery(10**17 + number, row.lane, row.id, row.sealed) for number, (_, row) in enumerate(rows)]
    bea.engine.machines.inbox._seen.clear()  # after a flood: its hash is no longer remembered
    sessions = bea.engine.machines.sessions
    held = [list(known) for known in sessions._held.values()]
    world.strict = False
    bea.carry_out(bea.engine.received(bea.line, Deliver(replay), now=bea.now))
    assert [list(known) for known in sessions._held.values()] == held
    assert bea.texts == ["hello", "first of a session"]
