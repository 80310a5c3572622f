"""The Python SDK: send, receive, read, ask.

async with Client.open() as me:
    sent = await me.send("bea@example.org", "on my way", urgency=Urgency.URGENT)
    await sent.delivered()
    async for message in me.received():
        await me.reply(message, text="thank you")
"""

import asyncio
import logging
import mimetypes
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from answerback.core.effects import Answered, Arrived, Effect, Moment, Progressed, Save
from answerback.core.engine import Engine
from answerback.core.network.evidence import Evidence
from answerback.core.sensing import FileAsked, Hinted, PushGiven
from answerback.crypto.files import make_file_key, seal_file
from answerback.crypto.primitives import random_bytes
from answerback.device import handover, own_devices
from answerback.device.agent import Agent
from answerback.device.archive import Archive
from answerback.device.carrier import FileCarrier
from answerback.device.fallbacks import Consent, Fallbacks
from answerback.device.hearing import Hearing
from answerback.device.home import default_folder, open_journal, own_carriers
from answerback.device.linking import Linking
from answerback.device.own_handles import OwnHandles
from answerback.device.profile import own_platform, own_repetitions, profile_of
from answerback.device.reports import Status, path_statuses, timeline
from answerback.device.senses import Senses
from answerback.device.signing_in import sign_in_again
from answerback.device.trusting import Trusting
from answerback.device.waking import keep_push, kept_push
from answerback.device.wishes import kept_wish
from answerback.model.causes import Cause
from answerback.model.devices import Device, Signed
from answerback.model.errors import RefusedError, UsageError
from answerback.model.handle import read_handle_here
from answerback.model.ids import ID_BYTES, AccountId, BlobId, DeviceId, MessageId
from answerback.model.message import LIFETIME_S, RECIPIENTS_MAX, TEXT_BYTES_MAX, Attachment, Message, Urgency
from answerback.model.registration import Standing
from answerback.model.timeline import Stage, Timeline, Wait
from answerback.storage.identity import Identity
from answerback.storage.journal import Journal
from answerback.storage.messages import KeptMessage
from answerback.storage.staging import Staging
from answerback.transport.approach import Approach
from answerback.transport.dialling import Dialler
from answerback.transport.ports import Carrier, Ports
from answerback.wire.frames import Subscribe
from answerback.wire.requests import BLOB_BYTES_MAX

log = logging.getLogger(__name__)
FILE_BYTES_MAX = BLOB_BYTES_MAX - 64 * 1024
"""What a blob may hold, less its seals."""
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Sent:
    """A promise: the message is in the journal, whatever the network does."""

    id: MessageId
    _client: "Client"

    async def reached(self, stage: Stage, *, timeout_s: float | None = None) -> Timeline:
        """Wait until every recipient's device has come this far, or until nothing more will be tried.

        Raises `TimeoutError` or `AgentEnded`; the message is still promised then.
        """
        async with asyncio.timeout(timeout_s):
            with self._client.hearing() as news:
                while True:
                    told = self._client.timeline(self.id)
                    assert told is not None
                    if told.stage >= stage:
                        return told
                    while not (isinstance(heard := await news.get(), Progressed) and heard.message == self.id):
                        pass

    async def delivered(self, *, timeout_s: float | None = None) -> Timeline:
        """Wait until every recipient's device has answered back."""
        return await self.reached(Stage.DELIVERED, timeout_s=timeout_s)

    def fallback(self, carrier: str, *, consent: Consent) -> None:
        """Have it go by this carrier as well, now; what becomes of it tells `Client.fallbacks.asides`.

        Raises as `Fallbacks.answer` does. The contact must have been given `ask` or `after` and this carrier.
        """
        self._client.fallbacks.answer(self.id, yes=True, carrier=carrier, consent=consent)


