"""Takes envelopes in, answers for each only when it is on the disk, and hands them over until they are taken.

Theory. What the store does is decided there, in the order of its commands; here frames become commands, and answers
become frames. All answers of one commit are taken in before anything is said: each connection then gets one `Accepted`
a lane and its mail in few `Deliver`s, however many frames the commit carried.
"""

from collections.abc import Callable, Sequence
from typing import Final

from answerback.model.causes import Cause
from answerback.model.envelope import Delivery, Envelope
from answerback.model.ids import DeviceId
from answerback.model.message import Lane
from answerback.relay.conversation import Connection, cursors
from answerback.relay.effects import Ask, Effect, Listen, Moment, Send
from answerback.relay.handover import ANSWER_S_MAX, CHATTER, HandOver
from answerback.relay.limits import (
    ACCEPTED_MAX,
    ASKED_MAX,
    PENDING_BYTES_MAX,
    PENDING_CONNECTION_BYTES_MAX,
    READ_BYTES_MAX,
    READ_ROWS_MAX,
    UNTAKEN_S_MAX,
    Bucket,
    Rate,
)
from answerback.storage.relay_commands import (
    Append,
    Appended,
    Denied,
    Locate,
    Opened,
    Page,
    Read,
    Take,
    Traced,
)
from answerback.wire.frames import (
    Acceptance,
    Accepted,
    Inquire,
    Located,
    Pace,
    Refusal,
    Refused,
    Submit,
    Taken,
    Took,
    Whereabouts,
)

PACES_MAX = 100_000
"""Devices whose pace is remembered while they are away, so that the next connection begins with it: 100 bytes each."""
MAILBOX_FULL_S = 300.0
LAPSED_S = 3_600.0
"""A device that was away for its whole lease may be back in an hour; its senders also ask when they connect."""
"""When to try a full mailbox again: its device may connect any minute, and then it empties in seconds."""
RetryMs = Callable[[Cause], int]
_LANES: Final = tuple(Lane)


