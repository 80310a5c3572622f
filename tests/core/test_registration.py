"""Proves that keys are refilled, rotated and offered again, and never counted as published before they are."""

from answerback.core.facts import DropSealSecret, KeepDeviceKeys, KeepSealSecret
from answerback.core.registration import (
    FALLBACK_PERIOD_MS,
    PREKEYS_MIN,
    SEAL_KEY_AGE_MS,
    SEAL_SECRET_AGE_MS,
    Registration,
)
from answerback.core.sessions import Sessions
from answerback.crypto.identity import DeviceKeys
from answerback.crypto.prekeys import PREKEYS_MAX, fallback_waits
from answerback.model.devices import Signed
from answerback.wire.frames import Publish
from tests.core.world import PICKLE_KEY

NOW_MS = 50 * FALLBACK_PERIOD_MS


def fresh() -> tuple[Registration, Sessions]:
    registration = Registration()
    registration.welcomed(prekeys_left=0, seal_key=b"")
    return registration, Sessions(DeviceKeys.generate(), PICKLE_KEY)


def publish(registration: Registration, sessions: Sessions, relay_ms: int) -> Publish:
    frame, _ = registration.publication(sessions, number=1, relay_ms=relay_ms, pickle_key=PICKLE_KEY)
    return frame


def done(registration: Registration, sessions: Sessions, left: int = PREKEYS_MAX) -> None:
    registration.published(sessions, prekeys_left=left, pickle_key=PICKLE_KEY)


def test_nothing_is_published_before_the_relay_has_said_what_it_holds() -> None:
    sessions = Sessions(DeviceKeys.generate(), PICKLE_KEY)
    assert not Registration().due(sessions, relay_ms=NOW_MS)


def test_a_new_device_publishes_everything_and_saves_it_first() -> None:
    registration, sessions = fresh()
    assert registration.due(sessions, relay_ms=NOW_MS)
    frame, facts = registration.publication(sessions, number=1, relay_ms=NOW_MS, pickle_key=PICKLE_KEY)
    assert len(frame.prekeys) == PREKEYS_MAX
    assert frame.fallback is not None
    assert frame.seal_key is not None
    assert {type(fact) for fact in facts} == {KeepDeviceKeys, KeepSealSecret}
    done(registration, sessions)
    assert not registration.due(sessions, relay_ms=NOW_MS)


def test_what_was_not_confirmed_is_offered_again_byte_for_byte() -> None:
    registration, sessions = fresh()
    first = publish(registration, sessions, NOW_MS)
    registration.welcomed(prekeys_left=0, seal_key=b"")
    second = publish(registration, sessions, NOW_MS)
    assert (first.prekeys, first.fallback) == (second.prekeys, second.fallback)


def test_pre_keys_are_refilled_below_their_floor() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions, left=PREKEYS_MIN)
    assert not registration.due(sessions, relay_ms=NOW_MS)
    registration.prekeys_left = PREKEYS_MIN - 1
    assert registration.due(sessions, relay_ms=NOW_MS)
    frame = publish(registration, sessions, NOW_MS)
    assert len(frame.prekeys) == PREKEYS_MAX - PREKEYS_MIN + 1
    assert frame.seal_key is None
    assert frame.fallback is None


def test_a_seal_key_is_rotated_by_age_and_its_secret_kept_until_nothing_can_need_it() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions)
    old = registration.seal_key
    assert not registration.due(sessions, relay_ms=NOW_MS + SEAL_KEY_AGE_MS - 1)
    later_ms = NOW_MS + SEAL_KEY_AGE_MS
    assert registration.due(sessions, relay_ms=later_ms)
    assert publish(registration, sessions, later_ms).seal_key is not None
    done(registration, sessions)
    assert registration.seal_key != old
    assert old in sessions.secrets
    much_later_ms = NOW_MS + SEAL_SECRET_AGE_MS + 1
    _, facts = registration.publication(sessions, number=2, relay_ms=much_later_ms, pickle_key=PICKLE_KEY)
    assert DropSealSecret(old) in facts
    assert old not in sessions.secrets


def test_a_key_that_was_in_use_until_now_is_kept_however_old_it_is() -> None:
    """A device comes back after months: what others seal before they hear of its new key must still open."""
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions)
    old, back_ms = registration.seal_key, NOW_MS + 3 * SEAL_SECRET_AGE_MS
    publish(registration, sessions, back_ms)
    done(registration, sessions)
    assert old in sessions.secrets
    _, facts = registration.publication(
        sessions, number=2, relay_ms=back_ms + SEAL_SECRET_AGE_MS, pickle_key=PICKLE_KEY
    )
    assert DropSealSecret(old) in facts


