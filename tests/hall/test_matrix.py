"""Matrix: keys that two sides count differently, and sessions that break for it."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from answerback.core import registration
from answerback.core.departure import Departure
from answerback.core.effects import Effect, Tell
from answerback.core.outbox import Copy as OneCopy
from answerback.core.registration import PREKEYS_MIN, Registration
from answerback.core.rollback import Rollback
from answerback.core.sessions import Sessions
from answerback.crypto import prekeys
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.primitives import CannotOpenError
from answerback.crypto.ratchet import OLM_PREKEY, Ratchet
from answerback.crypto.seal import open_envelope, seal_envelope
from answerback.model.devices import SealKey, Signed
from answerback.model.ids import DeviceId
from answerback.model.timeline import Stage
from answerback.storage import relay_directory
from answerback.storage.database import Database
from answerback.storage.relay_commands import Key
from answerback.wire.codec import decode
from answerback.wire.frames import Claim, Claimed, Publish, Welcome
from tests.core.post_office import Row
from tests.core.world import Phone, World
from tests.hall.people import RESTORED, friends, put_back, renewals, strangers
from tests.hall.planting import Planted, each_of
from tests.relay.drive import Drive
from tests.relay.residents import Resident, residents

LEFT = 3


def test_one_time_keys_that_ran_out_keep_nobody_from_writing() -> None:
    """Matrix: whoever had not logged in for ages ran out of one-time keys, and nobody could send them a key any more.

    Nor did a server always say that none was left, so that devices made no new ones.

    https://github.com/element-hq/element-web/issues/3187
    https://github.com/element-hq/synapse/issues/10484
    """
    world = World()
    bea = world.person("bea")
    world.run(2)
    bea.stop()
    del world.relay.store.prekeys[bea.own.device][LEFT:]
    for number in range(2 * LEFT):
        friend = world.person(f"friend {number}")
        world.run(2)
        identity = friend.send("bea", text=str(number))
        world.run(2)
        assert friend.stage(identity) is Stage.ACCEPTED, "nobody could write to a device without one-time keys"
        friend.stop()
    bea.start()
    world.run(5)
    assert bea.texts == [str(number) for number in range(2 * LEFT)]
    world.run(35)
    assert len(world.relay.store.prekeys[bea.own.device]) >= PREKEYS_MIN, "the keys were never refilled"


def no_last_resort(patch: pytest.MonkeyPatch) -> None:
    """One-time keys are all there is: before MSC2732."""
    patch.setattr(registration, "Publish", lambda *fields: msgspec.structs.replace(Publish(*fields), fallback=None))


def none_left_is_not_said(patch: pytest.MonkeyPatch) -> None:
    due = Registration.due
    patch.setattr(
        Registration,
        "due",
        lambda standing, sessions, *, relay_ms: (
            (standing.prekeys_left > 0 or not standing.seal_key) and due(standing, sessions, relay_ms=relay_ms)
        ),
    )


def test_a_one_time_key_published_twice_is_given_away_once(tmp_path: Path) -> None:
    """Matrix: clients forgot which keys they had uploaded, and others began sessions that nobody could take up.

    https://github.com/element-hq/element-web/issues/31842
    https://github.com/element-hq/riot-android/issues/1208
    https://github.com/element-hq/element-meta/issues/2406
    """
    ann, bea = residents(2)
    drive = Drive(tmp_path, [ann, bea])
    asks, owns = drive.enter(ann), drive.enter(bea)
    offered = _publish(drive, owns, bea)
    given = [_claim(drive, asks, bea)]
    drive.lose(owns)  # the answer to the publication never came
    owns = drive.enter(bea)
    again = _publish(drive, owns, bea)
    assert again == offered, "other keys than those that are at the relay"
    given += [_claim(drive, asks, bea) for _ in offered]
    drive.begin()
    asks = drive.enter(ann)
    given.append(_claim(drive, asks, bea))
    bodies = [signed.body for signed in given if signed is not None]
    assert len(bodies) == len(set(bodies)), "one key for two people"
    assert sorted(bodies) == sorted(signed.body for signed in offered)


def test_old_one_time_keys_are_given_away_before_new_ones(tmp_path: Path) -> None:
    """Matrix: a server gave keys away in any order; the oldest stayed until their device had thrown the secrets away.

    https://github.com/element-hq/element-meta/issues/2356
    https://github.com/matrix-org/matrix-spec-proposals/pull/4225
    """
    ann, bea = residents(2)
    drive = Drive(tmp_path, [ann, bea])
    asks, owns = drive.enter(ann), drive.enter(bea)
    offered: list[Signed] = []
    for _ in range(3):
        offered += _publish(drive, owns, bea)
        prekeys.mark_published(bea.keys)
    given = [_claim(drive, asks, bea) for _ in range(len(offered) // 2)]
    drive.begin()
    asks = drive.enter(ann)
    given += [_claim(drive, asks, bea) for _ in range(len(offered) - len(given))]
    assert given == offered, "a newer key went before an older one"


def the_newest_key_goes_first(patch: pytest.MonkeyPatch) -> None:
    claim = relay_directory.claim_prekey

    def claim_newest(db: Database, device: int) -> Key | None:
        newest = "SELECT max(number) FROM prekey WHERE device = ? AND claimed = 0"
        (row,) = db.rows(newest, (device,))
        before = db.rows("SELECT number FROM prekey WHERE device = ? AND claimed = 0 AND number < ?", (device, row[0]))
        db.run_many("UPDATE prekey SET claimed = 1 WHERE number = ?", before)
        key = claim(db, device)
        db.run_many("UPDATE prekey SET claimed = 0 WHERE number = ?", before)
        return key

    patch.setattr(relay_directory, "claim_prekey", claim_newest)


def _publish(drive: Drive, number: int, who: Resident) -> list[Signed]:
    offered = prekeys.prekeys_to_publish(who.keys, 4)
    drive.say(number, Publish(1, offered, None, None))
    drive.settle()
    return offered


def _claim(drive: Drive, number: int, whose: Resident) -> Signed | None:
    drive.say(number, Claim(1, whose.device))
    drive.settle()
    return drive.heard(number, Claimed)[-1].prekey


def the_relay_forgets_what_it_gave_away(patch: pytest.MonkeyPatch) -> None:
    claim = relay_directory.claim_prekey

    def claim_and_forget(db: Database, device: int) -> Key | None:
        key = claim(db, device)
        db.run("DELETE FROM prekey WHERE claimed = 1")
        return key

    patch.setattr(relay_directory, "claim_prekey", claim_and_forget)


def the_device_forgets_what_it_offered(patch: pytest.MonkeyPatch) -> None:
    offer = prekeys.prekeys_to_publish

    def offer_others(keys: DeviceKeys, count: int) -> list[Signed]:
        keys.olm.mark_keys_as_published()
        return offer(keys, count)

    patch.setattr(prekeys, "prekeys_to_publish", offer_others)


def test_a_failed_open_burns_no_one_time_key() -> None:
    """Element iOS: a message that did not open used its one-time key up, and the good ones after it never opened.

    https://github.com/element-hq/element-ios/issues/7480
    https://github.com/matrix-org/vodozemac/pull/8
    """
    world, ann, bea = strangers()
    bea.stop()
    identity = ann.send("bea", text="first of a session")
    world.run(2)
    box = world.relay.box(bea.own.device)
    ((position, row),) = box.rows.items()
    damaged = _damaged(row, bea)
    box.rows = {position - 1: damaged, position: row}
    bea.start()
    world.run(5)
    assert bea.texts == ["first of a session"]
    assert renewals(ann) == 0, "the key was gone, and the message had to be sealed again"
    assert ann.stage(identity, bea) is Stage.DELIVERED


def _damaged(row: Row, reader: Phone) -> Row:
    """The same message with its last byte wrong: it names the same one-time key and fails its check."""
    store, device = reader.world.relay.store, reader.own.device
    secrets = {fact.id: prekeys.SealSecret(fact.id, fact.secret, 0) for fact in reader.disk.memory().seal_secrets}
    inner = open_envelope(row.sealed, device=device, secrets=secrets)
    olm = inner.olm[:-1] + bytes([inner.olm[-1] ^ 1])
    seal_key = decode(store.seal_keys[device].body, SealKey)
    envelope = seal_envelope(
        msgspec.structs.replace(inner, olm=olm), device=device, seal_key=seal_key, lane=row.lane, lifetime_s=60
    )
    return Row(row.lane, envelope.id, envelope.sealed, row.stored_ms)


def a_key_is_struck_out_before_it_has_opened_anything(patch: pytest.MonkeyPatch) -> None:
    accept = Ratchet.accept
    burned: set[bytes] = set()

    def burn(keys: DeviceKeys, *, identity_key: bytes, olm: bytes) -> tuple[Ratchet, bytes]:
        one_time_key = olm[3:35]  # version, field 1, its length, and the 32 bytes of the key (Olm specification)
        if one_time_key in burned:
            raise CannotOpenError("this key is gone")
        burned.add(one_time_key)
        return accept(keys, identity_key=identity_key, olm=olm)

    patch.setattr(Ratchet, "accept", burn)


def test_a_device_store_put_back_seals_nothing_with_a_key_it_had_used() -> None:
    """Element iOS: a phone restored from its backup went on with old ratchets, and encryption broke for all its peers.

    Elsewhere one of two programs wrote an older state over a newer one, with the same end.

    https://github.com/element-hq/element-ios/issues/2814
    https://github.com/matrix-nio/matrix-nio/issues/72
    """
    world, ann, bea = friends()
    ann.send("bea", text="hello again")  # from here on the next keys are settled: only an answer brings fresh chance
    world.run_until(world.settled, at_most_s=10.0)
    older = copy.deepcopy(ann.disk)
    with _two_texts_under_one_key() as twice:
        before = [ann.send("bea", text=f"before {number}") for number in range(5)]
        world.relay.store.prekeys[ann.own.device].clear()
        ann.drop()
        world.run(40)  # and made keys that are not in the copy
        put_back(ann, older)
        after = [ann.send("bea", text=f"after {number}") for number in range(5)]
        world.run_until(world.settled, at_most_s=600.0)
    assert not twice, "one key sealed two texts"
    assert RESTORED in ann.news, "nobody was told"
    assert sorted(bea.shown[2:]) == sorted(f"{when} {number}" for when in ("after", "before") for number in range(5))
    assert {bea.disk.messages[ann.own.account, message].text[0] for message in (*before, *after)} == {"a", "b"}
    assert {ann.stage(message, bea) for message in after} == {Stage.DELIVERED}
    cid = world.person("cid")
    world.run(2)
    cid.send("ann", text="from a stranger")
    world.run(5)
    assert ann.texts[-1] == "from a stranger", "strangers were given a key that nobody has"


@contextmanager
def _two_texts_under_one_key() -> Iterator[list[bytes]]:
    """Watch what every ratchet seals; the keys that sealed two texts."""
    encrypt = Ratchet.encrypt
    sealed: dict[bytes, bytes] = {}
    twice: list[bytes] = []

    def watched(ratchet: Ratchet, plaintext: bytes) -> tuple[int, bytes]:
        olm_type, olm = encrypt(ratchet, plaintext)
        key = _message_key(_inner(olm) if olm_type == OLM_PREKEY else olm)
        if sealed.setdefault(key, plaintext) != plaintext:
            twice.append(key)
        return olm_type, olm

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ratchet, "encrypt", watched)
        yield twice


def _message_key(olm: bytes) -> bytes:
    """What names the key of a normal message: the ratchet's public key and the place in its chain (Olm, "Messages")."""
    assert (olm[1], olm[35]) == (0x0A, 0x10)
    end = 36
    while olm[end] & 0x80:
        end += 1
    return olm[3 : end + 1]


