"""Joins the relay's machines: one input in, effects out; nothing here knows a clock, a socket or a disk.

Theory. Inputs are frames and ends of connections, the store's answers, the socket's state, and time. A shell carries
out all effects of one input, in order, before it makes the next. Commands are asked in order and answered in order,
batch by batch; what is said to anybody because of a batch is said after the batch is durable.
"""

from collections.abc import Callable, Sequence
from typing import assert_never

from answerback.model.causes import Cause
from answerback.model.errors import PeerError, TrustError
from answerback.model.ids import DeviceId
from answerback.relay.admission import Admission
from answerback.relay.calls import Calls, Post
from answerback.relay.conversation import Connection, Conversations
from answerback.relay.directory import Directory
from answerback.relay.effects import Ask, Effect, Moment, Send
from answerback.relay.heads import Heads
from answerback.relay.knocking import Knocking
from answerback.relay.limits import SWEEP_S, WATCH_S, RelayLimits
from answerback.relay.mailboxes import Mailboxes
from answerback.relay.noticing import Noticing
from answerback.relay.resumption import TICKET_KEY_BYTES, Resumption, TicketKeys
from answerback.relay.urgency import Urgency
from answerback.storage.handle_store import NoticeRow
from answerback.storage.relay_commands import (
    AddKeys,
    Answer,
    Append,
    Appended,
    ClaimKey,
    Command,
    Denied,
    FetchLists,
    FetchNewest,
    Leave,
    ListPut,
    Locate,
    Meet,
    Open,
    Opened,
    OpenEntries,
    Page,
    PutList,
    Read,
    ReadLog,
    RecallHead,
    ResolveHandle,
    Sweep,
    Take,
    Traced,
)
from answerback.wire.connection import Phase
from answerback.wire.frames import (
    Announce,
    Claim,
    ClientFrame,
    Hello,
    Inquire,
    LookUp,
    Pace,
    Ping,
    Pong,
    Publish,
    Refusal,
    Refused,
    Resolve,
    Resume,
    Submit,
    Subscribe,
    TakeOver,
    Took,
    Welcome,
)
from answerback.wire.log_frames import Disclose, Follow, Remind
from answerback.wire.subscriptions import check_subscription


