"""Calls a device that fell silent while mail waits for it: by datagram, bounded in time and number.

Theory. A device that only reads, behind a path that swallows everything, cannot know that mail waits; the relay, which
handed it over and got no answer, can. So it sends small datagrams to where the device was last heard from by datagram:
the first that gets through tells the device to connect. Listening costs the device nothing. What it costs the relay is
bounded three ways: calls to a device in one silence, how long they go on, and calls to all devices in a second, for a
train in a tunnel is many devices. Whatever is heard from a device ends the calling; the surprising rule: a device that
was called in vain to the end is not called again before it was heard.
"""

from dataclasses import dataclass
from heapq import heappop, heappush

from answerback.model.ids import DeviceId

SILENT_S = 0.7
"""Mail handed over and not answered for so long: several round trips and the device's disk."""
CALL_S = 0.5
"""How often a device is called at first: half of this is what it waits for on average."""
CALL_FLAT_S = 60.0
"""For so long; then the spacing grows in proportion to the silence, up to `CALL_S_MAX`."""
CALL_GROWTH = 0.02
CALL_S_MAX = 5.0
CALLS_MAX = 256
"""In one silence: 20 KB at 76 bytes each."""
CALLING_S_MAX = 15 * 60.0
"""A device silent for longer has lost what its network's address translation kept open for datagrams, long since."""
CALLS_PER_S_MAX = 2_000.0
"""Of the whole relay: 1.2 Mbit/s of datagrams, a fraction of a core. A train or a city block in the dark shares it."""
BURST_S = 0.05
"""Calls of so long may be made at once: more would keep mail waiting for some milliseconds each time."""
ONE = 1.0 - 1e-6
"""Room for a call: sums of floats are wrong by less."""
DEVICES_MAX = 50_000
"""Silences watched at once; further ones are not called, and reconnect by themselves."""


@dataclass(frozen=True, slots=True)
class Call:
    """Send one datagram to where this device was last heard from by datagram."""

    device: DeviceId
    number: int
    """Its number within this silence, from 1: a device may tell by it how many were lost."""


@dataclass(slots=True)
class _Silence:
    since_s: float
    next_s: float
    calls: int = 0
    noted_s: float = 0.0
    """The one entry in the queue that is true; others are of earlier silences."""


class Calling:
    """The silences of devices that mail waits for."""

    def __init__(self, *, calls_per_s_max: float = CALLS_PER_S_MAX) -> None:
        self._silences: dict[DeviceId, _Silence] = {}
        self._in_vain: set[DeviceId] = set()
        self._dues: list[tuple[float, float, DeviceId]] = []
        """When, the silence's beginning turned round, and who; those no longer true are passed over."""
        self._per_s = calls_per_s_max
        self._room_max = self._room = max(calls_per_s_max * BURST_S, 1.0)
        self._room_at_s = 0.0

    def expects(self, device: DeviceId, *, owed: bool, now_s: float) -> None:
        """Say whether mail was handed to a device that it has not taken."""
        if not owed:
            self._silences.pop(device, None)
        elif device not in self._silences and device not in self._in_vain and len(self._silences) < DEVICES_MAX:
            self._silences[device] = _Silence(now_s, now_s + SILENT_S)
            self._note(device)

    def heard(self, device: DeviceId, *, now_s: float) -> None:
        """Anything came from a device: its silence, if it is one, begins anew."""
        self._in_vain.discard(device)
        silence = self._silences.get(device)
        if silence is not None:
            # What was noted for an earlier moment is noted again then: a busy device costs nothing here.
            silence.since_s, silence.next_s, silence.calls = now_s, now_s + SILENT_S, 0

    def gone(self, device: DeviceId) -> None:
        """A device cannot be called: it left, or has no address for datagrams."""
        self._silences.pop(device, None)
        self._in_vain.discard(device)

    @property
    def wake_at_s(self) -> float | None:
        """When to look for the next call."""
        if not self._dues:
            return None
        due_s = max(self._dues[0][0], self._room_at_s)
        return due_s + max(1.0 - self._room_by(due_s), 0.0) / self._per_s

    def wake(self, *, now_s: float) -> list[Call]:
        """Call those whose time it is; of two, the one silent for the shorter time first: it is likelier to answer."""
        self._room, self._room_at_s = self._room_by(now_s), now_s
        calls: list[Call] = []
        while self._dues and self._dues[0][0] <= now_s and self._room >= ONE:
            at_s, _, device = heappop(self._dues)
            silence = self._silences.get(device)
            if silence is None or silence.noted_s != at_s:
                continue
            if silence.next_s <= at_s:
                self._room -= 1.0
                calls.append(self._call(device, silence, now_s))
            if device in self._silences:
                self._note(device)
        return calls

    def _note(self, device: DeviceId) -> None:
        silence = self._silences[device]
        silence.noted_s = silence.next_s
        heappush(self._dues, (silence.next_s, -silence.since_s, device))

    def _call(self, device: DeviceId, silence: _Silence, now_s: float) -> Call:
        silence.calls += 1
        silent_s = now_s - silence.since_s
        spacing_s = CALL_S if silent_s < CALL_FLAT_S else min(CALL_GROWTH * silent_s, CALL_S_MAX)
        silence.next_s = now_s + spacing_s
        if silence.calls >= CALLS_MAX or silence.next_s - silence.since_s > CALLING_S_MAX:
            del self._silences[device]
            if len(self._in_vain) < DEVICES_MAX:
                self._in_vain.add(device)
        return Call(device, silence.calls)

    def _room_by(self, at_s: float) -> float:
        return min(self._room + max(at_s - self._room_at_s, 0.0) * self._per_s, self._room_max)
