"""Breaks one thing between two devices for each kind of healing, and counts what it takes to be whole again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from answerback.core.facts import KeepSeen
from answerback.core.healing import Healed
from answerback.model.causes import Cause
from answerback.model.ids import MessageId
from answerback.model.timeline import Evidence, Stage
from answerback.wire.codec import decode_client_frame
from answerback.wire.frames import Claim, ClientFrame, Inquire, LookUp, Publish, Submit
from tests.core.world import STEP_S, Phone, World

QUESTIONS = (Claim, Inquire, LookUp, Publish)
ROUND_TRIP_S = STEP_S
"""What is sent in one step is answered in the next."""
TEXT = "what it is about"


@dataclass(frozen=True)
class Course:
    """What one healing took."""

    kind: Healed
    broken: str
    noticed: str
    after_s: float
    """From the loss being there to its notice."""
    calls: int
    """Letters from the device that misses something, to say so."""
    answers: int
    """Letters to it."""
    questions: dict[str, int]
    """What both asked of the relay, by frame."""
    round_trips: int
    """One after another: the time from notice to healed, in round trips of a device with the relay."""
    shown: tuple[Cause, ...]
    """What the message's timeline says of it."""
    counted: dict[str, int]
    """What `status` counts, on both devices."""

    @property
    def exchanges(self) -> int:
        """How often the devices spoke and were answered; what only one of them says is half of one, and counts."""
        return max(self.calls, self.answers)


class Watched(World):
    """A world that writes down which frames reach the relay, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[float, Phone, ClientFrame]] = []

    def relay_hears(self, phone: Phone) -> None:
        """Write down, and hear."""
        self.heard += [(self.now_s, phone, decode_client_frame(data)) for data in phone.to_relay]
        super().relay_hears(phone)

    def pass_until(self, done: Callable[[], bool], *, at_most_s: float = 200.0) -> float:
        """Let time pass by single steps; the moment before the step in which it came to hold."""
        began_s = before_s = self.now_s
        while not done():
            assert self.now_s - began_s < at_most_s, f"not within {at_most_s} s"
            before_s = self.now_s
            self.run(STEP_S)
        return before_s


@dataclass
class Scene:
    """Two people who have written to each other, and what is being watched between their devices."""

    world: Watched
    ann: Phone
    bea: Phone
    sent: MessageId | None = None

    def course(
        self, kind: Healed, broken: str, noticed: str, *, notice: Callable[[], bool], healed: Callable[[], bool]
    ) -> Course:
        """Wait for the notice, then until it is healed, and count in between."""
        lost_s, before = self.world.now_s, self.counts()
        notice_s = self.world.pass_until(notice)
        healed_s = self.world.pass_until(healed)
        frames = [(phone, frame) for at_s, phone, frame in self.world.heard if notice_s < at_s <= healed_s]
        letters = Counter(
            phone is self.ann for phone, frame in frames if isinstance(frame, Submit) for _ in frame.envelopes
        )
        questions = Counter(type(frame).__name__ for _, frame in frames if isinstance(frame, QUESTIONS))
        self.world.run(5)
        return Course(
            kind,
            broken,
            noticed,
            round(notice_s - lost_s, 1),
            letters[False],
            letters[True],
            dict(sorted(questions.items())),
            round((healed_s - notice_s) / ROUND_TRIP_S),
            self.shown(),
            dict(sorted((self.counts() - before).items())),
        )

    def counts(self) -> Counter[str]:
        """What both devices have counted in their present runs."""
        return Counter(self.ann.engine.machines.healing.totals) + Counter(self.bea.engine.machines.healing.totals)

    def shown(self) -> tuple[Cause, ...]:
        """The healings on the message's timeline, as it is on the author's disk."""
        steps = [step for known, _, step in self.ann.disk.steps if known == self.sent]
        return tuple(step.cause for step in steps if step.evidence is Evidence.REPAIR)

    @property
    def has_come(self) -> bool:
        """Whether the message is on the reader's device."""
        return TEXT in self.bea.texts

    @property
    def stage(self) -> Stage:
        """How far the message is for the author."""
        assert self.sent is not None
        return self.ann.disk.reached.get((self.sent, self.bea.own.device), Stage.QUEUED)


def friends() -> Scene:
    """Ann and Bea, whose sessions stand at both ends."""
    world = Watched()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    for _ in range(2):
        ann.send("bea", text="hello")
        bea.send("ann", text="hello back")
        world.run(3)
    return Scene(world, ann, bea)


def lost_session() -> Course:
    """The reader's device has lost its sessions, as after a crash of its disk."""
    scene = friends()
    scene.bea.stop()
    scene.bea.disk.forget_ratchets()
    scene.bea.start()
    scene.world.run(2)
    scene.sent = scene.ann.send("bea", text=TEXT)
    return scene.course(
        Healed.SESSION,
        "the reader's device lost its sessions",
        "it cannot open what came",
        notice=lambda: any(not seen.opened for seen in scene.bea.disk.of(KeepSeen)),
        healed=lambda: scene.has_come,
    )


