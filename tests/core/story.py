"""Plays a random story of people, messages and misfortunes, heals the world, and checks what is left."""

from collections.abc import Callable
from dataclasses import dataclass, field

from answerback.core.facts import KeepOutgoing
from answerback.model.causes import Cause
from answerback.model.ids import MessageId
from answerback.model.message import Lane, Urgency
from answerback.model.stamp import in_order
from answerback.model.timeline import Stage
from tests.core.post_office import Store
from tests.core.world import Phone, Strike, World

MESSAGES = 30
HEAL_S_MAX = 3 * 86_400.0
"""Gaps and inquiries are asked about ever less often, up to six hours apart."""
HEAL_FRAMES_MAX = 5_000
"""What one phone may say until all is settled; after a restored relay some thousand are said in a minute, not more."""
QUIET_S = 900.0
"""Longer than the first asking again of anything."""


@dataclass
class Sent:
    """One promised message, and who must have it in the end."""

    id: MessageId
    author: Phone
    text: str


@dataclass
class Story:
    """One seed's story: two people with two devices each."""

    seed: int
    gentle: bool = False
    """Only what happens every day: lost connections, crashes, outages."""
    people: tuple[str, ...] = ("ann", "bea")
    world: World = field(init=False)
    sent: list[Sent] = field(default_factory=list)
    backups: list[Store] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    """What happened, for whoever must find out why."""
    tampered: bool = False
    """Something happened after which order of arrival cannot be kept: mail or keys were lost behind everybody."""

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.world.strict = False
        phones = [self.world.person(handle) for handle in self.people]
        self.world.run(2)
        for phone in phones:
            self.world.second_device(phone)

    # ---- playing

    def play(self, messages: int = MESSAGES) -> list[str]:
        """Tell the story, heal the world, and say what is wrong in the end."""
        chance = self.world.random
        while len(self.sent) < messages:
            self._write()
            if chance.random() < 0.5:
                misfortune = chance.choice(self._misfortunes())
                self.stories.append(f"{self.world.now_s:.2f} {misfortune.__name__}")
                misfortune()
            if chance.random() < 0.7:
                self._run(chance.choice((0.05, 0.1, 0.3, 1.0, 4.0)))
        self._heal()
        return self.faults()

    def _run(self, seconds: float) -> None:
        self.world.run(seconds)

    def _write(self) -> None:
        chance = self.world.random
        author = self._anybody()
        handle = next(name for name in self.people if name != author.own.handle)
        text = f"{len(self.sent)}"
        urgency = chance.choice((Urgency.NORMAL,) * 6 + (Urgency.URGENT, Urgency.BACKGROUND))
        file = self.world.file(chance.choice((5_000, 90_000))) if chance.random() < 0.1 else None
        identity = author.send(handle, text=text, urgency=urgency, lifetime_s=30 * 86_400, file=file)
        if author.disk.promised(identity):
            self.sent.append(Sent(identity, author, text))

    def _anybody(self) -> Phone:
        return self.world.random.choice([phone for phone in self.world.phones if not phone.off])

    def _heal(self) -> None:
        world = self.world
        world.reachable, world.relay.holds_commits = True, False
        world.relay.refuse.clear()
        for phone in world.phones:
            phone.fuse = None
            if phone.off:
                phone.start()
        end_s, before = world.now_s + HEAL_S_MAX, {id(phone): phone.sent_frames for phone in world.phones}
        while not world.settled() and world.now_s < end_s and not world.objections:
            self._run(30.0 if world.now_s < end_s - HEAL_S_MAX + 3600 else 600.0)
            world.objections += [
                f"{phone.own.handle} {phone.own.device_name} talks without end"
                for phone in world.phones
                if phone.sent_frames - before[id(phone)] > HEAL_FRAMES_MAX
            ]
        self._run(300.0)

    # ---- misfortunes

    def _misfortunes(self) -> list[Callable[[], None]]:
        often = [self.cut, self.crash_between, self.outage, self.reading]
        seldom = [
            self.nap,
            self.relay_crash,
            self.relay_loses_last,
            self.relay_loses_mailboxes,
            self.relay_backup,
            self.relay_restore,
            self.delivered_twice,
            self.seal_key_rotated,
            self.prekeys_exhausted,
            self.ratchets_lost,
            self.control_ratchets_lost,
            self.mailbox_full,
            self.clock_jumps,
            self.hint,
        ]
        return often if self.gentle else often * 3 + seldom

    def cut(self) -> None:
        """A connection breaks with frames on it in both directions."""
        chance = self.world.random
        phone = self._anybody()
        phone.cut(relay_gets=chance.randint(0, 3), phone_gets=chance.randint(0, 3))

    def crash_between(self) -> None:
        """A phone will crash within one of its next changes."""
        chance = self.world.random
        self._anybody().fuse = chance.randint(0, 12), chance.choice(list(Strike))

    def outage(self) -> None:
        """Nobody reaches the relay; what is on its way does not arrive."""
        self.world.reachable = False
        self._run(self.world.random.choice((0.1, 1.0, 8.0)))
        self.world.disconnect_all()
        self._run(self.world.random.choice((0.1, 5.0, 40.0)))
        self.world.reachable = True

    def nap(self) -> None:
        """A phone is off for a while."""
        awake = [phone for phone in self.world.phones if not phone.off]
        asleep = [phone for phone in self.world.phones if phone.off]
        if asleep:
            asleep[0].start()
        elif len(awake) > 1:
            self.world.random.choice(awake).stop()

    def reading(self) -> None:
        """Somebody reads what others wrote."""
        phone = self._anybody()
        others = [message for message in phone.disk.messages.values() if message.author != phone.own.account]
        phone.read(*self.world.random.sample(others, min(3, len(others))))

    def hint(self) -> None:
        """The network changed."""
        phone = self._anybody()
        phone.carry_out(phone.engine.hint(now=phone.now))

    def relay_crash(self) -> None:
        """The relay loses what it had not acknowledged."""
        self.world.relay.holds_commits = True
        self._run(self.world.random.choice((0.1, 0.5)))
        self.world.relay.holds_commits = False
        self.world.relay.crash()

    def relay_loses_last(self) -> None:
        """The relay loses its last second of acknowledged mail."""
        self.tampered = True
        self.world.relay.lose_last(1.0)

    def relay_loses_mailboxes(self) -> None:
        """The relay loses all mail."""
        self.tampered = True
        self.world.relay.lose_mailboxes()

    def relay_backup(self) -> None:
        """Somebody copies the relay's disk."""
        self.backups.append(self.world.relay.backup())

    def relay_restore(self) -> None:
        """Somebody puts an older copy back."""
        if self.backups:
            self.tampered = True
            self.world.relay.restore(self.world.random.choice(self.backups))

    def delivered_twice(self) -> None:
        """The relay hands over again what it handed over."""
        self.world.relay.box(self._anybody().own.device).handed = 0

    def seal_key_rotated(self) -> None:
        """A phone publishes a new seal key while mail to the old one is on its way."""
        self._anybody().engine.machines.registration.seal_key = b"of old.."

    def prekeys_exhausted(self) -> None:
        """Somebody's one-time keys are used up."""
        self.world.relay.store.prekeys[self._anybody().own.device].clear()

    def ratchets_lost(self) -> None:
        """A phone's sessions are gone."""
        self.tampered = True
        phone = self._anybody()
        phone.disk.forget_ratchets()
        phone.crash()

    def control_ratchets_lost(self) -> None:
        """A phone's sessions for receipts are gone."""
        phone = self._anybody()
        phone.disk.forget_ratchets(Lane.CONTROL)
        phone.crash()

    def mailbox_full(self) -> None:
        """Somebody's mailbox takes nothing for a while."""
        refuse = self.world.relay.refuse
        if refuse:
            refuse.clear()
        else:
            self.tampered = True
            refuse[self._anybody().own.device] = Cause.RECIPIENT_MAILBOX_FULL, 2000

    def clock_jumps(self) -> None:
        """A phone's wall clock is set, by years."""
        self._anybody().wall_offset_ms = self.world.random.choice((0, 40, -40)) * 365 * 86_400_000

    # ---- checking

    def faults(self) -> list[str]:
        """Everything that is not as it was promised."""
        found = list(dict.fromkeys(self.world.objections))
        if found:
            return found
        for phone in self.world.phones:
            found += self._unfinished(phone)
            for sent in self.sent:
                found += self._misplaced(phone, sent)
            found += self._disorder(phone)
        return found or self._chatter()

    def _unfinished(self, phone: Phone) -> list[str]:
        kept = phone.disk.of(KeepOutgoing)
        found = [f"{phone.own.handle}: {len(kept)} letters were never settled"] if kept else []
        if len(phone.engine.machines.transfers) or phone.engine.machines.inbox.ask_at_s is not None:
            found.append(f"{phone.own.handle}: a file or a gap was never settled")
        return found

    def _misplaced(self, phone: Phone, sent: Sent) -> list[str]:
        count = phone.disk.arrivals.count(sent.id)
        name = f"{sent.text} from {sent.author.own.handle} at {phone.own.handle} {phone.own.device_name}"
        found = [] if count == 1 else [f"{name}: is there {count} times"]
        if phone is not sent.author:
            told = phone.shown.count(sent.text) if phone.own.account != sent.author.own.account else 0
            found += [f"{name}: told {told} times"] if told > 1 else []
            reached = sent.author.disk.reached.get((sent.id, phone.own.device))
            if reached not in (Stage.DELIVERED, Stage.READ):
                found.append(f"{name}: its author believes {reached}")
        return found

    def _disorder(self, phone: Phone) -> list[str]:
        by_id = {sent.id: number for number, sent in enumerate(self.sent)}
        known = [message for message in phone.disk.messages.values() if message.id in by_id]
        found = []
        for author in self.world.phones:
            shown = [by_id[m.id] for m in in_order(known) if m.author_device == author.own.device]
            if shown != sorted(shown):
                found.append(f"{phone.own.handle} shows {author.own.handle} {author.own.device_name} as {shown}")
            if author is not phone and not self.tampered:
                found += self._overtaken(phone, author, by_id)
        return found

    @staticmethod
    def _overtaken(phone: Phone, author: Phone, by_id: dict[MessageId, int]) -> list[str]:
        found = []
        messages = {message.id: message for message in phone.disk.messages.values()}
        for urgency in Urgency:
            arrived = [messages[identity] for identity in phone.disk.arrivals if identity in by_id]
            came = [
                by_id[message.id]
                for message in arrived
                if (message.author_device, message.urgency) == (author.own.device, urgency) and not message.attachment
            ]
            if came != sorted(came):
                found.append(f"lane {urgency.name} from {author.own.handle} came as {came}")
        return found

    def _chatter(self) -> list[str]:
        before = [phone.sent_frames for phone in self.world.phones]
        self._run(QUIET_S)
        after = [phone.sent_frames for phone in self.world.phones]
        return [] if before == after else [f"still talking: {before} → {after}"]