def _inner(olm: bytes) -> bytes:
    """The normal message in a pre-key message: field 4, after three keys."""
    at = 1
    while olm[at] != 0x22:
        at += 2 + olm[at + 1]
    at += 1
    while olm[at] & 0x80:
        at += 1
    return olm[at + 1 :]


def an_older_disk_is_not_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Rollback, "_is_older", lambda *_: False)


def an_older_disk_is_noticed_in_silence(patch: pytest.MonkeyPatch) -> None:
    of_ours = Rollback.of_ours

    def silent(rollback: Rollback, welcome: Welcome, *, said_life: int) -> list[Effect]:
        return [effect for effect in of_ours(rollback, welcome, said_life=said_life) if not isinstance(effect, Tell)]

    patch.setattr(Rollback, "of_ours", silent)


def the_keys_at_the_relay_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Registration, "begin_anew", lambda _, **_how: None)


def test_what_a_broken_session_lost_is_sent_again_on_the_fresh_one() -> None:
    """Matrix: unwedging began a new session with an empty message; what the old one had lost stayed unreadable.

    https://github.com/element-hq/element-meta/issues/1992
    https://github.com/element-hq/element-meta/issues/2389
    """
    world, ann, bea = friends()
    bea.disk.forget_ratchets()
    bea.crash()
    lost = [ann.send("bea", text=f"lost {number}") for number in range(5)]
    world.run_until(lambda: renewals(ann) > 0, at_most_s=60.0)
    world.run(120)
    assert bea.texts[1:] == [f"lost {number}" for number in range(5)], "the session is fresh, and the messages are lost"
    assert bea.shown.count("lost 0") == 1
    assert {ann.stage(identity, bea) for identity in lost} == {Stage.DELIVERED}


