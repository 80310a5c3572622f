"""Proves that sessions begin, go on over a restart, heal when lost, and are never mixed between lanes."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from answerback.core import sessions as sessions_module
from answerback.core.facts import DropRatchet, Fact, KeepDeviceKeys, KeepRatchet
from answerback.core.sessions import RENEW_S_MIN, SESSIONS_MAX, NonsenseError, Opened, Sessions
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import check_prekey, check_seal_key, make_fallback, make_seal_key, prekeys_to_publish
from answerback.crypto.primitives import CannotOpenError
from answerback.crypto.seal import lock_letter
from answerback.model.envelope import Delivery, Envelope
from answerback.model.ids import AccountId, DeviceId
from answerback.model.message import Lane
from answerback.wire.codec import encode
from answerback.wire.letters import Receipt, Slip
from tests.core.specimens import ANN, BEA, NOW, PHONE, at, message_number
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
    with pytest.raises(CannotOpenError, match=r"^no session with that device opens this$"):
        bea.open(envelope, ann)
    bea.open(ann.seal(bea), ann)


def test_an_envelope_moved_to_another_lane_does_not_open() -> None:
    ann, bea = met()
    envelope = ann.seal(bea)
    with pytest.raises(CannotOpenError, match=r"^the envelope was moved to another lane$"):
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
    (first,) = ann.facts
    facts: list[Fact] = []
    for _ in range(SESSIONS_MAX):
        prekey = check_prekey(prekeys_to_publish(bea.keys, 1)[0], bea.keys.device(0))
        facts += ann.sessions.begin(bea.keys.device(0), Lane.NORMAL, prekey, now=NOW)
    assert [fact for fact in facts if isinstance(fact, DropRatchet)] == [DropRatchet(*first)]


def test_the_first_message_sealed_to_a_fallback_key_does_not_open_twice() -> None:
    """A fallback key is not spent by its first use: only the session it began knows that the bytes came before."""
    ann, bea = Party(ANN), Party(BEA)
    prekey = check_prekey(make_fallback(bea.keys), bea.keys.device(0))
    ann.sessions.begin(bea.keys.device(0), Lane.NORMAL, prekey, now=NOW)
    envelope = ann.seal(bea)
    bea.open(envelope, ann)
    with pytest.raises(CannotOpenError, match=r"^no session with that device opens this$"):
        bea.open(envelope, ann)
    assert repr(bea.sessions) == "Sessions(1)"


def test_a_first_message_finds_its_session_behind_a_newer_one() -> None:
    ann, bea = Party(ANN), Party(BEA)
    ann.begin(bea)
    first, second = ann.seal(bea), ann.seal(bea)
    bea.open(first, ann)
    bea.begin(ann)
    bea.open(second, ann)
    assert repr(bea.sessions) == "Sessions(2)"


def test_a_clock_set_back_makes_no_session_older_than_the_one_before() -> None:
    ann, bea = Party(ANN), Party(BEA)
    ann.begin(bea)
    (older,) = ann.facts.values()
    prekey = check_prekey(prekeys_to_publish(bea.keys, 1)[0], bea.keys.device(0))
    (newer, *_) = ann.sessions.begin(bea.keys.device(0), Lane.NORMAL, prekey, now=at(0.0, wall_ms=0))
    assert isinstance(newer, KeepRatchet)
    assert newer.good_ms > older.good_ms
    ann.seal(bea)
    assert ann.facts[bea.id, Lane.NORMAL, newer.session].pickle != newer.pickle, "the newer one seals"
    bea.open(ann.seal(bea), ann)
    from_bea = bea.seal(ann)
    ann.open(from_bea, bea, now_s=0.0)
    assert ann.facts[bea.id, Lane.NORMAL, newer.session].good_ms > newer.good_ms


NONSENSE: list[tuple[Callable[[Slip], bytes], str]] = [
    (lambda slip: encode(replace(slip, author=BEA)), "the slip names another author than the envelope"),
    (lambda slip: encode(replace(slip, reader_device=PHONE)), "the slip names another reader than this device"),
    (lambda slip: b"no slip", ""),
]


@pytest.mark.parametrize(("said", "objection"), NONSENSE)
def test_what_opens_and_makes_no_sense_steps_the_ratchet_all_the_same(
    said: Callable[[Slip], bytes], objection: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bea = met()
    with monkeypatch.context() as patch:
        patch.setattr(sessions_module, "encode", said)
        envelope = ann.seal(bea)
    with pytest.raises(NonsenseError) as caught:
        bea.open(envelope, ann)
    assert str(caught.value) == (objection or str(caught.value.__cause__))
    (fact,) = caught.value.facts
    assert isinstance(fact, KeepRatchet)
    bea.keep(caught.value.facts)
    bea.restart()
    bea.open(ann.seal(bea), ann)


def test_nothing_secret_is_shown() -> None:
    ann, _ = met()
    assert repr(ann.sessions) == "Sessions(1)"
