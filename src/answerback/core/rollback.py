"""Notices that a disk has gone back in time, the relay's or this device's own, and makes up for it.

Theory. Both sides say hello with what only grows. A relay that knows less than this device does has lost mail, lists or
keys: positions in its mailbox mean nothing any more, and the account's own lists, which the root signed, are given to
it again, one after the other. A relay that knows *more* than this device has spoken with a later state of it: this disk
is an older copy, perhaps a backup. Then no ratchet on it may seal again, for one key would seal two texts; and the keys
others were given since have no secrets here. A device that holds its account's root key becomes a new device
(`device/renewing.py`), for the other state may live on elsewhere: one identity for two would split the mail between
them. One that cannot makes all keys anew and goes on; either way the person is told. A relay that lies gets nothing by
it but work for this device, and a new name on its account's list, once in an hour at most.
"""

from dataclasses import dataclass

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Save, Tell, Transmit, Warned
from answerback.core.facts import KeepNote, KeepOwnList
from answerback.core.healing import Healed
from answerback.core.machines import Machines
from answerback.core.questions import WantListAnnounced
from answerback.model.causes import Cause
from answerback.model.notes import NoteKind
from answerback.wire.frames import Announce, Taken, Welcome

LIFE_BELIEVED_MAX = 2**52
"""Half of what a number on the wire may be: a relay that says more would leave this device none to say hello with."""


@dataclass(slots=True)
class Rollback:
    """The composer of what follows when somebody remembers too little."""

    machines: Machines
    departure: Departure

    def of_ours(self, welcome: Welcome, *, said_life: int) -> list[Effect]:
        """Begin afresh if the relay has met a later state of this device; `said_life` is what its hello said."""
        machines = self.machines
        if not self._is_older(welcome, said_life):
            secrets = machines.sessions.secrets
            if secrets and welcome.seal_key not in secrets and not welcome.lapsed_ms:
                machines.healing.count(Healed.KEYS)  # it lost what it had, which is published again at once
            return []
        if machines.may_renew and machines.roster.version(machines.own.account):
            # Nothing more is said as this device, now or after a restart: the shell makes it another one.
            machines.registration.ended = Cause.DEVICE_RESTORED
            return [Save(KeepNote(NoteKind.SUPERSEDED, b"", b"1")), Tell(Warned(Cause.DEVICE_RESTORED))]
        machines.life = max(machines.life, min(welcome.life, LIFE_BELIEVED_MAX))
        effects: list[Effect] = [Tell(Warned(Cause.DEVICE_RESTORED))]
        if welcome.store == machines.store:
            effects += [Save(cursor) for cursor in machines.inbox.catch_up(welcome.taken)]
        effects += [Save(fact) for fact in machines.sessions.forget_all()]
        machines.registration.begin_anew()
        machines.healing.count(Healed.KEYS)
        return effects

    def of_mailbox(self, welcome: Welcome, *, said: list[Taken]) -> list[Effect]:
        """Forget positions that are of another store, or of this one before an older copy was put in its place.

        `said` is what the hello, or the ticket, that this welcome answers had said.
        """
        return [Save(cursor) for cursor in self.machines.inbox.welcomed(welcome.taken, said=said)]

    def of_lists(self, relay_version: int) -> list[Effect]:
        """Give the relay the account's next list after the newest it has, or ask it for those missing here."""
        machines = self.machines
        own = machines.own.account
        known_version = machines.roster.version(own)
        following = machines.registration.lists.get(relay_version + 1)
        if relay_version < known_version and following is not None:
            question = WantListAnnounced(following)
            asked = machines.questions.ask(question, Announce(machines.questions.number(), following))
            return [Transmit(asked)] if asked is not None and machines.path.up else []
        if relay_version > known_version or machines.registration.lists_upto < min(known_version, relay_version):
            return self.departure.want_list(own)
        return []

    def learn(self, lists: list[KeepOwnList]) -> list[Effect]:
        """Keep lists of this account, for the day a relay has lost them."""
        known = self.machines.registration.lists
        fresh = [kept for kept in lists if kept.version not in known]
        known.update((kept.version, kept.list) for kept in fresh)
        return [Save(kept) for kept in fresh]

    def _is_older(self, welcome: Welcome, said_life: int) -> bool:
        machines = self.machines
        # What we have said since, on another connection, the relay may have heard before this hello.
        if welcome.life > machines.life or welcome.life == machines.life == said_life:
            return True
        position = machines.inbox.position
        return welcome.store == machines.store and any(entry.position > position(entry.lane) for entry in welcome.taken)