class Client:
    """One device, for programs."""

    def __init__(
        self, folder: Path, journal: Journal, *, ports: Ports | None = None, carriers: Sequence[Carrier] = ()
    ) -> None:
        identity = journal.identity()
        if identity is None or not identity.registered_ms:
            raise UsageError(f"the device in {folder} is not registered yet: `register` or `link` finishes it")
        self.journal: Final = journal
        self._tasks: list[asyncio.Task[None]] = []
        self.staging: Final = Staging(folder)
        self.trust: Final = Trusting(self)
        self.archive: Final = Archive(journal)
        approach = Approach(identity.relay_url, pin=identity.relay_pin)
        carrier = FileCarrier(
            journal,
            self.staging,
            url=identity.relay_url,
            pin=identity.relay_pin,
            approach=approach,
            path_of=lambda: self.agent.engine.machines.path.name,
        )
        self.agent: Final = Agent(
            journal,
            identity,
            carrier,
            ports or Ports(Dialler(approach), carriers=tuple(carriers)),
            profile=profile_of(own_platform()),
            repetitions=own_repetitions(),
            wish=kept_wish(journal),
            push=kept_push(journal),
            renews=True,
        )
        self.fallbacks: Final = Fallbacks(self.agent)
        self.handles: Final = OwnHandles(self.agent, journal, approach)
        if ports is None:
            self.agent.senses = Senses(approach, self.agent.sensed, key=identity.device)

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path | None = None, *, passphrase: str | None = None) -> AsyncIterator[Self]:
        """Open a device, with the carriers of its `carriers.toml`, and keep it connected.

        Raises `StoreLockedError` while another process has it, `UsageError` for what is wrong with that file.
        """
        home = folder or default_folder()
        journal = open_journal(home, passphrase=passphrase)
        try:
            carriers = own_carriers(home, passphrase=passphrase)
            client = cls(home, journal, carriers=carriers.each)
        except BaseException:
            journal.close()
            raise
        try:
            async with client:
                yield client
        finally:
            await carriers.close()

    async def __aenter__(self) -> Self:
        """Begin to connect; nothing waits for it."""
        try:
            self.staging.tidy()
            self.staging.keep_staged(self.agent.files_wanted)
            self.agent.start()
            self._tasks = [
                asyncio.create_task(own_devices.renew_when_superseded(self.agent, self.hearing()), name="renew"),
                asyncio.create_task(handover.serve(self.agent), name="history"),
            ]
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of connection and journal; everything promised is on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.agent.stop()
        self.journal.close()

    @property
    def identity(self) -> Identity:
        """Who this device is; a copy of a device becomes another one."""
        return self.agent.identity

    # ---- sending

    async def send(
        self,
        *recipients: str,
        text: str = "",
        file: Path | None = None,
        urgency: Urgency = Urgency.NORMAL,
        lifetime_s: int = LIFETIME_S,
        is_private: bool = False,
    ) -> Sent:
        """Promise a message. It is on this device's disk when this returns; the network may come later.

        A private one never goes by a carrier. Raises `UsageError` for what no relay could carry, `StorageError` if this
        disk refuses.
        """
        handles = [read_handle_here(recipient, lambda: self.handles.region).text for recipient in recipients]
        if not handles:
            raise UsageError("nobody to send it to")
        if len(set(handles)) > RECIPIENTS_MAX:
            raise UsageError(f"a message goes to at most {RECIPIENTS_MAX} people; these are {len(set(handles))}")
        if set(handles) == {self.identity.handle.text} and len(self.devices()) <= 1:
            raise UsageError("that is your own handle, and this is your only device: nobody would get it")
        return await self._promise(
            handles, (), text=text, file=file, urgency=urgency, lifetime_s=lifetime_s, is_private=is_private
        )

    async def reply(
        self,
        message: Message,
        *,
        text: str = "",
        file: Path | None = None,
        urgency: Urgency = Urgency.NORMAL,
        lifetime_s: int = LIFETIME_S,
        is_private: bool = False,
    ) -> Sent:
        """Promise a message to everybody else in a message's conversation, also to those whose handle is unknown here.

        Raises as `send` does.
        """
        others = sorted((message.recipients | {message.author}) - {self.identity.account})
        return await self._promise(
            (), others, text=text, file=file, urgency=urgency, lifetime_s=lifetime_s, is_private=is_private
        )

    async def _promise(
        self,
        handles: Sequence[str],
        accounts: Sequence[AccountId],
        *,
        text: str,
        file: Path | None,
        urgency: Urgency,
        lifetime_s: int,
        is_private: bool,
    ) -> Sent:
        if not text and file is None:
            raise UsageError("nothing to send: give a text or a file")
        if len(text.encode()) > TEXT_BYTES_MAX:
            raise UsageError(f"a text has at most {TEXT_BYTES_MAX} bytes; send this one as a file")
        attachment = await asyncio.to_thread(self._stage, file) if file is not None else None
        identity: list[MessageId] = []

        def make(engine: Engine, now: Moment) -> list[Effect]:
            made, effects = engine.send(
                handles=handles,
                accounts=accounts,
                text=text,
                attachment=attachment,
                urgency=urgency,
                lifetime_s=lifetime_s,
                is_private=is_private,
                now=now,
            )
            identity.append(made)
            return effects

        self.agent.change(make)
        return Sent(identity[0], self)

    def read(self, messages: Sequence[Message]) -> None:
        """Tell the authors' devices that these were read."""
        self.agent.change(lambda engine, now: engine.read(messages, now=now))

    def _stage(self, file: Path) -> Attachment:
        try:
            size_bytes = file.stat().st_size
            if not file.is_file():
                raise UsageError(f"{file} is not a file")
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from error
        except ValueError as error:  # no name that a file could have
            raise UsageError(f"{str(file)!r} cannot be read: {error}") from error
        if size_bytes > FILE_BYTES_MAX:
            raise UsageError(f"{file} is {size_bytes} bytes; at most {FILE_BYTES_MAX} can be sent")
        blob, key, digest = BlobId(random_bytes(ID_BYTES)), make_file_key(), sha256()
        read_bytes = 0

        def pieces() -> Iterator[bytes]:
            nonlocal read_bytes
            with file.open("rb") as opened:
                while piece := opened.read(PIECE_BYTES):
                    digest.update(piece)
                    read_bytes += len(piece)
                    yield piece

        sealed_bytes = self.staging.stage(blob, seal_file(key, pieces()))
        media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Attachment(blob, key, sealed_bytes, read_bytes, digest.digest(), file.name, media_type)

    # ---- receiving

    def hearing(self) -> Hearing:
        """Hear all news while in the `with` block."""
        return Hearing(self.agent)

    async def received(self) -> AsyncIterator[Message]:
        """Every message from others, as it arrives."""
        with self.hearing() as news:
            while True:
                heard = await news.get()
                if isinstance(heard, Arrived) and heard.message.author != self.identity.account:
                    yield heard.message

    def messages(self, *, limit: int = 50) -> list[KeptMessage]:
        """The newest messages on this device, newest first."""
        return self.journal.messages(limit=limit)

    # ---- asking

    def wait_of(self, message: MessageId, device: DeviceId | None) -> Wait | None:
        """Why a message, or one copy, stays where it is."""
        return self.agent.wait_of(message, device)

    def timeline(self, message: MessageId) -> Timeline | None:
        """What became of a message; none if it is unknown."""
        return timeline(self.journal, message, own=self.identity.account, wait_of=self.wait_of)

    def status(self) -> Status:
        """How this device stands."""
        machines, own, now = self.agent.engine.machines, self.identity, self.agent.now
        path = machines.path
        wake = None if path.works else path.wake_at
        return Status(
            handle=own.handle.text,
            account=own.account,
            device=own.device,
            device_name=machines.own.device_name,
            relay_url=own.relay_url,
            running=True,
            connected=path.works,
            cause=None if path.works else path.cause or Cause.NETWORK_STALLED,
            next_attempt_ms=now.wall_ms + max(0, round((wake.at_s - now.now_s) * 1000)) if wake else None,
            next_reason=wake.reason.value if wake else None,
            rtt_ms=path.estimate.rtt_s * 1000 if path.estimate.measured else None,
            rate_bytes_per_s=path.estimate.up_bytes_per_s,
            clock_offset_ms=machines.clock.offset_ms,
            behind=machines.catchup.behind,
            prekeys_left=machines.registration.prekeys_left,
            attempts=path.tries,
            wasted_attempts=path.recovery.wasted,
            messages=self.journal.counts().messages,
            waiting=sum(promise.letter.answered for promise in machines.outbox),
            files_moving=len(machines.transfers),
            urgent_left=machines.urgent_budget.left(now_s=now.now_s),
            urgent_next_ms=_wall_ms(machines.urgent_budget.next_at_s(now_s=now.now_s), now),
            paths=path_statuses(machines.paths, now_s=now.now_s),
        )

    def standing(self) -> Standing:
        """How this device stands with its relay: its registration, until when, and what is being done about it."""
        return self.agent.engine.renewing.standing(now=self.agent.now)

    async def register_again(self, *, gentle: bool = False, timeout_s: float | None = None) -> Standing:
        """Sign out and in again, with fresh keys unless it is `gentle`; nothing is lost, and a crash only delays it."""
        return await sign_in_again(self.agent, gentle=gentle, timeout_s=timeout_s)

    def fetch(self, message: MessageId) -> None:
        """Have a file come that would not come by itself: somebody wants to see it, on whatever link."""
        self.agent.change(lambda engine, now: engine.sensed(FileAsked(message), now=now))

    def wake_at(self, push: Subscribe) -> None:
        """Have the relay wake this device there while it has no connection; see `device.waking.subscription`."""
        keep_push(self.journal, push)
        self.agent.push = push
        self.agent.change(lambda engine, now: engine.sensed(PushGiven(push), now=now))

    def woken(self) -> None:
        """A push has come: something waits at the relay."""
        self.agent.change(lambda engine, now: engine.sensed(Hinted(Evidence.RELAY_CALLED), now=now))

    def devices(self) -> tuple[Device, ...]:
        """The devices of this account."""
        return self.agent.engine.machines.roster.devices(self.identity.account)

    def name(self, name: str) -> None:
        """Call this device otherwise; contacts learn it with the next letter. Raises `UsageError` for no name."""
        wanted = own_devices.checked_name(name)
        self.agent.change(lambda engine, now: engine.then(engine.ownership.rename(wanted, now=now), now=now))

    async def revoke(self, device: DeviceId, *, keep_root: bool = False, timeout_s: float = 60.0) -> None:
        """Remove a device from the account, and change the root key that it knows; see `own_devices.revoke`."""
        await own_devices.revoke(self.agent, self._announce, device, keep_root=keep_root, timeout_s=timeout_s)

    def offer_history(self, device: DeviceId) -> int:
        """Offer all messages to another device of ours; returns how many. Goes on by itself until it is there.

        Files of messages that have run out stay behind, and so do keys; whom this account has verified that device
        hears in letters of its own.
        """
        return handover.offer(self.agent, device)

    # ---- linking

    async def link(
        self, *, show: Callable[[Linking], None], confirm: Callable[[str, Device], bool], timeout_s: float = 620.0
    ) -> Device:
        """Add a device: show the code, meet it, ask the person, put it on the list."""
        root_seed = self.agent.engine.machines.root or None
        linking = Linking.begin(replace(self.identity, root_seed=root_seed))
        show(linking)
        request = await linking.meet()
        if not await asyncio.to_thread(confirm, request.name, request.device):
            await linking.decline()
            raise RefusedError(Cause.UNKNOWN, "not linked: you said no")
        async with asyncio.timeout(timeout_s):
            current = self.agent.engine.machines.roster.list_of(self.identity.account)
            assert current is not None
            device = await linking.grant(request, current, announce=self._announce, now_ms=self.agent.now.wall_ms)
        named = self.agent.engine.machines.roster.named(device.id, request.name)
        if named is not None:
            self.agent.carry_out([Save(named)])
        return device

    async def _announce(self, signed: Signed, *, next_root: bytes = b"") -> None:
        with self.hearing() as news:
            self.agent.change(lambda engine, now: engine.announce(signed, next_root=next_root, now=now))
            while not (isinstance(heard := await news.get(), Answered) and heard.account == self.identity.account):
                pass
        if heard.cause is not None:
            raise RefusedError(heard.cause, "the relay did not take the new device list")


def _wall_ms(at_s: float | None, now: Moment) -> int | None:
    return None if at_s is None else now.wall_ms + max(0, round((at_s - now.now_s) * 1000))
