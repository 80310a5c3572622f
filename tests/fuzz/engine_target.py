"""A device's engine under a relay that says anything: real frames broken, replayed, of others, and forged ones.

One input is a story of up to a few hundred frames. No exception escapes, no frame is put on the wire that the codec
would refuse, the device never gives up mail that is not on its disk; and afterwards, with an honest relay, it starts
again from its disk and still talks with its friend in both directions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from answerback.core.effects import Effect
from answerback.model.errors import PeerError
from answerback.model.ids import envelope_id
from answerback.wire.codec import decode_client_frame, decode_relay_frame, encode
from answerback.wire.frames import Challenge, RelayFrame
from tests.attacks.test_forged_frames import busy_phone, known_to
from tests.fuzz.draw import Dice, Script
from tests.fuzz.mutation import Tree, broken_bytes, broken_tree, pack, tree_of
from tests.fuzz.recordings import conversation, golden
from tests.fuzz.target import BrokenPromise, Probe, Shape, Target

FRAMES_MAX: Final = 300
PAUSES_S: Final = (0.1, 5.0, 31.0, 4_000.0)
HEAL_S_MAX: Final = 2 * 86_400.0
"""A refusal or a farewell may send a device away for hours (`tests/attacks/test_lying_relay.py`), not for ever."""
ANSWERS: Final = ("Listed", "Resolved", "Claimed", "Published", "Announced")
OF_ANY_LIAR: Final = ("claimed accepted", "acknowledged mail")
"""What a relay can always lie about: that it keeps mail, and that it had none."""


class Siege:
    """One phone among lies."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.world, self.phone = busy_phone()
        self.known = known_to(self.world, self.phone)
        self.frames = 0
        self.spare = [tree_of(data) for data in golden("frames_v1.txt")]
        self.valid = [*conversation()["a relay's frame"], *self._own_frames()]

    def _own_frames(self) -> list[bytes]:
        """What the honest relay of this very world says to this phone: ids and requests in it mean something here."""
        relay, device = self.world.relay, self.phone.own.device
        said: list[RelayFrame] = list(relay.pages(device))
        for other in self.world.phones:
            box = relay.box(other.own.device)
            box.handed = 0
            said += relay.pages(other.own.device)
        return [encode(frame) for frame in said]

    def play(self) -> int:
        while not self.script.is_over and self.frames < FRAMES_MAX:
            if self.script.below(12) == 0:
                self.world.now_s += self.script.pick(PAUSES_S)
                self._carry(self.phone.engine.wake(now=self.phone.now))
            if not self.phone.engine.machines.path.up:
                self._reconnect()
            self._hear(self._lie())
        self._check_peace()
        return max(self.frames, 1)

    def _lie(self) -> bytes:
        dice = Dice(self.script.below(1 << 16))
        data = self.script.pick(self.valid)
        match self.script.below(6):
            case 0:
                return data
            case 1:
                return broken_bytes(data, self.valid, dice)
            case _:
                tree: Tree = tree_of(data)
                for _ in range(1 + self.script.below(2)):
                    tree = broken_tree(tree, [*self.spare, self.known], dice)
                return self._with_meaning(tree)

    def _with_meaning(self, tree: Tree) -> bytes:
        """Have a broken frame answer a question that was asked, and name envelopes by their hash, as the codec asks."""
        if not isinstance(tree, list) or not tree:
            return pack(tree)
        asked = sorted(self.phone.engine.machines.questions._by_number)
        if tree[0] in ANSWERS and asked and len(tree) > 1:
            tree = [tree[0], self.script.pick(asked), *tree[2:]]
        if tree[0] == "Deliver" and len(tree) > 1 and isinstance(tree[1], list):
            tree = ["Deliver", [self._named(entry) for entry in tree[1]]]
        return pack(tree)

    @staticmethod
    def _named(entry: Tree) -> Tree:
        if isinstance(entry, list) and len(entry) == 4 and isinstance(entry[3], bytes):
            return [entry[0], entry[1], envelope_id(entry[3]), entry[3]]
        return entry

    def _hear(self, data: bytes) -> None:
        self.frames += 1
        try:
            frame = decode_relay_frame(data)
        except PeerError:
            if self.script.below(4) == 0:
                self.phone.drop()
            return
        self._carry(self.phone.engine.received(self.phone.line, frame, now=self.phone.now))

    def _carry(self, effects: list[Effect]) -> None:
        self.phone.carry_out(effects)
        self.phone.moving.clear()
        self.phone.to_phone.clear()
        for data in self.phone.to_relay:
            decode_client_frame(data)  # what a device says is a frame, whatever it has heard
        self.phone.to_relay.clear()
        false = [said for said in self.world.objections if not said.startswith(OF_ANY_LIAR)]
        if false:
            raise BrokenPromise(false[0])
        self.world.objections.clear()

    def _reconnect(self) -> None:
        phone = self.phone
        phone.connect()
        self._carry(phone.engine.received(phone.line, Challenge(b"n" * 32, b"relay", 0), now=phone.now))

    def _check_peace(self) -> None:
        """An honest relay from here on: the device comes back from its disk, and mail goes both ways."""
        world, phone = self.world, self.phone
        friend = next(there for there in world.phones if there.own.handle == "bea")
        world.relay.holds_commits = False
        phone.crash()
        self._live(60.0)
        phone.send("bea", text="after all that")
        friend.send("ann", text="and to you")
        waited_s = 0.0
        while not ("after all that" in friend.texts and "and to you" in phone.texts):
            if waited_s > HEAL_S_MAX:
                missing = "hers" if "and to you" in phone.texts else "ours"
                raise BrokenPromise(f"with an honest relay, mail no longer arrives: {missing}")
            step_s = max(1.0, waited_s / 10)
            waited_s += step_s
            self._live(step_s)

    def _live(self, seconds: float) -> None:
        """Let time pass; what was claimed because of earlier lies may come to light now."""
        end_s = self.world.now_s + seconds
        while self.world.now_s < end_s:
            self.world.run(end_s - self.world.now_s)
            self.world.objections.clear()


def _run(data: bytes) -> int:
    return Siege(Script(data)).play()


@contextmanager
def _open_engine() -> Iterator[Probe]:
    yield Probe(_run, [bytes(range(0, 256, step)) for step in (1, 3, 7)], ())


ENGINE_TARGETS = (
    Target(
        name="engine",
        what="a device under a relay that says anything",
        open=_open_engine,
        shape=Shape.STORY,
        weight=3,
        input_s_max=10.0,
        story_bytes=900,
    ),
)
