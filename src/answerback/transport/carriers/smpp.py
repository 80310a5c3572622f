"""Speaks SMPP 3.4 with a centre, as a transceiver.

Theory. The session is ours and only the fields of `submit_sm` and `deliver_sm` are the library's, for two reasons. The
library's client answers a `deliver_sm` by itself, before anybody could have put it on a disk: a receipt or a text that
arrives as the power fails would be lost. And it has no `query_sm`. Here an answer leaves when the shell says that it
has kept what it answers for.

One task reads. Whatever ends it ends the road: every submission without an answer learns that nobody knows.
"""

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import smpp34

from answerback.model.errors import PeerError, UsageError
from answerback.model.handle import Handle, parse_handle
from answerback.transport.carriers import pdus
from answerback.transport.carriers.pdus import Pdu, packed
from answerback.transport.carriers.roads import (
    Absent,
    Incoming,
    Receipted,
    Refused,
    RoadClosed,
    RoadRefused,
    RoadUnsent,
    Submission,
    Taken,
)
from answerback.wire.delivery_receipts import (
    TAG_MESSAGE_PAYLOAD,
    TAG_USER_MESSAGE_REFERENCE,
    DeliveryReceipt,
    MessageState,
    read_receipt,
)
from answerback.wire.short_messages import IS_UDH, Fragment, read_short_message, short_messages

log = logging.getLogger(__name__)

OPEN_S_MAX = 15.0
"""For the connection, TLS and the bind together."""
QUIET_S = 30.0
"""After so long without a packet the centre is asked whether it lives (`enquire_link`)."""
ALIVE_S_MAX = 10.0
ASK_S_MAX = 10.0
FAREWELL_S_MAX = 2.0
EVENTS_MAX = 1_000
"""What the centre said and nobody has kept yet; beyond it, the centre waits."""
SMPP_PORT, SMPP_TLS_PORT = 2775, 3550
INTERNATIONAL, ALPHANUMERIC, ISDN = 1, 5, 1
"""Type of number (§5.2.5) and numbering plan (§5.2.6)."""
_TYPE_MASK, _RECEIPT = 0x3C, 0x04
"""`esm_class` (§5.2.12)."""
_SAR_REFERENCE, _SAR_TOTAL, _SAR_INDEX = 0x020C, 0x020E, 0x020F
_DIGITS_INTERNATIONAL_MIN = 10
"""A number of unknown type with so many digits is taken to begin with its country."""
_SYSTEM_ID_MAX, _PASSWORD_MAX = 15, 8
"""§5.2.1, §5.2.2, without the NUL. Many centres take longer passwords; the protocol does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppSettings:
    """Which centre, as whom, and what is special about it."""

    host: str
    port: int = SMPP_PORT
    system_id: str
    password: str = field(default="", repr=False)
    sender: str = ""
    """The number or name that texts come from; empty leaves it to the centre."""
    system_type: str = ""
    tls: bool = False
    is_asked: bool = False
    """The centre answers `query_sm` by our token: only where its operator says so; SMPP 3.4 does not know it."""
    decimal_receipts: bool = False
    """The centre gives ids in hexadecimal and writes them in decimal in receipts, as some do."""
    ssl_context: ssl.SSLContext | None = None
    """Instead of the system's authorities."""

    def __post_init__(self) -> None:
        for name, value, most in (
            ("system id", self.system_id, _SYSTEM_ID_MAX),
            ("password", self.password, _PASSWORD_MAX),
            ("sender", self.sender, 20),
        ):
            if not value.isascii() or len(value) > most or "\0" in value:
                raise UsageError(f"the {name} of an SMPP centre is ASCII of at most {most} characters")


async def open_smpp(settings: SmppSettings) -> "SmppRoad":
    """Connect and bind. Raises RoadClosed, or RoadRefused where the centre does not let us in."""
    context = settings.ssl_context or (ssl.create_default_context() if settings.tls else None)
    try:
        async with asyncio.timeout(OPEN_S_MAX):
            reader, writer = await asyncio.open_connection(settings.host, settings.port, ssl=context)
            try:
                await _bind(settings, reader, writer)
            except BaseException:
                writer.close()
                raise
    except (OSError, TimeoutError, asyncio.IncompleteReadError, PeerError) as error:
        told = str(error) or type(error).__name__
        raise RoadClosed(f"{settings.host}:{settings.port} cannot be reached: {told}") from error
    return SmppRoad(settings, reader, writer)