def test_a_fallback_key_is_made_anew_no_more_often_than_mail_can_wait_for_it() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS + 5)
    done(registration, sessions)
    within_ms, beyond_ms = NOW_MS + 5 + SEAL_KEY_AGE_MS, NOW_MS + FALLBACK_PERIOD_MS
    assert publish(registration, sessions, within_ms).fallback is None
    done(registration, sessions)
    assert publish(registration, sessions, beyond_ms).fallback is not None


def test_a_relay_that_has_lost_our_seal_key_gets_a_fallback_key_too() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions)
    registration.welcomed(prekeys_left=0, seal_key=b"")
    frame = publish(registration, sessions, NOW_MS + 1)
    assert frame.seal_key is not None
    assert frame.fallback is not None


def test_each_one_time_key_somebody_uses_is_counted_down_to_none() -> None:
    registration, _ = fresh()
    registration.prekeys_left = 2
    counts = []
    for _ in range(3):
        registration.taken()
        counts.append(registration.prekeys_left)
    assert counts == [1, 0, 0]


def test_own_lists_are_complete_up_to_the_first_that_is_missing() -> None:
    registration, _ = fresh()
    assert registration.lists_upto == 0
    registration.lists = dict.fromkeys((1, 2, 3, 5), Signed(b"", b""))
    assert registration.lists_upto == 3


def test_after_a_backup_was_put_back_all_keys_are_offered_anew_until_the_relay_has_them() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions)
    registration.begin_anew()
    assert (registration.prekeys_left, registration.seal_key) == (0, b"")
    first = publish(registration, sessions, NOW_MS + 1)
    assert (first.anew, len(first.prekeys)) == (True, PREKEYS_MAX)
    registration.begin_anew()
    assert publish(registration, sessions, NOW_MS + 2).anew, "put back again before the answer came"
    done(registration, sessions)
    registration.begin_anew()
    done(registration, sessions)
    assert publish(registration, sessions, NOW_MS + 3).anew, "the answer was to an offer made before"
    done(registration, sessions)
    assert not publish(registration, sessions, NOW_MS + 4).anew


def test_the_answer_makes_the_offered_seal_key_the_one_in_use_and_one_without_changes_none() -> None:
    registration, sessions = fresh()
    _, facts = registration.publication(sessions, number=7, relay_ms=NOW_MS, pickle_key=PICKLE_KEY)
    (offered,) = [fact for fact in facts if isinstance(fact, KeepSealSecret)]
    assert (sessions.secrets[offered.id].created_ms, offered.created_ms) == (NOW_MS, NOW_MS)
    assert registration.seal_key == b""
    (kept,) = registration.published(sessions, prekeys_left=77, pickle_key=PICKLE_KEY)
    assert isinstance(kept, KeepDeviceKeys)
    again = DeviceKeys.from_pickle(kept.pickle, PICKLE_KEY)
    assert not fallback_waits(again), "what is on disk is what the relay has"
    assert (registration.seal_key, registration.prekeys_left) == (offered.id, 77)
    done(registration, sessions)
    assert registration.seal_key == offered.id
    assert publish(registration, sessions, NOW_MS).request == 1


def test_a_seal_key_from_the_future_is_replaced_and_its_age_counted_from_now() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions)
    day_ms = 86_400_000
    assert not registration.due(sessions, relay_ms=NOW_MS - day_ms)
    assert registration.due(sessions, relay_ms=NOW_MS - day_ms - 1)
    wrong = registration.seal_key
    relay_ms = NOW_MS - 2 * day_ms
    _, facts = registration.publication(sessions, number=2, relay_ms=relay_ms, pickle_key=PICKLE_KEY)
    redated = [fact for fact in facts if isinstance(fact, KeepSealSecret) and fact.id == wrong]
    assert [fact.created_ms for fact in redated] == [relay_ms]
    assert sessions.secrets[wrong].created_ms == relay_ms
    assert redated[0].secret == sessions.secrets[wrong].secret


def test_a_relay_with_more_keys_than_we_give_it_is_given_none() -> None:
    registration, sessions = fresh()
    publish(registration, sessions, NOW_MS)
    done(registration, sessions, left=PREKEYS_MAX)
    assert publish(registration, sessions, NOW_MS).prekeys == []
    done(registration, sessions, left=PREKEYS_MAX + 1)
    assert publish(registration, sessions, NOW_MS).prekeys == []
    done(registration, sessions, left=PREKEYS_MAX - 1)
    assert len(publish(registration, sessions, NOW_MS).prekeys) == 1
