"""Draws what people do: whom they write to, how urgently, with what file; what they read, and what they ask."""

import contextlib
from collections.abc import Callable
from typing import Final

from answerback.lab.simulation.town import CANARY, Town
from answerback.lab.simulation.villager import Villager
from answerback.model.errors import StorageError
from answerback.model.ids import AccountId, BlobId
from answerback.model.message import LIFETIME_S, Urgency

NOBODY: Final = "nobody"
"""A handle that is nobody's."""
FILE_BYTES: Final = (300, 20_000, 60_000, 150_000)
"""Within one piece, and in several; a segment is 64 KiB."""
SLOW_S: Final = 6.0
FILE_SHARE: Final = 0.07
BURSTS: Final = (1,) * 14 + (4, 8)
STRANGERS_COUNT: Final = 20
ACCOUNTS_COUNT: Final = 40
MASS_COUNT: Final = 60
"""More than one frame, and more than the window of a link that was not measured yet."""


class Workload:
    """What the people of one town do."""

    def __init__(self, town: Town) -> None:
        self._town = town

    # ---- writing

    def write(self) -> int:
        """Write one message, or a burst; how many there were to be."""
        town, chance = self._town, self._town.random
        awake = [villager for villager in town.awake if villager.device not in town.truth.revoked]
        if not awake:
            return 1
        author = chance.choice(awake)
        burst = chance.choice(BURSTS)
        if burst > 1:
            town.chronicle.faults["burst"] += 1
        handles = self._recipients(author)
        urgency = chance.choice((Urgency.NORMAL,) * 6 + (Urgency.BACKGROUND,))
        for _ in range(burst):
            file = self._file() if chance.random() < FILE_SHARE else None
            town.write(author, handles, urgency=urgency, lifetime_s=self._lifetime_s(), file=file)
            if not author.is_on:
                return burst
        if chance.random() < (0.5 if burst > 1 else 0.1):
            town.chronicle.faults["urgent_behind_others"] += 1
            town.write(author, handles, urgency=Urgency.URGENT, lifetime_s=self._lifetime_s())
        return burst

    def mass(self) -> None:
        """Write far more than fits the link at once, and then something urgent."""
        town = self._town
        if not town.awake:
            return
        author = town.random.choice(town.awake)
        town.chronicle.faults["mass"] += 1
        handles = [town.random.choice(self._others(author))]
        for _ in range(MASS_COUNT):
            if author.is_on:
                town.write(author, handles, urgency=Urgency.BACKGROUND, lifetime_s=LIFETIME_S)
        if author.is_on:
            town.write(author, handles, urgency=Urgency.URGENT, lifetime_s=LIFETIME_S)

    def strangers(self) -> None:
        """Write to more handles at once than are asked about at once, and ask for more accounts than that."""
        town = self._town
        if town.awake:
            author = town.random.choice(town.awake)
            town.chronicle.faults["strangers"] += 1
            handles = [f"{NOBODY}{number}" for number in range(STRANGERS_COUNT)]
            town.write(author, handles, urgency=Urgency.NORMAL, lifetime_s=LIFETIME_S)
            for _ in range(ACCOUNTS_COUNT):
                self._look_up(author, AccountId(town.random.randbytes(16)))

    def to_nowhere(self) -> None:
        """Write to an account that the relay does not know: it waits until its time is over."""
        town = self._town
        if town.awake:
            town.chronicle.faults["unknown_account"] += 1
            author, nowhere = town.random.choice(town.awake), AccountId(town.random.randbytes(16))
            town.write(author, [], urgency=Urgency.NORMAL, lifetime_s=90, accounts=[nowhere])

    def _recipients(self, author: Villager) -> list[str]:
        town, chance = self._town, self._town.random
        own, others = author.name.split()[0], self._others(author)
        draw = chance.random()
        if draw < 0.03 and len(town.listed(author)) > 1:
            town.chronicle.faults["note_to_self"] += 1
            return [own]
        if draw < 0.06:
            town.chronicle.faults["unknown_handle"] += 1
            return [chance.choice(others), NOBODY] if draw < 0.045 else [NOBODY]
        if len(others) > 1 and draw < 0.45:
            town.chronicle.faults["group"] += 1
            group = others if len(others) <= 3 or draw < 0.25 else chance.sample(others, 3)
            return [*group, own] if draw < 0.1 else group  # naming oneself, too, is allowed
        return [chance.choice(others)]

    def _others(self, author: Villager) -> list[str]:
        return sorted({villager.name.split()[0] for villager in self._town.villagers} - {author.name.split()[0]})

    def _lifetime_s(self) -> int:
        if self._town.random.random() < 0.06:
            self._town.chronicle.faults["short_lifetime"] += 1
            return self._town.random.randint(5, 90)
        return LIFETIME_S

    def _file(self) -> bytes:
        self._town.chronicle.faults["file"] += 1
        return f"{CANARY} in a file ".encode() + self._town.random.randbytes(self._town.random.choice(FILE_BYTES))

    # ---- reading, answering, asking

    def look(self) -> None:
        """Somebody reads what is there, answers it, or asks for something."""
        town, chance = self._town, self._town.random
        if chance.random() > 0.35 or not town.awake:
            return
        who = chance.choice(town.awake)
        with contextlib.suppress(StorageError):  # a disk that cannot be read shows nothing
            chance.choices((self._read, self._answer, self._ask), weights=(30, 4, 2))[0](who)

    def _read(self, who: Villager) -> None:
        assert who.agent is not None
        kept = [kept.message for kept in who.agent.journal.messages(limit=3)]
        if kept:
            names = ", ".join(self._town.name(message.id) for message in kept)
            self._town.chronicle.say(who.name, f"reads {names}")
            who.read(kept)

    def _answer(self, who: Villager) -> None:
        """Answer a message without knowing anybody's handle, as the client's `reply` does."""
        assert who.agent is not None
        town = self._town
        for kept in who.agent.journal.messages(limit=1):
            message = kept.message
            others = sorted((message.recipients | {message.author}) - {who.account})
            known = [account for account in others if account in town.handles]
            if known and known == others and who.device not in town.truth.revoked:
                town.chronicle.faults["answer"] += 1
                town.write(who, [], urgency=message.urgency, lifetime_s=LIFETIME_S, accounts=others)

    def _ask(self, who: Villager) -> None:
        town = self._town
        town.chronicle.faults["looked_up"] += 1
        self._look_up(who, town.random.choice(sorted(town.handles)))

    @staticmethod
    def _look_up(who: Villager, account: AccountId) -> None:
        who.change(lambda engine, now: engine.look_up(account, now=now))

    # ---- devices

    def leave(self) -> None:
        """Somebody takes the very device in hand off the account's list, where another is left."""
        town = self._town
        for who in town.awake:
            listed = town.listed(who)
            if town.may_sign(who) and len(listed) > 1 and who.device in {device.id for device in listed}:
                town.chronicle.faults["device_revokes_itself"] += 1
                town.announce(who, [device for device in listed if device.id != who.device])
                return