class Mailboxes:
    """The mail of all connections."""

    def __init__(self, *, rate: Rate, retry_ms: RetryMs, chance: Callable[[], float]) -> None:
        self._rate = rate
        self._retry_ms = retry_ms
        self._chance = chance
        self._buckets: dict[DeviceId, Bucket] = {}
        self._pending_bytes = 0
        self._pending: dict[int, int] = {}
        self._hand_overs: dict[DeviceId, HandOver] = {}
        self._ready: dict[DeviceId, HandOver] = {}
        self._paces: dict[DeviceId, Pace] = {}
        self._accepted: dict[tuple[int, int], list[Acceptance]] = {}
        self._refused: dict[int, list[Refusal]] = {}
        self._handed: set[DeviceId] = set()
        self._left: set[DeviceId] = set()

    @property
    def pending_bytes(self) -> int:
        """Mail taken in and not yet committed."""
        return self._pending_bytes

    # ---- frames ----------------------------------------------------------------------------------------------------

    def submit(self, connection: Connection, frame: Submit, size_bytes: int, *, moment: Moment) -> list[Effect]:
        """Take envelopes in, or refuse them before anything is promised."""
        bucket = self._buckets.get(connection.device)
        if bucket is None:
            bucket = self._buckets[connection.device] = Bucket(self._rate, now_s=moment.now_s)
        wait_s = bucket.take(len(frame.envelopes), now_s=moment.now_s)
        if wait_s > 0:
            return _refusals(connection.number, frame.envelopes, Cause.ACCOUNT_RATE_LIMITED, int(1000 * wait_s) + 1)
        if self._pending_bytes + size_bytes > PENDING_BYTES_MAX:
            return _refusals(connection.number, frame.envelopes, Cause.RELAY_BUSY, self._retry_ms(Cause.RELAY_BUSY))
        number, before = connection.number, self._pending.get(connection.number, 0)
        self._pending_bytes += size_bytes
        self._pending[number] = before + size_bytes
        append = Append(number, frame.envelopes, size_bytes, moment.wall_ms, sender=connection.device, life=frame.life)
        effects: list[Effect] = [Ask(append)]
        if before <= PENDING_CONNECTION_BYTES_MAX < before + size_bytes:
            effects.append(Listen(number, on=False))
        return effects

    def took(self, connection: Connection, frame: Took, *, moment: Moment) -> list[Effect]:
        """Forget what the device has on its own disk, and hand over what there is room for now."""
        effects = self.knows(connection.device, frame.entries, moment=moment)
        hand_over = self._hand_overs.get(connection.device)
        return effects if hand_over is None else effects + self._pump(connection.device, hand_over, moment)

    def knows(self, device: DeviceId, taken: list[Taken], *, moment: Moment) -> list[Effect]:
        """Forget what the device has on its own disk, and hand nothing over yet."""
        hand_over = self._hand_overs.get(device)
        if hand_over is None:
            return [Ask(Take(device, cursors(taken)))]
        hand_over.took(taken, now_s=moment.now_s)
        # A device that was further before this store was put back to an older copy has not taken what came here since.
        bounded = [min(pair) for pair in zip(cursors(taken), hand_over.after, strict=True)]
        return [Ask(Take(device, tuple(bounded)))]

    def pace(self, connection: Connection, frame: Pace, *, moment: Moment) -> list[Effect]:
        """Hand a device as much as it now says it takes."""
        device = connection.device
        self._paces.pop(device, None)
        if (frame.mode or frame.budget_bytes >= 0) and len(self._paces) < PACES_MAX:
            self._paces[device] = frame
        hand_over = self._hand_overs.get(device)
        if hand_over is None:
            return []
        hand_over.pace(frame, now_s=moment.now_s)
        return self._pump(device, hand_over, moment)

    def spoke(self, connection: Connection, *, moment: Moment) -> list[Effect]:
        """Hand over what waited for a word of the device, so as not to wake it."""
        hand_over = self._hand_overs.get(connection.device)
        if hand_over is None or hand_over.connection != connection.number:
            return []
        hand_over.spoke(now_s=moment.now_s)
        return self._pump(connection.device, hand_over, moment) if hand_over.has_mail else []

    def inquire(self, connection: Connection, frame: Inquire) -> list[Effect]:
        """Look for envelopes that were accepted and never answered."""
        asked = [(entry.device, entry.id) for entry in frame.entries[:ASKED_MAX]]
        return [Ask(Locate(connection.number, asked))]

    # ---- answers of one commit: take in all, then speak --------------------------------------------------------------

    def opened(self, connection: Connection, answer: Opened, *, moment: Moment) -> None:
        """Begin to hand a device its mail."""
        hand_over = HandOver(connection.number, answer.taken, has_mail=answer.waiting > 0)
        pace = self._paces.get(connection.device)
        if pace is not None:
            hand_over.pace(pace, now_s=moment.now_s)
        self._hand_overs[connection.device] = self._ready[connection.device] = hand_over

    def appended(self, command: Append, answer: Appended) -> list[Effect]:
        """Learn what became of submitted envelopes."""
        number, wall_ms = command.connection, command.wall_ms
        accepted: list[Acceptance] | None = None
        lane = -1
        for envelope, (position, cause, list_version, seen_ms) in zip(command.envelopes, answer.fates, strict=True):
            if cause is not None:
                retry_ms = self._retry_of(cause)
                self._refused.setdefault(number, []).append(Refusal(envelope.id, cause.value, retry_ms, list_version))
                continue
            hand_over = self._hand_overs.get(envelope.device)
            if accepted is None or envelope.lane != lane:
                lane = envelope.lane
                accepted = self._accepted.setdefault((number, lane), [])
            if hand_over is None:
                accepted.append(Acceptance(envelope.id, list_version, _away_s(seen_ms, wall_ms)))
                if position and lane not in CHATTER:
                    self._left.add(envelope.device)
                continue
            accepted.append(Acceptance(envelope.id, list_version, 0))
            if position:
                hand_over.offer(Delivery(position, envelope.lane, envelope.id, envelope.sealed))
                self._ready[envelope.device] = hand_over
        return self._settle(command)

    def not_appended(self, command: Append, cause: Cause) -> list[Effect]:
        """Learn that nothing of a submission was kept."""
        effects = _refusals(command.connection, command.envelopes, cause, self._retry_ms(cause))
        return effects + self._settle(command)

    def page(self, command: Read, answer: Page | Denied) -> None:
        """Learn what the disk has for a device that fell behind."""
        hand_over = self._hand_overs.get(command.device)
        if hand_over is None or hand_over.connection != command.connection:
            return
        if isinstance(answer, Page):
            hand_over.turn(answer.entries, answer.lanes_left, command.lanes)
            self._ready[command.device] = hand_over

    def not_read(self, command: Read) -> None:
        """Learn that a page could not be read; it is asked for again when the clock next looks."""
        hand_over = self._hand_overs.get(command.device)
        if hand_over is not None and hand_over.connection == command.connection:
            hand_over.is_reading = False

    def located(self, command: Locate, answer: Traced, *, moment: Moment) -> list[Effect]:
        """Say where envelopes are."""
        entries = [
            Whereabouts(identity, trace.held, trace.taken, self._away_s(device, trace.seen_ms, moment))
            for (device, identity), trace in zip(command.asked, answer.traces, strict=True)
        ]
        return [Send(command.connection, Located(entries))]

    def speak(self, *, moment: Moment) -> list[Effect]:
        """Say what all answers taken in since the last time amount to."""
        effects: list[Effect] = []
        for number, refusals in self._refused.items():
            effects.append(Send(number, Refused(refusals)))
        for (number, lane), acceptances in self._accepted.items():
            for start in range(0, len(acceptances), ACCEPTED_MAX):
                some = acceptances if len(acceptances) <= ACCEPTED_MAX else acceptances[start : start + ACCEPTED_MAX]
                effects.append(Send(number, Accepted(some, _LANES[lane])))
        ready = self._ready
        self._refused, self._accepted, self._ready = {}, {}, {}
        for device, hand_over in ready.items():
            if self._hand_overs.get(device) is hand_over:
                effects += self._pump(device, hand_over, moment)
        return effects

    # ---- the rest of a connection's life -----------------------------------------------------------------------------

    def ended(self, connection: Connection, *, heir: Connection | None, moment: Moment) -> list[Effect]:
        """Forget a connection's mail on its way; it is on the disk, from where it goes over the one that takes over."""
        device = connection.device
        hand_over = self._hand_overs.get(device)
        if hand_over is None or hand_over.connection != connection.number:
            return []
        if heir is None:
            del self._hand_overs[device]
            if hand_over.left_lane is not None:
                self._left.add(device)
            return []
        again = self._hand_overs[device] = hand_over.again(heir.number, is_paused=heir.is_full)
        return self._pump(device, again, moment)

    def writable(self, connection: Connection, *, on: bool, moment: Moment) -> list[Effect]:
        """Learn that a connection's socket is full, or has room again."""
        connection.is_full = not on
        hand_over = self._hand_overs.get(connection.device)
        if hand_over is None or hand_over.connection != connection.number:
            return []
        hand_over.is_paused = not on
        return self._pump(connection.device, hand_over, moment) if on else []

    def hand_over(self, device: DeviceId) -> HandOver | None:
        """Find the mail on its way to a device that is here: its files share the way."""
        return self._hand_overs.get(device)

    def made_room(self, device: DeviceId, *, moment: Moment) -> list[Effect]:
        """Learn that a part of a file has come to a device: mail may use the room before another part does."""
        hand_over = self._hand_overs.get(device)
        return self._pump(device, hand_over, moment) if hand_over is not None and hand_over.has_mail else []

    def wake(self, *, moment: Moment) -> list[Effect]:
        """Try again what could not be read, and forget buckets that are full anyway."""
        now_s = moment.now_s
        self._buckets = {device: bucket for device, bucket in self._buckets.items() if not bucket.is_full(now_s=now_s)}
        self._handed &= self._hand_overs.keys()
        effects: list[Effect] = []
        for device, hand_over in self._hand_overs.items():
            hand_over.look(now_s=now_s)
            if hand_over.wanted:
                effects += self._pump(device, hand_over, moment)
        return effects

    def silent(self, connection: Connection, *, moment: Moment) -> bool:
        """Whether a device has been handed something and has said nothing since, for too long."""
        hand_over = self._hand_overs.get(connection.device)
        if hand_over is None or hand_over.connection != connection.number or hand_over.idle_since_s is None:
            return False
        return moment.now_s - max(connection.heard_s, hand_over.idle_since_s) > UNTAKEN_S_MAX

    # ---- who owes an answer ------------------------------------------------------------------------------------------

    def owing(self, *, now_s: float) -> list[tuple[DeviceId, float]]:
        """Give the devices that should have taken by now what they were handed, and since when."""
        owing: list[tuple[DeviceId, float]] = []
        for device in list(self._handed):
            hand_over = self._hand_overs.get(device)
            idle_since_s = hand_over.idle_since_s if hand_over is not None else None
            if hand_over is None or idle_since_s is None:
                self._handed.discard(device)
                continue
            # Whose silence is long is not asked what its link is like: after an outage that is everybody.
            is_long = now_s - idle_since_s > ANSWER_S_MAX
            since_s = idle_since_s + (ANSWER_S_MAX if is_long else hand_over.answer_s)
            if since_s <= now_s:
                owing.append((device, since_s))
        return owing

    def is_owed(self, device: DeviceId) -> bool:
        """Whether a device that is here has mail to take."""
        hand_over = self._hand_overs.get(device)
        return hand_over is not None and (hand_over.idle_since_s is not None or hand_over.has_mail)

    def left(self) -> set[DeviceId]:
        """Give, once, the devices that are not here and that people's mail has come for or was left for."""
        left, self._left = self._left, set()
        return left

    # ---- private -----------------------------------------------------------------------------------------------------

    def _pump(self, device: DeviceId, hand_over: HandOver, moment: Moment) -> list[Effect]:
        effects: list[Effect] = [Send(hand_over.connection, frame) for frame in hand_over.frames(now_s=moment.now_s)]
        if effects:
            self._handed.add(device)
        lanes = hand_over.wanted
        if lanes:
            hand_over.is_reading = True
            after, wall_ms = hand_over.after, moment.wall_ms
            read = Read(hand_over.connection, device, after, lanes, READ_ROWS_MAX, READ_BYTES_MAX, wall_ms)
            effects.append(Ask(read))
        return effects

    def _settle(self, command: Append) -> list[Effect]:
        number = command.connection
        before = self._pending.pop(number, command.size_bytes)
        left = before - command.size_bytes
        self._pending_bytes -= command.size_bytes
        if left > 0:
            self._pending[number] = left
        return [Listen(number, on=True)] if left <= PENDING_CONNECTION_BYTES_MAX < before else []

    def _retry_of(self, cause: Cause) -> int:
        if cause is Cause.RECIPIENT_MAILBOX_FULL:
            return int(1000 * MAILBOX_FULL_S * (1.0 + self._chance()))
        if cause is Cause.RECIPIENT_DEVICE_EXPIRED:
            return int(1000 * LAPSED_S * (1.0 + self._chance()))
        return self._retry_ms(cause)

    def _away_s(self, device: DeviceId, seen_ms: int, moment: Moment) -> int:
        return 0 if device in self._hand_overs else _away_s(seen_ms, moment.wall_ms)


def _away_s(seen_ms: int, wall_ms: int) -> int:
    """Whole seconds since a device was seen; at least one, since 0 means that it is here."""
    return -1 if seen_ms < 0 else max(1, (wall_ms - seen_ms) // 1000)


def _refusals(number: int, envelopes: Sequence[Envelope], cause: Cause, ms: int) -> list[Effect]:
    refusals: list[Refusal] = [Refusal(envelope.id, cause.value, ms) for envelope in envelopes]
    return [Send(number, Refused(refusals))]
