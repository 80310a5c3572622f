"""What befell nobody in particular, or everybody: overtaking, crashes, clocks, and keys from liars."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from answerback.core.effects import Moment, Warned
from answerback.core.facts import Fact, KeepDeviceKeys, KeepStream
from answerback.core.registration import Registration
from answerback.core.relay_clock import RelayClock
from answerback.core.sessions import Sessions
from answerback.core.threads import Threads
from answerback.crypto import identity, prekeys
from answerback.crypto.identity import DeviceKeys, Purpose, RootKey, next_device_list
from answerback.crypto.prekeys import make_seal_key, seal_key_id
from answerback.model.causes import Cause
from answerback.model.devices import DeviceList, PreKey, SealKey, Signed
from answerback.model.errors import TrustError
from answerback.model.ids import DeviceId
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import HybridClock, Stamp, in_order
from answerback.model.timeline import Stage
from answerback.wire.codec import decode, encode
from answerback.wire.frames import BATCH_MAX, ClientFrame, Publish, RelayFrame
from tests.core.world import STEP_S, Phone, World
from tests.hall.people import friends, renewals, strangers
from tests.hall.planting import Planted, each_of

YEARS_MS = 40 * 365 * 86_400_000
QUEUED = 400
EVERY = 20


def test_of_400_queued_messages_overtaken_by_urgent_ones_all_open_the_first_time() -> None:
    """Measured by us: with one ratchet for everything, 20 urgent messages overtaking 400 lost 321 of them for ever.

    The library keeps 40 keys of skipped messages for each chain; others met the same bound elsewhere.

    https://github.com/status-im/status-go/pull/1257
    https://github.com/matrix-org/vodozemac/pull/49
    """
    world, ann, bea = strangers()
    bea.stop()
    for number in range(QUEUED):
        ann.send("bea", text=str(number), urgency=Urgency.URGENT if number % EVERY == EVERY - 1 else Urgency.NORMAL)
        if number % EVERY == EVERY - 1:
            world.run(STEP_S)
    world.run(10)
    _hand_over_in_pages(world, bea)
    came = [int(text) for text in bea.texts]
    assert renewals(ann) == 0, "not all of them could be opened"
    assert sorted(came) == list(range(QUEUED))
    urgent = [number for number in came if number % EVERY == EVERY - 1]
    assert came[: len(urgent)] == urgent, "the urgent ones came first"
    assert came[len(urgent) :] == sorted(came[len(urgent) :])
    assert not any(fact.missing for fact in bea.disk.of(KeepStream))


def _hand_over_in_pages(world: World, reader: Phone) -> None:
    """Urgent first, then the rest, no more at once than a frame holds: as the relay does."""
    box = world.relay.box(reader.own.device)
    rows = [row for _, row in sorted(box.rows.items(), key=lambda entry: (entry[1].lane, entry[0]))]
    box.rows = {}
    reader.start()
    for page in range(0, len(rows), BATCH_MAX):
        for row in rows[page : page + BATCH_MAX]:
            box.head += 1
            box.rows[box.head] = row
        world.run(STEP_S)
        world.run(3)


class _OneForAll(dict[tuple[DeviceId, Lane], object]):
    """Sessions of one device, whatever lane they are asked for."""

    def __getitem__(self, key: tuple[DeviceId, Lane]) -> object:
        return super().__getitem__(self._one(key))

    def __setitem__(self, key: tuple[DeviceId, Lane], value: object) -> None:
        super().__setitem__(self._one(key), value)

    def get(self, key: tuple[DeviceId, Lane], default: object = None) -> object:
        return super().get(self._one(key), default)

    def setdefault(self, key: tuple[DeviceId, Lane], default: object = None) -> object:
        return super().setdefault(self._one(key), default)

    @staticmethod
    def _one(key: tuple[DeviceId, Lane]) -> tuple[DeviceId, Lane]:
        return key[0], Lane.NORMAL


def one_ratchet_for_all_lanes(patch: pytest.MonkeyPatch) -> None:
    begin = Sessions.__init__

    def with_one(sessions: Sessions, keys: DeviceKeys, pickle_key: bytes) -> None:
        begin(sessions, keys, pickle_key)
        sessions._held = _OneForAll()  # type: ignore[assignment]

    patch.setattr(Sessions, "__init__", with_one)


def test_a_kill_before_the_key_uploads_answer_costs_no_key() -> None:
    """Matrix: keys were uploaded, the app died before the answer, and came back with other keys under the same names.

    https://github.com/matrix-org/matrix-rust-sdk/issues/1415
    https://github.com/matrix-org/matrix-spec-proposals/pull/4162
    """
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    _kill_when_published(world, bea)
    world.run(2)
    assert bea.off
    assert world.relay.store.prekeys[bea.own.device]
    world.run(2)
    message = ann.send("bea", text="with a key from before")
    world.run(2)
    assert ann.stage(message) is Stage.ACCEPTED
    bea.start()
    world.run(5)
    assert bea.texts == ["with a key from before"]
    assert renewals(ann) == 0, "the key was lost with the process"
    keys = [signed.body for signed in world.relay.store.prekeys[bea.own.device]]
    assert len(keys) == len(set(keys)) <= prekeys.PREKEYS_MAX


def _kill_when_published(world: World, phone: Phone) -> None:
    """The relay has the keys; its answer finds nobody."""
    answer = world.relay.answer

    def and_kill(device: DeviceId, frame: ClientFrame) -> Iterator[RelayFrame]:
        answers = list(answer(device, frame))
        if isinstance(frame, Publish) and device == phone.own.device:
            world.relay.answer = answer  # type: ignore[method-assign]
            phone.stop()
            return iter(())
        return iter(answers)

    world.relay.answer = and_kill  # type: ignore[method-assign]


def keys_are_saved_when_the_answer_comes(patch: pytest.MonkeyPatch) -> None:
    publication = Registration.publication

    def unsaved(
        standing: Registration, sessions: Sessions, *, number: int, relay_ms: int, pickle_key: bytes
    ) -> tuple[Publish, Iterable[Fact]]:
        frame, facts = publication(standing, sessions, number=number, relay_ms=relay_ms, pickle_key=pickle_key)
        return frame, [fact for fact in facts if not isinstance(fact, KeepDeviceKeys)]

    patch.setattr(Registration, "publication", unsaved)


def test_a_clock_that_lies_neither_reorders_nor_ends_anything() -> None:
    """Signal and others: with a wrong date messages jump to another place, or disappear before they are read.

    https://github.com/signalapp/Signal-Android/issues/6794
    https://github.com/signalapp/Signal-Android/issues/13906
    https://github.com/chatmail/core/issues/1172
    """
    for offset_ms in (-YEARS_MS, YEARS_MS, -3_600_000, 90_000_000):
        world = World()
        ann, bea = world.person("ann", wall_offset_ms=offset_ms), world.person("bea")
        world.run(2)
        said = [str(number) for number in range(6)]
        for number, text in enumerate(said):
            writer, reader = (ann, bea) if number % 2 else (bea, ann)
            writer.send(reader.own.handle, text=text)
            world.run(3)
        assert _shown(ann) == _shown(bea) == said, "the conversation was turned round"
        assert Warned(Cause.CLOCK_SKEWED) in ann.news
        bea.stop()
        waits = ann.send("bea", text="waits", lifetime_s=3600)
        world.run(2)
        ann.wall_offset_ms = -offset_ms
        world.run(60)
        ann.crash()
        world.run(600)
        assert ann.stage(waits, bea) is Stage.ACCEPTED, "a clock ended a message"
        bea.wall_offset_ms = offset_ms
        bea.start()
        world.run(10)
        assert _shown(bea) == [*said, "waits"]
        assert ann.stage(waits, bea) is Stage.DELIVERED
        bea.stop()
        ends = ann.send("bea", text="ends", lifetime_s=600)
        world.run(700)
        assert ann.stage(ends, bea) is Stage.EXPIRED


def _shown(phone: Phone) -> list[str]:
    return [message.text for message in in_order(phone.disk.messages.values())]


def messages_lie_where_their_authors_clock_says(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RelayClock, "stamp_ms", lambda _clock, now: max(now.wall_ms, 0))
    patch.setattr(HybridClock, "tick", lambda _clock, *, wall_ms: Stamp(wall_ms, 0))
    patch.setattr(HybridClock, "merge", lambda *_, **__: None)
    patch.setattr(Threads, "heads", lambda *_, **__: frozenset())


def only_the_end_is_judged_by_the_devices_clock(patch: pytest.MonkeyPatch) -> None:
    def wall_ms(_clock: RelayClock, now: Moment) -> int:
        return now.wall_ms

    patch.setattr(RelayClock, "relay_ms", wall_ms)


def test_nothing_is_sealed_with_a_key_that_is_zero_or_of_somebody_else() -> None:
    """vodozemac: a public key of zeros made every secret zero, and so readable by anybody who listens.

    Such keys, and keys a relay made itself, stand here in the place of Bea's pre-keys and of her seal key.

    https://soatok.blog/2026/02/17/cryptographic-issues-in-matrixs-rust-library-vodozemac/
    https://github.com/matrix-org/vodozemac/pull/1
    """
    for flaw in ("zero pre-key", "pre-key of the relay", "zero seal key", "seal key of the relay"):
        _nothing_is_sealed_with(flaw)


def _nothing_is_sealed_with(flaw: str) -> None:
    world, ann, bea = strangers()
    store, device = world.relay.store, bea.own.device
    honest = list(store.prekeys[device]), store.fallback[device], store.seal_keys[device]
    bea.stop()
    _put_in_its_place(world, bea, flaw)
    message = ann.send("bea", text="a secret")
    world.run(30)
    assert not world.relay.box(device).rows, f"sealed with a {flaw}"
    assert ann.stage(message) is Stage.QUEUED
    wait = ann.engine.wait_of(message, device, now=ann.now)
    assert wait is not None
    assert wait.cause in (Cause.TRUST_SIGNATURE_WRONG, Cause.RECIPIENT_NO_KEYS)
    assert any(isinstance(news, Warned) and news.cause is Cause.TRUST_SIGNATURE_WRONG for news in ann.news)
    store.prekeys[device], store.fallback[device], store.seal_keys[device] = honest
    bea.start()
    world.run_until(lambda: "a secret" in bea.texts, at_most_s=300.0)


def _put_in_its_place(world: World, whose: Phone, flaw: str) -> None:
    store, device = world.relay.store, whose.own.device
    relay, own = DeviceKeys.generate(), whose.engine.machines.sessions.keys
    by = relay if "relay" in flaw else own
    key = relay.identity_key if "relay" in flaw else bytes(32)
    if "seal key" in flaw:
        public = decode(make_seal_key(relay, now_ms=1)[1].body, SealKey).key
        if "zero" in flaw:
            public = public[:-32] + bytes(32)
        forged = SealKey(device, seal_key_id(public), public, world.clock_ms)
        store.seal_keys[device] = by.sign(Purpose.SEAL_KEY, encode(forged))
    else:
        store.prekeys[device] = [by.sign(Purpose.PREKEY, encode(PreKey(device, key, fallback=False)))]
        store.fallback[device] = by.sign(Purpose.PREKEY, encode(PreKey(device, key, fallback=True)))


def signatures_of_keys_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    def body(signed: Signed, *, key: bytes, purpose: Purpose) -> bytes:
        return signed.body

    patch.setattr(prekeys, "verify", body)


def a_seal_key_of_zeros_is_a_key(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(prekeys, "sealing_is_possible", lambda _key: True)


def test_a_device_that_the_relay_added_gets_nothing() -> None:
    """Matrix: a server could add a device of its own to somebody's account, and be sent the keys to all messages.

    Albrecht, Celi, Dowling, Jones: Practically-exploitable Cryptographic Vulnerabilities in Matrix (IEEE S&P 2023).

    https://matrix.org/blog/2022/09/28/upgrade-now-to-address-encryption-vulns-in-matrix-sdks-and-clients/
    """
    for lie in ("signed by the relay", "not signed anew", "another account's list"):
        world, ann, bea = friends()
        spy = world.person("spy", "phone of the relay")
        world.run(2)
        lists = world.relay.store.lists[bea.own.account]
        honest = list(lists)
        lists.append(_list_with(spy, bea, lie))
        ann.carry_out(ann.engine.look_up(bea.own.account, now=ann.now))
        world.run(5)
        ann.send("bea", text="for Bea only")
        world.run(10)
        assert ann.engine.machines.roster.device(spy.own.device) is None, "the relay's device is on Bea's list"
        assert not spy.texts
        assert Warned(Cause.TRUST_SIGNATURE_WRONG, bea.own.account) in ann.news
        assert bea.texts[-1] == "for Bea only"
        lists[:] = honest
        laptop = world.second_device(bea)
        ann.send("bea", text="for both")
        world.run(10)
        assert laptop.texts == ["for both"]


def _list_with(spy: Phone, whose: Phone, lie: str) -> Signed:
    newest = whose.world.relay.store.lists[whose.own.account][-1]
    entry = spy.engine.machines.sessions.keys.device(0)
    devices = [*whose.world.devices(whose), entry]
    if lie == "not signed anew":
        read = decode(newest.body, DeviceList)
        return Signed(
            encode(msgspec.structs.replace(read, version=read.version + 1, devices=tuple(devices))), newest.signature
        )
    honest = next_device_list(whose.root, newest, devices, 0)
    if lie == "another account's list":
        return spy.root.sign(Purpose.DEVICE_LIST, honest.body)
    read, own = decode(honest.body, DeviceList), RootKey.generate()
    return own.sign(Purpose.DEVICE_LIST, encode(msgspec.structs.replace(read, root_key=own.public_key)))


def lists_are_not_checked(patch: pytest.MonkeyPatch) -> None:
    def body(signed: Signed, *, key: bytes, purpose: Purpose) -> bytes:
        return signed.body

    patch.setattr(identity, "verify", body)


@each_of(
    Planted(
        test_of_400_queued_messages_overtaken_by_urgent_ones_all_open_the_first_time,
        one_ratchet_for_all_lanes,
        "not all of them",
    ),
    Planted(
        test_a_kill_before_the_key_uploads_answer_costs_no_key, keys_are_saved_when_the_answer_comes, "lost with the"
    ),
    Planted(
        test_a_clock_that_lies_neither_reorders_nor_ends_anything,
        messages_lie_where_their_authors_clock_says,
        "turned round",
    ),
    Planted(
        test_a_clock_that_lies_neither_reorders_nor_ends_anything,
        only_the_end_is_judged_by_the_devices_clock,
        "turned round|a clock ended",
    ),
    Planted(
        test_nothing_is_sealed_with_a_key_that_is_zero_or_of_somebody_else,
        signatures_of_keys_are_not_checked,
        "sealed with a pre-key of the relay",
    ),
    Planted(
        test_nothing_is_sealed_with_a_key_that_is_zero_or_of_somebody_else,
        a_seal_key_of_zeros_is_a_key,
        "not an X-Wing key",
        TrustError,
    ),
    Planted(test_a_device_that_the_relay_added_gets_nothing, lists_are_not_checked, "the relay's device"),
)
def test_each_of_these_mistakes_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
