"""Proves that sessions begin, go on over a restart, heal when lost, and are never mixed between lanes."""

import pytest

from answerback.core.effects import DropRatchet, Fact, KeepDeviceKeys, KeepRatchet
from answerback.core.sessions import RENEW_S_MIN, SESSIONS_MAX, Opened, Sessions
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import check_prekey, check_seal_key, make_seal_key, prekeys_to_publish
from answerback.crypto.primitives import CannotOpenError
from answerback.crypto.seal import lock_letter
from answerback.model.envelope import Delivery, Envelope
from answerback.model.ids import AccountId, DeviceId
from answerback.model.message import Lane
from answerback.wire.letters import Receipt, Slip
from tests.core.specimens import ANN, BEA, NOW, at, message_number
from tests.core.world import PICKLE_KEY


class Party:
    """One device with its sessions."""

    def __init__(self, account: AccountId) -> None:
        self.account = account
        self.keys = DeviceKeys.generate()
        self.sessions = Sessions(self.keys, PICKLE_KEY)
        secret, self.signed_seal_key = make_seal_key(self.keys, now_ms=0)
        self.sessions.secrets[secret.id] = secret
        self.facts: dict[tuple[DeviceId, Lane, str], KeepRatchet] = {}

    @property
    def id(self) -> DeviceId:
        return self.keys.device_id

    def keep(self, facts: list[Fact] | tuple[Fact, ...]) -> None:
        self.facts |= {(f.device, f.lane, f.session): f for f in facts if isinstance(f, KeepRatchet)}

    def begin(self, other: "Party", lane: Lane = Lane.NORMAL) -> None:
        prekey = check_prekey(prekeys_to_publish(other.keys, 1)[0], other.keys.device(0))
        self.keep(self.sessions.begin(other.keys.device(0), lane, prekey, now=NOW))

    def seal(self, other: "Party", lane: Lane = Lane.NORMAL) -> Envelope:
        locked = lock_letter(Receipt([message_number(1)], []))
        slip = Slip(
            message_number(1), locked.key, locked.sha256, 1, self.account, self.id, other.account, other.id, 1, "x"
        )
        key = check_seal_key(other.signed_seal_key, other.keys.device(0))
        envelope, facts = self.sessions.seal(locked, slip, lane=lane, seal_key=key, lifetime_s=60)
        self.keep(facts)
        return envelope

    def open(self, envelope: Envelope, other: "Party", now_s: float = 0.0) -> Opened:
        inner = self.sessions.unseal(Delivery(1, envelope.lane, envelope.id, envelope.sealed))
        opened = self.sessions.open(inner, other.keys.device(0), now=at(now_s))
        self.keep(opened.facts)
        return opened

    def restart(self) -> None:
        secrets = self.sessions.secrets
        self.sessions = Sessions(self.keys, PICKLE_KEY, secrets)
        self.sessions.restore(self.facts.values())


def met() -> tuple[Party, Party]:
    ann, bea = Party(ANN), Party(BEA)
    ann.begin(bea)
    bea.open(ann.seal(bea), ann)
    ann.open(bea.seal(ann), bea)
    return ann, bea


def test_a_first_message_begins_a_session_on_both_sides_and_spends_a_key() -> None:
    ann, bea = Party(ANN), Party(BEA)
    assert not ann.sessions.ready(bea.id, Lane.NORMAL)
    ann.begin(bea)
    assert ann.sessions.ready(bea.id, Lane.NORMAL)
    opened = bea.open(ann.seal(bea), ann)
    assert {type(fact) for fact in opened.facts} == {KeepDeviceKeys, KeepRatchet}
    assert opened.letter == Receipt([message_number(1)], [])
    assert bea.sessions.ready(ann.id, Lane.NORMAL)
    assert not bea.sessions.ready(ann.id, Lane.URGENT)


def test_sessions_go_on_after_a_restart_of_either_side() -> None:
    ann, bea = met()
    for _ in range(3):
        ann.restart()
        bea.open(ann.seal(bea), ann)
        bea.restart()
        ann.open(bea.seal(ann), bea)


def test_the_same_bytes_do_not_open_twice_and_break_nothing() -> None:
    ann, bea = met()
    envelope = ann.seal(bea)
    bea.open(envelope, ann)
    with pytest.raises(CannotOpenError):
        bea.open(envelope, ann)
    bea.open(ann.seal(bea), ann)


def test_an_envelope_moved_to_another_lane_does_not_open() -> None:
    ann, bea = met()
    envelope = ann.seal(bea)
    with pytest.raises(CannotOpenError, match="lane"):
        bea.sessions.unseal(Delivery(1, Lane.URGENT, envelope.id, envelope.sealed))


def test_what_one_device_sent_is_not_taken_for_anothers() -> None:
    ann, bea = met()
    with pytest.raises(CannotOpenError):
        bea.open(ann.seal(bea), Party(ANN))


def test_a_renewed_session_replaces_the_old_one_and_not_again_at_once() -> None:
    ann, bea = met()
    assert ann.sessions.renew(bea.id, Lane.NORMAL, now=at(0.0))
    assert not ann.sessions.ready(bea.id, Lane.NORMAL)
    ann.begin(bea)
    assert not ann.sessions.renew(bea.id, Lane.NORMAL, now=at(RENEW_S_MIN - 0.1))
    assert ann.sessions.ready(bea.id, Lane.NORMAL)
    assert ann.sessions.replace(bea.id, Lane.NORMAL, now=at(1.0)) == RENEW_S_MIN
    assert not ann.sessions.ready(bea.id, Lane.NORMAL)
    assert ann.sessions.renewals == 2


def test_what_was_sealed_before_a_renewal_still_opens() -> None:
    ann, bea = met()
    under_way = ann.seal(bea)
    ann.sessions.renew(bea.id, Lane.NORMAL, now=NOW)
    ann.begin(bea)
    bea.open(ann.seal(bea), ann)
    bea.open(under_way, ann)


def test_when_both_begin_at_once_they_agree_on_what_opened_last() -> None:
    ann, bea = Party(ANN), Party(BEA)
    ann.begin(bea)
    bea.begin(ann)
    from_ann, from_bea = ann.seal(bea), bea.seal(ann)
    ann.open(from_bea, bea)
    bea.open(from_ann, ann)
    for _ in range(3):
        bea.open(ann.seal(bea), ann)
        ann.open(bea.seal(ann), bea)


def test_old_sessions_make_room() -> None:
    ann, bea = met()
    dropped: list[Fact] = []
    for _ in range(SESSIONS_MAX):
        prekey = check_prekey(prekeys_to_publish(bea.keys, 1)[0], bea.keys.device(0))
        dropped += ann.sessions.begin(bea.keys.device(0), Lane.NORMAL, prekey, now=NOW)
    assert sum(isinstance(fact, DropRatchet) for fact in dropped) == 1


def test_nothing_secret_is_shown() -> None:
    ann, _ = met()
    assert repr(ann.sessions) == "Sessions(1)"