class FileFaults:
    """What may befall files on their way."""

    def __init__(self, town: Town) -> None:
        self._town = town

    def strike(self) -> None:
        """Let one thing go wrong, with somebody's file if any is on its way."""
        self._town.random.choice(self.kinds())()

    def kinds(self) -> list[Callable[[], None]]:
        """Every kind, as often as it is to come."""
        return [
            self.request_lost,
            self.answer_lost,
            self.broken_in_the_middle,
            self.torn_at_the_device,
            self.relay_has_no_room,
            self.relay_loses_a_piece,
            self.relay_changes_a_piece,
            self.overtaken,
            self.lost_at_its_author,
        ]

    def heal(self) -> None:
        """End everything that is wrong."""
        self._town.office.objects.is_full = False
        for villager in self._town.villagers:
            villager.way.breaks.clear()
            villager.folder.is_brittle = False

    def request_lost(self) -> None:
        """Lose the next piece before it is anywhere."""
        self._break("request")

    def answer_lost(self) -> None:
        """Lose the answer to the next piece that goes up."""
        self._break("answer")

    def broken_in_the_middle(self) -> None:
        """Break the next download off in the middle of a part."""
        self._break("middle")

    def lost_at_its_author(self) -> None:
        """Lose a file that waits to be sent from its author's own disk."""
        who = self._carrier()
        for blob in _never_left(who):
            self._town.chronicle.fault("file_lost_at_its_author", who.name)
            self._town.truth.lost_files.add(who.device)
            who.folder.discard_staged(blob)

    def overtaken(self) -> None:
        """Let a piece be so slow that it is carried once more, on the next connection, before it is there."""
        who = self._carrier()
        self._town.chronicle.fault("file_overtaken", who.name)
        who.road.spike_s = SLOW_S
        self._town.later(SLOW_S / 4, lambda: _cut(who))

    def torn_at_the_device(self) -> None:
        """Let the power go when the next part of a file is written: half of it is on the disk."""
        who = self._carrier()
        self._town.chronicle.fault("file_torn", who.name)
        who.folder.is_brittle = True

    def relay_has_no_room(self) -> None:
        """Let the relay refuse files for want of room."""
        self._town.chronicle.fault("file_no_room", "relay")
        objects = self._town.office.objects
        objects.is_full = True
        self._town.later(self._town.random.uniform(1.0, 40.0), lambda: setattr(objects, "is_full", False))

    def relay_loses_a_piece(self) -> None:
        """Lose a piece behind the relay's back."""
        content = self._town.office.objects.content
        if content:
            self._town.chronicle.fault("file_piece_lost", "relay")
            del content[self._town.random.choice(list(content))]

    def relay_changes_a_piece(self) -> None:
        """Let the relay's disk change a bit."""
        content = self._town.office.objects.content
        if content:
            self._town.chronicle.fault("file_piece_changed", "relay")
            name = self._town.random.choice(list(content))
            content[name] = bytes([content[name][0] ^ 1]) + content[name][1:]

    def _break(self, where: str) -> None:
        self._town.chronicle.say("everybody", f"! will lose a file's {where}")
        for villager in self._town.villagers:
            villager.way.breaks.append(where)

    def _carrier(self) -> Villager:
        """Somebody who carries a file right now, if anybody does."""
        awake = [villager for villager in self._town.awake if villager.agent is not None]
        busy = [v for v in awake if v.agent is not None and len(v.agent.engine.machines.transfers)]
        return self._town.random.choice(busy or self._town.villagers)


def _never_left(who: Villager) -> list[BlobId]:
    """Files that are being carried to the relay, and whose messages nobody else has yet."""
    if who.agent is None:
        return []
    machines = who.agent.engine.machines
    return [
        promise.letter.blob
        for promise in machines.outbox
        if promise.letter.blob is not None
        and machines.transfers.active((who.account, promise.id))
        and not any(copy.attempts for copy in promise.copies.values())
    ]


def _cut(who: Villager) -> None:
    """Break a device's connections, and let what is new be fast."""
    who.road.spike_s = 0.0
    for wire in who.wires():
        wire.cut()