def spent_keys() -> Course:
    """The relay was restored from a backup, and gives out a dozen pre-keys a second time."""
    world = Watched()
    bea = world.person("bea")
    world.run(2)
    older = world.relay.backup()
    for number in range(12):
        friend = world.person(f"friend {number}")
        world.run(1)
        friend.send("bea", text=f"{number}")
        world.run(3)
        friend.stop()
    ann = world.person("ann")
    world.run(1)
    world.relay.store.prekeys[bea.own.device] = older.prekeys[bea.own.device]
    scene = Scene(world, ann, bea)
    scene.sent = ann.send("bea", text=TEXT)
    return scene.course(
        Healed.KEYS,
        "the relay gives out pre-keys that were used before",
        "their device has no secret for what came",
        notice=lambda: any(not seen.opened for seen in bea.disk.of(KeepSeen)),
        healed=lambda: scene.has_come,
    )


def lost_keys() -> Course:
    """The relay has lost all keys of a device."""
    scene = friends()
    store = scene.world.relay.store
    for lost in (store.prekeys, store.fallback, store.seal_keys):
        lost.pop(scene.bea.own.device)
    scene.world.relay.crash()
    return scene.course(
        Healed.KEYS,
        "the relay lost all keys of a device",
        "the relay's welcome names none",
        notice=lambda: "keys" in scene.counts(),
        healed=lambda: all(scene.bea.own.device in kept for kept in (store.prekeys, store.fallback, store.seal_keys)),
    )


def gap() -> Course:
    """The relay drops one message from a mailbox, and the next one comes through."""
    scene = friends()
    scene.bea.stop()
    scene.sent = scene.ann.send("bea", text=TEXT)
    scene.world.run_until(lambda: scene.stage is Stage.ACCEPTED)
    box = scene.world.relay.box(scene.bea.own.device)
    scene.world.relay.lost_ever |= {row.id for row in box.rows.values()}
    box.rows.clear()
    scene.ann.send("bea", text="the next")
    scene.world.run(2)
    scene.bea.start()
    return scene.course(
        Healed.GAP,
        "the relay dropped one message, and the next one came",
        "a number is missing; 2 s later it is called for",
        notice=lambda: any(stream.asked for stream in scene.bea.engine.machines.inbox._streams.values()),
        healed=lambda: scene.has_come,
    )


def lost_mail() -> Course:
    """The relay comes back without the mail it had accepted."""
    scene = friends()
    scene.bea.stop()
    scene.sent = scene.ann.send("bea", text=TEXT)
    scene.world.run_until(lambda: scene.stage is Stage.ACCEPTED)
    scene.world.relay.lose_mailboxes()
    scene.bea.start()
    return scene.course(
        Healed.LOST_MAIL,
        "the relay lost mail that it had accepted",
        "another run of the relay welcomes the author",
        notice=lambda: scene.ann.connected and scene.ann.engine.machines.boot == scene.world.relay.boot,
        healed=lambda: scene.has_come,
    )


def lost_receipt() -> Course:
    """The receipt was accepted by the relay and lost there."""
    scene = friends()
    scene.sent = scene.ann.send("bea", text=TEXT)
    scene.world.run_until(lambda: scene.stage is Stage.ACCEPTED)
    scene.ann.stop()
    scene.world.run(5)
    assert scene.has_come
    box = scene.world.relay.box(scene.ann.own.device)
    assert box.rows, "the receipt waits"
    scene.world.relay.lost_ever |= {row.id for row in box.rows.values()}
    box.rows.clear()
    scene.ann.start()
    return scene.course(
        Healed.RECEIPT,
        "the relay dropped the receipt",
        "asked twice, the relay says that it was taken",
        notice=lambda: Cause.HEALING_RECEIPT in scene.shown(),
        healed=lambda: scene.stage is Stage.DELIVERED,
    )


def stale_list() -> Course:
    """The author knows an older list of the reader's devices; the newest one is all that is awake."""
    scene = friends()
    laptop = scene.world.second_device(scene.bea)
    scene.bea.stop()
    scene.sent = scene.ann.send("bea", text=TEXT)
    return scene.course(
        Healed.DEVICE_LIST,
        "the author had an older list of their devices",
        "the relay's or a device's word names a newer one",
        notice=lambda: scene.ann.engine.machines.roster.stale(scene.bea.own.account),
        healed=lambda: TEXT in laptop.texts,
    )


def lost_file() -> Course:
    """The relay has lost the file of a message before the reader has fetched it."""
    scene = friends()
    scene.bea.stop()
    file = scene.world.file(100_000)
    scene.sent = scene.ann.send("bea", text=TEXT, file=file)
    scene.world.run_until(lambda: scene.stage is Stage.ACCEPTED)
    scene.world.relay.store.blobs.clear()
    scene.bea.start()
    return scene.course(
        Healed.FILE,
        "the relay lost a file",
        "their device asked for it in vain",
        notice=lambda: scene.has_come,
        healed=lambda: file.blob in scene.bea.disk.files,
    )


COURSES: tuple[Callable[[], Course], ...] = (
    lost_session,
    spent_keys,
    lost_keys,
    gap,
    lost_mail,
    lost_receipt,
    stale_list,
)
"""Each within one exchange between the devices. What a relay loses of files is not here: its reader is told by nobody
that they are back, and asks again a minute later."""