def only_the_session_is_renewed(patch: pytest.MonkeyPatch) -> None:
    again = Departure.again

    def unless_sealed_anew(departure: Departure, copy: OneCopy, *, reseal: bool) -> Sequence[Effect]:
        return [] if reseal else again(departure, copy, reseal=reseal)

    patch.setattr(Departure, "again", unless_sealed_anew)


def the_broken_session_is_used_on(patch: pytest.MonkeyPatch) -> None:
    """The message is sent again, with what the reader could not open."""

    def keep(sessions: Sessions, device: DeviceId, lane: object, *, now: object) -> float:
        sessions.renewals += 1
        return 0.0

    patch.setattr(Sessions, "replace", keep)


@each_of(
    Planted(test_one_time_keys_that_ran_out_keep_nobody_from_writing, no_last_resort, "nobody could write"),
    Planted(test_one_time_keys_that_ran_out_keep_nobody_from_writing, none_left_is_not_said, "never refilled"),
    Planted(
        test_a_one_time_key_published_twice_is_given_away_once, the_relay_forgets_what_it_gave_away, "for two people"
    ),
    Planted(test_a_one_time_key_published_twice_is_given_away_once, the_device_forgets_what_it_offered, "other keys"),
    Planted(test_old_one_time_keys_are_given_away_before_new_ones, the_newest_key_goes_first, "before an older one"),
    Planted(
        test_a_failed_open_burns_no_one_time_key, a_key_is_struck_out_before_it_has_opened_anything, "the key was gone"
    ),
    Planted(
        test_a_device_store_put_back_seals_nothing_with_a_key_it_had_used,
        an_older_disk_is_not_noticed,
        "one key sealed two texts",
    ),
    Planted(
        test_a_device_store_put_back_seals_nothing_with_a_key_it_had_used,
        an_older_disk_is_noticed_in_silence,
        "nobody was told",
    ),
    Planted(
        test_a_device_store_put_back_seals_nothing_with_a_key_it_had_used,
        the_keys_at_the_relay_stay,
        "a key that nobody has",
    ),
    Planted(
        test_what_a_broken_session_lost_is_sent_again_on_the_fresh_one, only_the_session_is_renewed, "messages are lost"
    ),
    Planted(
        test_what_a_broken_session_lost_is_sent_again_on_the_fresh_one,
        the_broken_session_is_used_on,
        "messages are lost",
    ),
)
def test_each_mistake_of_matrix_is_noticed(planted: Planted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted.must_be_noticed(monkeypatch, tmp_path)
