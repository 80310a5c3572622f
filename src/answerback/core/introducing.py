"""Introduces a device that is new to its account to the account's other devices and contacts, once.

Theory. A device that took the place of another (`device/renewing.py`, `device/recovering.py`) waits for mail that was
sealed for the other. Who wrote it sends it anew as soon as they hear of a newer device list; but a relay that keeps no
names of senders cannot tell them, and somebody who only waits for an answer asks nobody. Nor do other devices of the
account know that what is written on them is to be here, too. So the new device says one empty receipt to all of these:
it carries the list's version, and whoever has mail under way lays it out by
the newest list. What is lost with a crash is the count of who was told, never the duty: to be told twice harms nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from answerback.core.departure import Departure
from answerback.core.effects import Effect, Moment, Save
from answerback.core.facts import KeepNote
from answerback.core.machines import Machines
from answerback.model.ids import AccountId
from answerback.model.notes import NoteKind
from answerback.wire.letters import Receipt

CONTACTS_MAX: Final = 500
"""More contacts than this are not told: they hear of the device with the first message."""


@dataclass(slots=True)
class Introducing:
    """The composer of a new device's first words."""

    machines: Machines
    departure: Departure
    is_due: bool = False
    _told: set[AccountId] = field(default_factory=set)

    def restore(self, notes: Sequence[KeepNote]) -> None:
        """Take back from disk whether this device has yet to be introduced."""
        self.is_due = any(note.kind is NoteKind.UNINTRODUCED for note in notes)

    def go_on(self, *, now: Moment) -> list[Effect]:
        """Tell the contacts whose devices are known, and ask for the devices of the others."""
        machines = self.machines
        if not self.is_due or not machines.path.up:
            return []
        effects: list[Effect] = []
        waits = False
        accounts = dict.fromkeys((machines.own.account, *self.departure.contacts.values()))
        for account in list(accounts)[: CONTACTS_MAX + 1]:
            if account in self._told or machines.trust.holds((), (account,)) or machines.roster.absent(account):
                continue
            if not machines.roster.knows(account):
                waits = True
                effects += self.departure.want_list(account)
                continue
            self._told.add(account)
            devices = (device.id for device in machines.roster.devices(account))
            if others := tuple(device for device in devices if device != machines.own.device):
                effects += self.departure.control(Receipt([], []), others, now=now)
        if not waits:
            self.is_due = False
            effects.append(Save(KeepNote(NoteKind.UNINTRODUCED, b"", b"")))
        return effects
