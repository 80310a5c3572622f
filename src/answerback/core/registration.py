"""This device's standing at the relay: enough pre-keys, a fresh seal key, a fallback key.

Theory. Keys are made, saved, published, and only then counted as published: a crash in between offers the same keys
again (crypto/prekeys.py). One publication is under way at a time, since the relay's answer stands for all that was
offered before it. All ages are judged by the relay's clock.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise

from answerback.core.facts import DropSealSecret, Fact, KeepDeviceKeys, KeepSealSecret
from answerback.core.sessions import Sessions
from answerback.crypto.prekeys import (
    PREKEYS_MAX,
    fallback_waits,
    make_fallback,
    make_seal_key,
    mark_published,
    prekeys_to_publish,
)
from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.wire.frames import Publish

PREKEYS_MIN = 25
"""Refill below this: a quarter left is a day's worth of new correspondents for the busiest person."""
DAY_MS = 86_400_000
SEAL_KEY_AGE_MS = 7 * DAY_MS
"""Post-quantum secrecy is per rotation: what is older than this key's deletion cannot be opened even by its owner."""
SEAL_SECRET_AGE_MS = 45 * DAY_MS
"""A week in use, 30 days the mailbox's longest age, and a week for senders who had not heard of the newer key. The last
two count from the key that follows: a device that was away for months has its old key in use until it is back."""
FALLBACK_PERIOD_MS = 35 * DAY_MS
"""Longer than the mailbox's longest age, so that no message sealed to the one before it can still be on its way."""


@dataclass(slots=True)
class Registration:
    """What the relay holds of this device's keys."""

    prekeys_left: int = 0
    seal_key: bytes = b""
    known: bool = False
    ended: Cause | None = None
    """Why this device may not come in any more; it does not knock again until a person acts."""
    lists: dict[int, Signed] = field(default_factory=dict)
    """This account's own device lists, by version."""
    _anew: bool = False
    """What is offered next stands for everything offered before."""
    _offers_anew: bool = False
    _offered: bytes = b""
    """The seal key in the publication under way."""

    def welcomed(self, *, prekeys_left: int, seal_key: bytes) -> None:
        """The relay says what it has."""
        self.prekeys_left, self.seal_key, self.known = prekeys_left, seal_key, True

    @property
    def lists_upto(self) -> int:
        """The version up to which no own list is missing here."""
        version = 0
        while version + 1 in self.lists:
            version += 1
        return version

    def begin_anew(self, *, fallback: bool = True) -> None:
        """Replace all that the relay hands out: it may have no secrets here, or is not to be used any more.

        Where the secrets are here the fallback key may stay until it is a month old: this device opens with its newest
        two only, and what was begun with the one before may be on its way.
        """
        self._anew = True
        if fallback:
            self.prekeys_left, self.seal_key = 0, b""

    @property
    def is_anew(self) -> bool:
        """Whether the relay still hands out what is to be replaced."""
        return self._anew

    def taken(self) -> None:
        """Somebody began a session with one of the one-time keys."""
        self.prekeys_left = max(self.prekeys_left - 1, 0)

    def due(self, sessions: Sessions, *, relay_ms: int) -> bool:
        """Whether something must be published."""
        if not self.known:
            return False
        return self._anew or self.prekeys_left < PREKEYS_MIN or self._seal_key_due(sessions, relay_ms)

    def publication(
        self, sessions: Sessions, *, number: int, relay_ms: int, pickle_key: bytes
    ) -> tuple[Publish, list[Fact]]:
        """Make what is due; the facts must be on disk before the frame leaves."""
        facts: list[Fact] = []
        seal_key = fallback = None
        rotating = self._anew or self._seal_key_due(sessions, relay_ms)
        # A relay without any seal key of ours has lost the fallback key as well.
        due = self._fallback_due(sessions, relay_ms) or not self.seal_key
        if (rotating and due) or fallback_waits(sessions.keys):
            # One that was made and never confirmed is offered again: marked as published without the relay having
            # it, it would push the one the relay still hands out off this device's two.
            fallback = make_fallback(sessions.keys)
        if rotating:
            secret, seal_key = make_seal_key(sessions.keys, now_ms=relay_ms)
            facts += self._redate(sessions, relay_ms)
            sessions.secrets[secret.id] = secret
            self._offered = secret.id
            facts.append(KeepSealSecret(secret.id, secret.secret, secret.created_ms))
            facts += self._drop_old(sessions, relay_ms)
        wanted = PREKEYS_MAX if self._anew else PREKEYS_MAX - self.prekeys_left
        prekeys = prekeys_to_publish(sessions.keys, wanted) if wanted > 0 else []
        facts.insert(0, KeepDeviceKeys(sessions.keys.pickle(pickle_key)))
        self._offers_anew = self._anew
        return Publish(number, prekeys, fallback, seal_key, self._anew), facts

    def published(self, sessions: Sessions, *, prekeys_left: int, pickle_key: bytes) -> list[Fact]:
        """The relay has it all on its disk."""
        self.prekeys_left = prekeys_left
        self._anew, self._offers_anew = self._anew and not self._offers_anew, False
        self.seal_key, self._offered = self._offered or self.seal_key, b""
        mark_published(sessions.keys)
        return [KeepDeviceKeys(sessions.keys.pickle(pickle_key))]

    def _seal_key_due(self, sessions: Sessions, relay_ms: int) -> bool:
        current = sessions.secrets.get(self.seal_key)
        # One from the future was made while the relay's clock was wrong, and would be used until that time comes.
        return current is None or not -DAY_MS <= relay_ms - current.created_ms < SEAL_KEY_AGE_MS

    @staticmethod
    def _redate(sessions: Sessions, relay_ms: int) -> list[Fact]:
        facts: list[Fact] = []
        for secret in [secret for secret in sessions.secrets.values() if secret.created_ms > relay_ms]:
            sessions.secrets[secret.id] = replace(secret, created_ms=relay_ms)
            facts.append(KeepSealSecret(secret.id, secret.secret, relay_ms))
        return facts

    @staticmethod
    def _fallback_due(sessions: Sessions, relay_ms: int) -> bool:
        newest_ms = max((secret.created_ms for secret in sessions.secrets.values()), default=None)
        return newest_ms is None or newest_ms // FALLBACK_PERIOD_MS != relay_ms // FALLBACK_PERIOD_MS

    def _drop_old(self, sessions: Sessions, relay_ms: int) -> list[Fact]:
        by_age = sorted(sessions.secrets.values(), key=lambda secret: secret.created_ms)
        old = [
            secret.id
            for secret, follower in pairwise(by_age)
            if relay_ms - follower.created_ms > SEAL_SECRET_AGE_MS - SEAL_KEY_AGE_MS
        ]
        for identity in old:
            del sessions.secrets[identity]
        return [DropSealSecret(identity) for identity in old]