class Exchange:
    """One relay's decisions."""

    def __init__(
        self,
        *,
        relay: bytes,
        store: bytes,
        boot: bytes,
        limits: RelayLimits,
        random_bytes: Callable[[int], bytes],
        chance: Callable[[], float],
        ticket_keys: TicketKeys | None = None,
        log_seed: bytes = b"",
    ) -> None:
        self.admission = Admission(chance)
        self.knocking = Knocking()
        self.noticing = Noticing()
        self.conversations = Conversations(
            relay=relay,
            store=store,
            boot=boot,
            limits=limits,
            random_bytes=random_bytes,
            chance=chance,
            admission=self.admission,
            resumption=Resumption(ticket_keys or TicketKeys(random_bytes(TICKET_KEY_BYTES))),
            subscription_of=self.knocking.name_of,
        )
        retry_ms = self.conversations.jittered_ms
        self.mailboxes = Mailboxes(rate=limits.envelopes, retry_ms=retry_ms, chance=chance)
        self.urgency = Urgency()
        self.directory = Directory(limits, Heads(log_seed))
        self.calls = Calls(
            is_connected=lambda device: self.conversations.live(device) is not None,
            is_owed=self.mailboxes.is_owed,
            random_bytes=random_bytes,
        )
        self._watch_at_s: float | None = None
        self._sweep_at_s = 0.0

    # ---- what connections do ---------------------------------------------------------------------------------------

    def connected(self, number: int, resume: Resume | None = None, *, moment: Moment) -> list[Effect]:
        """Somebody connects, and may show a ticket."""
        return self.conversations.connected(number, resume, moment=moment)

    def heard(self, number: int, frame: ClientFrame, size_bytes: int, *, moment: Moment) -> list[Effect]:
        """A connection says something."""
        connection = self.conversations.get(number)
        if connection is None:
            return []
        effects = self.conversations.heard(connection, frame, size_bytes, moment=moment)
        if effects is None:
            self.calls.heard(connection.device, now_s=moment.now_s)
            return self._open_frame(connection, frame, size_bytes, moment)
        return self._after_endings(connection, effects, moment)

    def broke(self, number: int, what: str, *, moment: Moment) -> list[Effect]:
        """A connection says something that is not a frame."""
        connection = self.conversations.get(number)
        if connection is None:
            return []
        return self._after_endings(connection, self.conversations.broke(connection, what, moment=moment), moment)

    def lost(self, number: int, *, moment: Moment) -> list[Effect]:
        """A connection is gone."""
        connection = self.conversations.get(number)
        if connection is None:
            return []
        return self._after_endings(connection, self.conversations.lost(connection, moment=moment), moment)

    def writable(self, number: int, *, on: bool, moment: Moment) -> list[Effect]:
        """A connection's socket takes more again, or takes no more for now."""
        connection = self.conversations.get(number)
        return self.mailboxes.writable(connection, on=on, moment=moment) if connection else []

    # ---- what the store does ---------------------------------------------------------------------------------------

    def learned(self, batch: Sequence[Command], answers: Sequence[Answer], *, moment: Moment) -> list[Effect]:
        """A batch is durable: say what it means to everybody it concerns."""
        effects: list[Effect] = []
        for command, answer in zip(batch, answers, strict=True):
            if isinstance(command, Append):
                if isinstance(answer, Appended):
                    effects += self.mailboxes.appended(command, answer)
                    self._knock(command, answer, moment)
                elif isinstance(answer, Denied):
                    effects += self._audible(self.mailboxes.not_appended(command, answer.cause))
            elif not isinstance(command, Take | Leave | Sweep):
                effects += self._answered(command, answer, moment)
        return effects + self._audible(self.mailboxes.speak(moment=moment))

    def failed(self, batch: Sequence[Command], cause: Cause, *, moment: Moment) -> list[Effect]:
        """Nothing of a batch was done: nobody is told otherwise, and everybody who waits is told why."""
        effects: list[Effect] = []
        for command in batch:
            effects += self._unanswered(command, cause, moment)
        return effects

    # ---- time ------------------------------------------------------------------------------------------------------

    def wake_at_s(self, *, moment: Moment) -> float:
        """When `wake` next has work."""
        if self._watch_at_s is None:
            self._watch_at_s, self._sweep_at_s = moment.now_s + WATCH_S, moment.now_s + SWEEP_S
        late_s = self.directory.wake_at_s
        return self._watch_at_s if late_s is None else min(self._watch_at_s, late_s)

    def wake(self, *, moment: Moment) -> list[Effect]:
        """Do what is due."""
        effects = self.directory.wake(moment=moment)
        if moment.now_s < self.wake_at_s(moment=moment):
            return effects
        self._watch_at_s = moment.now_s + WATCH_S
        for connection in list(self.conversations.overdue(moment=moment)):
            effects += self._end(connection, Cause.NETWORK_STALLED, moment)
        for connection in self.conversations.open_connections():
            if self.mailboxes.silent(connection, moment=moment):
                effects += self._end(connection, Cause.NETWORK_STALLED, moment)
        effects += self.mailboxes.wake(moment=moment)
        self.directory.forget_full(moment=moment)
        self.urgency.forget_full(now_s=moment.now_s)
        self._look_who_left(moment)
        self.calls.tidy(now_s=moment.now_s)
        if moment.now_s >= self._sweep_at_s:
            self._sweep_at_s = moment.now_s + SWEEP_S
            effects.append(Ask(Sweep(moment.wall_ms)))
        return effects

    def ring(self, *, moment: Moment) -> list[Post]:
        """Give the calls that are due, to devices that mail waits for; ask again at `calls.wake_at_s`."""
        return self.calls.wake(lambda: self._owing(moment), now_s=moment.now_s)

    def stop(self, *, moment: Moment) -> list[Effect]:
        """Send everybody away until the relay is back."""
        effects: list[Effect] = []
        for connection in self.conversations.stop():
            effects += self._end(connection, Cause.RELAY_STOPPING, moment)
        return effects

    def tell(self, rows: Sequence[NoticeRow]) -> list[Effect]:
        """Tell the devices that are here what became of their account's handles, and the others when they come."""
        news = self.noticing.put(rows)
        return [
            Send(connection.number, notice)
            for connection in self.conversations.open_connections()
            for notice in news.get(connection.account, ())
        ]

    def device_of_token(self, token: bytes) -> DeviceId | None:
        """Tell which device a bearer token was given to in this run of the relay."""
        return self.conversations.device_of_token(token)

    # ---- routing ---------------------------------------------------------------------------------------------------

    def _open_frame(self, connection: Connection, frame: ClientFrame, size_bytes: int, moment: Moment) -> list[Effect]:
        match frame:
            case Submit():
                return self._submitted(connection, frame, size_bytes, moment)
            case Took():
                return self.mailboxes.took(connection, frame, moment=moment)
            case TakeOver():
                return self._take_over(connection, frame, moment)
            case Ping():
                pong = Send(connection.number, Pong(frame.echo, moment.wall_ms))
                return [pong, *self.mailboxes.spoke(connection, moment=moment)]
            case Pace():
                return self.mailboxes.pace(connection, frame, moment=moment)
            case Inquire():
                return self.mailboxes.inquire(connection, frame)
            case LookUp() | Resolve() | Claim() | Follow() | Disclose() | Remind():
                effects = self.directory.ask(connection, frame, moment=moment)
                return self._refuse(connection, Cause.ACCOUNT_RATE_LIMITED, moment) if effects is None else effects
            case Publish() | Announce() | Subscribe() if not self.directory.may_change(connection, moment=moment):
                return self._refuse(connection, Cause.ACCOUNT_RATE_LIMITED, moment)
            case Publish():
                try:
                    return self.directory.publish(connection, frame)
                except TrustError:
                    return self._refuse(connection, Cause.TRUST_SIGNATURE_WRONG, moment)
            case Announce():
                return self.directory.announce(connection, frame)
            case Subscribe():
                return self._subscribed(connection, frame, moment)
            case Hello() | Resume():
                return []  # the table of states refuses a second one
            case _:
                assert_never(frame)

    def _subscribed(self, connection: Connection, frame: Subscribe, moment: Moment) -> list[Effect]:
        try:
            check_subscription(frame)
        except PeerError as error:
            broke = self.conversations.broke(connection, str(error), moment=moment)
            return self._after_endings(connection, broke, moment)
        self.knocking.subscribe(connection.device, frame)
        return []

    def _knock(self, command: Append, answer: Appended, moment: Moment) -> None:
        """Have devices woken that are not here to be handed what came."""
        if not self.knocking.count:
            return
        for envelope, fate in zip(command.envelopes, answer.fates, strict=True):
            if fate.position and self.mailboxes.hand_over(envelope.device) is None:
                self.knocking.mail(envelope.device, envelope.lane, now_s=moment.now_s)

    def _take_over(self, connection: Connection, frame: TakeOver, moment: Moment) -> list[Effect]:
        earlier = self.conversations.live(connection.device)
        if earlier is None or earlier is connection:
            return self.mailboxes.took(connection, Took(frame.taken), moment=moment)
        effects = self.conversations.take_over(connection, frame.life, moment=moment)
        effects += self.mailboxes.knows(connection.device, frame.taken, moment=moment)
        return self._after_endings(earlier, effects, moment)

    def _submitted(self, connection: Connection, frame: Submit, size_bytes: int, moment: Moment) -> list[Effect]:
        bearable, too_urgent = self.urgency.sift(connection.device, frame.envelopes, now_s=moment.now_s)
        kept, put_off = self.admission.sift(bearable, now_s=moment.now_s)
        if not put_off and not too_urgent:
            return self.mailboxes.submit(connection, frame, size_bytes, moment=moment)
        refused = [Refusal(each.id, Cause.ACCOUNT_RATE_LIMITED.value, again_ms) for each, again_ms in too_urgent]
        refused += [Refusal(each.id, Cause.RELAY_BUSY.value, again_ms) for each, again_ms in put_off]
        effects: list[Effect] = [Send(connection.number, Refused(refused))]
        if kept:
            effects += self.mailboxes.submit(connection, Submit(kept, frame.life), size_bytes, moment=moment)
        return effects

    def _answered(self, command: Command, answer: Answer, moment: Moment) -> list[Effect]:
        match command:
            case Meet() | Open():
                return self._opening(command, answer, moment)
            case Read():
                if isinstance(answer, Page | Denied):
                    self.mailboxes.page(command, answer)
                return []
            case Locate():
                assert isinstance(answer, Traced)
                return self._audible(self.mailboxes.located(command, answer, moment=moment))
            case (
                FetchLists()
                | FetchNewest()
                | AddKeys()
                | ClaimKey()
                | ResolveHandle()
                | PutList()
                | (ReadLog() | OpenEntries() | RecallHead())
            ):
                effects = self._audible(self.directory.answered(command, answer, moment=moment))
                if isinstance(command, PutList) and isinstance(answer, ListPut):
                    effects += self._revoke(answer.revoked, moment)
                return effects
            case _:
                return []

    def _opening(self, command: Meet | Open, answer: Answer, moment: Moment) -> list[Effect]:
        connection = self.conversations.get(command.connection)
        if connection is None:
            return self._left_while_opening(command, moment)
        if isinstance(command, Meet):
            return self._after_endings(connection, self.conversations.met(connection, answer, moment=moment), moment)
        earlier = self.conversations.of_device(command.device)
        effects = self.conversations.opened(connection, answer, moment=moment)
        if not isinstance(answer, Opened) or connection.phase is not Phase.OPEN:
            return self._after_endings(connection, effects, moment)
        for effect in effects:
            if isinstance(effect, Send) and isinstance(effect.frame, Welcome) and effect.frame.ticket is not None:
                self.calls.welcomed(connection.device, effect.frame.ticket.secret, now_s=moment.now_s)
        for each in earlier:
            if self.conversations.get(each.number) is None:
                self._gone(each, heir=None, moment=moment)
        effects += [Send(connection.number, notice) for notice in self.noticing.of(connection.account)]
        if self.conversations.live(command.device) is connection:
            self.mailboxes.opened(connection, answer, moment=moment)
            self.knocking.connected(command.device)
        frames, listen = self.conversations.said_ahead(connection)
        for frame, size_bytes in frames:
            if self.conversations.get(connection.number) is connection:
                effects += self._open_frame(connection, frame, size_bytes, moment)
        return effects + listen

    def _left_while_opening(self, command: Meet | Open, moment: Moment) -> list[Effect]:
        if isinstance(command, Open) and self.conversations.live(command.device) is None:
            return [Ask(Leave(command.device, moment.wall_ms))]
        return []

    def _unanswered(self, command: Command, cause: Cause, moment: Moment) -> list[Effect]:
        match command:
            case Append():
                return self._audible(self.mailboxes.not_appended(command, cause))
            case Read():
                self.mailboxes.not_read(command)
                return []
            case Take() | Sweep() | Leave():
                return []  # the device's next Took says it again; the rest is for tidiness
            case (
                FetchLists()
                | FetchNewest()
                | PutList()
                | AddKeys()
                | ClaimKey()
                | ResolveHandle()
                | (ReadLog() | OpenEntries() | RecallHead())
            ):
                effects = self.directory.unanswered(command, cause)
                connection = self.conversations.get(command.connection)
                if effects is None and connection is not None:
                    return self._refuse(connection, cause, moment)
                return self._audible(effects or [])
            case Meet() | Open() | Locate():
                connection = self.conversations.get(command.connection)
                return self._refuse(connection, cause, moment) if connection else []
            case _:
                assert_never(command)

    def _revoke(self, devices: Sequence[DeviceId], moment: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for device in devices:
            self.calls.strike(device)
            if self.knocking.name_of(device):
                self.knocking.subscribe(device, Subscribe(""))  # off the disk as well
            self.knocking.forget(device)
            for connection in self.conversations.revoke(device):
                effects += self._refuse(connection, Cause.ACCOUNT_DEVICE_REVOKED, moment)
        return effects

    def _refuse(self, connection: Connection, cause: Cause, moment: Moment) -> list[Effect]:
        return self._after_endings(connection, self.conversations.refuse(connection, cause, moment=moment), moment)

    def _end(self, connection: Connection, cause: Cause, moment: Moment) -> list[Effect]:
        return self._after_endings(connection, self.conversations.farewell(connection, cause, moment=moment), moment)

    def _owing(self, moment: Moment) -> list[tuple[DeviceId, float]]:
        self._look_who_left(moment)
        owing: list[tuple[DeviceId, float]] = []
        for device, since_s in self.mailboxes.owing(now_s=moment.now_s):
            live = self.conversations.live(device)
            owing.append((device, max(since_s, live.heard_s) if live else since_s))
        return owing

    def _look_who_left(self, moment: Moment) -> None:
        for device in self.mailboxes.left():
            self.calls.waits(device, now_s=moment.now_s)

    def _audible(self, effects: list[Effect]) -> list[Effect]:
        """Leave out what would be said to connections that have ended: nothing follows a farewell."""
        get = self.conversations.get
        return [effect for effect in effects if not isinstance(effect, Send) or get(effect.connection) is not None]

    def _after_endings(self, connection: Connection, effects: list[Effect], moment: Moment) -> list[Effect]:
        if self.conversations.get(connection.number) is None:
            effects += self._gone(connection, heir=self.conversations.live(connection.device), moment=moment)
        return effects

    def _gone(self, connection: Connection, *, heir: Connection | None, moment: Moment) -> list[Effect]:
        self.directory.ended(connection)
        hand_over = self.mailboxes.hand_over(connection.device)
        if heir is None and hand_over is not None and hand_over.connection == connection.number:
            lane = hand_over.left_lane
            if lane is not None:  # it fell silent, or went, with mail on its way
                self.knocking.mail(connection.device, lane, now_s=moment.now_s)
        return self.mailboxes.ended(connection, heir=heir, moment=moment)