async def _bind(settings: SmppSettings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    texts = b"".join(map(pdus.c_string, (settings.system_id, settings.password, settings.system_type)))
    body = texts + bytes((pdus.INTERFACE_VERSION, 0, 0)) + b"\0"
    writer.write(packed(pdus.BIND_TRANSCEIVER, sequence=1, body=body))
    while True:
        answer = await pdus.read_pdu(reader)
        if answer.command in (pdus.BIND_TRANSCEIVER | pdus.RESPONSE, pdus.GENERIC_NACK):
            break
    if answer.status != pdus.OK:
        told = f"{settings.host}:{settings.port} does not let us in: {pdus.told_status(answer.status)}"
        final = answer.status in (pdus.BIND_FAILED, pdus.INVALID_PASSWORD, pdus.INVALID_SYSTEM)
        raise RoadRefused(told) if final else RoadClosed(told)


class SmppRoad:
    """One bind."""

    def __init__(self, settings: SmppSettings, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._settings: Final = settings
        self._reader: Final = reader
        self._writer: Final = writer
        self._sequences: Final = itertools.cycle(range(2, 0x7FFFFFFF))
        self._answers: Final[dict[int, asyncio.Future[Pdu]]] = {}
        self._events: Final[asyncio.Queue[Receipted | Incoming | None]] = asyncio.Queue(EVENTS_MAX)
        self._heard_s: float = asyncio.get_running_loop().time()
        self._ended: str = ""
        self._reading: Final = asyncio.create_task(self._read())
        self._reading.add_done_callback(self._wake_listener)
        self._tending: Final = asyncio.create_task(self._tend())

    @property
    def can_ask(self) -> bool:
        """Whether the centre answers what it has by token."""
        return self._settings.is_asked

    async def submit(self, submission: Submission) -> Taken | Refused:
        """Hand over one part; raise RoadClosed when no answer came."""
        sequence = next(self._sequences)
        answer = await self._exchange(self._submit_sm(submission, sequence), sequence)
        if answer.status == pdus.OK:
            (id_,), _ = pdus.read_strings(answer.body, 1)
            return Taken(self._id(id_))
        return Refused(
            pdus.told_status(answer.status),
            is_temporary=answer.status in pdus.TEMPORARY,
            too_fast=answer.status in pdus.TOO_FAST,
        )

    async def ask(self, submission: Submission) -> DeliveryReceipt | Absent | None:
        """Ask for a part by its token."""
        kind, plan, sender = self._source()
        source = bytes((kind, plan)) + pdus.c_string(sender)
        body = pdus.c_string("") + source + pdus.tlv(pdus.TAG_OUR_TOKEN, submission.token)
        sequence = next(self._sequences)
        try:
            async with asyncio.timeout(ASK_S_MAX):
                answer = await self._exchange(packed(pdus.QUERY_SM, sequence=sequence, body=body), sequence)
        except TimeoutError:
            return None
        if answer.command != pdus.QUERY_SM | pdus.RESPONSE:
            return None
        if answer.status == pdus.INVALID_MESSAGE_ID:
            return Absent()
        (id_, _when), rest = pdus.read_strings(answer.body, 2)
        if answer.status != pdus.OK or not id_ or not rest or rest[0] not in MessageState._value2member_map_:
            return None
        return DeliveryReceipt(self._id(id_), MessageState(rest[0]))

    async def events(self) -> AsyncIterator[Receipted | Incoming]:
        """What the centre says by itself."""
        while not (self._events.empty() and self._reading.done()):
            event = await self._events.get()
            if event is not None:
                yield event
        raise RoadClosed(self._ended)

    async def close(self) -> None:
        """Unbind, and wait a moment for what is being answered."""
        if not self._ended:
            sequence = next(self._sequences)
            with contextlib.suppress(RoadClosed, TimeoutError):
                async with asyncio.timeout(FAREWELL_S_MAX):
                    await self._exchange(packed(pdus.UNBIND, sequence=sequence), sequence)
        self._end("we ended it")
        for task in (self._reading, self._tending):
            task.cancel()
        await asyncio.wait([self._reading, self._tending])
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(FAREWELL_S_MAX):
                await self._writer.wait_closed()

    def _submit_sm(self, submission: Submission, sequence: int) -> bytes:
        sender_type, sender_plan, sender = self._source()
        tlvs = [smpp34.Tlv(TAG_USER_MESSAGE_REFERENCE, submission.reference.to_bytes(2, "big"))]
        if self._settings.is_asked:
            tlvs.append(smpp34.Tlv(pdus.TAG_OUR_TOKEN, submission.token))
        short = short_messages(submission.text, reference=submission.number)[submission.index]
        return smpp34.SubmitSm(
            sender,
            submission.to.text.removeprefix("+"),
            short.body,
            source_addr_ton=sender_type,
            source_addr_npi=sender_plan,
            dest_addr_ton=INTERNATIONAL,
            dest_addr_npi=ISDN,
            esm_class=IS_UDH if short.has_header else 0,
            registered_delivery=1,  # §5.2.17: a receipt for success and for failure
            data_coding=short.data_coding,
            tlvs=tlvs,
            sequence_number=sequence,
        ).encode()

    def _source(self) -> tuple[int, int, str]:
        """Type of number, plan and address of whom texts come from."""
        sender = self._settings.sender
        digits = sender.removeprefix("+")
        if digits.isdigit():
            return INTERNATIONAL, ISDN, digits
        return (ALPHANUMERIC, 0, sender) if sender else (0, 0, "")

    def _id(self, text: str) -> str:
        """Write the centre's id as its receipts do."""
        if self._settings.decimal_receipts:
            with contextlib.suppress(ValueError):
                return str(int(text, 16))
        return text

    async def _exchange(self, packet: bytes, sequence: int) -> Pdu:
        if self._ended:
            raise RoadUnsent(self._ended)
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._answers[sequence] = answer
        try:
            self._writer.write(packet)
            with contextlib.suppress(OSError):  # the reader learns it too, and says it to everybody
                await self._writer.drain()
            return await answer
        finally:
            self._answers.pop(sequence, None)

    async def _read(self) -> None:
        reason = "the centre ended the connection"
        try:
            while True:
                packet = await pdus.read_pdu(self._reader)
                self._heard_s = asyncio.get_running_loop().time()
                if not await self._take(packet):
                    reason = "the centre said goodbye"
                    break
        except asyncio.IncompleteReadError:
            pass
        except (OSError, PeerError) as error:
            reason = f"the connection to the centre broke: {error}"
        finally:
            self._end(reason)

    async def _take(self, packet: Pdu) -> bool:
        """Take one packet; false if it is the last."""
        if packet.command & pdus.RESPONSE:
            answer = self._answers.get(packet.sequence)
            if answer is not None and not answer.done():
                answer.set_result(packet)
            return True
        match packet.command:
            case pdus.DELIVER_SM:
                await self._delivered(packet)
            case pdus.ENQUIRE_LINK:
                self._answer(packet)
            case pdus.UNBIND:
                self._answer(packet)
                return False
            case _:
                self._writer.write(packed(pdus.GENERIC_NACK, sequence=packet.sequence, status=pdus.INVALID_COMMAND))
        return True

    async def _delivered(self, packet: Pdu) -> None:
        heard = partial(self._answer, packet, body=b"\0")
        try:
            read = smpp34.decode(packet.raw)
        except smpp34.SmppError as error:
            log.warning("! the centre sent a deliver_sm that cannot be read: %s", error)
            self._answer(packet, body=b"\0", status=pdus.SYSTEM_ERROR)
            return
        assert isinstance(read, smpp34.DeliverSm)
        tlvs = {each.tag: each.value for each in reversed(read.tlvs)}
        body = tlvs.get(TAG_MESSAGE_PAYLOAD) or read.short_message
        source = numbered(read.source_addr, kind=read.source_addr_ton)
        match read.esm_class & _TYPE_MASK:
            case 0:
                fragment = read_short_message(
                    body, data_coding=read.data_coding, has_header=bool(read.esm_class & IS_UDH)
                )
                await self._events.put(Incoming(source, _sar(fragment, tlvs), heard))
            case kind if kind == _RECEIPT and (receipt := read_receipt(body, tlvs)) is not None:
                await self._events.put(Receipted(receipt, source, heard))
            case _:
                heard()  # acknowledgements by people and intermediate notes say nothing we could prove

    def _answer(self, packet: Pdu, *, body: bytes = b"", status: int = pdus.OK) -> None:
        if not self._ended:
            self._writer.write(
                packed(packet.command | pdus.RESPONSE, sequence=packet.sequence, status=status, body=body)
            )

    async def _tend(self) -> None:
        """Ask a quiet centre whether it lives, and leave one that does not say so."""
        loop = asyncio.get_running_loop()
        while not self._ended:
            await asyncio.sleep(max(0.05, self._heard_s + QUIET_S - loop.time()))
            if loop.time() - self._heard_s < QUIET_S:
                continue
            sequence = next(self._sequences)
            try:
                async with asyncio.timeout(ALIVE_S_MAX):
                    await self._exchange(packed(pdus.ENQUIRE_LINK, sequence=sequence), sequence)
            except TimeoutError:
                self._end("the centre no longer answers")
            except RoadClosed:
                return

    def _wake_listener(self, _reading: "asyncio.Task[None]") -> None:
        with contextlib.suppress(asyncio.QueueFull):  # then there is enough to wake by
            self._events.put_nowait(None)

    def _end(self, reason: str) -> None:
        if self._ended:
            return
        self._ended = reason
        self._writer.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(RoadClosed(reason))
        self._reader.feed_eof()  # whoever reads comes to an end by it


def numbered(address: str, *, kind: int) -> Handle:
    """Write a network's address as a handle: a phone number where it is one, else as it came."""
    digits = address.removeprefix("+")
    if digits.isdigit() and (kind == INTERNATIONAL or len(digits) >= _DIGITS_INTERNATIONAL_MIN):
        with contextlib.suppress(UsageError):
            return parse_handle(f"+{digits}")
    return Handle(address[:20])


def _sar(fragment: Fragment, tlvs: dict[int, bytes]) -> Fragment:
    """Learn which part it is from the parameters that some centres use in place of the header (§5.3.2.22 ff.)."""
    reference, total, number = (int.from_bytes(tlvs.get(t, b"")) for t in (_SAR_REFERENCE, _SAR_TOTAL, _SAR_INDEX))
    if fragment.total == 1 and 1 <= number <= total <= 255:  # noqa: PLR2004 - an octet
        return Fragment(fragment.text, reference, total, number - 1)
    return fragment
