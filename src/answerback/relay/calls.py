"""Joins who is owed an answer with where they can be called, and counts what came of it.

Theory. Mail that was handed over and not taken, or that came for a device which left, makes a silence once the device
had time to answer (`calling`); the calls go where it was last heard from by datagram (`switchboard`). Whatever a device
says on a connection ends its silence. What it says by datagram does not: that says only that datagrams get through, and
its answer tells the device already that mail waits.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from answerback.model.ids import DeviceId
from answerback.relay.calling import Calling
from answerback.relay.switchboard import Address, Fate, Switchboard

LOOK_S = 0.25
"""How often to look who is owed an answer: within this most devices have given it, and never cost more than that."""
Post = tuple[Address, bytes]
"""Where to send what."""


@dataclass(slots=True)
class Tally:
    """What was done so far, for operators."""

    fates: Counter[Fate] = field(default_factory=Counter)
    calls: int = 0
    """Datagrams sent to devices that nobody had asked for."""
    heard: int = 0
    """Devices that were called and then said something on a connection, most of them on a new one."""


class Calls:
    """The datagram side of one relay."""

    def __init__(
        self,
        *,
        is_connected: Callable[[DeviceId], bool],
        is_owed: Callable[[DeviceId], bool],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._is_connected = is_connected
        self._is_owed = is_owed
        self._switchboard = Switchboard(is_connected=is_connected, random_bytes=random_bytes)
        self._calling = Calling()
        self._away: set[DeviceId] = set()
        """Not connected, and mail waits for them."""
        self._expected: set[DeviceId] = set()
        """Whose silence is watched, or was called in vain."""
        self._called: set[DeviceId] = set()
        self._look_at_s = 0.0
        self.is_on = False
        """Whether there is anything to carry datagrams; where there is not, nothing is remembered for them."""
        self.tally = Tally()

    # ---- what connections show ---------------------------------------------------------------------------------------

    def welcomed(self, device: DeviceId, secret: bytes, *, now_s: float) -> None:
        """Learn that a device was let in, with a ticket it may speak by."""
        if not self.is_on:
            return
        self._away.discard(device)
        self._switchboard.enrol(device, secret, now_s=now_s)
        self.heard(device, now_s=now_s)

    def heard(self, device: DeviceId, *, now_s: float) -> None:
        """Learn that a device said something on a connection."""
        if device in self._expected:
            # Its silence is over; if it still owes an answer, the next look begins another.
            self._expected.discard(device)
            self._calling.expects(device, owed=False, now_s=now_s)
        self._calling.heard(device, now_s=now_s)
        if device in self._called:
            self._called.discard(device)
            self.tally.heard += 1

    def waits(self, device: DeviceId, *, now_s: float) -> None:
        """Learn that mail waits for a device that is not connected."""
        if self._switchboard.knows(device) and not self._is_connected(device):
            self._away.add(device)
            self._expect(device, now_s)

    def strike(self, device: DeviceId) -> None:
        """Forget a device that is no more."""
        self._switchboard.strike(device)
        self._calling.gone(device)
        for known in (self._away, self._expected, self._called):
            known.discard(device)

    # ---- datagrams ---------------------------------------------------------------------------------------------------

    def datagram(self, data: bytes, address: Address, *, now_s: float) -> bytes | None:
        """Take one datagram; give the answer, which goes where it came from, or None."""
        question = self._switchboard.take(data, address, now_s=now_s)
        if isinstance(question, Fate):
            self.tally.fates[question] += 1
            return None
        self.tally.fates[Fate.TAKEN] += 1
        device = question.device
        is_away = device in self._away
        if is_away:
            self._expect(device, now_s)
        return self._switchboard.answer(
            question, is_waiting=is_away or self._is_owed(device), is_connected=self._is_connected(device)
        )

    @property
    def is_calling(self) -> bool:
        """Whether anybody's silence is watched."""
        return self._calling.wake_at_s is not None

    def wake_at_s(self, *, now_s: float) -> float:
        """When to look again."""
        call_s = self._calling.wake_at_s
        at_s = self._look_at_s if call_s is None else min(call_s, self._look_at_s)
        return max(at_s, now_s)

    def wake(self, owing: Callable[[], Iterable[tuple[DeviceId, float]]], *, now_s: float) -> list[Post]:
        """Give the calls that are due; `owing` says, when asked, who should have answered for its mail, and by when."""
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look(owing(), now_s)
        posts: list[Post] = []
        for call in self._calling.wake(now_s=now_s):
            is_connected = self._is_connected(call.device)
            made = self._switchboard.call(call.device, call.number, is_connected=is_connected, now_s=now_s)
            if made:
                self._called.add(call.device)
                self.tally.calls += len(made)
                posts += made
            elif not self._switchboard.knows(call.device):
                self.strike(call.device)
        return posts

    def tidy(self, *, now_s: float) -> None:
        """Forget those who left for good."""
        self._switchboard.tidy(now_s=now_s)
        self._away = {device for device in self._away if self._switchboard.knows(device)}

    # ---- private -----------------------------------------------------------------------------------------------------

    def _look(self, owing: Iterable[tuple[DeviceId, float]], now_s: float) -> None:
        owing_now = dict(owing)
        for device, answer_s in owing_now.items():
            if device not in self._expected:
                self._expect(device, answer_s)
        for device in [each for each in self._expected if each not in owing_now and each not in self._away]:
            self._expected.discard(device)
            self._calling.expects(device, owed=False, now_s=now_s)

    def _expect(self, device: DeviceId, since_s: float) -> None:
        if self._switchboard.reaches(device, now_s=since_s):
            self._expected.add(device)
            self._calling.expects(device, owed=True, now_s=since_s)
