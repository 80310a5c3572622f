"""Proves who each connection is, keeps one in use for each device, and ends those that should not go on.

Theory. A connection is a stranger until it has signed its challenge with the key that the device's account lists for
it, or has shown a ticket of this relay's in its request for the connection (`resumption`). Strangers are bounded in
number, time and bytes. A device that connects again has lost its earlier connection, whether TCP knows it or not: the
newer one wins, and only when it has proven itself.

Beside the connection in use a device may have one more, on another path, that stands by. It takes over when the device
says so, which ends the other; or by itself, when the other is lost here first. So whoever has a connection at all has
one in use.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from answerback.crypto.identity import check_challenge_answer
from answerback.model.causes import Cause
from answerback.model.devices import Device
from answerback.model.errors import PeerError, TrustError
from answerback.model.ids import AccountId, DeviceId
from answerback.model.message import Lane
from answerback.relay.admission import Admission
from answerback.relay.effects import NOBODY, Ask, Close, Effect, Event, Listen, Moment, Note, Send
from answerback.relay.limits import (
    AHEAD_ALL_BYTES_MAX,
    AHEAD_BYTES_MAX,
    HELLO_S_MAX,
    SILENCE_S_MAX,
    STRANGERS_MAX,
    RelayLimits,
)
from answerback.relay.resumption import Judgement, Resumption
from answerback.storage.relay_commands import LANE_COUNT, Answer, Cursors, Denied, Leave, Meet, Met, Open, Opened
from answerback.wire.connection import Phase, after_device
from answerback.wire.frames import (
    CHALLENGE_BYTES,
    WIRE_VERSION,
    Challenge,
    ClientFrame,
    Farewell,
    Hello,
    Resume,
    Taken,
    Welcome,
)

NO_ACCOUNT: Final = AccountId(b"")
TOKEN_BYTES = 32
RETRY_S = {
    Cause.RELAY_BUSY: 2.0,
    Cause.RELAY_STOPPING: 5.0,
    Cause.RELAY_FAULTY: 10.0,
    Cause.RELAY_STORE_FULL: 30.0,
    Cause.RELAY_INCOMPATIBLE: 3_600.0,
    Cause.NETWORK_CONNECTION_LOST: 60.0,
    Cause.NETWORK_STALLED: 0.0,
    Cause.ACCOUNT_RATE_LIMITED: 60.0,
}
"""When to come back, before the jitter that keeps a crowd from coming back at once; never where it is not named."""
SCHEDULED: Final = frozenset({Cause.RELAY_BUSY.value, Cause.RELAY_STOPPING.value})
"""A crowd hears these: each device is given a time of its own."""
SUPERSEDED = "superseded"
"""The detail of a farewell to a device that has connected anew: whoever gets it must not answer by connecting."""
ABANDONED_S = 60.0
"""For so long after a move an attempt that was begun before it may still arrive: TCP repeats a SYN for that long."""
STANDS_BY, TOOK_OVER = "stands by", "took over"
"""For the log: what a connection is beside another, or has become after it."""


@dataclass(slots=True, eq=False)
class Connection:
    """One connection: how far it has proven itself, and what it said ahead of the welcome."""

    number: int
    since_s: float
    heard_s: float
    phase: Phase = Phase.STRANGERS
    nonce: bytes = b""
    device: DeviceId = NOBODY
    account: AccountId = NO_ACCOUNT
    entry: Device | None = None
    signature: bytes = b""
    taken: Cursors = ()
    life: int = 0
    standby: bool = False
    """What it asked to be."""
    anew: bool = False
    """It signs in anew: what it was given before is void."""
    is_full: bool = False
    """Its socket takes no more for now."""
    moved_s: float | None = None
    """When its device took over to it, and ..."""
    moved_life: int = 0
    """... how far it had come then."""
    ahead: list[tuple[ClientFrame, int]] = field(default_factory=list)
    ahead_bytes: int = 0


class Conversations:
    """All connections of one relay."""

    def __init__(
        self,
        *,
        relay: bytes,
        store: bytes,
        boot: bytes,
        limits: RelayLimits,
        random_bytes: Callable[[int], bytes],
        chance: Callable[[], float],
        resumption: Resumption,
        admission: Admission,
        subscription_of: Callable[[DeviceId], bytes] = lambda _: b"",
    ) -> None:
        self._subscription_of = subscription_of
        self._resumption = resumption
        self._admission = admission
        self._relay, self._store, self._boot = relay, store, boot
        self._limits = limits
        self._random_bytes = random_bytes
        self._chance = chance
        self._connections: dict[int, Connection] = {}
        self._strangers: set[int] = set()
        self._ahead_bytes = 0
        self._live: dict[DeviceId, Connection] = {}
        self._standby: dict[DeviceId, Connection] = {}
        self._tokens: dict[DeviceId, bytes] = {}
        self._devices: dict[bytes, DeviceId] = {}
        self._last_words: Cause | None = None

    # ---- questions -------------------------------------------------------------------------------------------------

    def get(self, number: int) -> Connection | None:
        """Find a connection that has not ended."""
        return self._connections.get(number)

    def live(self, device: DeviceId) -> Connection | None:
        """Find a device's connection in use, if it has one."""
        return self._live.get(device)

    def standby(self, device: DeviceId) -> Connection | None:
        """Find the connection a device has beside the one in use, if it has one."""
        return self._standby.get(device)

    def of_device(self, device: DeviceId) -> list[Connection]:
        """Give a device's connections, the one in use last: ended in this order, none takes over from another."""
        both = (self._standby.get(device), self._live.get(device))
        return [connection for connection in both if connection is not None]

    def device_of_token(self, token: bytes) -> DeviceId | None:
        """Tell which device a bearer token was given to in this run of the relay."""
        return self._devices.get(token)

    def open_connections(self) -> list[Connection]:
        """Give the connections in use of all devices that are here."""
        return list(self._live.values())

    @property
    def count(self) -> int:
        """Connections that have not ended."""
        return len(self._connections)

    @property
    def live_count(self) -> int:
        """Devices that are connected."""
        return len(self._live)

    def jittered_ms(self, cause: Cause) -> int:
        """When trying again may help: between the cause's time and twice that; -1 for those no waiting helps."""
        retry_s = RETRY_S.get(cause)
        return -1 if retry_s is None else int(1000 * retry_s * (1.0 + self._chance()))

    # ---- a connection's life ---------------------------------------------------------------------------------------

    def connected(self, number: int, resume: Resume | None = None, *, moment: Moment) -> list[Effect]:
        """Greet whoever connects with a challenge or take its ticket, if there is room for another stranger."""
        cause = self._last_words
        if len(self._strangers) >= STRANGERS_MAX or len(self._connections) >= self._limits.connections_max:
            cause = cause or Cause.RELAY_BUSY
        if cause is not None:
            return [Send(number, Farewell(cause.value, self._return_ms(cause, moment))), Close(number)]
        connection = self._connections[number] = Connection(number, moment.now_s, moment.now_s)
        self._strangers.add(number)
        if resume is None:
            return self._challenge(connection, moment=moment)
        judgement = self._resumption.judge(resume, moment=moment)
        if judgement is not Judgement.TAKEN:
            return [_shown(connection, resume.device, judgement), *self._challenge(connection, moment=moment)]
        connection.phase = after_device(connection.phase, resume)
        connection.device, connection.life = resume.device, resume.life
        connection.taken, connection.standby = cursors(resume.taken), resume.standby
        return [Ask(Meet(number, resume.device)), self._open(connection, moment=moment)]

    def heard(
        self, connection: Connection, frame: ClientFrame, size_bytes: int, *, moment: Moment
    ) -> list[Effect] | None:
        """Take a frame; None means that it is an open connection's, for others to answer."""
        connection.heard_s = moment.now_s
        try:
            connection.phase = after_device(connection.phase, frame)
        except PeerError as error:
            return self.broke(connection, str(error), moment=moment)
        if isinstance(frame, Hello):
            return self._hello(connection, frame, moment=moment)
        if connection.phase is Phase.OPEN:
            return None
        connection.ahead.append((frame, size_bytes))
        connection.ahead_bytes += size_bytes
        self._ahead_bytes += size_bytes
        if self._ahead_bytes > AHEAD_ALL_BYTES_MAX:
            return self.farewell(connection, Cause.RELAY_BUSY, moment=moment)
        return [Listen(connection.number, on=False)] if connection.ahead_bytes > AHEAD_BYTES_MAX else []

    def broke(self, connection: Connection, what: str, *, moment: Moment) -> list[Effect]:
        """End a connection that broke the protocol."""
        note = Note(Event.BROKE, connection.number, connection.device, Cause.RELAY_INCOMPATIBLE, what)
        return [note, *self.farewell(connection, Cause.RELAY_INCOMPATIBLE, moment=moment, detail=what)]

    def met(self, connection: Connection, answer: Answer, *, moment: Moment) -> list[Effect]:
        """Check the signature of a device that says who it is, against what its account says."""
        if isinstance(answer, Denied):
            return self.refuse(connection, answer.cause, moment=moment)
        assert isinstance(answer, Met)
        if connection.phase is Phase.RESUMING:  # its proof was checked already, and `Open` is on its way
            connection.account, connection.entry = answer.account, answer.entry
            return []
        try:
            check_challenge_answer(
                connection.signature,
                signing_key=answer.entry.signing_key,
                nonce=connection.nonce,
                relay=self._relay,
            )
        except TrustError:
            return self.refuse(connection, Cause.ACCOUNT_NOT_REGISTERED, moment=moment)
        connection.account, connection.entry = answer.account, answer.entry
        connection.nonce = connection.signature = b""
        return [self._open(connection, moment=moment)]

    def opened(self, connection: Connection, answer: Answer, *, moment: Moment) -> list[Effect]:
        """Let a device in: beside the connection in use if it asked for that, else its earlier ones end."""
        if isinstance(answer, Denied):
            return self.refuse(connection, answer.cause, moment=moment)
        assert isinstance(answer, Opened)
        if connection.phase is Phase.RESUMING:
            if answer.life >= connection.life:
                return self._repeated(connection, moment=moment)
            effects: list[Effect] = [_shown(connection, connection.device, Judgement.TAKEN)]
        else:
            effects = []
        if self._is_abandoned(connection, moment):
            return [
                *effects,
                *self.farewell(connection, Cause.NETWORK_CONNECTION_LOST, moment=moment, detail=SUPERSEDED),
            ]
        effects += self._place(connection, moment=moment)
        self._strangers.discard(connection.number)
        connection.phase = Phase.OPEN
        if connection.anew:
            self._resumption.void(connection.device)
            self._forget_token(connection.device)
        welcome = Welcome(
            clock_ms=moment.wall_ms,
            store=self._store,
            boot=self._boot,
            token=self._token(connection.device),
            waiting=answer.waiting,
            head=answer.head,
            list_version=answer.list_version,
            prekeys_left=answer.prekeys_left,
            seal_key=answer.seal_id,
            taken=[Taken(lane, position) for lane, position in zip(Lane, answer.taken, strict=True)],
            life=answer.life,
            ticket=self._resumption.issue(connection.device, moment=moment),
            push=self._subscription_of(connection.device),
            lease_s=self._limits.lease_s,
            lapsed_ms=answer.lapsed_ms,
        )
        here = "" if self._live[connection.device] is connection else STANDS_BY
        note = Note(Event.OPENED, connection.number, connection.device, detail=here)
        return [*effects, note, Send(connection.number, welcome)]

    def take_over(self, connection: Connection, life: int, *, moment: Moment) -> list[Effect]:
        """Make a standby the connection in use, and end the one that was."""
        connection.moved_s, connection.moved_life = moment.now_s, life
        assert self._standby.pop(connection.device) is connection
        earlier = self._live.pop(connection.device)
        self._live[connection.device] = connection
        return [
            _took_over(connection),
            *self.farewell(earlier, Cause.NETWORK_CONNECTION_LOST, moment=moment, detail=SUPERSEDED),
        ]

    def said_ahead(self, connection: Connection) -> tuple[list[tuple[ClientFrame, int]], list[Effect]]:
        """Hand out what a device said before it was let in, and listen to it again."""
        frames, connection.ahead = connection.ahead, []
        is_paused = connection.ahead_bytes > AHEAD_BYTES_MAX
        self._ahead_bytes -= connection.ahead_bytes
        connection.ahead_bytes = 0
        return frames, [Listen(connection.number, on=True)] if is_paused else []

    def lost(self, connection: Connection, *, moment: Moment) -> list[Effect]:
        """Learn that a connection is gone."""
        effects = self._forget(connection, moment)
        if any(isinstance(effect, Ask) for effect in effects):
            return [Note(Event.LEFT, connection.number, connection.device), *effects]
        return effects

    # ---- endings ---------------------------------------------------------------------------------------------------

    def refuse(self, connection: Connection, cause: Cause, *, moment: Moment) -> list[Effect]:
        """End a connection whose device may not come in, or not stay."""
        note = Note(Event.REFUSED, connection.number, connection.device, cause)
        return [note, *self.farewell(connection, cause, moment=moment)]

    def farewell(self, connection: Connection, cause: Cause, *, moment: Moment, detail: str = "") -> list[Effect]:
        """End a connection with the reason for it."""
        effects = self._forget(connection, moment)
        frame = Farewell(cause.value, self._return_ms(cause, moment), detail)
        return [*effects, Send(connection.number, frame), Close(connection.number)]

    def revoke(self, device: DeviceId) -> list[Connection]:
        """Forget a device's token; give its connections, which must end."""
        self._forget_token(device)
        return self.of_device(device)

    def _forget_token(self, device: DeviceId) -> None:
        token = self._tokens.pop(device, None)
        if token is not None:
            del self._devices[token]

    def overdue(self, *, moment: Moment) -> Iterator[Connection]:
        """Find the connections that have been strangers, or silent, for too long."""
        for connection in list(self._connections.values()):
            is_strange = connection.phase is not Phase.OPEN
            silent_s = moment.now_s - connection.heard_s
            if silent_s > SILENCE_S_MAX or (is_strange and moment.now_s - connection.since_s > HELLO_S_MAX):
                yield connection

    def stop(self) -> list[Connection]:
        """Let nobody in any more; give all connections, which must end, those that stand by first."""
        self._last_words = Cause.RELAY_STOPPING
        return sorted(self._connections.values(), key=lambda here: self._standby.get(here.device) is not here)

    # ---- private ---------------------------------------------------------------------------------------------------

    def _hello(self, connection: Connection, hello: Hello, *, moment: Moment) -> list[Effect]:
        connection.device = hello.device
        if hello.wire != WIRE_VERSION:
            return self.refuse(connection, Cause.RELAY_INCOMPATIBLE, moment=moment)
        connection.taken, connection.standby = cursors(hello.taken), hello.standby
        connection.signature, connection.life, connection.anew = hello.signature, hello.life, hello.anew
        return [Ask(Meet(connection.number, hello.device))]

    def _challenge(self, connection: Connection, *, moment: Moment) -> list[Effect]:
        connection.nonce, connection.phase = self._random_bytes(CHALLENGE_BYTES), Phase.CHALLENGED
        return [Send(connection.number, Challenge(connection.nonce, self._relay, moment.wall_ms))]

    def _repeated(self, connection: Connection, *, moment: Moment) -> list[Effect]:
        """Ask for a signature: this was said before, or by a device whose memory is older than what was said."""
        device = connection.device
        effects: list[Effect] = [_shown(connection, device, Judgement.REPEATED)]
        if device not in self._live:
            effects.append(Ask(Leave(device, moment.wall_ms)))
        connection.device, connection.account, connection.entry = NOBODY, NO_ACCOUNT, None
        return [*effects, *self._challenge(connection, moment=moment)]

    def _open(self, connection: Connection, *, moment: Moment) -> Effect:
        here = connection
        return Ask(Open(here.number, here.device, here.taken, moment.wall_ms, here.life))

    def _return_ms(self, cause: Cause, moment: Moment) -> int:
        if cause.value in SCHEDULED:
            return self._admission.return_ms(after_s=RETRY_S[cause], now_s=moment.now_s)
        return self.jittered_ms(cause)

    def _token(self, device: DeviceId) -> bytes:
        token = self._tokens.get(device)
        if token is None:
            token = self._tokens[device] = self._random_bytes(TOKEN_BYTES)
            self._devices[token] = device
        return token

    def _is_abandoned(self, connection: Connection, moment: Moment) -> bool:
        """Whether its device began this attempt, to end all others, before it moved to the connection in use.

        Only for a while: whoever says as little much later is a device whose memory went back in time.
        """
        live = self._live.get(connection.device)
        if live is None or live.moved_s is None or connection.standby:
            return False
        return connection.life <= live.moved_life and moment.now_s - live.moved_s < ABANDONED_S

    def _place(self, connection: Connection, *, moment: Moment) -> list[Effect]:
        """Put a connection that is let in where it belongs, and end what it replaces."""
        device = connection.device
        replaced = self.of_device(device)
        if connection.standby and device in self._live:
            replaced = replaced[:-1]  # the last one is in use, and stays
            self._standby[device] = connection
        else:
            self._standby.pop(device, None)
            self._live[device] = connection
        effects: list[Effect] = []
        for earlier in replaced:
            effects += self.farewell(earlier, Cause.NETWORK_CONNECTION_LOST, moment=moment, detail=SUPERSEDED)
        return effects

    def _forget(self, connection: Connection, moment: Moment) -> list[Effect]:
        """Forget a connection; a standby takes its place if it was in use, else its device has left."""
        self.said_ahead(connection)
        connection.phase = Phase.ENDED
        self._connections.pop(connection.number, None)
        self._strangers.discard(connection.number)
        device = connection.device
        if self._standby.get(device) is connection:
            del self._standby[device]
        if self._live.get(device) is not connection:
            return []
        heir = self._standby.pop(device, None)
        if heir is None:
            del self._live[device]
            return [Ask(Leave(device, moment.wall_ms))]
        self._live[device] = heir
        return [_took_over(heir)]


def _took_over(connection: Connection) -> Note:
    return Note(Event.OPENED, connection.number, connection.device, detail=TOOK_OVER)


def _shown(connection: Connection, device: DeviceId, judgement: Judgement) -> Note:
    return Note(Event.TICKET, connection.number, device, detail=judgement.value)


def cursors(taken: list[Taken]) -> Cursors:
    """Write what a device says it has taken as one position a lane; the highest counts."""
    positions = [0] * LANE_COUNT
    for entry in taken:
        positions[entry.lane] = max(positions[entry.lane], entry.position)
    return tuple(positions)
